"""A checkpoint: weights and the manifest that says where they come from and what they are worth."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field


class Manifest(BaseModel):
    """The facts of one trained model; what cannot be reckoned (no label in a part) is null."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    family: str
    ticker: str
    trained_through: date
    price_basis: date
    # The feature rows of the whole history, of which the parts are windows.
    rows: int
    data_hash: str
    config: dict[str, int | float]
    config_hash: str
    code_version: str
    seed: int
    epochs_run: int
    best_epoch: int
    train_loss: float
    best_val_loss: float
    test_loss: float | None
    # Per part: 1 - loss / persistence's loss, per horizon and as total (validation, test), or as total only (train).
    skill: dict[str, dict[str, float | None]]
    # Per part: the windows that have a label, per horizon and in total; manifests of before it was counted have none.
    windows: dict[str, dict[str, int]] = Field(default_factory=dict)
    # Per horizon on the test part: mean absolute error as a multiple of persistence's, in prices.
    rel_mae: dict[str, float | None]
    weights_sha256: str
    device: str
    duration_sec: float
    created_at: datetime


@dataclass(frozen=True)
class Checkpoint:
    """Verified weights with their manifest."""

    manifest: Manifest
    weights: bytes


@dataclass(frozen=True)
class Facts:
    """What determines a model: the same facts give the same version, however often it is trained."""

    family: str
    ticker: str
    trained_through: date
    data_hash: str
    config_hash: str
    seed: int
    code_version: str

    @property
    def version(self) -> str:
        """family-ticker-yyyymmdd-xxxxxxxx."""
        identity = f"{self.data_hash}|{self.config_hash}|{self.seed}|{self.code_version}"
        return f"{self.family}-{self.ticker}-{self.trained_through:%Y%m%d}-{sha256(identity.encode())[:8]}"


def sha256(content: bytes) -> str:
    """The checksum that manifests and checkpoint folders use."""
    return hashlib.sha256(content).hexdigest()


def config_hash(config: Mapping[str, int | float]) -> str:
    """The checksum of a configuration, whatever the order of its keys."""
    return sha256(json.dumps(dict(config), sort_keys=True).encode())
