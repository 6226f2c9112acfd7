"""The command that shows the TQQQ signal."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ldtm_platform.cli.choosing import JsonOption, SessionOption
from ldtm_platform.cli.running import workbench
from ldtm_platform.cli.tables import say, show

if TYPE_CHECKING:
    import polars as pl

HistoryOption = Annotated[bool, typer.Option("--history", help="Every stored signal instead of one, oldest first")]
FIGURES = ("sessions", "total_return_pct", "cagr_pct", "volatility_pct", "max_drawdown_pct", "sharpe", "sharpe_se")


def signal(session: SessionOption = None, history: HistoryOption = False, as_json: JsonOption = False) -> None:
    """The TQQQ signal of the newest session or --session DATE, with its record. Not investment advice."""
    from ldtm_platform.stages.signal import shown_signal
    from ldtm_platform.warehouse import reads

    with workbench(as_json=as_json) as bench:
        day = session.date() if session else None
        if history:
            listed = reads.tqqq_signals(bench.engine, through=day)
            _print_history(listed, as_json=as_json)
            return
        found = shown_signal(bench.engine, day)
    if found is None:
        say(f"no signal{f' of {day}' if day else ''}: it needs bars of TQQQ and SQQQ, and `ldtm pipeline`")
        raise typer.Exit(1)
    if as_json:
        print(json.dumps(found.stored))
        return
    document = found.document
    confidence = document["confidence"]
    print(f"{document['session']}: {document['exposure']}")
    print(f"confidence: {'not enough evidence' if confidence is None else f'{confidence:.0f} of 100'}")
    for reason in document["reasons"]:
        print(f"  {reason}")
    record = document["record"]
    print(f"\n{record['verdict']}\n{record['execution']}, {record['cost_bp_per_side']:g} bp a side")
    show(_parts(record["parts"]), empty="")
    if found.since:
        print(found.since)
    print(f"\n{document['disclaimer']}")


def _print_history(listed: "pl.DataFrame", *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(listed.rows(named=True), default=str))
    else:
        show(listed, empty="no signal is stored: `ldtm pipeline`")


def _parts(parts: list[dict[str, Any]]) -> "pl.DataFrame":
    import polars as pl

    rows = [
        {
            "record": part["basis"] if who == "signal" else "  buy and hold TQQQ",
            **{name: part[who][name] for name in FIGURES},
        }
        for part in parts
        for who in ("signal", "buy_and_hold")
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


COMMANDS = (signal,)
