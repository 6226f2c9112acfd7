"""Which arithmetic trains on a CPU: the kernel's, or PyTorch's where the kernel cannot be."""

import logging
from pathlib import Path

from ldtm_platform.fleet.names import CpuEngine
from ldtm_platform.fleet.native.build import CannotBuild, built
from ldtm_platform.fleet.native.cpu import instruction_set
from ldtm_platform.fleet.native.kernel import Kernel, KernelPrecision

logger = logging.getLogger(__name__)


class KernelRefused(ValueError):
    """The kernel that was asked for by name cannot be had; the message says why and what else there is."""


def find_kernel(engine: CpuEngine, cache: Path) -> Kernel | None:
    """The kernel for an engine's name, compiled into `cache` on first use; None for PyTorch.

    `auto` is bfloat16 where the processor multiplies it, because over the whole fleet its models are as good
    (docs/training-speed.md); else float32, whose models are PyTorch's to the fifth digit; and PyTorch where there is no
    AVX-512 or, with a line in the log, no compiler. Raises KernelRefused when an arithmetic was asked for by name and
    cannot be had.
    """
    if engine == "pytorch":
        return None
    instructions = instruction_set()
    if instructions is None:
        _do_without(engine, "this processor has no AVX-512")
        return None
    if engine == "bfloat16" and instructions != "avx512_bf16":
        _do_without(engine, "this processor has no avx512_bf16 (float32 would do)")
    fastest: KernelPrecision = "bfloat16" if instructions == "avx512_bf16" else "float32"
    precision = fastest if engine == "auto" else engine
    try:
        return Kernel(built(instructions, cache), instructions, precision)
    except CannotBuild as reason:
        _do_without(engine, str(reason))
        return None


def forecasting_kernel(engine: CpuEngine, cache: Path) -> Kernel | None:
    """The kernel that forecasts, in float32; None for PyTorch, with a line in the log where there is no compiler."""
    instructions = instruction_set() if engine != "pytorch" else None
    if instructions is None:
        return None
    try:
        return Kernel(built(instructions, cache), instructions, "float32")
    except CannotBuild as reason:
        logger.warning("Forecasts are made in PyTorch: %s", reason)
        return None


def _do_without(engine: CpuEngine, reason: str) -> None:
    if engine != "auto":
        raise KernelRefused(f"LDTM_CPU_ENGINE={engine} cannot be had: {reason}; set it to auto or pytorch")
    logger.warning("Training runs in PyTorch, up to twice slower than the native kernel: %s", reason)
