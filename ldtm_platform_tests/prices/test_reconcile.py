"""Stored against incoming: what is new, rewritten by a split, restated, or may not be stored at all."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from ldtm_platform.prices.adjust import adjusted, to_raw
from ldtm_platform.prices.bars import split_good_and_bad
from ldtm_platform.prices.reconcile import Reconciled, reconcile
from ldtm_platform.sessions import sessions_between
from ldtm_platform.sources.base import BAR_COLUMNS, BarRequest, PriceBasis
from ldtm_platform.sources.folder import FolderSource
from ldtm_platform.sources.simulated import SimulatedSource

START, END = date(2023, 1, 3), date(2023, 7, 1)
SPLIT_SCHEMA = {"ticker": pl.String, "ex_date": pl.Date, "value": pl.Float64}
SESSIONS = sessions_between(START, END)


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    source = SimulatedSource(seed=3, sectors={"A": "chips"}, start=START)
    (answer,) = source.fetch([BarRequest("A", START, END)])
    assert answer.actions.is_empty()
    return answer.bars


def splits(*rows: tuple[date, float], detected: bool | None = None) -> pl.DataFrame:
    frame = pl.DataFrame([("A", *row) for row in rows], schema=SPLIT_SCHEMA, orient="row")
    return frame if detected is None else frame.with_columns(detected=pl.lit(detected))


def cents(frame: pl.DataFrame) -> pl.DataFrame:
    """As a vendor sends adjusted bars: prices to cents, volumes to whole shares."""
    return frame.with_columns(pl.col("open", "high", "low", "close").round(2), pl.col("volume").round().cast(pl.Int64))


def compared(
    stored: pl.DataFrame,
    incoming: pl.DataFrame,
    *,
    known: pl.DataFrame | None = None,
    named: pl.DataFrame | None = None,
    price_basis: PriceBasis = "split_adjusted",
) -> Reconciled:
    return reconcile(
        stored,
        incoming,
        stored_splits=splits(detected=False) if known is None else known,
        named_splits=splits() if named is None else named,
        price_basis=price_basis,
    )


def test_a_first_delivery_is_all_new_and_comes_back_raw(bars: pl.DataFrame) -> None:
    named = splits((SESSIONS[50], 4.0))
    raw = to_raw(bars, named)
    result = compared(bars.clear(), bars, named=named)
    assert result.new["close"].to_list() == raw["close"].to_list()
    assert (result.restated.height, result.unchanged, result.needs_full_history) == (0, 0, False)


def test_the_same_bars_again_change_nothing(bars: pl.DataFrame) -> None:
    for basis in ("raw", "split_adjusted"):
        result = compared(bars, bars, price_basis=basis)
        assert (result.new.height, result.restated.height, result.unchanged) == (0, 0, bars.height)
        assert result.inferred.is_empty()


@pytest.mark.parametrize("value", [10.0, 1.5, 0.2])
def test_an_unnamed_split_is_found_and_stored_rows_stay(bars: pl.DataFrame, value: float) -> None:
    ex_date = SESSIONS[100]
    stored, real = bars.filter(pl.col("date") < ex_date), splits((ex_date, value))
    truth = with_split(bars, ex_date, value)
    result = compared(stored, cents(adjusted(truth, real, END)))
    assert result.inferred.rows() == [("A", ex_date, "split", value)]
    assert (result.unchanged, result.restated.height) == (stored.height, 0)
    assert result.new["date"].to_list() == SESSIONS[100:]
    assert result.new["close"].to_list() == pytest.approx(truth["close"].to_list()[100:], abs=0.006)


def with_split(bars: pl.DataFrame, ex_date: date, value: float) -> pl.DataFrame:
    """What trades when a smooth series splits on a day."""
    after = pl.col("date") >= ex_date
    return bars.with_columns(
        *(
            pl.when(after).then((pl.col(name) / value).round(2)).otherwise(name)
            for name in ("open", "high", "low", "close")
        ),
        volume=pl.when(after).then((pl.col("volume") * value).cast(pl.Int64)).otherwise("volume"),
    )


def test_a_split_within_the_overlap_is_dated_where_the_ratio_steps(bars: pl.DataFrame) -> None:
    ex_date = SESSIONS[98]
    truth = with_split(bars, ex_date, 4.0)
    stored = truth.filter(pl.col("date") <= SESSIONS[100])
    result = compared(stored, cents(adjusted(truth, splits((ex_date, 4.0)), END)))
    assert result.inferred.rows() == [("A", ex_date, "split", 4.0)]
    assert result.restated.is_empty()


def test_a_named_split_needs_no_inference(bars: pl.DataFrame) -> None:
    ex_date = SESSIONS[100]
    truth, named = with_split(bars, ex_date, 4.0), splits((ex_date, 4.0))
    sent = cents(adjusted(truth, named, END)).filter(pl.col("date") >= SESSIONS[90])
    result = compared(truth.filter(pl.col("date") < ex_date), sent, named=named)
    assert result.inferred.is_empty()
    assert (result.unchanged, result.restated.height, result.needs_full_history) == (10, 0, False)


def test_an_overlap_that_differs_from_its_first_row_asks_for_the_whole_history(bars: pl.DataFrame) -> None:
    stored = bars.head(100)
    sent = bars.with_columns(pl.col("open", "high", "low", "close") / 10, pl.col("volume") * 10)
    assert compared(stored, sent.slice(90)).needs_full_history
    assert not compared(stored, sent).needs_full_history


def test_a_changed_price_restates_all_four_and_keeps_the_volume(bars: pl.DataFrame) -> None:
    changed = pl.col("date") == SESSIONS[5]
    sent = bars.with_columns(pl.when(changed).then(pl.col("close") + 0.3).otherwise("close").alias("close"))
    result = compared(bars, sent.with_columns(high=pl.max_horizontal("high", "close")), price_basis="raw")
    row = result.restated.row(0, named=True)
    assert (result.restated.height, row["date"], row["volume"]) == (1, SESSIONS[5], row["old_volume"])
    assert row["close"] == pytest.approx(row["old_close"] + 0.3)
    assert row["old_close"] == bars["close"][5]


def test_a_changed_volume_restates_only_the_volume(bars: pl.DataFrame) -> None:
    changed = pl.when(pl.col("date") == SESSIONS[5]).then(pl.col("volume") * 2).otherwise("volume")
    sent = bars.with_columns(pl.col("open", "high", "low", "close") + 0.001, volume=changed)
    result = compared(bars, sent)
    assert result.restated["volume"].to_list() == [2 * bars["volume"][5]]
    assert result.restated["close"].to_list() == [bars["close"][5]]


def test_a_rewriting_that_is_no_split_is_a_restatement_of_every_row(bars: pl.DataFrame) -> None:
    result = compared(bars, bars.with_columns(pl.col("open", "high", "low", "close") * 0.97))
    assert result.inferred.is_empty()
    assert result.restated.height == bars.height


def test_a_split_found_earlier_is_withdrawn_when_the_vendor_names_its_day(bars: pl.DataFrame) -> None:
    found, real = SESSIONS[60], SESSIONS[80]
    truth = with_split(bars, real, 10.0)
    # What was stored: the gap after session 59 filled with adjusted prices, the split dated at its start.
    stored = pl.concat([truth.head(60), cents(with_split(bars, found, 10.0).slice(60))])
    named = splits((real, 10.0))
    result = compared(
        stored, cents(adjusted(truth, named, END)), known=splits((found, 10.0), detected=True), named=named
    )
    assert result.withdrawn.rows() == [("A", found, 10.0)]
    assert result.contradiction is None
    assert result.inferred.is_empty()
    assert result.restated["date"].to_list() == SESSIONS[60:80]
    assert result.restated["close"].to_list() == pytest.approx(truth["close"].to_list()[60:80], abs=0.06)


WRONG_DAYS = {"named too early": SESSIONS[66], "named too late": SESSIONS[94]}


def misnamed(bars: pl.DataFrame, *filed: date) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The truth of a 4:1 split on session 80, what the vendor sends, and what was stored by the split days on file."""
    truth = with_split(bars, SESSIONS[80], 4.0)
    sent = adjusted(truth, splits((SESSIONS[80], 4.0)), END)
    return truth, cents(sent), to_raw(sent, splits(*((day, 4.0) for day in filed))).cast({"volume": pl.Int64})


