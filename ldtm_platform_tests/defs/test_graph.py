"""The whole graph by name: what depends on what, what runs when, and what every asset says about itself.

Meant to fail when the graph changes: then look at the difference, and change the names here if it is what you meant.
"""

import dagster as dg
import pytest

from ldtm_platform.definitions import defs
from ldtm_platform.defs.partitions import SESSIONS, TICKERS
from ldtm_platform.warehouse.tables import metadata as tables

GRAPH = defs.resolve_asset_graph()
REPOSITORY = defs.get_repository_def()
ASSETS = sorted(key.to_user_string() for key in GRAPH.get_all_asset_keys())
UNPARTITIONED = ("ldtm_accuracy_30d", "news_headlines")
JOBS = sorted(job.name for job in REPOSITORY.get_all_jobs() if not job.name.startswith("__"))


def test_assets_and_what_they_depend_on() -> None:
    depends_on = {
        key.to_user_string(): sorted(parent.to_user_string() for parent in GRAPH.get(key).parent_keys)
        for key in GRAPH.get_all_asset_keys()
    }
    assert depends_on == {
        "market_data_daily": [],
        "market_data_hourly": ["market_data_daily"],
        "engineered_features": ["market_data_daily"],
        "ldtm_checkpoints": ["engineered_features"],
        "ldtm_predictions": ["engineered_features", "ldtm_checkpoints"],
        "ldtm_daily_snapshots": ["ldtm_predictions"],
        "ldtm_snapshot_actuals": ["ldtm_daily_snapshots", "market_data_daily"],
        "ldtm_accuracy_30d": ["ldtm_snapshot_actuals"],
        "ldtm_confidence": ["ldtm_snapshot_actuals"],
        "tqqq_signal": ["ldtm_confidence", "market_data_daily"],
        "news_headlines": [],
    }


def test_checks_and_which_of_them_block() -> None:
    blocking = {
        f"{key.asset_key.to_user_string()}.{key.name}": GRAPH.get(key).blocking for key in GRAPH.asset_check_keys
    }
    assert blocking == {
        "market_data_daily.bars_are_sound": True,
        "market_data_daily.bars_cover_every_session": True,
        "market_data_daily.large_moves_have_a_known_action": False,
        "market_data_daily.nothing_is_in_quarantine": False,
        "market_data_daily.repairs_are_few": False,
        "market_data_hourly.hourly_series_keep_one_grid": False,
        "engineered_features.features_reach_their_bars": True,
        "ldtm_checkpoints.models_beat_tomorrow_is_today": False,
        "ldtm_daily_snapshots.every_ticker_has_a_forecast": False,
        "ldtm_snapshot_actuals.matured_targets_are_filled": False,
        "ldtm_confidence.next_day_record_is_not_too_good": False,
    }


def test_jobs_and_what_they_run() -> None:
    steps = {name: sorted(REPOSITORY.get_job(name).graph.node_names()) for name in JOBS}
    bars = [
        "market_data_daily_bars_are_sound",
        "market_data_daily_bars_cover_every_session",
        "market_data_daily_large_moves_have_a_known_action",
        "market_data_daily_nothing_is_in_quarantine",
        "market_data_daily_repairs_are_few",
    ]
    assert steps == {
        "daily_ingest": ["engineered_features", "market_data_daily", *bars],
        "market_data_ingest": ["market_data_daily"],
        "hourly_ingest": ["market_data_hourly"],
        "feature_engineering": ["engineered_features", *bars],
        "full_retrain": ["ldtm_checkpoints", "ldtm_checkpoints_models_beat_tomorrow_is_today"],
        "daily_inference": [
            "engineered_features_features_reach_their_bars",
            "ldtm_accuracy_30d",
            "ldtm_checkpoints_models_beat_tomorrow_is_today",
            "ldtm_confidence",
            "ldtm_confidence_next_day_record_is_not_too_good",
            "ldtm_daily_snapshots",
            "ldtm_daily_snapshots_every_ticker_has_a_forecast",
            "ldtm_predictions",
            "ldtm_snapshot_actuals",
            "ldtm_snapshot_actuals_matured_targets_are_filled",
            "tqqq_signal",
        ],
        "inference": ["ldtm_predictions"],
        "snapshot_writing": ["ldtm_daily_snapshots", "ldtm_daily_snapshots_every_ticker_has_a_forecast"],
        "snapshot_fillback": [
            "ldtm_accuracy_30d",
            "ldtm_snapshot_actuals",
            "ldtm_snapshot_actuals_matured_targets_are_filled",
        ],
        "ingest_tickers": ["ingest"],
        "ingest_hourly_tickers": ["ingest_hourly"],
        "engineer_tickers": ["engineer_features"],
        "train_tickers": ["train"],
        "forecast_tickers": ["forecast"],
        "canary_retrain": ["train"],
        "prune_event_log": ["prune_runs"],
        "news": ["news_headlines"],
    }


