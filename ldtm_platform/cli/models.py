"""The commands about trained models: what there is, and moving the champion's alias back."""

import json
from typing import Annotated

import typer

from ldtm_platform.cli.choosing import JsonOption
from ldtm_platform.cli.running import workbench
from ldtm_platform.cli.tables import show

OneTicker = Annotated[str, typer.Option("--ticker", help="The ticker")]


def cards(as_json: JsonOption = False) -> None:
    """The model card of every ticker: last trained, epochs, losses, skill against "tomorrow is today"."""
    from ldtm_platform.warehouse import reads

    with workbench(as_json=as_json) as bench:
        frame = reads.model_cards(bench.engine)
    if as_json:
        print(json.dumps(frame.rows(named=True), default=str))
    else:
        show(frame, empty="no model yet: `ldtm train --all`")


def rollback(ticker: OneTicker) -> None:
    """Make the ticker's previous version its champion again."""
    from ldtm_platform.warehouse import writes

    with workbench() as bench:
        with bench.engine.begin() as connection:
            version = writes.rollback_champion(connection, ticker.upper())
        print(f"{ticker.upper()}: the champion is {version} again")


COMMANDS = (cards, rollback)
