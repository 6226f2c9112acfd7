"""No number passes that the data do not have, and none that they have is called invented: by generated texts."""

import re
import unicodedata
from datetime import date
from decimal import ROUND_DOWN, Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from ldtm_platform.llm import shapes
from ldtm_platform.llm.facts import Facts, facts_of
from ldtm_platform.llm.kinds import PERCENT, PRICE, RATIO, kinds_of, shown
from ldtm_platform.llm.verify import Checked, Checker
from ldtm_platform_tests.llm.given import GIVEN

TICKER = "AMD"
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
NAMES = {"price": "", "percent": "%"}
# Of what `accuracy` gives: sessions, replayed ones, hits, and how many rows there are.
COUNTS = tuple(map(Decimal, (22, 0, 11, 1)))

prices = st.decimals("0.02", "99999.99", places=2)
percents = st.decimals("-99.99", "99.99", places=2)


def accuracy(errors: tuple[Decimal, ...], last: Decimal) -> shapes.Accuracy:
    """A row of one ticker with these percentages, in columns that tell no sign apart."""
    first, second, third = (float(error) for error in errors)
    row = shapes.AccuracyRow(
        ticker=TICKER,
        latest_run_date=date(2026, 4, 22),
        evaluated_days=22,
        replayed_days=0,
        evaluated_directions=22,
        correct_directions=11,
        direction_accuracy_pct=first,
        avg_abs_pct_error=second,
        persistence_avg_abs_pct_error=third,
        avg_abs_pct_error_weekly=None,
        skill_vs_persistence=float(last),
        is_simulated=False,
    )
    return shapes.Accuracy(source="ldtm_accuracy_30d", as_of=None, total=1, fleet=(), rows=(row,))


def checker(result: shapes.Result) -> Checker:
    return Checker(facts_of([result], (TICKER,)))


@st.composite
def written(draw: st.DrawFn) -> tuple[str, Decimal, Decimal, bool]:
    """A number as somebody may write it: its text, value, half its last digit, and whether it is in per cent."""
    decimals = draw(st.integers(0, 3))
    value = draw(st.decimals("-120", "120", places=decimals, allow_nan=False))
    digits = f"{abs(value):.{decimals}f}"
    digits = draw(st.sampled_from((digits, digits.translate(FULL_WIDTH), digits.translate(ARABIC), f"**{digits}**")))
    sign = draw(st.sampled_from(("-", "−", "–", "minus "))) if value < 0 else draw(st.sampled_from(("", "", "+")))
    unit = draw(st.sampled_from(("", "%", " %", " percent", " per cent")))
    return f"{sign}{digits}{unit}", value, Decimal(1).scaleb(-decimals) / 2, unit != ""


@settings(max_examples=600)
@given(st.tuples(percents, percents, percents), st.decimals("-2", "2", places=3), written())
def test_what_is_found_is_in_the_data_by_an_obvious_search(
    errors: tuple[Decimal, ...], skill: Decimal, claim: tuple[str, Decimal, Decimal, bool]
) -> None:
    text, value, half, in_percent = claim
    checked = checker(accuracy(errors, skill)).check(f"{TICKER} shows {text} here.")
    candidates = [*errors, skill * 100] if in_percent else [*errors, skill, skill * 100, *COUNTS]
    near = any(abs(candidate - value) <= half for candidate in candidates)
    statuses = {piece.status for piece in checked.pieces() if piece.status}
    assert statuses <= {"found", "missing"}
    assert statuses
    if not near:
        assert statuses == {"missing"}


@settings(max_examples=300)
@given(st.tuples(percents, percents, percents), st.integers(0, 2), st.integers(0, 2), st.booleans())
def test_what_is_in_the_data_and_rounded_properly_is_found(
    errors: tuple[Decimal, ...], which: int, decimals: int, thousands: bool
) -> None:
    value = errors[which]
    text = f"{value:+,.{decimals}f}" if thousands else f"{value:.{decimals}f}"
    digits = re.sub(r"[^\d]", "", text).lstrip("0")
    checked = checker(accuracy(errors, Decimal(0))).check(f"{TICKER}: {text} %.")
    if len(digits) >= 2:
        assert checked.count("missing") == 0
        assert checked.count("found") == 1


@settings(max_examples=200)
@given(prices, st.sampled_from((0, 1, 2)))
def test_a_price_that_is_cut_instead_of_rounded_is_not_found(price: Decimal, decimals: int) -> None:
    row = GIVEN[0].rows[0].model_copy(update={"next_day_close_pred": float(price)})
    only = row.model_copy(
        update={name: None for name, kind in kinds_of(type(row)).items() if name not in ("next_day_close_pred", "rank")}
    )
    given_ = shapes.Predictions(source="s", as_of=None, total=1, bullish=0, neutral=0, bearish=0, rows=(only,))
    cut = price.quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN)
    checked = checker(given_).check(f"{TICKER}: ${cut}")
    if abs(cut - price) * 2 > Decimal(1).scaleb(-decimals):
        assert checked.count("found") == 0


SOUP = st.text(
    st.one_of(
        st.sampled_from("0123456789" * 3 + ".,-+$%/ ' \n|*_`~<>()[]#:;eExXkKmM½²③Ⅻ三٣３−–—\u200b\u202e\u0336&"),
        st.characters(),
    ),
    max_size=60,
)


def unchecked_digits(checked: Checked, facts: Facts) -> str:
    """The parts of a shown answer that hold a digit or a numeral and no status, without names that were given."""
    left = ""
    for piece in checked.pieces():
        if piece.status is None and not piece.url:
            words = [word for word in re.split(r"[\s|]+", piece.text) if word.casefold() not in facts.names]
            left += " ".join(word for word in words if any(unicodedata.numeric(c, None) is not None for c in word))
    return left


@settings(max_examples=1500)
@given(SOUP)
def test_every_digit_that_is_shown_was_checked(text: str) -> None:
    facts = facts_of(GIVEN, ("AMD", "ODFL"))
    checked = Checker(facts).check(f"AMD {text}")
    assert unchecked_digits(checked, facts) == ""
    assert not any(unicodedata.category(letter)[0] == "C" for piece in checked.pieces() for letter in piece.text)


@settings(max_examples=500)
@given(SOUP)
def test_nothing_is_found_where_nothing_was_given(text: str) -> None:
    checked = Checker(facts_of((), ("AMD",))).check(f"AMD {text}")
    assert checked.count("found") == checked.count("headline") == 0


def test_the_kinds_of_optional_fields_are_known() -> None:
    kinds = kinds_of(shapes.AccuracyRow)
    assert (kinds["direction_accuracy_pct"], kinds["skill_vs_persistence"]) == (PERCENT, RATIO)
    assert kinds_of(shapes.PredictionRow)["run_date_close"] == PRICE
    assert shown(1.005, PRICE) == Decimal("1.00")
