"""What forecasts on this machine: a family of models by the native kernel where there is one, else in PyTorch."""

from functools import cache
from pathlib import Path

from ldtm_platform.fleet.names import CpuEngine
from ldtm_platform.fleet.native.choice import forecasting_kernel
from ldtm_platform.fleet.native.forecasts import LdtmByKernel
from ldtm_platform.models.base import ModelFamily
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.registry import model_family


@cache
def serving_family(name: str, engine: CpuEngine, folder: Path) -> ModelFamily:
    """The family of that name, ready to forecast; PyTorch is imported only where it is needed.

    Raises UnknownFamily. The kernel is compiled into the folder on first use; a process keeps what it got.
    """
    if name == LdtmByKernel.name:
        kernel = forecasting_kernel(engine, folder)
        if kernel and kernel.can_forecast(LdtmConfig().shape):
            return LdtmByKernel(kernel)
    return model_family(name)
