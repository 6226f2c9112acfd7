"""What stacks are set beside on a device: PyTorch's own nn.LSTM, ticker by ticker; and what the device itself can."""

import time
from collections.abc import Callable, Generator, Sequence

import torch
from torch import Tensor

from ldtm_platform.fleet.engine import Engine
from ldtm_platform.fleet.loop import TorchEpochs, train_network
from ldtm_platform.fleet.results import Trained, Unfit
from ldtm_platform.fleet.streams import own_randomness
from ldtm_platform.fleet.ticker import examples_of, trained, unfit
from ldtm_platform.models.base import History, HistoryError
from ldtm_platform.models.network_family import NetworkFamily
from ldtm_platform.models.threads import one_thread


class Float32Epochs(TorchEpochs):
    """Without autocast: on a GPU cuDNN in float32, with TF32 in its products, as PyTorch has it by default."""

    def _outputs(self, inputs: Tensor, epoch: int, step: int) -> Tensor:
        outputs: Tensor = self._network(inputs)
        return outputs


class Float32Loop(Engine):
    """Ticker after ticker in float32; the product's own loop (fleet.engine.OneByOne) uses bfloat16 on a GPU."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def train(
        self, family: NetworkFamily, histories: Sequence[History], *, seed: int
    ) -> Generator[Trained | Unfit, None, None]:
        """One result per history, in their order."""
        for history in histories:
            started = time.perf_counter()
            with one_thread(), own_randomness(seed, history.ticker, self.device):
                try:
                    parts = examples_of(family, history).to(self.device)
                    network = family.network().to(self.device)
                    epochs = Float32Epochs(network, parts, family.recipe)
                    curve = train_network(
                        network, parts, family.recipe, seed=seed, ticker=history.ticker, epochs=epochs
                    )
                except (HistoryError, RuntimeError) as error:
                    yield unfit(history.ticker, error)
                    continue
            seconds = time.perf_counter() - started
            yield trained(history.ticker, network, curve, parts, device=str(self.device), seconds=seconds)


def products_per_second(device: torch.device, dtype: torch.dtype, size: int) -> float:
    """The device's own matrix products, TFLOP/s: the best of ten squares of that size."""
    left, right = (torch.rand(size, size, device=device).to(dtype) for _ in range(2))
    return 2 * size**3 / _best(device, lambda: torch.mm(left, right)) / 1e12


def copied_per_second(device: torch.device, mebibytes: int) -> float:
    """The device's memory, GB/s read and written."""
    tensor = torch.rand(mebibytes * 2**18, device=device)
    return 2 * tensor.numel() * 4 / _best(device, tensor.clone) / 1e9


def _best(device: torch.device, work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(10):
        _wait(device)
        started = time.perf_counter()
        work()
        _wait(device)
        best = min(best, time.perf_counter() - started)
    return best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
