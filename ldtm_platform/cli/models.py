"""The commands about trained models: what there is, and moving the champion's alias back."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ldtm_platform.cli.choosing import AllOption, GroupOption, JsonOption, TickerOption, chosen_tickers
from ldtm_platform.cli.running import Workbench, workbench
from ldtm_platform.cli.tables import say, show
from ldtm_platform.universe import load_universe

if TYPE_CHECKING:
    import polars as pl

OneTicker = Annotated[str, typer.Option("--ticker", help="The ticker")]


def cards(as_json: JsonOption = False) -> None:
    """The model card of every ticker: last trained, epochs, losses and skill beside those of "tomorrow is today"."""
    from ldtm_platform.warehouse import reads
    from ldtm_platform.warehouse.provenance import provenance

    with workbench(as_json=as_json) as bench:
        frame, made_up = reads.model_cards(bench.engine), provenance(bench.engine).simulated
    if as_json:
        print(json.dumps(frame.rows(named=True), default=str))
    else:
        show(_brief(frame), empty="no model yet: `ldtm train --all`")
        print(
            '\nval_loss beside what "tomorrow is today" loses on the same windows (about 0.63 on a random walk)'
            '\nnext_day to total: skill on the test part, 1 - loss / loss of "tomorrow is today"; below 0 is worse'
            "\nwindows: those of the test part that any head is scored on; of one month there are about 20 fewer"
        )
        if made_up:
            print(f"trained on simulated prices: {', '.join(sorted(made_up))}")


def rollback(ticker: OneTicker) -> None:
    """Make the ticker's previous version its champion again."""
    from ldtm_platform.warehouse import writes

    with workbench() as bench:
        (known,) = load_universe(bench.settings.universe).known([ticker])
        with bench.engine.begin() as connection:
            version = writes.rollback_champion(connection, known)
        print(f"{known}: the champion is {version} again")


def onnx(
    to: Annotated[Path, typer.Option(help="The folder that the files go to")],
    ticker: TickerOption = None,
    group: GroupOption = None,
    everything: AllOption = False,
) -> None:
    """Write champions as ONNX files, one a ticker and one for all, checked against PyTorch in onnxruntime."""
    with workbench() as bench:
        chosen = chosen_tickers(bench.settings, ticker, group, everything)
        missing = _exported(bench, chosen, to)
    for name, reason in missing.items():
        say(f"{name}: {reason}")
    if missing:
        raise typer.Exit(1)


def _exported(bench: Workbench, tickers: Sequence[str], folder: Path) -> dict[str, str]:
    try:
        from ldtm_platform.export.models import export_models
    except ModuleNotFoundError as missing:
        say(f"ldtm: ONNX needs {missing.name}: pip install 'ldtm_platform[onnx]'")
        raise typer.Exit(2) from None
    from ldtm_platform.models.ldtm.family import Ldtm
    from ldtm_platform.resources.model_store import ModelStore

    session = bench.settings.latest_session()
    return export_models(bench.engine, ModelStore().store(), Ldtm(), tickers, folder, session=session, say=print)


def _brief(cards: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    from ldtm_platform.horizons import HORIZONS

    skill = [
        pl.col("skill").str.json_path_match(f"$.test.{horizon}").cast(pl.Float64).alias(horizon)
        for horizon in (*HORIZONS, "total")
    ]
    return cards.select(
        "ticker",
        pl.col("trained_through").alias("through"),
        pl.col("epochs_run").alias("epochs"),
        pl.col("best_val_loss").alias("val_loss"),
        pl.col("persistence_val_loss").alias("tomorrow_is_today"),
        *skill,
        pl.col("windows").str.json_path_match("$.test.total").cast(pl.Int64),
        "device",
        pl.col("last_training_status").alias("training"),
    )


COMMANDS = (cards, rollback, onnx)