@pytest.mark.parametrize("wrong", WRONG_DAYS.values(), ids=WRONG_DAYS.keys())
def test_a_split_named_again_on_another_day_has_moved_and_its_rows_become_right(
    bars: pl.DataFrame, wrong: date
) -> None:
    truth, sent, stored = misnamed(bars, wrong)
    result = compared(stored, sent, known=splits((wrong, 4.0), detected=False), named=splits((SESSIONS[80], 4.0)))
    between = [day for day in SESSIONS if min(wrong, SESSIONS[80]) <= day < max(wrong, SESSIONS[80])]
    assert (result.contradiction, result.inferred.height) == (None, 0)
    assert result.withdrawn.rows() == [("A", wrong, 4.0)]
    assert result.restated["date"].to_list() == between
    true_closes = truth.filter(pl.col("date").is_in(between))["close"].to_list()
    assert result.restated["close"].to_list() == pytest.approx(true_closes, abs=0.021)


def test_a_split_left_on_file_beside_its_right_day_is_withdrawn_too(bars: pl.DataFrame) -> None:
    wrong, right = SESSIONS[66], SESSIONS[80]
    truth, sent, stored = misnamed(bars, wrong, right)
    known = splits((wrong, 4.0), (right, 4.0), detected=False)
    result = compared(stored, sent, known=known, named=splits((right, 4.0)))
    assert result.withdrawn.rows() == [("A", wrong, 4.0)]
    assert result.restated["date"].to_list() == SESSIONS[:66]
    assert result.restated["close"].to_list() == pytest.approx(truth["close"].to_list()[:66], abs=0.021)


