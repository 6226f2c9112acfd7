"""Compile the kernel, once per source, compiler and processor, into a folder that all processes of a home share.

A library is written beside its place and renamed into it: a process that is killed, or two that compile at once,
leave a whole one or none.
"""

import hashlib
import shutil
import subprocess
import time
from pathlib import Path
from uuid import uuid4

from ldtm_platform.fleet.native.cpu import InstructionSet

SOURCES = Path(__file__).parent
COMPILERS = ("c++", "g++", "clang++")
_FLAGS = ("-O3", "-std=c++17", "-shared", "-fPIC", "-w", "-mavx2", "-mfma")
_AVX512 = ("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl")
_TARGETS: dict[InstructionSet, tuple[str, ...]] = {"avx512": _AVX512, "avx512_bf16": (*_AVX512, "-mavx512bf16")}
_LIMIT_SEC = 300
# Compiling takes seconds: what is older was left by a process that was killed.
_ABANDONED_AFTER_SEC = 3600


class CannotBuild(RuntimeError):
    """The kernel cannot be compiled here; the message says why and what to do."""


def built(instructions: InstructionSet, cache: Path) -> Path:
    """The library for those instructions, compiled if it is not there yet. Raises CannotBuild."""
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        raise CannotBuild(f"there is no C++ compiler ({', '.join(COMPILERS)}): install g++")
    command = [compiler, *_FLAGS, *_TARGETS[instructions]]
    library = cache / f"kernel-{_fingerprint(command)}.so"
    if not library.exists():
        _compile(command, library)
    return library


def _fingerprint(command: list[str]) -> str:
    """A hash of everything that the library's bytes depend on."""
    version = subprocess.run([command[0], "--version"], capture_output=True, text=True, check=False).stdout
    digest = hashlib.sha256(f"{command}|{version}".encode())
    for source in sorted((*SOURCES.glob("*.h"), *SOURCES.glob("*.cpp"))):
        digest.update(source.name.encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _compile(command: list[str], library: Path) -> None:
    try:
        library.parent.mkdir(parents=True, exist_ok=True)
        for partial in library.parent.glob(".partial-*"):
            if time.time() - partial.stat().st_mtime > _ABANDONED_AFTER_SEC:
                partial.unlink(missing_ok=True)
    except OSError as error:
        message = f"{library.parent} cannot be written to ({error.strerror}): choose another LDTM_HOME"
        raise CannotBuild(message) from None
    partial = library.with_name(f".partial-{uuid4().hex}")
    try:
        done = subprocess.run(
            [*command, str(SOURCES / "kernel.cpp"), "-o", str(partial)],
            capture_output=True,
            text=True,
            check=False,
            timeout=_LIMIT_SEC,
        )
        if done.returncode:
            said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[0]
            raise CannotBuild(f"{command[0]} cannot compile the training kernel: {said}")
        partial.replace(library)
    except subprocess.TimeoutExpired:
        raise CannotBuild(f"{command[0]} took longer than {_LIMIT_SEC} s to compile the training kernel") from None
    finally:
        partial.unlink(missing_ok=True)
