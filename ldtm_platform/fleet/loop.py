"""The training loop of one network: epochs in the ticker's own order, early stopping, the best weights restored."""

import copy
import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ldtm_platform.evaluation.skill import masked_mse, total_loss
from ldtm_platform.fleet.dropout import DropoutStream
from ldtm_platform.fleet.progress import EpochDone, Watch, unwatched
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


class Epochs(Protocol):
    """What trains a network in place, an epoch at a time: PyTorch here, the kernel in fleet/native/epochs.py."""

    def run(self, epoch: int, order: Tensor) -> float:
        """One epoch (from 1) over the training examples in that order; their mean loss."""

    def validation_losses(self) -> NDArray[np.float64]:
        """The loss of each horizon over the validation part, (horizons,); nan where it has no label."""


class TorchEpochs:
    """Epochs in PyTorch. Dropout is the stream's where there is one (models.network_family.Stackable), or nn.LSTM's."""

    def __init__(
        self,
        network: nn.Module,
        parts: Parts,
        recipe: Recipe,
        *,
        dropout: DropoutStream | None = None,
    ) -> None:
        self._network, self._parts, self._recipe, self._dropout = network, parts, recipe, dropout
        self._device = next(network.parameters()).device
        self._optimizer = torch.optim.AdamW(
            network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )

    def run(self, epoch: int, order: Tensor) -> float:
        """One epoch over the training examples in that order; their mean loss."""
        self._network.train()
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self._recipe, epoch)
        summed = torch.zeros((), dtype=torch.float64, device=self._device)
        for step, positions in enumerate(torch.split(order.to(self._device), self._recipe.batch_size)):
            batch = self._parts.train.batch(positions)
            self._optimizer.zero_grad()
            loss = batch_loss(self._outputs(batch.inputs, epoch, step), batch)
            torch.autograd.backward(loss)
            self._optimizer.step()
            summed += loss.detach() * positions.numel()
        return float(summed) / order.numel()

    def validation_losses(self) -> NDArray[np.float64]:
        """The loss of each horizon over the validation part."""
        return part_losses(self._network, self._parts.validation)

    def _outputs(self, inputs: Tensor, epoch: int, step: int) -> Tensor:
        # bfloat16 has float32's range, so the loss needs no scaling.
        mixed = self._device.type == "cuda" and torch.cuda.is_bf16_supported()
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=mixed):
            kept = self._dropout.kept(epoch, step, inputs) if self._dropout else None
            outputs: Tensor = self._network(inputs) if kept is None else self._network(inputs, kept)
            return outputs


def learning_rate(recipe: Recipe, epoch: int) -> float:
    """The rate of an epoch (from 1): the cosine that CosineAnnealingLR walks down."""
    return recipe.learning_rate * (1.0 + math.cos(math.pi * (epoch - 1) / recipe.max_epochs)) / 2.0


def require_examples(parts: Parts) -> None:
    """Raise TrainingFailed when a part that training needs has no label."""
    if not len(parts.train) or not len(parts.validation):
        raise TrainingFailed("no labelled window is left to train or validate on: ingest more sessions")


def train_network(
    network: nn.Module,
    parts: Parts,
    recipe: Recipe,
    *,
    seed: int,
    ticker: str,
    epochs: Epochs | None = None,
    watch: Watch = unwatched,
) -> Curve:
    """Train in place, on the device where the network and the parts are; it ends with the best epoch's weights.

    Raises TrainingFailed when a part has no label or the loss is no longer a number.
    """
    require_examples(parts)
    epochs = epochs or TorchEpochs(network, parts, recipe)
    curve, best_weights = Curve(), network.state_dict()
    while not curve.is_over(recipe):
        epoch = curve.epochs_run + 1
        train_loss = epochs.run(epoch, epoch_order(seed, ticker, epoch, len(parts.train)))
        curve = curve.after(train_loss, total_loss(epochs.validation_losses()))
        watch([EpochDone(ticker, epoch, curve.validation_loss)])
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
