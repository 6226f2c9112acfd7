"""The code location as `ldtm up` serves it (workspace.yaml): the definitions, whose runs start warm."""

from multiprocessing import parent_process

from ldtm_platform.definitions import defs as defs
from ldtm_platform.settings import load_settings
from ldtm_platform.stack.warm_runs import fork_runs

# A run's process loads this module too, and has a parent. Dagster's code server gives no other occasion than this one.
if parent_process() is None:
    fork_runs(load_settings().universe)
