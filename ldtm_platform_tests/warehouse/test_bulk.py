"""Bulk writes: rows arrive bit for bit, unchanged rows are not touched, and a bad frame is refused whole."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal

from ldtm_platform.warehouse.bulk import Upserted, append, upsert
from ldtm_platform.warehouse.reads import bars
from ldtm_platform.warehouse.tables import market_data_daily, market_data_status, model_versions
from ldtm_platform_tests.warehouse.rows import query

DAY = date(2024, 1, 2)
NOON = datetime(2024, 1, 2, 12, 0, 0, 123456, tzinfo=UTC)


def bar_frame(**columns: object) -> pl.DataFrame:
    base = {"ticker": ["AAPL", "MSFT"], "date": DAY, "open": 1.5, "high": 2.5, "low": 0.5, "close": 0.1 + 0.2}
    return pl.DataFrame(base | {"volume": 2**53 + 1, "source": "test", "ingested_at": NOON} | columns)


def write(engine: sa.Engine, frame: pl.DataFrame, table: sa.Table = market_data_daily) -> Upserted:
    with engine.begin() as connection:
        return upsert(connection, table, frame, touch=["ingested_at"])


def places(engine: sa.Engine) -> list[dict[str, Any]]:
    return query(engine, "SELECT ctid::text, xmin::text, ingested_at FROM market_data_daily ORDER BY ticker")


def test_new_rows_are_inserted_and_read_back_bit_for_bit(engine: sa.Engine) -> None:
    assert write(engine, bar_frame()) == Upserted(inserted=2, updated=0, unchanged=0)
    assert_frame_equal(bars(engine, ["AAPL", "MSFT"]), bar_frame().drop("source", "ingested_at"), check_exact=True)
    assert {row["ingested_at"] for row in places(engine)} == {NOON}


def test_unchanged_rows_are_not_touched_even_when_a_touch_column_differs(engine: sa.Engine) -> None:
    write(engine, bar_frame())
    before = places(engine)
    assert write(engine, bar_frame(ingested_at=datetime.now(UTC))) == Upserted(inserted=0, updated=0, unchanged=2)
    assert places(engine) == before


def test_only_the_changed_row_is_rewritten_and_its_touch_column_with_it(engine: sa.Engine) -> None:
    write(engine, bar_frame())
    before, later = places(engine), datetime.now(UTC)
    done = write(engine, bar_frame(close=[0.1 + 0.2, 0.4], ingested_at=later))
    assert done == Upserted(inserted=0, updated=1, unchanged=1)
    after = places(engine)
    assert after[0] == before[0]
    assert after[1]["ingested_at"] == later


def test_columns_that_the_frame_lacks_keep_what_is_stored(engine: sa.Engine) -> None:
    write(engine, bar_frame())
    write(engine, bar_frame(close=0.7).drop("ingested_at"))
    stored = query(engine, "SELECT close, ingested_at FROM market_data_daily WHERE ticker = 'AAPL'")
    assert stored == [{"close": 0.7, "ingested_at": NOON}]


@pytest.mark.parametrize("text", ["", "a,b", 'say "no"', "two\nlines", "\\.", "\\N", "NULL", "  é ✓ ", "tab\there"])
def test_any_text_survives_and_null_stays_null(engine: sa.Engine, text: str) -> None:
    row = {"ticker": "A", "source": "s", "price_basis": "raw", "state": "ok", "message": text, "last_date": None}
    write(engine, pl.DataFrame([row], schema_overrides={"last_date": pl.Date}), market_data_status)
    assert query(engine, "SELECT message, last_date FROM market_data_status") == [{"message": text, "last_date": None}]


@pytest.mark.parametrize("value", [5e-324, 1.7976931348623157e308, 1 / 3, float("nan"), float("-inf"), None, -0.0])
def test_any_float_survives_and_equal_ones_count_as_unchanged(engine: sa.Engine, value: float | None) -> None:
    frame = pl.DataFrame(
        {"version": "v", "family": "f", "ticker": "A", "train_loss": pl.Series([value], dtype=pl.Float64)}
    )
    write(engine, frame, model_versions)
    (row,) = query(engine, "SELECT train_loss FROM model_versions")
    assert repr(row["train_loss"]) == repr(value)
    assert write(engine, frame, model_versions).unchanged == 1


def test_a_key_sent_twice_is_refused_with_an_example(engine: sa.Engine) -> None:
    with pytest.raises(
        ValueError, match="2 rows for market_data_daily share a key, for example ticker=AAPL, date=2024-01-02"
    ):
        write(engine, bar_frame(ticker="AAPL", close=[1.0, 2.0]))


def test_an_unknown_column_is_refused_by_name(engine: sa.Engine) -> None:
    with pytest.raises(ValueError, match="market_data_daily has no column colour"):
        write(engine, bar_frame(colour="red"))


def test_a_frame_without_the_key_is_refused(engine: sa.Engine) -> None:
    with pytest.raises(ValueError, match="lack the key column date"):
        write(engine, bar_frame().drop("date"))


def test_an_empty_frame_writes_nothing(engine: sa.Engine) -> None:
    assert write(engine, bar_frame().clear()) == Upserted(0, 0, 0)


def test_a_row_against_the_facts_leaves_nothing_of_its_transaction(engine: sa.Engine) -> None:
    connection = engine.connect()
    upsert(connection, market_data_daily, bar_frame())
    with pytest.raises(psycopg.errors.CheckViolation, match="market_data_daily_positive_check"):
        upsert(connection, market_data_daily, bar_frame(ticker=["X", "Y"], close=float("nan")))
    connection.close()
    assert places(engine) == []


def test_appended_rows_are_all_there(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        assert append(connection, market_data_daily, bar_frame()) == 2
    assert len(places(engine)) == 2


def test_another_driver_is_refused(engine: sa.Engine) -> None:
    other = sa.create_engine(engine.url.set(drivername="postgresql+psycopg2"), poolclass=sa.NullPool)
    with pytest.raises(TypeError, match=r"postgresql\+psycopg://"), other.begin() as connection:
        append(connection, market_data_daily, bar_frame())


def test_real_prices_go_in_and_come_out_unchanged(engine: sa.Engine, shared_data: Path) -> None:
    frame = pl.read_parquet(
        shared_data / "daily.parquet", columns=["ticker", "date", "open", "high", "low", "close", "volume"]
    )
    real = frame.filter(pl.col("ticker").is_in(["AAPL", "NVDA", "SQQQ"])).with_columns(pl.col("date").cast(pl.Date))
    real = real.drop_nulls().with_columns(pl.col("volume").cast(pl.Int64)).sort("ticker", "date")
    assert write(engine, real.with_columns(source=pl.lit("test"))).inserted == real.height
    assert write(engine, real.with_columns(source=pl.lit("test"))).unchanged == real.height
    assert_frame_equal(bars(engine, ["AAPL", "NVDA", "SQQQ"]), real, check_exact=True)