def test_a_moved_split_asks_for_the_bars_before_it(bars: pl.DataFrame) -> None:
    _, sent, stored = misnamed(bars, SESSIONS[66])
    known, named = splits((SESSIONS[66], 4.0), detected=False), splits((SESSIONS[80], 4.0))
    assert compared(stored, sent.slice(90), known=known, named=named).needs_full_history


def test_raw_prices_stay_when_a_split_moves(bars: pl.DataFrame) -> None:
    truth, _, _ = misnamed(bars)
    known, named = splits((SESSIONS[66], 4.0), detected=False), splits((SESSIONS[80], 4.0))
    result = compared(truth, truth, known=known, named=named, price_basis="raw")
    assert result.withdrawn.rows() == [("A", SESSIONS[66], 4.0)]
    assert (result.restated.height, result.unchanged) == (0, truth.height)


@pytest.mark.parametrize(
    "named",
    [splits(), splits((SESSIONS[76], 4.0)), splits((SESSIONS[70], 2.0)), splits((SESSIONS[60], 4.0))],
    ids=["none is named", "16 sessions away", "another value", "it is named still"],
)
def test_a_named_split_is_withdrawn_only_for_its_own_like_nearby(bars: pl.DataFrame, named: pl.DataFrame) -> None:
    known = splits((SESSIONS[60], 4.0), detected=False)
    assert compared(bars, bars, known=known, named=named, price_basis="raw").withdrawn.is_empty()
    near = splits((SESSIONS[75], 4.0))
    assert compared(bars, bars, known=known, named=near, price_basis="raw").withdrawn.height == 1


def test_a_split_moved_to_a_day_that_prices_are_not_adjusted_for_yet_stores_nothing(bars: pl.DataFrame) -> None:
    known, named = splits((SESSIONS[90], 4.0), detected=False), splits((SESSIONS[102], 4.0))
    stored = to_raw(bars.head(100), known).cast({"volume": pl.Int64})
    result = compared(stored, bars.head(100), known=known, named=named)
    assert "the prices before it are not adjusted" in str(result.contradiction)


def test_a_corrected_split_value_puts_the_rows_before_it_right(bars: pl.DataFrame) -> None:
    truth, sent, _ = misnamed(bars)
    stored = to_raw(sent, splits((SESSIONS[80], 2.0))).cast({"volume": pl.Int64})
    known = splits((SESSIONS[80], 2.0), detected=False)
    result = compared(stored, sent, known=known, named=splits((SESSIONS[80], 4.0)))
    assert (result.contradiction, result.withdrawn.height, result.inferred.height) == (None, 0, 0)
    assert result.restated["date"].to_list() == SESSIONS[:80]
    assert result.restated["close"].to_list() == pytest.approx(truth["close"].to_list()[:80], abs=0.021)


@pytest.mark.parametrize(("overlapping", "changed", "refused"), [(20, 11, True), (20, 10, False), (19, 19, False)])
def test_raw_closes_are_not_rewritten_wholesale(
    bars: pl.DataFrame, overlapping: int, changed: int, refused: bool
) -> None:
    rewritten = pl.col("date") < SESSIONS[changed]
    prices = [pl.when(rewritten).then(pl.col(name) * 1.1).otherwise(name) for name in ("open", "high", "low", "close")]
    result = compared(bars.head(overlapping), bars.with_columns(prices), price_basis="raw")
    assert (result.contradiction is not None) == refused
    if refused:
        assert "11 of the 20 closes that are stored already differ" in str(result.contradiction)


