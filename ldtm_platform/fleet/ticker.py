"""Train one ticker from its history to scored weights: what each worker of an engine does."""

import time

import torch

from ldtm_platform.fleet.device import one_thread
from ldtm_platform.fleet.loop import train_network
from ldtm_platform.fleet.results import Trained, Unfit
from ldtm_platform.fleet.scoring import score
from ldtm_platform.fleet.streams import own_randomness
from ldtm_platform.models.base import MIN_FEATURE_ROWS, History, HistoryError, TooLittleHistory
from ldtm_platform.models.network_family import NetworkFamily
from ldtm_platform.models.weights import weights_of


def train_ticker(family: NetworkFamily, history: History, *, seed: int, device: torch.device) -> Trained | Unfit:
    """Train one ticker; on a CPU the result is the same to the last bit wherever and beside whatever it runs."""
    try:
        with one_thread(), own_randomness(seed, history.ticker, device):
            return _train(family, history, seed=seed, device=device)
    except TooLittleHistory as reason:
        return Unfit(history.ticker, "too_little_history", str(reason))
    except HistoryError as reason:
        return Unfit(history.ticker, "failed", str(reason))
    except RuntimeError as error:
        # PyTorch has one type for all its troubles, memory included; none of them may stop the other tickers.
        return Unfit(history.ticker, "failed", f"{history.ticker}: training failed: {error}")


def _train(family: NetworkFamily, history: History, *, seed: int, device: torch.device) -> Trained:
    started = time.perf_counter()
    history.check()
    history.require(MIN_FEATURE_ROWS)
    parts = family.parts(history).to(device)
    network = family.network().to(device)
    curve = train_network(network, parts, family.recipe, seed=seed, ticker=history.ticker)
    return Trained(
        ticker=history.ticker,
        weights=weights_of(network),
        epochs_run=curve.epochs_run,
        best_epoch=curve.best_epoch,
        train_loss=curve.train_loss,
        best_val_loss=curve.validation_loss,
        validation=score(network, parts.validation),
        test=score(network, parts.test),
        device=str(device),
        duration_sec=time.perf_counter() - started,
    )
