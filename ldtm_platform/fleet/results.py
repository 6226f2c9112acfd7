"""What comes back from training, one result a ticker: a model, or the named reason why there is none."""

from dataclasses import dataclass
from typing import Literal

from ldtm_platform.fleet.scoring import Score
from ldtm_platform.models.checkpoint import Manifest


@dataclass(frozen=True)
class Trained:
    """What an engine hands back for one ticker: the best weights as safe bytes, and how training went."""

    ticker: str
    weights: bytes
    epochs_run: int
    best_epoch: int
    train_loss: float
    best_val_loss: float
    train: Score
    validation: Score
    test: Score
    device: str
    duration_sec: float


@dataclass(frozen=True)
class Fitted:
    """A trained model, ready for the checkpoint store."""

    ticker: str
    weights: bytes
    manifest: Manifest


@dataclass(frozen=True)
class Unfit:
    """A ticker without a model: too little history passes with time, failed does not."""

    ticker: str
    state: Literal["too_little_history", "failed"]
    message: str


FitResult = Fitted | Unfit