def test_schedules_and_sensors_run_from_the_start() -> None:
    schedules = {
        each.name: (each.cron_schedule, each.execution_timezone, each.job_name) for each in REPOSITORY.schedule_defs
    }
    assert schedules == {
        "weekdays_after_close": ("0 18 * * 1-5", "America/New_York", "daily_ingest"),
        "weekdays_after_ingest": ("15 18 * * 1-5", "America/New_York", "daily_inference"),
        "weekdays_for_news": ("30 18 * * 1-5", "America/New_York", "news"),
        "weekday_evenings_for_late_bars": (
            ["30,45 18 * * 1-5", "*/15 19-21 * * 1-5"],
            "America/New_York",
            "ingest_tickers",
        ),
        "weekday_evenings_for_late_forecasts": (
            ["35,50 18 * * 1-5", "5-59/15 19-21 * * 1-5"],
            "America/New_York",
            "daily_inference",
        ),
        "weekday_nights_for_new_tickers": ("0 22 * * 1-5", "America/New_York", "train_tickers"),
        "saturdays": ("0 2 * * 6", "America/New_York", "canary_retrain"),
        "first_sundays": ("0 1 * * 0", "America/New_York", "full_retrain"),
        "sundays": ("0 4 * * 0", "America/New_York", "prune_event_log"),
    }
    sensors = {each.name: [target.job_name for target in each.targets] for each in REPOSITORY.sensor_defs}
    assert sensors == {
        "alerts_of_checks": [],
        "alerts_of_runs": [],
        "dead_terminals": [],
        "features_after_ingest": ["feature_engineering"],
        "features_after_partial_ingest": ["feature_engineering"],
        "gpu_slots": [],
        "hours_after_ingest": ["hourly_ingest"],
        "hours_after_partial_ingest": ["hourly_ingest"],
    }
    assert all(each.default_status is dg.DefaultScheduleStatus.RUNNING for each in REPOSITORY.schedule_defs)
    assert all(each.default_status is dg.DefaultSensorStatus.RUNNING for each in REPOSITORY.sensor_defs)


@pytest.mark.parametrize("asset", ASSETS)
def test_every_asset_has_group_kinds_owners_and_a_description(asset: str) -> None:
    found = GRAPH.get(dg.AssetKey(asset))
    assert found.group_name not in (None, "default")
    assert found.kinds
    assert found.owners == ["team:ldtm"]
    assert found.description
    assert found.description.splitlines()[0].endswith(".")


@pytest.mark.parametrize("asset", [asset for asset in ASSETS if asset in tables.tables])
def test_every_asset_that_is_a_table_shows_the_tables_columns(asset: str) -> None:
    metadata = GRAPH.get(dg.AssetKey(asset)).metadata
    schema = metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert [column.name for column in schema.columns] == [column.name for column in tables.tables[asset].columns]
    assert metadata["dagster/table_name"] == f"public.{asset}"


def test_checkpoints_show_the_columns_of_their_registry() -> None:
    assert GRAPH.get(dg.AssetKey("ldtm_checkpoints")).metadata["dagster/table_name"] == "public.model_versions"


@pytest.mark.parametrize("asset", ASSETS)
def test_partitions_are_tickers_or_sessions_and_never_their_product(asset: str) -> None:
    partitions = GRAPH.get(dg.AssetKey(asset)).partitions_def
    assert not isinstance(partitions, dg.MultiPartitionsDefinition)
    if asset in ("market_data_daily", "market_data_hourly", "engineered_features", "ldtm_checkpoints"):
        assert partitions == TICKERS
    elif asset not in UNPARTITIONED:
        assert partitions == SESSIONS


@pytest.mark.parametrize("asset", [asset for asset in ASSETS if asset not in UNPARTITIONED])
def test_a_backfill_of_any_partitioned_asset_is_one_run(asset: str) -> None:
    assert GRAPH.get(dg.AssetKey(asset)).backfill_policy == dg.BackfillPolicy.single_run()


@pytest.mark.parametrize("job", JOBS)
def test_every_job_says_what_it_achieves_and_runs_its_steps_in_its_own_process(job: str) -> None:
    found = REPOSITORY.get_job(job)
    assert found.description
    assert found.executor_def.name == "in_process"


@pytest.mark.parametrize("check", sorted(GRAPH.asset_check_keys, key=str), ids=lambda key: key.name)
def test_every_check_is_a_sentence(check: dg.AssetCheckKey) -> None:
    description = GRAPH.get(check).description
    assert description
    assert description.endswith(".")


def test_ingest_and_training_wait_in_pools() -> None:
    assert GRAPH.get(dg.AssetKey("market_data_daily")).pools == {"market_data_api"}
    assert GRAPH.get(dg.AssetKey("market_data_hourly")).pools == {"market_data_api"}
    assert GRAPH.get(dg.AssetKey("ldtm_checkpoints")).pools == {"gpu"}
    for job, pool in (("ingest_tickers", "market_data_api"), ("train_tickers", "gpu"), ("canary_retrain", "gpu")):
        (op,) = REPOSITORY.get_job(job).graph.node_defs
        assert isinstance(op, dg.OpDefinition)
        assert op.pool == pool
