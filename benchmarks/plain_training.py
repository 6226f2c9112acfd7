"""One process that trains tickers without the fleet engine, for benchmarks/training.py: the two ways it is set beside.

    python -m benchmarks.plain_training loader  EPOCHS A.npz         Dataset, DataLoader and nn.LSTM
    python -m benchmarks.plain_training tensors EPOCHS A.npz B.npz   nn.LSTM, tensors in memory, fused AdamW, one thread

Each file holds the windows of one ticker. Prints the epochs run, over all files.
"""

import copy
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from ldtm_platform.fleet.loop import batch_loss
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.network import LdtmNetwork
from ldtm_platform.models.network_family import Batch

Batches = Callable[[], Iterable[tuple[Tensor, ...]]]


def main() -> None:
    """Train every file's ticker, one after the other."""
    way, epochs, *paths = sys.argv[1:]
    if way == "tensors":
        torch.set_num_threads(1)
    print(sum(_train(way, int(epochs), Path(path)) for path in paths))


def _train(way: str, max_epochs: int, path: Path) -> int:
    config = LdtmConfig(max_epochs=max_epochs)
    with np.load(path) as arrays:
        tensors = {name: torch.from_numpy(arrays[name]) for name in arrays}
    torch.manual_seed(0)
    network = LdtmNetwork(config)
    # PyTorch's default is not fused.
    fused = True if way == "tensors" else None
    rate, decay = config.learning_rate, config.weight_decay
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay, fused=fused)
    batches = {part: _batches(way, tensors, part, config.batch_size) for part in ("train", "validation")}
    return _epochs(network, optimizer, batches, config)


def _batches(way: str, tensors: Mapping[str, Tensor], part: str, size: int) -> Batches:
    """An epoch's batches of a part."""
    inputs, targets, used = (tensors[f"{part}_{name}"] for name in ("inputs", "targets", "used"))
    if way == "loader":
        return lambda: DataLoader(TensorDataset(inputs, targets, used), batch_size=size, shuffle=part == "train")
    if part == "validation":
        return lambda: [(inputs, targets, used)]
    return lambda: (
        (inputs[chosen], targets[chosen], used[chosen]) for chosen in torch.split(torch.randperm(len(inputs)), size)
    )


def _epochs(
    network: nn.Module, optimizer: torch.optim.Optimizer, batches: Mapping[str, Batches], config: LdtmConfig
) -> int:
    """Train to early stopping; the epochs run."""
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=config.max_epochs)
    best, best_epoch, weights = float("inf"), 0, network.state_dict()
    for epoch in range(1, config.max_epochs + 1):
        network.train()
        for inputs, targets, used in batches["train"]():
            optimizer.zero_grad()
            torch.autograd.backward(batch_loss(network(inputs), Batch(inputs, targets, used)))
            optimizer.step()
        schedule.step()
        network.eval()
        with torch.inference_mode():
            found = [(network(inputs), targets, used) for inputs, targets, used in batches["validation"]()]
            outputs, targets, used = map(torch.cat, zip(*found, strict=True))
            loss = batch_loss(outputs, Batch(outputs, targets, used)).item()
        if loss < best:
            best, best_epoch, weights = loss, epoch, copy.deepcopy(network.state_dict())
        if epoch - best_epoch >= config.patience:
            break
    network.load_state_dict(weights)
    return epoch


if __name__ == "__main__":
    main()
