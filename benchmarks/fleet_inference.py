"""A fresh process that forecasts all tickers, or some, as the product does: files, models, one call.

python fleet_inference.py FOLDER CACHE [TICKER ...]
"""

import sys
from pathlib import Path

import polars as pl

from ldtm_platform.fleet.predict import predict_fleet
from ldtm_platform.fleet.serving import serving_family
from ldtm_platform.models.base import Forecast, History, Model
from ldtm_platform.models.store import CheckpointStore

NAME, ROWS = "ldtm", "rows.parquet"


def read(folder: Path) -> tuple[list[History], dict[str, str]]:
    """The newest windows and each ticker's version."""
    frames = pl.read_parquet(folder / ROWS).partition_by("ticker", maintain_order=True)
    histories = [History(frame["ticker"][0], frame.drop("ticker")) for frame in frames]
    store = CheckpointStore(folder)
    return histories, {each.ticker: store.versions(each.ticker, NAME)[-1] for each in histories}


def load(folder: Path, cache: Path, versions: dict[str, str]) -> dict[str, Model]:
    """Each ticker's model, checked, for what forecasts on this machine."""
    family, store = serving_family(NAME, "auto", cache), CheckpointStore(folder)
    return {ticker: family.model(store.load(version).weights) for ticker, version in versions.items()}


def main(folder: Path, cache: Path, only: list[str]) -> None:
    """Print each ticker's closes."""
    histories, versions = read(folder)
    asked = [history for history in histories if not only or history.ticker in only]
    models = load(folder, cache, {each.ticker: versions[each.ticker] for each in asked})
    family = serving_family(NAME, "auto", cache)
    for result in predict_fleet(family, asked, models, session=asked[0].through):
        assert isinstance(result, Forecast), result
        print(*result.closes.values())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
