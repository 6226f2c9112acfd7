"""Where models train and predict: a CPU or a CUDA device, chosen by name."""

import torch


class DeviceRefused(ValueError):
    """The device cannot be used; the message says which can."""


def resolve_device(name: str) -> torch.device:
    """The device of a name: auto (CUDA where there is one, else CPU), cpu, cuda or cuda:N. Raises DeviceRefused."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
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
    return torch.device(name)
