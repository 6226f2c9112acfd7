"""Commands in processes of their own that need not load their libraries: forked from one that has loaded them.

Of a command's seconds most are imports. What is forked is otherwise what a user starts: its own environment, folder,
output, exit code, and a process that can be killed. The module that is the command itself, and what reads settings, is
loaded after the fork.
"""

import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

# Third parties' alone: what they do at import does not depend on our settings.
LIBRARIES = (
    *("alembic.command", "dagster", "dagster.components", "dagster_postgres", "dataframely", "exchange_calendars"),
    *("fsspec", "httpx", "httpx_retries", "polars", "psycopg", "psycopg2", "pydantic_settings", "pyrate_limiter"),
    *("rich.progress", "safetensors.torch", "sqlalchemy.dialects.postgresql", "tomlkit", "torch", "torch._dynamo"),
    *("typer", "upath"),
)


@dataclass(frozen=True)
class Said:
    """What a command left: its exit code and what it said."""

    code: int
    out: str
    err: str

    def json(self) -> Any:  # noqa: ANN401
        """Its stdout, which is one JSON document."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Forked:
    """A command that was started."""

    process: BaseProcess
    said: Path

    def poll(self) -> int | None:
        """Its exit code once it has ended."""
        return self.process.exitcode

    def kill(self) -> None:
        """As kill -9 does; returns when it is gone."""
        self.process.kill()
        self.process.join()

    def result(self, seconds: float) -> Said:
        """What it left, once it ends. Raises TimeoutError, with the command killed, where it does not in time."""
        self.process.join(seconds)
        code = self.process.exitcode
        if code is None:
            self.kill()
            raise TimeoutError(f"the command did not end within {seconds:.0f} s; it said: {_read(self.said / 'err')}")
        return Said(code, _read(self.said / "out"), _read(self.said / "err"))


def fork(arguments: Sequence[str], variables: Mapping[str, str], folder: Path) -> Forked:
    """Start `ldtm` with these arguments, environment variables and working folder."""
    said = Path(tempfile.mkdtemp(prefix="said-", dir=folder))
    process = _context().Process(target=_command, args=(list(arguments), dict(variables), folder, said))
    process.start()
    return Forked(process, said)


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(LIBRARIES))
    return context


def _command(arguments: list[str], variables: dict[str, str], folder: Path, said: Path) -> None:
    """What the forked process does: be the command line."""
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    for name, stream in (("out", sys.stdout), ("err", sys.stderr)):
        file = os.open(said / name, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, stream.fileno())
        os.close(file)
    sys.argv = ["-c", *arguments]

    from ldtm_platform.cli.app import main

    main()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
