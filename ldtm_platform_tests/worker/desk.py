"""A worker without a platform behind it, in a process of its own: real socket, real agreement, made-up forecasts."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ldtm_platform.settings import Settings
from ldtm_platform.worker.agreement import code_print, settings_print

# A ticker SLOW takes for ever.
DESK = """
import sys, time
from pathlib import Path
from ldtm_platform.worker.agreement import Terms
from ldtm_platform.worker.answering import answer_next, listening
from ldtm_platform.worker.messages import Answer, Question

terms = Terms(sys.argv[2], sys.argv[3], Path(sys.argv[4]))

def work(question: Question) -> Answer:
    print("working", flush=True)
    time.sleep(300 if "SLOW" in question.tickers else 0)
    return Answer({"success": True}, [{"ticker": each, "next_day_close": 0.1 + 0.2} for each in question.tickers])

with listening(Path(sys.argv[1])) as server:
    print("listening", flush=True)
    while terms.are_current():
        answer_next(server, terms.refusal, work)
"""


@contextmanager
def desk(settings: Settings, *, agreed: str | None = None) -> Iterator["subprocess.Popen[str]"]:
    """The process, once it listens; it agrees with the settings unless another print is given."""
    path, universe = settings.home / "worker.sock", settings.universe
    given = [str(path), agreed or settings_print(settings), code_print(universe), str(universe)]
    with subprocess.Popen([sys.executable, "-c", DESK, *given], stdout=subprocess.PIPE, text=True) as process:
        said(process, "listening")
        try:
            yield process
        finally:
            process.kill()


def said(process: "subprocess.Popen[str]", line: str) -> None:
    """Wait until it has said that."""
    assert process.stdout is not None
    assert process.stdout.readline() == f"{line}\n"
