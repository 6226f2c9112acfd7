"""What a stack trains: a row per ticker of weights, gradients and AdamW's moments, each its own step count."""

import torch
from torch import Tensor

from ldtm_platform.models.network_family import Recipe

# torch.optim.AdamW's defaults, which the loop (fleet/loop.py) trains with.
BETAS, EPSILON = (0.9, 0.999), 1e-8


class Bank:
    """Rows (K, width) that keep their place in memory: leaving tickers make the others move up, and graphs see it."""

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights
        self.gradients, self._first, self._second = (torch.zeros_like(weights) for _ in range(3))
        self._steps = torch.zeros(len(weights), device=weights.device)
        moving = (self.weights, self.gradients, self._first, self._second, self._steps)
        self._rows = [list(tensor.unbind()) for tensor in moving]

    def advance(self, count: int, *, rate: float, recipe: Recipe) -> None:
        """One AdamW step of the first so many rows; the others do not move at all."""
        self._steps[:count] += 1
        weights, gradients, first, second, steps = (rows[:count] for rows in self._rows)
        torch._fused_adamw_(
            weights,
            gradients,
            first,
            second,
            [],
            steps,
            lr=rate,
            beta1=BETAS[0],
            beta2=BETAS[1],
            weight_decay=recipe.weight_decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )

    def keep(self, rows: Tensor) -> None:
        """Move these rows (ascending) to the front."""
        for tensor in (self.weights, self._first, self._second, self._steps):
            tensor[: len(rows)] = tensor[rows]
