"""Epochs of one network in the kernel: what fleet/loop.py does in PyTorch, with the same order and dropout."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ldtm_platform.evaluation.skill import masked_mse
from ldtm_platform.fleet.dropout import DropoutStream
from ldtm_platform.fleet.loop import learning_rate
from ldtm_platform.fleet.native.kernel import Kernel
from ldtm_platform.fleet.native.library import Handle, RowState, Step
from ldtm_platform.fleet.stacked.layout import Layout
from ldtm_platform.models.network_family import Batch, Examples, Parts, Recipe


class KernelEpochs:
    """Trains a network in place: its parameters become views of the kernel's row.

    Validation is in float32 whatever training is in: the loss that decides is that of the network as it forecasts.
    """

    def __init__(
        self,
        kernel: Kernel,
        layout: Layout,
        network: nn.Module,
        parts: Parts,
        recipe: Recipe,
        *,
        dropout: DropoutStream,
    ) -> None:
        self._recipe, self._dropout = recipe, dropout
        self._state = RowState.of(layout.row(network, torch.float32))
        network.load_state_dict(dict(layout.state_dict(self._state.row)), assign=True)
        self._train, self._validation = _all_of(parts.train), _all_of(parts.validation)
        window = self._train.inputs.shape[1]
        self._trainer = Handle(kernel.library, layout.shape, window, precision=kernel.precision, training=True)
        self._judge = Handle(kernel.library, layout.shape, window, precision="float32", training=False)

    def run(self, epoch: int, order: Tensor) -> float:
        """One epoch (from 1); the mean loss of its examples, nan when training has diverged."""
        step = Step(
            batch_size=self._recipe.batch_size,
            rate=learning_rate(self._recipe, epoch),
            weight_decay=self._recipe.weight_decay,
            dropout=self._dropout.share,
            key=self._dropout.key(epoch),
        )
        return self._trainer.epoch(self._state, self._train, order, step)

    def validation_losses(self) -> NDArray[np.float64]:
        """The loss of each horizon over the validation part, (horizons,)."""
        outputs = self._judge.outputs(self._state, self._validation.inputs)
        return masked_mse(
            outputs.double().numpy(), self._validation.targets.double().numpy(), self._validation.used.numpy()
        )


def _all_of(examples: Examples) -> Batch:
    """A whole part as one batch of contiguous float32: a megabyte per thousand windows."""
    batch = examples.batch(torch.arange(len(examples)))
    return Batch(batch.inputs.float().contiguous(), batch.targets.float().contiguous(), batch.used.contiguous())
