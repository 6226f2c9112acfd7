"""The training loop of one network: epochs in the ticker's own order, early stopping, the best weights restored."""

import copy
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ldtm_platform.evaluation.skill import masked_mse, total_loss
from ldtm_platform.fleet.streams import epoch_order
from ldtm_platform.models.network_family import Batch, Examples, Parts, Recipe

# Bounds the memory of a forward pass over a whole part.
SCORING_BATCH = 512


class TrainingFailed(RuntimeError):
    """A network cannot be trained on these examples; the message says why."""


@dataclass(frozen=True)
class Curve:
    """How training went so far; epochs count from 1, losses are those of the best epoch, `losses` those of each."""

    epochs_run: int = 0
    best_epoch: int = 0
    train_loss: float = math.inf
    validation_loss: float = math.inf
    losses: tuple[tuple[float, float], ...] = ()

    def after(self, train_loss: float, validation_loss: float) -> "Curve":
        """The curve with one more epoch. Raises TrainingFailed when its loss is no longer a number."""
        epoch, both = self.epochs_run + 1, (train_loss, validation_loss)
        if not math.isfinite(sum(both)):
            raise TrainingFailed(f"the loss is {sum(both)} in epoch {epoch}: training diverged")
        if validation_loss < self.validation_loss:
            return Curve(epoch, epoch, train_loss, validation_loss, (*self.losses, both))
        return replace(self, epochs_run=epoch, losses=(*self.losses, both))

    @property
    def has_improved(self) -> bool:
        """Whether the last epoch is the best."""
        return self.best_epoch == self.epochs_run

    def is_over(self, recipe: Recipe) -> bool:
        """Whether training ends here: the epochs or the patience are spent."""
        return self.epochs_run >= recipe.max_epochs or self.epochs_run - self.best_epoch >= recipe.patience


def require_examples(parts: Parts) -> None:
    """Raise TrainingFailed when a part that training needs has no label."""
    if not len(parts.train) or not len(parts.validation):
        raise TrainingFailed("no labelled window is left to train or validate on: ingest more sessions")


def train_network(network: nn.Module, parts: Parts, recipe: Recipe, *, seed: int, ticker: str) -> Curve:
    """Train in place, on the device where the network and the parts are; it ends with the best epoch's weights.

    Raises TrainingFailed when a part has no label or the loss is no longer a number.
    """
    require_examples(parts)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=recipe.max_epochs)
    curve, best_weights = Curve(), network.state_dict()
    while not curve.is_over(recipe):
        order = epoch_order(seed, ticker, curve.epochs_run + 1, len(parts.train))
        train_loss = _run_epoch(network, optimizer, parts.train, order, recipe.batch_size)
        schedule.step()
        curve = curve.after(train_loss, total_loss(part_losses(network, parts.validation)))
        if curve.has_improved:
            best_weights = copy.deepcopy(network.state_dict())
    network.load_state_dict(best_weights)
    return curve


def predictions(network: nn.Module, examples: Examples) -> tuple[NDArray[np.float64], Batch]:
    """The network's outputs for every example of a part, (n, horizons), and the part as one batch; without dropout."""
    network.eval()
    batch = examples.batch(torch.arange(len(examples), device=next(network.parameters()).device))
    with torch.inference_mode():
        outputs = torch.cat([network(inputs) for inputs in torch.split(batch.inputs, SCORING_BATCH)])
    return outputs.double().cpu().numpy(), batch


def part_losses(network: nn.Module, examples: Examples) -> NDArray[np.float64]:
    """The loss of each horizon over a part, (horizons,); nan where the part has no label."""
    outputs, batch = predictions(network, examples)
    return masked_mse(outputs, batch.targets.double().cpu().numpy(), batch.used.cpu().numpy())


def batch_loss(outputs: Tensor, batch: Batch) -> Tensor:
    """The sum of the horizons' mean squared errors, each over the examples whose label counts."""
    # Under autocast the outputs are bfloat16; the loss never is.
    squared = (outputs.to(batch.targets.dtype) - batch.targets).square() * batch.used
    return (squared.sum(dim=0) / batch.used.sum(dim=0).clamp(min=1)).sum()


def _run_epoch(
    network: nn.Module, optimizer: torch.optim.Optimizer, examples: Examples, order: Tensor, batch_size: int
) -> float:
    network.train()
    device = next(network.parameters()).device
    # bfloat16 has float32's range, so the loss needs no scaling.
    mixed = device.type == "cuda" and torch.cuda.is_bf16_supported()
    summed = torch.zeros((), dtype=torch.float64, device=device)
    for positions in torch.split(order.to(device), batch_size):
        batch = examples.batch(positions)
        optimizer.zero_grad()
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=mixed):
            outputs = network(batch.inputs)
        loss = batch_loss(outputs, batch)
        torch.autograd.backward(loss)
        optimizer.step()
        summed += loss.detach() * positions.numel()
    return float(summed) / order.numel()
