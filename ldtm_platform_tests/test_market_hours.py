"""The kept market hours are those of the installed exchange_calendars, and keep pandas out of the dashboard."""

import subprocess
import sys
from datetime import date
from pathlib import Path

from ldtm_platform.market_hours import FILE, LAST_KEPT, as_toml, from_package, market_hours

WRITE = "python -m ldtm_platform.market_hours"


def test_the_file_is_what_the_installed_package_says() -> None:
    assert FILE.read_text() == as_toml(from_package(LAST_KEPT), LAST_KEPT), f"exchange_calendars has changed: {WRITE}"
    assert market_hours(LAST_KEPT) == from_package(LAST_KEPT)


def test_a_span_that_ends_earlier_is_cut_there() -> None:
    last = date(2028, 12, 31)
    hours = market_hours(last)
    assert hours == from_package(last)
    assert hours.sessions[-1] == date(2028, 12, 29)


def test_a_file_of_another_version_or_too_short_a_file_is_not_believed(tmp_path: Path) -> None:
    # Both say that the exchange is closed on a day on which it trades.
    invented = FILE.read_text().replace("closed = [", "closed = [\n  2026-11-25,")
    last = date(2028, 12, 31)
    old = tmp_path / "old.toml"
    old.write_text(invented.replace('exchange_calendars = "', 'exchange_calendars = "1.'))
    short = tmp_path / "short.toml"
    short.write_text(invented.replace(f"last = {LAST_KEPT}", "last = 2027-12-31"))
    assert market_hours(last, old) == market_hours(last, short) == from_package(last)


def test_the_dashboard_needs_neither_pandas_nor_scipy() -> None:
    script = (
        "import sys, numpy as np, ldtm_platform.dashboard.server; from ldtm_platform.settings import Settings; "
        "from ldtm_platform.evaluation.confidence import estimated_strength; Settings().latest_session(); "
        "estimated_strength(np.array([30.0, 40.0]), np.array([60.0, 60.0])); "
        "assert not {'pandas', 'exchange_calendars', 'scipy', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
