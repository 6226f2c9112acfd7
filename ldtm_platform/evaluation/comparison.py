"""A forecast's error beside persistence's: the skill, its two-sided 95 % interval, and what it proves.

Of 100 models without any, half show a skill above 0 by luck: only an interval that lies wholly above 0 is a claim.
Tickers share the luck of a session, so what is compared is the losses of sessions, however many tickers each has.

The interval is that of ln(error / persistence's error) (log_relative_mae: delta method, Newey-West with lag steps - 1),
with two corrections. Bartlett's weights find only part of the variance of forecasts that overlap: of `steps` ahead
their correlations fall as 1 - k / steps, of which the weights find (2 + 1 / steps^2) / 3, and a mean that is estimated
from n sessions hides another steps / n. And the quantile is Student's, with as many sessions as do not overlap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from ldtm_platform.evaluation.confidence import MIN_EVIDENCE, STEPS
from ldtm_platform.evaluation.evidence import Floats, log_relative_mae

Outcome = Literal["better", "unproven", "worse", "unknown"]

# With fewer sessions that do not overlap no interval says anything.
_FEWEST = 3
_NORMAL = 1.959964


@dataclass(frozen=True)
class Comparison:
    """Skill (1 - error / persistence's error) of n forecasts made on so many sessions, each `steps` sessions ahead.

    low, high: its 95 % interval; None where there is none, as skill is where persistence made no error.
    """

    skill: float | None
    low: float | None
    high: float | None
    n: int
    sessions: int
    steps: int = 1

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Comparison":
        """That of a row of `by_horizon`."""
        steps = STEPS[row["horizon"]]
        return cls(row["skill"], row["skill_low"], row["skill_high"], row["n"], row["sessions"], steps)

    @property
    def independent(self) -> int:
        """How many of the sessions do not overlap."""
        return self.sessions // self.steps

    @property
    def outcome(self) -> Outcome:
        """What it proves: better only from a month of evidence on and with all of the interval above 0.

        worse is a skill at or below 0: no proof is needed to say that a model shows none, only a month of sessions, or
        an interval that lies below 0 after fewer.
        """
        if self.skill is None or self.n < MIN_EVIDENCE:
            return "unknown"
        if self.skill <= 0:
            told = self.sessions >= MIN_EVIDENCE or (self.high is not None and self.high < 0)
            return "worse" if told else "unknown"
        if self.independent < MIN_EVIDENCE:
            return "unknown"
        return "better" if self.low is not None and self.low > 0 else "unproven"


def compared(losses: pl.DataFrame, horizon: str) -> Comparison:
    """The comparison of one horizon's losses, a row a session or a forecast, in the order in which they were made.

    losses: n (forecasts in the row), own and naive (the sums of their |ln(forecast / actual)| and of persistence's).
    """
    n, steps = int(losses["n"].sum()), STEPS[horizon]
    own, naive = (losses[name].to_numpy()[:, None] for name in ("own", "naive"))
    ratio, error = log_relative_mae(own, naive, np.ones(own.shape, dtype=bool), steps)
    # Without an error of its own a model's logarithm is not defined, and its skill is 1.
    total = float(naive.sum())
    low, high = interval(ratio, error, losses.height, steps)
    skill = 1 - float(own.sum()) / total if total > 0 else None
    return Comparison(skill, _known(low[0]), _known(high[0]), n, losses.height, steps)


def alike(records: pl.DataFrame, horizon: str) -> Comparison:
    """The comparison of the median ticker, as if all tickers had the same luck: that widens it most.

    records: rel_mae, rel_mae_log_se and evaluated of each ticker's record, as reads.confidence gives them. How alike
    their luck was they do not tell, and the mean of some numbers varies at most by the mean of their standard errors.
    """
    known = records.drop_nulls(["rel_mae", "rel_mae_log_se"])
    n, steps = int(_median(records["evaluated"]) or 0), STEPS[horizon]
    ratio, error = _median(known["rel_mae"].log()), known["rel_mae_log_se"].mean()
    if ratio is None or not isinstance(error, float):
        return Comparison(None, None, None, n, n, steps)
    low, high = interval(ratio, error, n, steps)
    return Comparison(1 - float(np.exp(ratio)), _known(low.item()), _known(high.item()), n, n, steps)


def interval(log_ratio: ArrayLike, standard_error: ArrayLike, sessions: ArrayLike, steps: int) -> tuple[Floats, Floats]:
    """The 95 % interval (low, high) of the skill 1 - exp(log_ratio), elementwise; nan where there is none.

    log_ratio, standard_error: as log_relative_mae gives them, of so many sessions.
    """
    ratio, error, n = (np.asarray(each, dtype=np.float64) for each in (log_ratio, standard_error, sessions))
    with np.errstate(invalid="ignore", divide="ignore"):
        independent = np.where(n >= _FEWEST * steps, n / steps, np.nan)
        unseen = 3 / (2 + 1 / steps**2) / (1 - 1 / independent)
        half = _student(independent - 1) * error * np.sqrt(unseen)
    return 1 - np.exp(ratio + half), 1 - np.exp(ratio - half)


def with_interval(rows: pl.DataFrame, sessions: pl.Series, steps: int = 1) -> pl.DataFrame:
    """The rows with skill_low and skill_high, of their rel_mae and rel_mae_log_se on so many sessions each."""
    ratio, error = (rows[name].cast(pl.Float64).to_numpy() for name in ("rel_mae", "rel_mae_log_se"))
    with np.errstate(divide="ignore"):
        low, high = interval(np.log(ratio), error, sessions.to_numpy(), steps)
    bounds = (pl.Series("skill_low", low), pl.Series("skill_high", high))
    return rows.with_columns(bound.fill_nan(None) for bound in bounds)


def by_horizon(losses: pl.DataFrame) -> pl.DataFrame:
    """Each family's comparison by horizon: family, horizon, n, sessions, skill, skill_low, skill_high and the means.

    losses: family, horizon, run_date, n, own, naive, by run_date. Families and horizons keep the order of the rows.
    """
    groups = losses.group_by("family", "horizon", maintain_order=True)
    rows = [(*key, rows, compared(rows, str(key[1]))) for key, rows in groups]
    return pl.DataFrame(
        [
            {
                "family": family,
                "horizon": horizon,
                "n": found.n,
                "sessions": found.sessions,
                "mean_abs_log_error": float(part["own"].sum()) / found.n,
                "persistence_mean_abs_log_error": float(part["naive"].sum()) / found.n,
                "ratio_to_persistence": None if found.skill is None else 1 - found.skill,
                "skill": found.skill,
                "skill_low": found.low,
                "skill_high": found.high,
                "first_run_date": part["run_date"].min(),
                "last_run_date": part["run_date"].max(),
            }
            for family, horizon, part, found in rows
        ],
        schema={
            "family": pl.String,
            "horizon": pl.String,
            "n": pl.Int64,
            "sessions": pl.Int64,
            **dict.fromkeys(("mean_abs_log_error", "persistence_mean_abs_log_error"), pl.Float64),
            **dict.fromkeys(("ratio_to_persistence", "skill", "skill_low", "skill_high"), pl.Float64),
            "first_run_date": pl.Date,
            "last_run_date": pl.Date,
        },
    )


def _student(freedom: Floats) -> Floats:
    """The 97.5 % quantile of Student's t (Abramowitz and Stegun 26.7.5): within 1 % from two degrees of freedom on.

    SciPy's would cost the dashboard, which needs no more of it, 0.3 s and 18 MiB.
    """
    z = _NORMAL
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    quantile: Floats = z + sum((term / freedom**power for power, term in enumerate(terms, 1)), np.zeros(()))
    return quantile


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _median(values: pl.Series) -> float | None:
    middle = values.median()
    return float(middle) if isinstance(middle, int | float) else None
