"""Devices by name; what cannot be used is refused with what can."""

import pytest
import torch

from ldtm_platform.fleet.device import DeviceRefused, resolve_device
from ldtm_platform.models.threads import one_thread


def test_auto_is_cuda_where_there_is_one_and_cpu_otherwise() -> None:
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve_device("cpu").type == "cpu"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("xla", "XLA devices are not supported"),
        ("xla:0", "XLA devices are not supported"),
        ("tpu", "no device 'tpu': use auto, cpu, cuda"),
        ("cuda:one", "no device"),
        ("cuda:99", "CUDA devices here"),
    ],
)
def test_other_devices_are_refused_with_what_to_use(name: str, message: str) -> None:
    with pytest.raises(DeviceRefused, match=message):
        resolve_device(name)


def test_a_block_on_one_thread_gives_the_threads_back() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
