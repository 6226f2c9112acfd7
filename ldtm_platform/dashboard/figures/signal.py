"""The figure of the TQQQ Signal: what following the stored signals would have made, beside holding TQQQ."""

from collections.abc import Sequence
from typing import Any

from ldtm_platform.dashboard.parts.theme import BLUE, GREY, GRID, VERMILLION, figure
from ldtm_platform.strategy.record import Floats, equity
from ldtm_platform.strategy.summary import Followed

# More points than a screen has columns cost time and show nothing.
DRAWN_POINTS = 750
# Positions on the lower axis, with the fund's name as its tick.
_HELD = {"long TQQQ": 1, "flat": 0, "long SQQQ": -1}


def equity_figure(done: Followed) -> dict[str, Any]:
    """The value of 1 after each session that earned, above; below, which fund was held in it.

    Of long records every few sessions' value is drawn, the last always; of what was held every change.
    """
    n = len(done.sessions)
    drawn = list(range((n - 1) % -(-n // DRAWN_POINTS), n, -(-n // DRAWN_POINTS)))
    exposures = [signal.exposure for signal in done.signals]
    changes = [at for at in range(n) if at in (0, n - 1) or exposures[at] != exposures[at - 1]]
    days = [done.sessions[at].isoformat() for at in drawn]
    return figure(
        _line(days, equity(done.walk)[drawn], "following the signal", {"color": BLUE, "width": 2.5}),
        _line(days, equity(done.holding)[drawn], "buy and hold TQQQ", {"color": GREY, "width": 2, "dash": "dash"}),
        {
            "type": "scatter",
            "x": [done.sessions[at].isoformat() for at in changes],
            "y": [_HELD[exposures[at]] for at in changes],
            "text": [exposures[at] for at in changes],
            "name": "held",
            "mode": "lines",
            "line": {"color": VERMILLION, "width": 1.5, "shape": "hv"},
            "yaxis": "y2",
            "hovertemplate": "%{text}",
        },
        xaxis={"title": {"text": ""}, "anchor": "y2"},
        yaxis={"title": {"text": "value of 1"}, "domain": [0.3, 1.0], "tickformat": ".2f"},
        yaxis2={
            "domain": [0.0, 0.2],
            "range": [-1.3, 1.3],
            "tickvals": [-1, 0, 1],
            "ticktext": ["SQQQ", "flat", "TQQQ"],
            "gridcolor": GRID,
            "zeroline": False,
        },
    )


def _line(days: Sequence[str], values: Floats, name: str, line: dict[str, object]) -> dict[str, Any]:
    y = values.round(4).tolist()
    return {
        "type": "scatter",
        "x": days,
        "y": y,
        "name": name,
        "mode": "lines",
        "line": line,
        "hovertemplate": "%{y:.3f}",
    }
