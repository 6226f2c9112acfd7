"""What is stale, missing or failed, and the command that mends it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta

import polars as pl
import sqlalchemy as sa

from ldtm_platform.sessions import sessions_between
from ldtm_platform.stages.evening import earlier_holes, evening_of
from ldtm_platform.warehouse import reads, repairs

NAMED = 8
# As far back as a confidence looks: holes that are older matter to no figure of today.
LOOK_BACK = timedelta(days=732)

# Of these each ticker tells what failed.
_TOLD_BY_TICKER = ("bars", "hourly bars", "features")
# No command reads news: the schedule does, and the next time is as good as now.
_ASKED_AGAIN = ("news",)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, in a sentence, and the command that mends it."""

    what: str
    mend: str


@dataclass(frozen=True)
class Status:
    """How far each stage has come, what is wrong, and what is as it is and passes with time."""

    session: date
    stages: pl.DataFrame
    costs: pl.DataFrame
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The same as plain values, for JSON."""
        problems = [asdict(problem) for problem in self.problems]
        return {
            "session": self.session,
            "stages": self.stages.rows(named=True),
            "costs": self.costs.rows(named=True),
            "problems": problems,
            "notes": self.notes,
        }


def platform_status(
    engine: sa.Engine, tickers: Sequence[str], session: date, freshness: pl.DataFrame | None = None
) -> Status:
    """Compare every ticker of the universe with the newest final session; `freshness` as reads gives it, if at hand."""
    known = reads.freshness(engine) if freshness is None else freshness
    frame = pl.DataFrame({"ticker": list(tickers)}).join(known, on="ticker", how="left")
    halted = pl.col("ticker").is_in(reads.halted_tickers(engine, session))
    delisted = pl.col("state").eq_missing("delisted")
    bars_late = frame.filter((pl.col("last_bar").is_null() | (pl.col("last_bar") < session)) & ~halted)
    features_late = frame.filter(
        pl.col("last_bar").is_not_null() & (pl.col("last_feature").ne_missing(pl.col("last_bar")))
    )
    skipped = pl.col("last_training_status").eq_missing("skipped")
    without_model = frame.filter(pl.col("trained_through").is_null() & pl.col("last_feature").is_not_null())
    unpredicted = frame.filter(
        pl.col("trained_through").is_not_null() & pl.col("last_snapshot").ne_missing(session) & ~halted & ~delisted
    )
    costs = reads.stage_costs(engine).drop("id")
    forecast = reads.forecast_sessions(engine, session - LOOK_BACK)
    late = bars_late.filter(pl.col("state").is_null() | (pl.col("state") == "ok"))
    problems = [
        *_each(frame.filter(pl.col("state").is_not_null() & (pl.col("state") != "ok") & ~delisted)),
        *_named(late, f"no bar of {session}", "ldtm ingest"),
        *_named(features_late, "features behind their bars", "ldtm features"),
        *_named(without_model.filter(~skipped & ~delisted), "not trained", "ldtm train"),
        *_named(unpredicted, f"no forecast of {session}", "ldtm pipeline"),
        *_unfinished(engine, session),
        *_holes(forecast),
        *_earlier(engine, forecast, session),
        *_overdue(engine),
        *_failed(costs),
    ]
    stages = pl.DataFrame(
        {
            "stage": ["bars", "features", "models", "snapshots"],
            "tickers": [frame.height - frame[c].null_count() for c in _COLUMNS],
            "of": [frame.height] * 4,
            "newest": [frame[c].max() for c in _COLUMNS],
            "oldest": [frame[c].min() for c in _COLUMNS],
        }
    )
    notes = [str(row["last_training_message"]) for row in without_model.filter(skipped & ~delisted).rows(named=True)]
    notes += [f"{row['ticker']}: {row['message']}" for row in frame.filter(delisted).rows(named=True)]
    notes += _defects(engine, tickers)
    notes += [
        f"{stage}: the last run failed; the next one asks again" for stage in _failures(costs) if stage in _ASKED_AGAIN
    ]
    return Status(session, stages, costs, tuple(problems), tuple(notes))


_COLUMNS = ("last_bar", "last_feature", "trained_through", "last_snapshot")


def _each(frame: pl.DataFrame) -> list[Problem]:
    return [
        Problem(f"{row['ticker']}: {row['state']}: {row['message']}", f"ldtm ingest --ticker {row['ticker']}")
        for row in frame.rows(named=True)
    ]


def _defects(engine: sa.Engine, tickers: Sequence[str]) -> list[str]:
    """What of the vendors' defects stands in the bars: repaired and not mended by the vendor yet, or held."""
    notes = []
    for row in repairs.defects(engine, tickers).rows(named=True):
        repaired = f"{row['repaired']} of {row['bars']} bars repaired ({row['defects']})" if row["repaired"] else ""
        held = f"{row['held']} held in quarantine ({row['reason']})" if row["held"] else ""
        notes.append(f"{row['ticker']}: {'; '.join(filter(None, (repaired, held)))}")
    return notes


