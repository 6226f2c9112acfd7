"""The code location: everything that Dagster discovers under defs/."""

from pathlib import Path

import dagster as dg

from ldtm_platform.importing import heavy_imports

with heavy_imports():
    defs = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
