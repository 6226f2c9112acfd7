"""Broken deliveries into a real database: repaired or held on record, the same again without a trace, and mended."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.prices.adjust import adjusted
from ldtm_platform.sources.base import BarRequest, MarketDataSource, PriceBasis, TickerBars, no_actions
from ldtm_platform.sources.folder import FolderSource
from ldtm_platform.stages.status import platform_status
from ldtm_platform.warehouse import reads, repairs
from ldtm_platform.warehouse.tables import metadata as tables
from ldtm_platform_tests.prices.test_ingest import SESSIONS, THROUGH, run, simulated, table
from ldtm_platform_tests.tables import versions_of_rows
from ldtm_platform_tests.warehouse.rows import query

PRICES = pl.col("open", "high", "low", "close")
TRUTH = simulated().bars


class Vendor(MarketDataSource):
    """Sends what it was given, and only the range that it is asked for."""

    name = "vendor"

    def __init__(self, *bars: pl.DataFrame, actions: pl.DataFrame | None = None, basis: PriceBasis = "raw") -> None:
        self.price_basis = basis
        self.asked: list[BarRequest] = []
        self._bars = {each["ticker"][0]: each for each in bars}
        self._actions = no_actions() if actions is None else actions

    def fetch(self, requests: Sequence[BarRequest]) -> Iterator[TickerBars]:
        """The bars of the range, and all actions of the ticker."""
        self.asked += requests
        for request in requests:
            bars = self._bars[request.ticker]
            asked = bars.filter(pl.col("date").is_between(request.start, request.end, closed="left"))
            yield TickerBars(request.ticker, asked, self._actions.filter(ticker=request.ticker))


def in_another_unit(bars: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    return bars.with_columns(pl.when(pl.col("date").is_in(days)).then(PRICES * 100).otherwise(PRICES).name.keep())


def stored(engine: sa.Engine, ticker: str = "S0") -> pl.DataFrame:
    return reads.bars(engine, [ticker])


def repaired(engine: sa.Engine) -> list[dict[str, object]]:
    return query(engine, "SELECT * FROM market_data_repairs ORDER BY date")


def near(frame: pl.DataFrame, truth: pl.DataFrame) -> bool:
    """Equal up to the last bit that a division by 100 may cost."""
    close = frame.join(truth, on="date", suffix="_true", how="full")
    return (
        frame.height == truth.height
        and close.select(
            pl.all_horizontal(
                (pl.col(name) / pl.col(f"{name}_true") - 1).abs() < 1e-12 for name in ("open", "high", "low", "close")
            ).all()
            & (pl.col("volume") == pl.col("volume_true")).all()
        ).item()
    )


def test_a_day_in_another_unit_is_repaired_on_record_and_mending_it_changes_nothing(engine: sa.Engine) -> None:
    day = TRUTH["date"][100]
    broken = Vendor(in_another_unit(TRUTH, [day]))
    outcome = run(engine, broken, "S0")["S0"]
    assert (outcome.state, outcome.rows, outcome.rows_repaired, outcome.rows_quarantined) == ("ok", TRUTH.height, 1, 0)
    assert outcome.message == "1 bar repaired (unit_error)"
    assert near(stored(engine), TRUTH)
    (record,) = repaired(engine)
    bar = TRUTH.filter(date=day).row(0, named=True)
    assert (record["ticker"], record["date"], record["defect"], record["source"]) == ("S0", day, "unit_error", "vendor")
    assert record["old_close"] == bar["close"] * 100
    assert record["new_close"] == pytest.approx(bar["close"], rel=1e-12)
    assert record["new_volume"] == record["old_volume"] == bar["volume"]
    assert record["mended_at"] is None

    before = versions_of_rows(engine), repaired(engine)
    assert run(engine, broken, "S0")["S0"].rows_changed == 0
    assert (versions_of_rows(engine), repaired(engine)) == before


def test_the_same_defect_again_and_again_leaves_one_record_until_the_vendor_mends_it(engine: sa.Engine) -> None:
    days = TRUTH["date"].to_list()[-6:-3]
    broken = Vendor(in_another_unit(TRUTH, days))
    for _ in range(3):
        outcome = run(engine, broken, "S0")["S0"]
        assert (outcome.state, outcome.rows_repaired, outcome.rows_changed) == ("ok", 3, 0)
        assert [row["date"] for row in repaired(engine)] == days
        assert repairs.defects(engine, ["S0"])["repaired"].to_list() == [3]
        assert repairs.defects(engine, ["S1"]).is_empty()
    before = stored(engine)
    outcome = run(engine, Vendor(TRUTH), "S0")["S0"]
    assert (outcome.state, outcome.message, outcome.rows_repaired, outcome.rows_changed) == ("ok", "", 0, 0)
    assert stored(engine).equals(before)
    assert all(row["mended_at"] is not None for row in repaired(engine))
    assert repairs.defects(engine, ["S0"]).is_empty()
    # Broken once more: it counts again.
    run(engine, broken, "S0")
    assert repairs.defects(engine, ["S0"])["repaired"].to_list() == [3]


def test_a_newest_bar_in_another_unit_is_held_and_repaired_when_the_next_one_bears_it_out(engine: sa.Engine) -> None:
    day = SESSIONS[-2]
    broken = in_another_unit(TRUTH, [day])
    outcome = run(engine, Vendor(broken), "S0", through=day)["S0"]
    assert (outcome.state, outcome.rows_repaired, outcome.rows_quarantined) == ("incomplete", 0, 1)
    assert "1 bar held in quarantine (unit_error: its prices are 100 times those of the sessions" in outcome.message
    assert stored(engine)["date"][-1] == SESSIONS[-3]
    assert repairs.defects(engine, ["S0"]).select("held", "reason").row(0)[0] == 1
    # The same evening once more: counted, not stored twice.
    run(engine, Vendor(broken), "S0", through=day)
    assert [row["seen_count"] for row in query(engine, "SELECT seen_count FROM market_data_quarantine")] == [2]

    outcome = run(engine, Vendor(broken), "S0")["S0"]
    assert (outcome.state, outcome.rows_repaired, outcome.rows_quarantined) == ("ok", 1, 0)
    assert near(stored(engine), TRUTH)
    assert repairs.defects(engine, ["S0"])["held"].to_list() == [0]


@pytest.mark.parametrize("basis", ["raw", "split_adjusted"])
def test_recent_weeks_that_turn_wrong_are_repaired_by_what_is_stored_and_are_no_split(
    engine: sa.Engine, basis: PriceBasis
) -> None:
    run(engine, Vendor(TRUTH, basis=basis), "S0", through=SESSIONS[-2])
    vendor = Vendor(in_another_unit(TRUTH, SESSIONS[-40:]), basis=basis)
    outcome = run(engine, vendor, "S0")["S0"]
    assert [request.start for request in vendor.asked] == [SESSIONS[-12], SESSIONS[0]]
    assert (outcome.state, outcome.rows_repaired, outcome.rows_changed, outcome.splits) == ("ok", 40, 0, 0)
    assert near(stored(engine), TRUTH)


@pytest.mark.parametrize("basis", ["raw", "split_adjusted"])
def test_a_whole_history_in_another_unit_is_refused_by_name(engine: sa.Engine, basis: PriceBasis) -> None:
    run(engine, Vendor(TRUTH, basis=basis), "S0")
    before = versions_of_rows(engine)
    outcome = run(engine, Vendor(in_another_unit(TRUTH, SESSIONS), basis=basis), "S0")["S0"]
    assert outcome.state == "failed"
    assert "are a hundred times what is stored, at the same volumes" in outcome.message
    assert versions_of_rows(engine) == before


@pytest.mark.parametrize("late", [0, 3])
def test_a_split_that_the_vendor_named_and_did_not_apply_is_applied(engine: sa.Engine, late: int) -> None:
    ex_date = SESSIONS[150]
    actions = pl.DataFrame({"ticker": ["S0"], "ex_date": [ex_date], "kind": ["split"], "value": [4.0]})
    later = pl.when(pl.col("date") >= ex_date).then(4.0).otherwise(1.0)
    truth = TRUTH.with_columns(PRICES / later, (pl.col("volume") * later).cast(pl.Int64))
    right = adjusted(truth, actions, THROUGH).with_columns(pl.col("volume").round().cast(pl.Int64))
    step = SESSIONS[150 + late]
    off = pl.when(pl.col("date") < step).then(4.0).otherwise(1.0)
    wrong = right.with_columns(PRICES * off, (pl.col("volume") / off).round().cast(pl.Int64))
    broken = Vendor(wrong, actions=actions, basis="split_adjusted")
    outcome = run(engine, broken, "S0")["S0"]
    assert (outcome.state, outcome.rows_repaired, outcome.splits) == ("ok", 150 + late, 1)
    assert stored(engine)["close"].to_list() == pytest.approx(truth["close"].to_list(), rel=1e-12)
    # Recorded as traded, like the bars.
    assert repaired(engine)[0]["new_close"] == pytest.approx(truth["close"][0], rel=1e-12)
    assert repaired(engine)[0]["old_close"] == pytest.approx(4 * truth["close"][0], rel=1e-12)
    before = versions_of_rows(engine)
    assert run(engine, broken, "S0")["S0"].rows_changed == 0
    assert versions_of_rows(engine) == before
    mended = run(engine, Vendor(right, actions=actions, basis="split_adjusted"), "S0")["S0"]
    assert (mended.state, mended.rows_repaired, mended.rows_changed) == ("ok", 0, 0)


def test_a_filler_is_held_its_ticker_named_and_the_real_bar_taken_when_it_comes(engine: sa.Engine) -> None:
    day = TRUTH["date"][-5]
    flat = TRUTH["close"][-6]
    at = pl.col("date") == day
    prices = pl.when(at).then(flat).otherwise(PRICES).name.keep()
    broken = TRUTH.with_columns(prices, pl.when(at).then(0).otherwise("volume").alias("volume"))
    outcome = run(engine, Vendor(broken), "S0")["S0"]
    assert (outcome.state, outcome.rows_quarantined, outcome.rows) == ("incomplete", 1, TRUTH.height - 1)
    assert outcome.message.startswith(
        f"1 session has neither a bar nor a recorded halt: {day}; 1 bar held in quarantine"
    )
    (note,) = platform_status(engine, ["S0"], THROUGH).notes
    assert note.startswith("S0: 1 held in quarantine (stale_bar: it has no volume")
    outcome = run(engine, Vendor(TRUTH), "S0")["S0"]
    assert (outcome.state, outcome.rows_new) == ("ok", 1)
    assert stored(engine).equals(TRUTH)
    assert platform_status(engine, ["S0"], THROUGH).notes == ()
    # It happened: the row stays in quarantine.
    assert reads.quarantined(engine)["rows"].to_list() == [1]


@pytest.mark.parametrize("together", [True, False])
def test_another_tickers_columns_are_held_and_both_named_while_the_others_pass(
    engine: sa.Engine, together: bool
) -> None:
    other, halts = simulated("S1").bars, simulated("S1").actions
    swapped = pl.concat([TRUTH.head(-4), other.tail(4).with_columns(ticker=pl.lit("S0"))])
    run(engine, Vendor(TRUTH, other, actions=halts), "S0", "S1", through=SESSIONS[-5])
    vendor = Vendor(swapped, other, simulated("S2").bars, actions=halts)
    if together:
        outcomes = run(engine, vendor, "S1", "S0", "S2")
    else:
        outcomes = run(engine, vendor, "S1", "S2") | run(engine, vendor, "S0")
    assert {ticker: each.state for ticker, each in outcomes.items()} == {"S0": "incomplete", "S1": "ok", "S2": "ok"}
    assert outcomes["S0"].rows_quarantined == 4
    assert "borrowed_columns: its numbers are those of S1" in outcomes["S0"].message
    assert stored(engine).equals(TRUTH.head(-4))
    assert run(engine, Vendor(TRUTH), "S0")["S0"].state == "ok"
    assert stored(engine).equals(TRUTH)


def test_the_owner_of_columns_keeps_them_though_another_has_them_too(engine: sa.Engine) -> None:
    run(engine, Vendor(TRUTH), "S0")
    twin = TRUTH.with_columns(ticker=pl.lit("S9"))
    for _ in range(2):
        outcomes = run(engine, Vendor(TRUTH, twin), "S9", "S0")
        assert outcomes["S0"].state == "ok"
        assert outcomes["S9"].rows_quarantined == TRUTH.height
        assert outcomes["S9"].state == "no_data"
    assert stored(engine).equals(TRUTH)


def test_what_two_tickers_have_both_stored_already_stays_as_it_is(engine: sa.Engine) -> None:
    run(engine, Vendor(TRUTH), "S0")
    with engine.begin() as connection:
        for name in ("market_data_daily", "market_data_status"):
            columns = ", ".join(column.name for column in tables.tables[name].columns if column.name != "ticker")
            twin = f"INSERT INTO {name} (ticker, {columns}) SELECT 'S9', {columns} FROM {name} WHERE ticker = 'S0'"
            connection.execute(sa.text(twin))
    outcomes = run(engine, Vendor(TRUTH, TRUTH.with_columns(ticker=pl.lit("S9"))), "S9", "S0")
    assert {each.state for each in outcomes.values()} == {"ok"}
    assert reads.quarantined(engine).is_empty()


def test_a_copied_day_and_a_doubled_dividend_are_held(engine: sa.Engine) -> None:
    rows = TRUTH.with_row_index("at")
    copy = pl.when(pl.col("at") == TRUTH.height - 1)
    columns = [copy.then(pl.col(name).shift()).otherwise(name).alias(name) for name in TRUTH.columns[2:]]
    paid = [SESSIONS[at] for at in (20, 83, 146, 208, 212)]
    actions = pl.DataFrame({"ticker": "S0", "ex_date": paid, "kind": "dividend", "value": 0.5})
    for _ in range(2):
        vendor = Vendor(rows.with_columns(columns).drop("at"), actions=actions)
        outcome = run(engine, vendor, "S0")["S0"]
        assert (outcome.state, outcome.rows_quarantined, outcome.rows) == ("incomplete", 2, TRUTH.height - 1)
    assert [row[1] for row in table(engine, "corporate_actions")] == paid[:4]
    reasons = [reason.split(":")[0] for reason in reads.quarantined(engine)["reason"].to_list()]
    assert reasons == ["copied_day", "doubled_dividend"]


def test_real_jumps_are_stored_as_they_are(engine: sa.Engine, shared_data: Path) -> None:
    names = ("INSM", "PDD", "DXCM", "FANG", "FER", "SQQQ")
    since, through = date(2020, 1, 1), date(2025, 12, 31)
    source = FolderSource(shared_data / "daily.parquet")
    outcomes = run(engine, source, *names, since=since, through=through)
    assert {each.state for each in outcomes.values()} == {"ok"}
    assert [each.rows_repaired + each.rows_quarantined for each in outcomes.values()] == [0] * len(names)
    assert {each.message for each in outcomes.values()} == {""}
