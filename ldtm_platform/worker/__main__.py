"""`python -m ldtm_platform.worker SETTINGS`: all imported and connected, it does for others what `ldtm infer` does.

The argument is the fingerprint of the settings of whoever starts it (agreement.py), whose passwords are none of its
business. It ends when the code or the universe has changed, to be started again.
"""

import signal
import sys
from contextlib import suppress
from functools import partial

from ldtm_platform.settings import load_settings
from ldtm_platform.worker.agreement import Terms, code_print


def main(agreed: str) -> None:
    """Answer questions until the code changes, Ctrl-C or SIGTERM."""
    settings = load_settings()
    terms = Terms(agreed, code_print(settings.universe), settings.universe)
    # After the print: what changes while these are imported makes another.
    from ldtm_platform.cli.running import Workbench
    from ldtm_platform.worker.answering import answer_next, listening
    from ldtm_platform.worker.desk import answer
    from ldtm_platform.worker.messages import socket_path

    bench = Workbench(settings, as_json=True)
    with listening(socket_path(settings.home)) as server:
        while terms.are_current():
            answer_next(server, terms.refusal, partial(answer, bench))
    print("the code or the universe has changed: ending, to be started again", flush=True)


if __name__ == "__main__":
    # Whoever started us in the background may have left Ctrl-C ignored; either way to end takes the socket along.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        main(sys.argv[1])