def _named(frame: pl.DataFrame, what: str, command: str) -> list[Problem]:
    if frame.is_empty():
        return []
    names = frame["ticker"].to_list()
    shown = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    few = "".join(f" --ticker {name}" for name in names) if len(names) <= NAMED else " --all"
    return [Problem(f"{len(names)} tickers: {what}: {shown}", command + ("" if command.endswith("pipeline") else few))]


def _holes(forecast: Sequence[date]) -> list[Problem]:
    """Sessions between two that were forecast: downtime that nothing made up for."""
    if not forecast:
        return []
    holes = sorted(set(sessions_between(forecast[0], forecast[-1])) - set(forecast))
    return _replayed(holes, "have no forecasts")


def _unfinished(engine: sa.Engine, session: date) -> list[Problem]:
    """What the newest session lacks after its forecasts."""
    evening = evening_of(engine, session)
    unscored = pl.DataFrame({"ticker": evening.unscored}, schema={"ticker": pl.String})
    signal = [Problem(f"no TQQQ signal of {session}", "ldtm pipeline")] if evening.unsignalled else []
    return [*_named(unscored, f"no confidence in the forecast of {session}", "ldtm pipeline"), *signal]


def _earlier(engine: sa.Engine, forecast: Sequence[date], session: date) -> list[Problem]:
    """Earlier sessions whose evening ended after the forecasts."""
    holes = earlier_holes(engine, forecast, session)
    return [
        *_replayed(holes.unscored, "have forecasts without confidence"),
        *_replayed(holes.unsignalled, "have no TQQQ signal"),
    ]


def _replayed(sessions: Sequence[date], what: str) -> list[Problem]:
    if not sessions:
        return []
    first, last = sessions[0], sessions[-1]
    return [
        Problem(
            f"{len(sessions)} sessions between {first} and {last} {what}", f"ldtm pipeline --from {first} --to {last}"
        )
    ]


def _failed(costs: pl.DataFrame) -> list[Problem]:
    """Stages whose newest run failed as a whole."""
    mends = {"training": "ldtm train --all"}
    told = (*_TOLD_BY_TICKER, *_ASKED_AGAIN)
    failed = [stage for stage in _failures(costs) if stage not in told]
    return [Problem(f"{stage}: the last run failed", mends.get(stage, "ldtm pipeline")) for stage in failed]


def _failures(costs: pl.DataFrame) -> list[str]:
    return costs.filter(pl.col("status") == "failed")["stage"].to_list()


def _overdue(engine: sa.Engine) -> list[Problem]:
    overdue = reads.overdue_targets(engine)
    if overdue.is_empty():
        return []
    tickers = ", ".join(overdue["ticker"].unique(maintain_order=True).to_list()[:NAMED])
    what = f"{overdue['snapshots'].sum()} targets have passed and are not filled: {tickers}"
    return [Problem(what, "ldtm ingest --all && ldtm fillback")]
