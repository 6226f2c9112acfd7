"""Train one ticker from its history to scored weights: what each worker of an engine does."""

import time
from dataclasses import dataclass

import torch
from torch import nn

from ldtm_platform.fleet.dropout import DropoutStream
from ldtm_platform.fleet.loop import Curve, Epochs, TorchEpochs, require_examples, train_network
from ldtm_platform.fleet.native.epochs import KernelEpochs
from ldtm_platform.fleet.native.kernel import Kernel
from ldtm_platform.fleet.progress import Watch, unwatched
from ldtm_platform.fleet.results import Trained, Unfit
from ldtm_platform.fleet.scoring import score, score_of_training
from ldtm_platform.fleet.stacked.layout import layout_of
from ldtm_platform.fleet.streams import own_randomness
from ldtm_platform.models.base import MIN_FEATURE_ROWS, History, HistoryError, TooLittleHistory
from ldtm_platform.models.network_family import NetworkFamily, Parts
from ldtm_platform.models.threads import one_thread
from ldtm_platform.models.weights import weights_of


@dataclass(frozen=True)
class Place:
    """Where and in what a ticker is trained: a device, and on a CPU a kernel, or PyTorch where there is none."""

    device: torch.device
    kernel: Kernel | None = None


def train_ticker(
    family: NetworkFamily, history: History, *, seed: int, place: Place, watch: Watch = unwatched
) -> Trained | Unfit:
    """Train one ticker; on a CPU the result is the same to the last bit wherever and beside whatever it runs."""
    try:
        with one_thread(), own_randomness(seed, history.ticker, place.device):
            return _train(family, history, seed=seed, place=place, watch=watch)
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


def _train(family: NetworkFamily, history: History, *, seed: int, place: Place, watch: Watch) -> Trained:
    started = time.perf_counter()
    parts = examples_of(family, history).to(place.device)
    network = family.network().to(place.device)
    epochs, device = _epochs(family, network, parts, place, seed=seed, ticker=history.ticker)
    recipe, ticker = family.recipe, history.ticker
    curve = train_network(network, parts, recipe, seed=seed, ticker=ticker, epochs=epochs, watch=watch)
    return trained(history.ticker, network, curve, parts, device=device, seconds=time.perf_counter() - started)


def _epochs(
    family: NetworkFamily, network: nn.Module, parts: Parts, place: Place, *, seed: int, ticker: str
) -> tuple[Epochs, str]:
    """What trains the network, and how the model's card names it."""
    layout, recipe = layout_of(family), family.recipe
    if layout is None or place.device.type != "cpu":
        return TorchEpochs(network, parts, recipe), str(place.device)
    dropout = DropoutStream(layout.shape, recipe.batch_size, seed, ticker)
    if place.kernel and place.kernel.can_train(layout.shape, recipe.batch_size):
        epochs = KernelEpochs(place.kernel, layout, network, parts, recipe, dropout=dropout)
        return epochs, place.kernel.device
    return TorchEpochs(network, parts, recipe, dropout=dropout), str(place.device)


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
        train=score_of_training(parts.train, curve.train_loss, next(network.parameters()).device),
        validation=score(network, parts.validation),
        test=score(network, parts.test),
        device=device,
        duration_sec=seconds + time.perf_counter() - started,
    )
