"""What is known of past forecasts on the evening of a session, and the confidence that follows.

A forecast counts from the evening of its target session on, for WINDOW_SESSIONS sessions; never one that was made in
sample. Nothing that became known later changes a number here.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ldtm_platform.evaluation import confidence
from ldtm_platform.evaluation.skill import LEAST_SHARE
from ldtm_platform.sessions import session_offset

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = tuple[NDArray[np.intp], NDArray[np.intp]]

WINDOW_SESSIONS = 504
COVERAGE = 0.8
SUSPICIOUS_FROM = 250


@dataclass(frozen=True)
class Record:
    """One horizon's forecasts and what came true, sessions (rows, ascending) by tickers (columns); nan where none.

    forecast: ln(f / C), with f / C at least LEAST_SHARE; actual: ln(y / C) in the same basis; targets: each forecast's
    target day; replayed: made after the fact from what was known then; promised: the half-width that went with each
    forecast, filled as sessions are scored.
    """

    horizon: str
    sessions: NDArray[np.datetime64]
    tickers: pl.Series
    targets: NDArray[np.datetime64]
    forecast: Floats
    actual: Floats
    replayed: Flags
    promised: Floats


def record_of(horizon: str, snapshots: pl.DataFrame, promised: pl.DataFrame) -> Record:
    """The record of one horizon from honest snapshot rows, any order.

    snapshots: run_date, ticker, run_date_close, is_replay and, for the horizon, _close_pred, _actual and _target_date.
    promised: run_date, ticker, horizon, half_width of forecasts that were scored before.
    """
    sessions, tickers = snapshots["run_date"].unique().sort().to_numpy(), snapshots["ticker"].unique().sort()
    shape = (sessions.size, tickers.len())
    at = _places(snapshots, sessions, tickers)
    close, predicted, actual = (
        _filled(shape, at, snapshots[name].cast(pl.Float64).to_numpy())
        for name in ("run_date_close", f"{horizon}_close_pred", f"{horizon}_actual")
    )
    targets = np.full(shape, np.datetime64("NaT"), dtype="datetime64[D]")
    targets[at] = snapshots[f"{horizon}_target_date"].to_numpy()
    replayed = np.zeros(shape, dtype=bool)
    replayed[at] = snapshots["is_replay"].to_numpy()
    known = promised.filter(pl.col("horizon") == horizon).join(snapshots, on=["run_date", "ticker"], how="semi")
    with np.errstate(invalid="ignore", divide="ignore"):
        return Record(
            horizon=horizon,
            sessions=sessions,
            tickers=tickers,
            targets=targets,
            forecast=np.log(np.maximum(predicted / close, LEAST_SHARE)),
            actual=np.log(actual / close),
            replayed=replayed,
            promised=_filled(shape, _places(known, sessions, tickers), known["half_width"].to_numpy()),
        )


def scored(record: Record, session: date) -> pl.DataFrame:
    """The confidence of each ticker that has a forecast of the session, with its parts; empty where none has.

    Columns as in the table ldtm_confidence. The half-widths are entered in record.promised where none stands yet.
    """
    row = int(np.searchsorted(record.sessions, np.datetime64(session)))
    if row == record.sessions.size or record.sessions[row] != np.datetime64(session):
        return pl.DataFrame()
    first = int(np.searchsorted(record.sessions, np.datetime64(session_offset(session, -WINDOW_SESSIONS))))
    window = slice(first, row)
    forecast, actual = record.forecast[window], record.actual[window]
    known = (record.targets[window] <= np.datetime64(session)) & np.isfinite(forecast) & np.isfinite(actual)
    errors, naive = np.abs(forecast - actual), np.abs(actual)
    steps = confidence.STEPS[record.horizon]
    widths = half_widths(errors, known)
    promised = known & np.isfinite(record.promised[window])
    parts = {
        "evaluated": known.sum(axis=0),
        "evidence": known.sum(axis=0) / steps,
        "replayed": (known & record.replayed[window]).sum(axis=0),
        **_direction(forecast, actual, known, steps),
        **_error(errors, naive, known, steps),
        "strength": confidence.strength_of_move(record.forecast[row], widths),
        "half_width": widths,
        "promises": promised.sum(axis=0),
        "coverage": _share((errors <= record.promised[window]) & promised, promised),
    }
    parts["score"] = confidence.confidence_score(parts["p_dir"], parts["p_err"], parts["strength"], parts["evidence"])
    record.promised[row] = np.where(np.isnan(record.promised[row]), widths, record.promised[row])
    frame = pl.DataFrame({"run_date": session, "ticker": record.tickers, "horizon": record.horizon, **parts})
    return frame.filter(pl.Series(np.isfinite(record.forecast[row]))).fill_nan(None)


def too_good(scores: pl.DataFrame) -> list[dict[str, object]]:
    """What makes a fleet's next-day record look like a leak: more than 56 % right, or an error below 0.97.

    Liquid US names on more than SUSPICIOUS_FROM days have never been forecast like that. scores: one session's, columns
    as in ldtm_confidence. One row with hit_rate, median_rel_mae and tickers, or none.
    """
    known = scores.filter((pl.col("horizon") == "next_day") & (pl.col("evaluated") > SUSPICIOUS_FROM))
    if known.is_empty():
        return []
    pooled = known.select(
        hit_rate=pl.col("hits").sum() / pl.col("directions").sum(),
        median_rel_mae=pl.col("rel_mae").median(),
        tickers=pl.len(),
    )
    return pooled.filter((pl.col("hit_rate") > 0.56) | (pl.col("median_rel_mae") < 0.97)).rows(named=True)


def half_widths(errors: Floats, known: Flags) -> Floats:
    """The 80 % split-conformal half-width of each column's known absolute errors; nan where they are too few.

    The ceil(0.8 (n + 1))-th smallest of n (rows, tickers): a new error stays within it in 80 of 100 cases if it is
    drawn as they were.
    """
    ranks = np.ceil(COVERAGE * (known.sum(axis=0) + 1)).astype(np.int64)
    ordered = np.sort(np.where(known, errors, np.inf), axis=0)
    enough = (ranks >= 1) & (ranks <= known.sum(axis=0))
    widths: Floats = np.full(ranks.size, np.nan)
    widths[enough] = ordered[ranks[enough] - 1, np.flatnonzero(enough)]
    return widths


def log_relative_mae(errors: Floats, naive: Floats, known: Flags, steps: int) -> tuple[Floats, Floats]:
    """ln(mean|e| / mean|e of "tomorrow is today"|) of each column, and its standard error; nan where undefined.

    Newey-West with Bartlett weights up to lag steps - 1, of the delta method's |e|/mean|e| - |naive|/mean|naive|.
    """
    n = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = [np.where(known, each, 0.0).sum(axis=0) / n for each in (errors, naive)]
        ratio = np.log(means[0] / means[1])
        influence = np.where(known, errors / means[0] - naive / means[1], 0.0)
        spread = np.square(influence).sum(axis=0)
        for lag in range(1, min(steps, influence.shape[0])):
            spread += 2 * (1 - lag / steps) * (influence[lag:] * influence[:-lag]).sum(axis=0)
        error = np.sqrt(np.maximum(spread, 0.0)) / n
    defined = np.isfinite(ratio)
    return np.where(defined, ratio, np.nan), np.where(defined, error, np.nan)


def _direction(forecast: Floats, actual: Floats, known: Flags, steps: int) -> dict[str, Floats]:
    moved = known & (actual != 0)
    directions = moved.sum(axis=0)
    hits = (moved & ((forecast > 0) == (actual > 0))).sum(axis=0)
    ups, all_directions = int((moved & (actual > 0)).sum()), int(directions.sum())
    base_rate = max(ups, all_directions - ups) / all_directions if all_directions else 0.5
    enough = directions >= confidence.MIN_EVIDENCE * steps
    strength = confidence.estimated_strength(hits[enough] / steps, directions[enough] / steps)
    low, high = confidence.wilson_interval(hits / steps, directions / steps)
    return {
        "hits": hits,
        "directions": directions,
        "wilson_low": low,
        "wilson_high": high,
        "base_rate": np.full(hits.size, base_rate),
        "prior_strength": np.full(hits.size, strength),
        "p_dir": confidence.direction_probability(hits / steps, directions / steps, base_rate, strength),
    }


def _error(errors: Floats, naive: Floats, known: Flags, steps: int) -> dict[str, Floats]:
    ratio, standard_error = log_relative_mae(errors, naive, known, steps)
    return {
        "rel_mae": np.exp(ratio),
        "rel_mae_log_se": standard_error,
        "p_err": confidence.error_probability(ratio, standard_error),
    }


def _share(held: Flags, counted: Flags) -> Floats:
    n = counted.sum(axis=0)
    share: Floats = np.where(n > 0, held.sum(axis=0) / np.maximum(n, 1), np.nan)
    return share


def _places(rows: pl.DataFrame, sessions: NDArray[np.datetime64], tickers: pl.Series) -> Places:
    by_name = rows["ticker"].cast(pl.Enum(tickers)).to_physical().to_numpy().astype(np.intp)
    return np.searchsorted(sessions, rows["run_date"].to_numpy()), by_name


def _filled(shape: tuple[int, int], at: Places, values: Floats) -> Floats:
    filled: Floats = np.full(shape, np.nan)
    filled[at] = values
    return filled
