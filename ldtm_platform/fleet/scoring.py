"""What a trained network is worth: losses, skill against persistence, and on how many windows, by part of a history."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ldtm_platform.evaluation.skill import masked_mse, relative_mae, skill, total_loss
from ldtm_platform.fleet.loop import predictions
from ldtm_platform.horizons import HORIZONS
from ldtm_platform.models.network_family import Batch, Examples

TOTAL = "total"


@dataclass(frozen=True)
class Score:
    """Per horizon and in total; None where the part has no label to reckon with. windows: those that have a label."""

    loss: float | None
    skill: dict[str, float | None]
    rel_mae: dict[str, float | None]
    windows: dict[str, int]


def score(network: nn.Module, examples: Examples) -> Score:
    """Score a network on one part."""
    if not len(examples):
        nothing = dict.fromkeys(HORIZONS)
        none = dict.fromkeys((*HORIZONS, TOTAL), 0)
        return Score(loss=None, skill={**nothing, TOTAL: None}, rel_mae=dict(nothing), windows=none)
    outputs, batch = predictions(network, examples)
    targets, used = batch.targets.double().cpu().numpy(), batch.used.cpu().numpy()
    reference = examples.reference()
    losses = masked_mse(outputs, targets, used)
    persistence = masked_mse(reference.persistence, targets, used)
    skills = [skill(*pair) for pair in zip(losses, persistence, strict=True)]
    total = skill(total_loss(losses), total_loss(persistence))
    errors = (outputs - targets) * reference.unit
    ratios = relative_mae(errors, (reference.persistence - targets) * reference.unit, used)
    return Score(
        loss=_known(total_loss(losses)),
        skill={**dict(zip(HORIZONS, skills, strict=True)), TOTAL: total},
        rel_mae=_by_horizon(ratios),
        windows=_windows(batch),
    )


def score_of_training(examples: Examples, loss: float, device: torch.device) -> Score:
    """The training part by its loss in training, which is kept in total only, beside persistence on all its windows."""
    batch = examples.batch(torch.arange(len(examples), device=device))
    targets, used = batch.targets.double().cpu().numpy(), batch.used.cpu().numpy()
    persistence = total_loss(masked_mse(examples.reference().persistence, targets, used))
    return Score(loss=loss, skill={TOTAL: skill(loss, persistence)}, rel_mae={}, windows=_windows(batch))


def _windows(batch: Batch) -> dict[str, int]:
    by_horizon = dict(zip(HORIZONS, batch.used.sum(dim=0).tolist(), strict=True))
    return {**by_horizon, TOTAL: int(batch.used.any(dim=1).sum())}


def _by_horizon(values: NDArray[np.float64]) -> dict[str, float | None]:
    return {horizon: _known(value) for horizon, value in zip(HORIZONS, values.tolist(), strict=True)}


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
