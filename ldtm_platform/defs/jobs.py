"""Jobs: a selection of assets and one sentence each; and the same stages for tickers that are not adjacent."""

import dagster as dg

from ldtm_platform.defs.evaluation import ldtm_accuracy_30d, ldtm_snapshot_actuals
from ldtm_platform.defs.features import engineer_features, engineered_features
from ldtm_platform.defs.hourly import ingest_hourly, market_data_hourly
from ldtm_platform.defs.maintenance import prune_runs
from ldtm_platform.defs.market_data import ingest, market_data_daily
from ldtm_platform.defs.news import news_headlines
from ldtm_platform.defs.predictions import forecast, ldtm_daily_snapshots, ldtm_predictions
from ldtm_platform.defs.scores import ldtm_confidence, tqqq_signal
from ldtm_platform.defs.training import ldtm_checkpoints, train

daily_ingest = dg.define_asset_job(
    "daily_ingest",
    # One run where all goes well; where a ticker fails, features follow in a run of their own (defs/sensors.py).
    selection=dg.AssetSelection.assets(market_data_daily, engineered_features).without_checks()
    | dg.AssetSelection.checks_for_assets(market_data_daily),
    description="Bring the bars of the whole universe up to the last final session, and its features to the bars.",
)
market_data_ingest = dg.define_asset_job(
    "market_data_ingest",
    # Without its checks: they would be left out whenever one ticker fails. The next job begins with them.
    selection=dg.AssetSelection.assets(market_data_daily).without_checks(),
    description="Bring the bars of the whole universe up to the last final session.",
)
hourly_ingest = dg.define_asset_job(
    "hourly_ingest",
    selection=[market_data_hourly],
    description="Bring the hourly bars of the whole universe up to the last final session.",
)
feature_engineering = dg.define_asset_job(
    "feature_engineering",
    selection=dg.AssetSelection.assets(engineered_features).without_checks()
    | dg.AssetSelection.checks_for_assets(market_data_daily),
    description="Engineer the features of the whole universe from its bars.",
)
full_retrain = dg.define_asset_job(
    "full_retrain",
    selection=[ldtm_checkpoints],
    description="Train a model for every ticker of the universe.",
)
daily_inference = dg.define_asset_job(
    "daily_inference",
    selection=dg.AssetSelection.assets(
        ldtm_predictions,
        ldtm_daily_snapshots,
        ldtm_snapshot_actuals,
        ldtm_accuracy_30d,
        ldtm_confidence,
        tqqq_signal,
    )
    | dg.AssetSelection.checks_for_assets(engineered_features, ldtm_checkpoints),
    description="Forecast a session for the whole universe, write its snapshots, fill in what has matured, and score.",
)
inference = dg.define_asset_job(
    "inference",
    selection=[ldtm_predictions],
    description="Forecast a session for the whole universe.",
)
snapshot_writing = dg.define_asset_job(
    "snapshot_writing",
    selection=[ldtm_daily_snapshots],
    description="Write a session's snapshots from its forecasts.",
)
snapshot_fillback = dg.define_asset_job(
    "snapshot_fillback",
    selection=[ldtm_snapshot_actuals, ldtm_accuracy_30d],
    description="Fill in the actual closes of every target that has matured.",
)
news = dg.define_asset_job(
    "news",
    selection=[news_headlines],
    description="Read the news feeds for the whole universe.",
)


@dg.job(description="Ingest any list of tickers in one run.")
def ingest_tickers() -> None:
    ingest()


@dg.job(description="Ingest the hourly bars of any list of tickers in one run.")
def ingest_hourly_tickers() -> None:
    ingest_hourly()


@dg.job(description="Engineer the features of any list of tickers in one run.")
def engineer_tickers() -> None:
    engineer_features()


@dg.job(description="Train any list of tickers in one run.")
def train_tickers() -> None:
    train()


@dg.job(description="Forecast any list of tickers as of one session.")
def forecast_tickers() -> None:
    forecast()


@dg.job(description="Retrain NVDA, TQQQ and AAPL: shows breakage before the full retrain meets it.")
def canary_retrain() -> None:
    train()


@dg.job(
    description="Delete old runs that are no partition's latest, with their logs, so that neither grows without bound."
)
def prune_event_log() -> None:
    prune_runs()
