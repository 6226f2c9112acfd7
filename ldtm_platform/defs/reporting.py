"""Telling Dagster what became of each partition of a run that covers many.

A run of a ticker asset covers one ticker or one contiguous range, and its body logs a materialization a ticker as each
finishes, and it fails once at the end, naming what failed. So one bad ticker leaves the others green and is itself
red. A step without an output is followed by nothing in its run, neither checks nor other assets; but an output
materializes the whole range once more, without metadata. Hence an output that says it has been reported.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import dagster as dg
import sqlalchemy as sa
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION
from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from ldtm_platform.resources.progress import Stage
from ldtm_platform.sources.base import SourceError
from ldtm_platform.stages.outcome import Outcome, Result
from ldtm_platform.warehouse.tables import metadata as tables

OWNERS = ["team:ldtm"]
# The type of an output without a value, which no IO manager stores; Dagster takes this class where it asks for a type.
NOTHING = cast(dg.DagsterType, dg.Nothing)


def report_tickers(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    key: dg.AssetKey,
    outcomes: Iterable[Outcome],
    stage: Stage,
) -> None:
    """Log each ticker's outcome as it comes: a materialization, or a failure.

    A ticker that was left out for a named reason (too little history) is materialized with that state and its message:
    left unmaterialized it would turn every backfill of the fleet into a failed one.

    Raises dg.Failure at the end when some failed, with their names and reasons; the others stay materialized; and at
    once when a whole source is unusable, with its sentence for people.
    """
    failed: dict[str, str] = {}
    for outcome in _of_a_usable_source(outcomes):
        metadata = {
            "state": outcome.state,
            **outcome.facts,
            **({"message": outcome.message} if outcome.message else {}),
        }
        match outcome.result:
            case Result.FAILED:
                context.log.error(f"{outcome.key}: {outcome.message}")
                failed[outcome.key] = outcome.message
            case Result.MADE | Result.SKIPPED:
                if outcome.result is Result.SKIPPED:
                    context.log.warning(f"{outcome.key}: {outcome.message}")
                context.log_event(dg.AssetMaterialization(key, partition=outcome.key, metadata=metadata))
        stage.advance(outcome.key)
    if failed:
        raise dg.Failure(
            f"{len(failed)} failed: {', '.join(failed)}",
            metadata={"failed": dg.MetadataValue.json(failed)},
            allow_retries=False,
        )


def _of_a_usable_source(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    try:
        yield from outcomes
    except SourceError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def reported() -> dg.Output[None]:
    """The output of a step whose materializations are logged: what follows it in the run goes on, none is added.

    Dagster's own observing assets, which log their events themselves, are told apart by this internal key.
    """
    return dg.Output(None, metadata={SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True})


def announce(context: dg.OpExecutionContext, key: dg.AssetKey, tickers: Sequence[str]) -> None:
    """Plan a materialization of scattered tickers, so that the UI shows just these under way, and red what fails.

    Dagster plans partitions only for one key or a contiguous range; for the rest its internal event is the one way.
    """
    for ticker in tickers:
        event = DagsterEvent.build_asset_materialization_planned_event(
            context.job_name, str(context.op_handle), AssetMaterializationPlannedData(key, partition=ticker)
        )
        context.instance.report_dagster_event(event, run_id=context.run.run_id)


def range_tags(first: str, last: str) -> dict[str, str]:
    """The tags of one run that covers the contiguous partitions from first to last, both included."""
    return {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}


def table_metadata(name: str) -> dict[str, dg.TableSchema | str]:
    """The column schema of one of our tables, for its asset."""
    table: sa.Table = tables.tables[name]
    columns = [
        dg.TableColumn(
            column.name,
            str(column.type).lower(),
            description=column.comment,
            constraints=dg.TableColumnConstraints(nullable=bool(column.nullable)),
        )
        for column in table.columns
    ]
    return {"dagster/column_schema": dg.TableSchema(columns), "dagster/table_name": f"public.{name}"}
