"""Where models train and predict: a CPU or a CUDA device, chosen by name."""

from functools import cache

import torch

from ldtm_platform.gpu import roomiest


class DeviceRefused(ValueError):
    """The device cannot be used; the message says which can."""


def is_cuda(name: str) -> bool:
    """Whether a device's name means a card here; none is taken yet, nor looked for where one is named."""
    return torch.cuda.is_available() if name == "auto" else name.startswith("cuda")


def resolve_device(name: str) -> torch.device:
    """The device of a name: auto (CUDA where there is one, else CPU), cpu, cuda or cuda:N. Raises DeviceRefused.

    A CUDA device becomes this thread's current one: that is what "cuda" means from then on. Without a number it is the
    card with most free memory, the same for as long as the process lives.
    """
    if name == "auto":
        name = "cuda" if is_cuda(name) else "cpu"
    if name == "cpu":
        return torch.device(name)
    kind, _, index = name.partition(":")
    if kind == "xla":
        raise DeviceRefused(f"device {name!r}: XLA devices are not supported by this engine; use auto, cpu or cuda")
    if kind != "cuda" or (index and not index.isdecimal()):
        raise DeviceRefused(f"no device {name!r}: use auto, cpu, cuda or cuda:0")
    count = torch.cuda.device_count()
    if int(index or 0) >= count:
        raise DeviceRefused(f"device {name!r}: PyTorch {torch.__version__} sees {count} CUDA devices here; use cpu")
    try:
        torch.cuda.set_device(int(index) if index else _card())
    except RuntimeError as error:
        # Not even a context's memory is free, or the driver does not suit.
        raise DeviceRefused(f"device {name!r} cannot be used: {error}; use cpu") from None
    return torch.device(name)


@cache
def _card() -> int:
    """Chosen once: a second look would count what this process itself has taken."""
    return roomiest([torch.cuda.get_device_properties(index).uuid for index in range(torch.cuda.device_count())])
