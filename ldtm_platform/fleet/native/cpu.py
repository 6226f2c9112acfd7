"""What this machine's processor can do: the instructions that the kernel is made of."""

import platform
from pathlib import Path
from typing import Literal

InstructionSet = Literal["avx512", "avx512_bf16"]

_AVX512 = {"avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl"}
_BFLOAT16 = "avx512_bf16"
_CPUINFO = Path("/proc/cpuinfo")


def instruction_set() -> InstructionSet | None:
    """The best that the kernel can use here; None on Arm, on older processors, and where Linux does not tell."""
    if platform.machine() != "x86_64" or not _CPUINFO.is_file():
        return None
    return best_of(_CPUINFO.read_text())


def best_of(cpuinfo: str) -> InstructionSet | None:
    """The same of the text of /proc/cpuinfo."""
    flags: set[str] = set()
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            flags = set(value.split())
            break
    if not flags >= _AVX512:
        return None
    return "avx512_bf16" if _BFLOAT16 in flags else "avx512"
