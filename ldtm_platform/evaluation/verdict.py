"""What a comparison with persistence means, in words: the only place where skill is claimed or denied."""

from ldtm_platform.evaluation.comparison import Comparison, Outcome
from ldtm_platform.evaluation.confidence import MIN_EVIDENCE

# Where there is room for a word or two.
BRIEFLY: dict[Outcome, str] = {
    "better": "better",
    "unproven": "no proof of skill",
    "worse": "no skill",
    "unknown": "not enough evidence",
}


def verdict(found: Comparison) -> str:
    """One clause, with the interval and what it rests on."""
    if found.outcome == "unknown":
        if found.skill is None and found.independent >= MIN_EVIDENCE:
            return f"Nothing to compare: tomorrow-is-today made no error ({_rests_on(found)})"
        return f"Not enough evidence yet: n = {found.independent:,} of {MIN_EVIDENCE}"
    assert found.skill is not None
    size = f"{100 * abs(found.skill):.1f} %"
    rests = f"{_between(found)} ({_rests_on(found)})"
    if found.outcome == "better":
        return f"Error {size} below tomorrow-is-today{rests}"
    if found.outcome == "unproven":
        return f"No proof of skill: {size} below tomorrow-is-today{rests}"
    if found.skill < 0:
        return f"No skill: worse than tomorrow-is-today by {size}{rests}"
    return f"No skill: no better than tomorrow-is-today{rests}"


def of_test_part(skill: float | None) -> str:
    """What a model's skill on its own test part means: one such part can show that there is none, and proves none."""
    if skill is None:
        return "The test part was too short to compare with tomorrow-is-today"
    if skill <= 0:
        return f"No skill on its test part: its loss is {-100 * skill:.1f} % above tomorrow-is-today's"
    return f"No proof of skill: loss {100 * skill:.1f} % below tomorrow-is-today's, on one test part"


def percents(low: float | None, high: float | None) -> str:
    """The interval of a skill as `-1.2 to +3.4 %`; nothing where there is none."""
    return "" if low is None or high is None else f"{100 * low:+.1f} to {100 * high:+.1f} %"


def _between(found: Comparison) -> str:
    bounds = percents(found.low, found.high)
    return f", 95 % {bounds}" if bounds else ""


def _rests_on(found: Comparison) -> str:
    said = f"n = {found.n:,}"
    if found.sessions != found.n:
        said += f" on {found.sessions:,} session{'s' if found.sessions != 1 else ''}"
    return f"{said}, counting as {found.independent:,}" if found.steps > 1 else said
