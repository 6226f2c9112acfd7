"""Nothing that the platform says of a session depends on what came after it: bit-equal when the future is not there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.store import CheckpointStore
from ldtm_platform.postgres.server import Connection
from ldtm_platform.sources.base import MarketDataSource
from ldtm_platform.sources.folder import FolderSource
from ldtm_platform.stages.features import engineer_tickers
from ldtm_platform.stages.histories import read_histories
from ldtm_platform.stages.market_data import ingest_tickers
from ldtm_platform.stages.predictions import SessionForecaster
from ldtm_platform.warehouse import reads
from ldtm_platform_tests.scratch import scratch_database
from ldtm_platform_tests.stages.fleet import simulated, train
from ldtm_platform_tests.warehouse.rows import query


@dataclass(frozen=True)
class Market:
    """Prices with splits around the sessions that are looked at."""

    source: MarketDataSource
    tickers: Sequence[str]
    since: date
    through: date
    trained_through: date
    sessions: Sequence[date]


def real(data: Path) -> Market:
    """NVDA split 4:1 on 2021-07-20, TSLA 5:1 and 3:1, AAPL 4:1 on 2020-08-31, MSFT never."""
    return Market(
        source=FolderSource(data / "daily_with_actions_2020_2023.parquet"),
        tickers=("AAPL", "MSFT", "NVDA", "TSLA"),
        since=date(2020, 1, 2),
        through=date(2023, 12, 29),
        trained_through=date(2021, 6, 30),
        sessions=(date(2021, 7, 16), date(2021, 7, 19), date(2021, 7, 20)),
    )


def generated() -> Market:
    """CMCSA merges four shares into one on 2024-06-06, VRTX split 2:1 on 2024-03-11, AMGN never."""
    return Market(
        source=simulated(),
        tickers=("AMGN", "CMCSA", "VRTX"),
        since=date(2023, 1, 3),
        through=date(2024, 7, 31),
        trained_through=date(2024, 5, 31),
        sessions=(date(2024, 6, 3), date(2024, 6, 5)),
    )


@pytest.fixture(params=["generated", "real"])
def market(request: pytest.FixtureRequest) -> Market:
    return generated() if request.param == "generated" else real(request.getfixturevalue("shared_data"))


@pytest.fixture
def truncated(server: Connection, template: str) -> Iterator[sa.Engine]:
    """A second database: that of a platform that has not seen the future."""
    with scratch_database(server, template) as url:
        engine = sa.create_engine(url)
        yield engine
        engine.dispose()


def ingest(engine: sa.Engine, market: Market) -> None:
    outcomes = ingest_tickers(engine, market.source, market.tickers, since=market.since, through=market.through)
    assert {outcome.state for outcome in outcomes} == {"ok"}


def forget_after(engine: sa.Engine, session: date) -> None:
    with engine.begin() as connection:
        for table, column in (("market_data_daily", "date"), ("corporate_actions", "ex_date")):
            connection.execute(sa.text(f"DELETE FROM {table} WHERE {column} > :session"), {"session": session})


def forecasts(engine: sa.Engine, store: Path, market: Market, session: date) -> list[dict[str, object]]:
    SessionForecaster(engine, CheckpointStore(store), Ldtm()).forecast(session, market.tickers)
    return query(
        engine,
        "SELECT ticker, family, model_version, horizon, run_date_close, predicted_close, data_hash, price_basis"
        " FROM ldtm_predictions WHERE run_date = :session ORDER BY ticker, family, horizon",
        session=session,
    )


def weights(store: Path, versions: Mapping[str, str]) -> dict[str, bytes]:
    return {ticker: CheckpointStore(store).load(version).weights for ticker, version in versions.items()}


def test_features_windows_models_and_forecasts_are_the_same_without_the_future(
    engine: sa.Engine, truncated: sa.Engine, market: Market, tmp_path: Path
) -> None:
    for each in (engine, truncated):
        ingest(each, market)
    list(engineer_tickers(engine, market.tickers))
    trained = train(engine, tmp_path / "full", market.tickers, through=market.trained_through)
    versions = {ticker: str(outcome.facts["version"]) for ticker, outcome in trained.items()}
    splits = reads.splits(engine, market.tickers)

    # From the newest session back, so that each time less is known.
    for session in sorted(market.sessions, reverse=True):
        assert splits.filter(pl.col("ex_date") > session).height > 0, "no later split: nothing would be shown"
        forget_after(truncated, session)
        list(engineer_tickers(truncated, market.tickers))

        features = "SELECT * FROM engineered_features WHERE date <= :session ORDER BY ticker, date"
        assert query(truncated, features, session=session) == query(engine, features, session=session)
        assert query(truncated, "SELECT 1 FROM engineered_features WHERE date > :session", session=session) == []
        for full, short in zip(
            read_histories(engine, market.tickers, through=session, last=30),
            read_histories(truncated, market.tickers, through=session, last=30),
            strict=True,
        ):
            assert short.frame.equals(full.frame)

        store = tmp_path / session.isoformat()
        again = train(truncated, store, market.tickers, through=market.trained_through)
        assert {ticker: str(outcome.facts["version"]) for ticker, outcome in again.items()} == versions
        assert weights(store, versions) == weights(tmp_path / "full", versions)
        made = forecasts(engine, tmp_path / "full", market, session)
        assert forecasts(truncated, store, market, session) == made
        assert len(made) == len(market.tickers) * 6


def test_adjusted_bars_as_of_a_session_are_the_same_without_the_future(
    engine: sa.Engine, truncated: sa.Engine, market: Market
) -> None:
    adjusted = "SELECT * FROM market_data_adjusted(:session) ORDER BY ticker, date"
    for each in (engine, truncated):
        ingest(each, market)
    for session in sorted(market.sessions, reverse=True):
        forget_after(truncated, session)
        assert query(truncated, adjusted, session=session) == query(engine, adjusted, session=session)
