"""The code location: it loads quickly and completely in a process of its own, and follows the user's universe."""

import json
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]

LOAD = """
import json, sys, warnings
warnings.simplefilter("ignore")
import dagster as dg
from ldtm_platform.definitions import defs
from ldtm_platform.defs.partitions import SESSIONS, TICKERS
dg.Definitions.validate_loadable(defs)
print(json.dumps({
    "heavy": [name for name in ("torch", "dash", "psycopg2", "pandas") if name in sys.modules],
    "tickers": TICKERS.get_partition_keys(),
    "sessions": SESSIONS.get_partition_keys()[:3],
    "assets": len(defs.resolve_asset_graph().get_all_asset_keys()),
}))
"""


def _loaded(**settings: str) -> dict[str, list[str]]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("LDTM_")}
    found = subprocess.run(
        [sys.executable, "-c", LOAD], env={**variables, **settings}, cwd=PROJECT, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    loaded: dict[str, list[str]] = json.loads(found.stdout)
    return loaded


def test_it_loads_without_torch_and_dash_for_the_universe_of_103_tickers() -> None:
    loaded = _loaded()
    assert "torch" not in loaded["heavy"]
    assert "dash" not in loaded["heavy"]
    assert len(loaded["tickers"]) == 103
    assert loaded["sessions"] == ["2020-01-02", "2020-01-03", "2020-01-06"]


def test_it_follows_an_edited_universe_file(tmp_path: Path) -> None:
    universe = tmp_path / "universe.toml"
    universe.write_text('[sectors]\nsemis = ["NVDA", "AMD"]\n')
    loaded = _loaded(LDTM_UNIVERSE=str(universe), LDTM_SESSIONS_START="2026-04-02")
    assert loaded["tickers"] == ["AMD", "NVDA"]
    # Good Friday is no session.
    assert loaded["sessions"] == ["2026-04-02", "2026-04-06", "2026-04-07"]
