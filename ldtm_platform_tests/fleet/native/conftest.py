"""The kernel, compiled once for all tests and test processes; tests of it skip where it cannot be had."""

import tempfile
from getpass import getuser
from pathlib import Path

import pytest

from ldtm_platform.fleet.native.choice import KernelRefused, find_kernel
from ldtm_platform.fleet.native.kernel import Kernel, KernelPrecision


@pytest.fixture(scope="session")
def kernel_cache() -> Path:
    """A folder that outlives the test process, so that the next does not compile again."""
    return Path(tempfile.gettempdir()) / f"ldtm-test-kernel-{getuser()}"


@pytest.fixture(scope="session")
def float32(kernel_cache: Path) -> Kernel:
    """The kernel in float32."""
    return _kernel("float32", kernel_cache)


@pytest.fixture(scope="session", params=["float32", "bfloat16"])
def kernel(request: pytest.FixtureRequest, kernel_cache: Path) -> Kernel:
    """The kernel in either arithmetic."""
    return _kernel(request.param, kernel_cache)


def _kernel(precision: KernelPrecision, cache: Path) -> Kernel:
    try:
        found = find_kernel(precision, cache)
    except KernelRefused as reason:
        pytest.skip(str(reason))
    assert found
    return found
