"""A child of the platform's supervisor that is started again when it dies."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ldtm_platform.settings import Settings
from ldtm_platform.stack.session import PROJECT
from ldtm_platform.stack.supervisor import SUPERVISOR_VARIABLE, stop_tree

# One that dies again and again is started again ever more rarely, and one that has held out for so long is new.
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, HELD_OUT_SECONDS = 1.0, 60.0, 60.0
_OURS = ("DAGSTER_", "DB_", "LDTM_", "LLM_")
_SECRET = re.compile(
    r"^(AZURE|AWS|GOOGLE|GCP)_|SECRET|TOKEN|PASSW|CREDENTIAL|(API|ACCESS|ACCOUNT|PRIVATE)_?KEY|CONNECTION_STRING|_DSN$"
)


class KeptProcess:
    """The child, whichever process it is at the moment."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        say: Callable[[str], None],
    ) -> None:
        self.log = log
        self._name, self._command, self._environment, self._say = name, command, environment, say
        self._wait = FIRST_WAIT_SECONDS
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._process = self._start("wb")

    def exit_code(self) -> int | None:
        """What it ended with; None while it runs."""
        return self._process.poll()

    def tend(self) -> None:
        """Start it again when it has died, and say so; called every second or so."""
        code, now = self.exit_code(), time.monotonic()
        if code is None:
            if now - self._started > HELD_OUT_SECONDS:
                self._wait = FIRST_WAIT_SECONDS
            return
        if now - self._started < self._wait:
            return
        self._wait = min(2 * self._wait, LONGEST_WAIT_SECONDS)
        self._say(f"The {self._name} ended (exit code {code}) and is started again; why: {self.log}")
        self._process = self._start("ab")

    def stop(self) -> None:
        """End it, and what it may have started."""
        stop_tree(self._process)

    def _start(self, mode: str) -> subprocess.Popen[bytes]:
        self._started = time.monotonic()
        with self.log.open(mode) as output:
            # A session of its own: Ctrl-C reaches us alone, and we decide in which order things stop.
            return subprocess.Popen(
                self._command,
                cwd=PROJECT,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )


def environment_without(settings: Settings, variables: Mapping[str, str], unneeded: tuple[str, ...]) -> dict[str, str]:
    """A child's variables: ours and those given, marked as the home's.

    Without those that begin like the unneeded ones, and without the secrets of whatever other cloud or tool.
    """
    given = {**os.environ, **variables, SUPERVISOR_VARIABLE: str(settings.home)}
    needed = {name: value for name, value in given.items() if not name.startswith(unneeded)}
    return {name: value for name, value in needed.items() if name.startswith(_OURS) or not _SECRET.search(name.upper())}
