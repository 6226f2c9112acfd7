"""`python -m ldtm_platform.dashboard`: the server as a process of its own, on a database that is up already."""

import sys

from ldtm_platform.dashboard.serving import serve
from ldtm_platform.settings import load_settings
from ldtm_platform.stack.supervisor import StackError
from ldtm_platform.warehouse.reader import NoReader, reader_engine

if __name__ == "__main__":
    try:
        serve(load_settings(), reader_engine())
    except (NoReader, StackError) as refusal:
        sys.exit(f"ldtm dashboard: {refusal}")
