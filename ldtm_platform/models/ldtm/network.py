"""The LD-TM network: an LSTM over a window, and a small head per horizon on its last hidden state."""

import torch
from torch import Tensor, nn

from ldtm_platform.features.feature_set import FEATURES
from ldtm_platform.horizons import HORIZONS
from ldtm_platform.models.ldtm.config import LdtmConfig


class LdtmNetwork(nn.Module):
    """(B, window, features) float32 in [0, 1] -> (B, horizons): closes in units of the window's own close range."""

    def __init__(self, config: LdtmConfig) -> None:
        super().__init__()
        dropout = config.dropout if config.layers > 1 else 0.0
        self.lstm = nn.LSTM(len(FEATURES), config.hidden, config.layers, batch_first=True, dropout=dropout)
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(config.hidden, config.head_hidden), nn.ReLU(), nn.Linear(config.head_hidden, 1))
            for _ in HORIZONS
        )

    def forward(self, inputs: Tensor, kept: Tensor | None = None) -> Tensor:
        """The scaled closes, a column per horizon in the order of HORIZONS.

        kept (layers - 1, B, window, hidden) bool: what dropout lets through, where it is not left to nn.LSTM.
        """
        states = self.lstm(inputs)[0] if kept is None else self._states(inputs, kept)
        last = states[:, -1]
        return torch.cat([head(last) for head in self.heads], dim=1)

    def _states(self, states: Tensor, kept: Tensor) -> Tensor:
        """The last layer's hidden states, layer by layer."""
        start = states.new_zeros(1, len(states), self.lstm.hidden_size)
        for number, parameters in enumerate(self.lstm.all_weights):
            if number:
                states = states * kept[number - 1] / (1 - self.lstm.dropout)
            weights: list[Tensor] = [*parameters]
            states, _, _ = torch.lstm(states, (start, start), weights, True, 1, 0.0, self.training, False, True)
        return states
