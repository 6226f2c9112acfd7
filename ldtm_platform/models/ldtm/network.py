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

    def forward(self, inputs: Tensor) -> Tensor:
        """The scaled closes, a column per horizon in the order of HORIZONS."""
        states, _ = self.lstm(inputs)
        last = states[:, -1]
        return torch.cat([head(last) for head in self.heads], dim=1)
