"""Train one ticker from its history to scored weights: what each worker of an engine does."""

import time

import torch
from torch import nn

from ldtm_platform.fleet.device import one_thread
from ldtm_platform.fleet.loop import Curve, require_examples, train_network
from ldtm_platform.fleet.results import Trained, Unfit
from ldtm_platform.fleet.scoring import score
from ldtm_platform.fleet.streams import own_randomness
from ldtm_platform.models.base import MIN_FEATURE_ROWS, History, HistoryError, TooLittleHistory
from ldtm_platform.models.network_family import NetworkFamily, Parts
from ldtm_platform.models.weights import weights_of


def train_ticker(family: NetworkFamily, history: History, *, seed: int, device: torch.device) -> Trained | Unfit:
    """Train one ticker; on a CPU the result is the same to the last bit wherever and beside whatever it runs."""
    try:
        with one_thread(), own_randomness(seed, history.ticker, device):
            return _train(family, history, seed=seed, device=device)
    except (HistoryError, RuntimeError) as error:
        return unfit(history.ticker, error)


def unfit(ticker: str, error: HistoryError | RuntimeError) -> Unfit:
    """A ticker's trouble as its result.

    PyTorch has one type, RuntimeError, for all its troubles, memory included; none may stop the other tickers.
    """
    if isinstance(error, HistoryError):
        return Unfit(ticker, "too_little_history" if isinstance(error, TooLittleHistory) else "failed", str(error))
    return Unfit(ticker, "failed", f"{ticker}: training failed: {error}")


def examples_of(family: NetworkFamily, history: History) -> Parts:
    """The examples of a history that can be trained on. Raises HistoryError and TrainingFailed."""
    history.check()
    history.require(MIN_FEATURE_ROWS)
    parts = family.parts(history)
    require_examples(parts)
    return parts


def _train(family: NetworkFamily, history: History, *, seed: int, device: torch.device) -> Trained:
    started = time.perf_counter()
    parts = examples_of(family, history).to(device)
    network = family.network().to(device)
    curve = train_network(network, parts, family.recipe, seed=seed, ticker=history.ticker)
    return trained(history.ticker, network, curve, parts, device=str(device), seconds=time.perf_counter() - started)


def trained(ticker: str, network: nn.Module, curve: Curve, parts: Parts, *, device: str, seconds: float) -> Trained:
    """The result of a network with its best weights, which is scored here; both are on one device."""
    started = time.perf_counter()
    return Trained(
        ticker=ticker,
        weights=weights_of(network),
        epochs_run=curve.epochs_run,
        best_epoch=curve.best_epoch,
        train_loss=curve.train_loss,
        best_val_loss=curve.validation_loss,
        validation=score(network, parts.validation),
        test=score(network, parts.test),
        device=device,
        duration_sec=seconds + time.perf_counter() - started,
    )
