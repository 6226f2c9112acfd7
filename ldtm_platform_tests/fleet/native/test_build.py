"""Where the kernel is compiled, where it cannot be, and what is said then."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from ldtm_platform.fleet.names import CpuEngine
from ldtm_platform.fleet.native import build, choice
from ldtm_platform.fleet.native.build import built
from ldtm_platform.fleet.native.choice import KernelRefused, find_kernel
from ldtm_platform.fleet.native.cpu import InstructionSet, best_of
from ldtm_platform.fleet.native.kernel import Kernel

ROOT = Path(__file__).parents[3]
AVX512 = "avx avx2 fma avx512f avx512dq avx512bw avx512vl"
# A compiler that is slow, and quick to be killed: it writes as it goes.
FAKE = """#!/bin/sh
case "$1" in --version) echo fake 1.0; exit;; esac
while [ "$1" != "-o" ]; do shift; done
printf half > "$2"; sleep {seconds}; printf whole > "$2"
"""


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiler of our own, first on the path."""
    tool = tmp_path / "bin" / build.COMPILERS[0]
    tool.parent.mkdir()
    tool.write_text(FAKE.format(seconds=0.5))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")
    return tool


def test_a_processor_is_known_by_its_flags() -> None:
    assert best_of(f"processor : 0\nflags\t\t: fpu {AVX512} avx512_bf16\n") == "avx512_bf16"
    assert best_of(f"flags : {AVX512}\nflags : {AVX512} avx512_bf16") == "avx512"
    assert best_of("flags : fpu sse2 avx avx2 fma") is None
    assert best_of("Features : fp asimd evtstrm bf16") is None


def test_processes_that_compile_at_once_leave_one_whole_library(tmp_path: Path, compiler: Path) -> None:
    both = [_building(tmp_path) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert [path.read_text() for path in tmp_path.glob("*.so")] == ["whole"]
    assert not list(tmp_path.glob(".partial-*"))


def test_a_process_that_is_killed_while_compiling_leaves_no_library(tmp_path: Path, compiler: Path) -> None:
    compiler.write_text(FAKE.format(seconds=20))
    with _building(tmp_path) as process:
        while not list(tmp_path.glob(".partial-*")):
            assert process.poll() is None
        process.kill()
    assert not list(tmp_path.glob("*.so"))
    compiler.write_text(FAKE.format(seconds=0))
    assert built("avx512", tmp_path).read_text() == "whole"


def test_other_sources_flags_and_compilers_are_other_libraries(
    tmp_path: Path, compiler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler.write_text(FAKE.format(seconds=0))
    libraries = {built("avx512", tmp_path), built("avx512_bf16", tmp_path), built("avx512", tmp_path)}
    assert len(libraries) == 2
    compiler.write_text(FAKE.format(seconds=0).replace("1.0", "1.1"))
    assert built("avx512", tmp_path) not in libraries
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "kernel.cpp").write_text("// another")
    monkeypatch.setattr(build, "SOURCES", sources)
    assert len({*libraries, built("avx512", tmp_path)}) == 3


def test_without_a_compiler_pytorch_trains_and_the_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(choice, "instruction_set", lambda: "avx512")
    with caplog.at_level(logging.WARNING):
        assert find_kernel("auto", tmp_path) is None
    assert "there is no C++ compiler (c++, g++, clang++): install g++" in caplog.text
    with pytest.raises(KernelRefused, match=r"LDTM_CPU_ENGINE=float32 cannot be had: there is no C\+\+ compiler"):
        find_kernel("float32", tmp_path)


@pytest.mark.parametrize(
    ("instructions", "engine", "message"),
    [(None, "float32", "no AVX-512"), (None, "bfloat16", "no AVX-512"), ("avx512", "bfloat16", "no avx512_bf16")],
)
def test_what_the_processor_lacks_is_refused_when_it_is_asked_for_by_name(
    instructions: InstructionSet | None,
    engine: CpuEngine,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choice, "instruction_set", lambda: instructions)
    with pytest.raises(KernelRefused, match=message):
        find_kernel(engine, tmp_path)


@pytest.mark.parametrize(("instructions", "precision"), [("avx512_bf16", "bfloat16"), ("avx512", "float32")])
def test_bfloat16_trains_where_the_processor_multiplies_it(
    instructions: InstructionSet, precision: str, tmp_path: Path, compiler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler.write_text(FAKE.format(seconds=0))
    monkeypatch.setattr(choice, "instruction_set", lambda: instructions)
    kernel = find_kernel("auto", tmp_path)
    assert kernel is not None
    assert (kernel.instructions, kernel.precision) == (instructions, precision)


def test_arm_and_older_processors_train_in_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "instruction_set", lambda: None)
    assert find_kernel("auto", tmp_path) is None


def test_pytorch_can_be_asked_for(tmp_path: Path) -> None:
    assert find_kernel("pytorch", tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_a_source_that_does_not_compile_is_named_with_the_compilers_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kernel.cpp").write_text("#error cannot be\n")
    monkeypatch.setattr(build, "SOURCES", tmp_path)
    with pytest.raises(build.CannotBuild, match=r"cannot compile the training kernel.*cannot be"):
        built("avx512", tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_library_is_compiled_once(kernel: Kernel, kernel_cache: Path) -> None:
    before = kernel.library.stat().st_mtime_ns
    assert built(kernel.instructions, kernel_cache) == kernel.library
    assert kernel.library.stat().st_mtime_ns == before


def _building(cache: Path) -> subprocess.Popen[bytes]:
    """Another process that compiles into that folder."""
    script = (
        "import sys; from pathlib import Path; from ldtm_platform.fleet.native.build import built; "
        "built('avx512', Path(sys.argv[1]))"
    )
    return subprocess.Popen([sys.executable, "-c", script, str(cache)], cwd=ROOT)