def test_a_split_named_late_puts_rows_stored_on_the_wrong_basis_right(bars: pl.DataFrame) -> None:
    named = splits((SESSIONS[50], 4.0))
    result = compared(bars, bars, named=named)
    assert result.contradiction is None
    assert result.inferred.is_empty()
    assert result.restated["close"].to_list() == [4 * close for close in bars["close"].to_list()[:50]]


@pytest.mark.parametrize("stored_rows", [100, 103])
def test_a_split_named_before_prices_are_adjusted_for_it_stores_nothing(bars: pl.DataFrame, stored_rows: int) -> None:
    ex_date = SESSIONS[100]
    truth = with_split(bars, ex_date, 4.0)
    result = compared(truth.head(stored_rows), truth, named=splits((ex_date, 4.0)))
    assert result.contradiction is not None
    assert "the prices before it are not adjusted" in result.contradiction


def test_an_older_download_over_a_newer_one_stores_nothing(bars: pl.DataFrame) -> None:
    older = bars.head(80).with_columns(pl.col("open", "high", "low", "close") * 10, pl.col("volume") // 10)
    result = compared(bars, older)
    assert result.contradiction is not None
    assert "an older download" in result.contradiction


def test_an_older_download_that_names_older_splits_stores_nothing_either(bars: pl.DataFrame) -> None:
    # Stored: adjusted for 4:1 and for a later 10:1, neither named. Sent: what was known between the two.
    named = splits((SESSIONS[30], 4.0))
    older = bars.head(80).with_columns(pl.col("open", "high", "low", "close") * 10, pl.col("volume") // 10)
    result = compared(bars, older, named=named)
    assert result.contradiction is not None
    assert "an older download" in result.contradiction


def test_a_split_named_late_asks_for_the_bars_before_it(bars: pl.DataFrame) -> None:
    named = splits((SESSIONS[50], 4.0))
    for sent in (bars.slice(90), bars.clear()):
        assert compared(bars.head(100), sent, named=named).needs_full_history
    assert not compared(bars.head(100), bars.slice(90), named=named, price_basis="raw").needs_full_history


def test_unadjusted_prices_over_a_history_with_a_recorded_split_store_nothing(bars: pl.DataFrame) -> None:
    ex_date = SESSIONS[50]
    truth = with_split(bars, ex_date, 4.0)
    result = compared(truth, truth, known=splits((ex_date, 4.0), detected=False))
    assert result.contradiction is not None
    assert "not adjusted for the split recorded" in result.contradiction


REAL_SPLITS = {
    "AVGO": 10.0,
    "LRCX": 10.0,
    "NFLX": 10.0,
    "NVDA": 10.0,
    "ORLY": 15.0,
    "CTAS": 4.0,
    "FAST": 2.0,
    "ODFL": 2.0,
    "PANW": 2.0,
}


def test_of_24_really_rewritten_histories_exactly_the_nine_that_split_are_found(shared_data: Path) -> None:
    older = FolderSource(shared_data / "daily_with_actions_2020_2023.parquet")
    newer = FolderSource(shared_data / "daily.parquet")
    names = pl.read_parquet(shared_data / "daily_with_actions_2020_2023.parquet")["ticker"].unique().sort()
    requests = [BarRequest(ticker, date(2020, 1, 1), date(2026, 1, 1)) for ticker in names]
    found: dict[str, float] = {}
    restated = 0
    for first, second in zip(older.fetch(requests), newer.fetch(requests), strict=True):
        named = first.actions.filter(kind="split").select("ticker", "ex_date", "value")
        sent = [split_good_and_bad(answer.bars, date(2025, 12, 31))[0] for answer in (first, second)]
        stored = compared(sent[0].clear(), sent[0], named=named).new
        result = compared(stored, sent[1], known=named.with_columns(detected=pl.lit(False)))
        assert (result.contradiction, result.needs_full_history) == (None, False)
        assert result.restated["close"].to_list() == result.restated["old_close"].to_list()  # only volumes
        restated += result.restated.height
        found |= {ticker: value for ticker, _, _, value in result.inferred.iter_rows()}
    assert found == REAL_SPLITS
    # Of 24,144 volumes; the other 23,753 are equal to the last share or within 1e-4.
    assert restated == 391


def test_bars_keep_their_columns(bars: pl.DataFrame) -> None:
    result = compared(bars.head(10), bars)
    assert tuple(result.new.columns) == BAR_COLUMNS
    assert tuple(result.restated.columns[:7]) == BAR_COLUMNS
