"""One ticker's forecast as a script without the platform makes it: nn.LSTM, a safetensors file, the newest window.

python plain_inference.py weights.safetensors rows.parquet TICKER
"""

import sys

import polars as pl
import torch
from safetensors.torch import load_file
from torch import Tensor, nn


class Network(nn.Module):
    """As specified: two layers of 128, a head per horizon."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(11, 128, 2, batch_first=True, dropout=0.2)
        self.heads = nn.ModuleList(nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1)) for _ in range(3))

    def forward(self, window: Tensor) -> Tensor:
        """The scaled closes, (B, 3)."""
        last = self.lstm(window)[0][:, -1]
        return torch.cat([head(last) for head in self.heads], dim=1)


def main(weights: str, rows: str, ticker: str) -> None:
    """Print the three closes."""
    frame = pl.read_parquet(rows).filter(pl.col("ticker") == ticker).drop("ticker", "date")
    values = torch.from_numpy(frame.to_numpy())
    low, high = values.amin(0), values.amax(0)
    network = Network().eval()
    network.load_state_dict(load_file(weights))
    with torch.inference_mode():
        outputs = network(((values - low) / (high - low + 1e-8)).float()[None])[0].double()
    close = frame.columns.index("close")
    print(*(outputs * (high[close] - low[close] + 1e-8) + low[close]).tolist())


if __name__ == "__main__":
    main(*sys.argv[1:])
