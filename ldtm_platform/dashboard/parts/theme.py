"""The look: colours that read on white and on near-black and that the colour-blind tell apart, and the figures' frame.

The four hues are Okabe and Ito's (jfly.uni-koeln.de/color): of their eight, those with a contrast of 3:1 or more on
both backgrounds, so that a figure is the same in both themes; drawn opaque, as the contrast is lost otherwise. Text,
grid and legend of figures take the theme's colours by CSS (assets/look.css), which switches without asking the server.
"""

from collections.abc import Mapping
from typing import Any

BLUE = "#0072B2"
VERMILLION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
GREY = "#808080"
GRID = "rgba(128,128,128,0.22)"

MANTINE: dict[str, Any] = {
    "primaryColor": "ink",
    "primaryShade": {"light": 6, "dark": 4},
    "colors": {
        "ink": [
            "#e6f3fb",
            "#cce4f4",
            "#99c9e9",
            "#66aede",
            "#3d97d3",
            "#1a83c4",
            "#0072b2",
            "#005f96",
            "#004c78",
            "#00395a",
        ]
    },
    "fontFamily": "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
    "headings": {"fontFamily": "inherit", "fontWeight": "650"},
    "defaultRadius": "md",
    "focusRing": "auto",
    "respectReducedMotion": True,
    "autoContrast": True,
}

# Fixed: measuring the labels would draw every axis twice, a tenth of the time that the Ticker View takes.
MARGIN = {"l": 58, "r": 8, "t": 8, "b": 40}
_AXIS = {"zeroline": False, "gridcolor": GRID, "linecolor": GREY}
_FRAME: dict[str, Any] = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"family": "system-ui, sans-serif", "size": 12, "color": GREY},
    "colorway": [BLUE, VERMILLION, GREEN, PURPLE, GREY],
    "margin": MARGIN,
    "hovermode": "x unified",
    "dragmode": "pan",
    "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "title": {"text": ""}},
    "xaxis": _AXIS,
    "yaxis": _AXIS,
}


def figure(*traces: Mapping[str, object], **layout: object) -> dict[str, Any]:
    """A figure of the traces (as Plotly's schema has them, `type` included) in the house frame, ready to be sent.

    Plotly's own classes check each value, which takes longer (40 ms on the Ticker View) than all the queries: the tests
    check the figures with them instead.
    """
    axes = {axis: {**_AXIS, **_mapping(layout.get(axis))} for axis in ("xaxis", "yaxis")}
    return {"data": list(traces), "layout": {**_FRAME, **layout, **axes}}


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
