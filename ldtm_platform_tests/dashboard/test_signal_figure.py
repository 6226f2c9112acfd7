"""The signal's figure: the record's own numbers, few points of a long one, and every change of what was held."""

import plotly.graph_objects as go
import pytest

from ldtm_platform.dashboard.figures.signal import DRAWN_POINTS, equity_figure
from ldtm_platform.strategy.record import equity
from ldtm_platform.strategy.rule import Exposure
from ldtm_platform.strategy.summary import Followed, Stored, follow
from ldtm_platform_tests.strategy.market import bars, days, market

CYCLE: tuple[Exposure, ...] = ("long TQQQ", "flat", "long SQQQ")
HELD = {1: "long TQQQ", 0: "flat", -1: "long SQQQ"}


def long_record(count: int) -> Followed:
    rows = market(bars(count))
    stored = {day: Stored(CYCLE[number // 40 % 3], is_replay=True) for number, day in enumerate(days(count))}
    return follow(rows, count - 1, stored, 5.0)


@pytest.mark.parametrize("count", [5, 700, 2_300])
def test_a_record_of_any_length_is_drawn_to_its_end_with_few_points(count: int) -> None:
    done = long_record(count)
    # Plotly's own classes take it as it is.
    signal, holding, _ = go.Figure(equity_figure(done)).data
    assert min(len(done.sessions), DRAWN_POINTS) // 2 < len(signal.x) <= DRAWN_POINTS
    assert signal.x[-1] == done.sessions[-1].isoformat()
    assert signal.y[-1] == pytest.approx(equity(done.walk)[-1], abs=1e-4)
    assert holding.y[-1] == pytest.approx(equity(done.holding)[-1], abs=1e-4)


def test_what_was_held_can_be_read_off_for_every_session() -> None:
    done = long_record(700)
    held = equity_figure(done)["data"][2]
    changes = dict(zip(held["x"], held["y"], strict=True))
    position, drawn = 0, []
    for session in done.sessions:
        position = changes.get(session.isoformat(), position)
        drawn.append(HELD[position])
    assert drawn == [signal.exposure for signal in done.signals]
