"""A trial of the stacked engine where it shall train: small networks, beside the loop on the CPU.

The stack was written and tested on CPUs. What only a GPU does (graphs that are captured and replayed, fused steps,
TF32) is tried before a fleet is given to it: an engine that is wrong there costs time, never a model.
"""

import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from multiprocessing.connection import Connection

import numpy as np
import polars as pl
import torch

from ldtm_platform.features.feature_set import FEATURES
from ldtm_platform.fleet.children import how_it_ended, start_child
from ldtm_platform.fleet.engine import Engine, OneByOne
from ldtm_platform.fleet.results import Trained, Unfit
from ldtm_platform.fleet.stacked.engine import Stacked
from ldtm_platform.fleet.stacked.machine import Machine
from ldtm_platform.fleet.stacked.products import Precision
from ldtm_platform.models.base import History
from ldtm_platform.models.ldtm.config import LdtmConfig
from ldtm_platform.models.ldtm.family import Ldtm
from ldtm_platform.models.network_family import NetworkFamily
from ldtm_platform.sessions import sessions_between

CONFIG = LdtmConfig(window=10, hidden=32, head_hidden=16, dropout=0.0, max_epochs=5, patience=2)
# Lengths in rows: epochs differ in batches; and the first ticker leaves after three of them, the others stay for five.
ROWS = (252, 300, 290, 340)
# Loading CUDA's libraries takes tens of seconds on a slow disk; training here takes one.
LIMIT_SEC = 300
# What PyTorch says of it, whether its allocator or CUDA lacks it.
NO_MEMORY = "out of memory"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Round:
    """One comparison: the arithmetic, the dropout, and by how much of itself a best validation loss may be off."""

    precision: Precision
    dropout: float
    tolerance: float


# A loss moves by about as much as a product's operands are rounded, or less: on the CPU by 7e-8 in float32 (2**-24 is
# 6e-8) and by 2e-3 in bfloat16 (2**-8 is 4e-3). Float32 may be off by 1e-5, for another order of sums and another
# device's exponentials: a learning rate that is wrong by a thousandth moves a loss by 6e-4. TF32 rounds by 2**-11, of
# which four are allowed: steps that read the batch of the step before move it by 1e-1. With dropout the states that
# are left out are others on every device; that moves it by 3e-3.
TF32_TOLERANCE = 2e-3
ROUNDS = (Round("full", 0.0, 1e-5), Round("tf32", 0.0, TF32_TOLERANCE), Round("tf32", 0.2, 2e-2))


class StackedIfItAgrees(Engine):
    """The stacked engine, where a trial finds nothing against it on its device; else another, and a warning."""

    def __init__(self, stacks: Stacked, *, otherwise: Engine) -> None:
        self.stacks, self.otherwise = stacks, otherwise

    def train(
        self, family: NetworkFamily, histories: Sequence[History], *, seed: int
    ) -> Generator[Trained | Unfit, None, None]:
        """One result per history, by one of the two; the trial waits until there is something to train."""
        if histories:
            engine = self.otherwise if refusal(type(self.stacks), self.stacks.machine.device) else self.stacks
            yield from engine.train(family, histories, seed=seed)


@cache
def refusal(stacks: type[Stacked], device: torch.device) -> str | None:
    """What a trial has against these stacks on a device; None for nothing. Once per process; warns.

    In a process of its own: after an illegal access every CUDA call of a process fails, and the loop shall train then.
    """
    # The child would take "cuda" for the first card.
    card = torch.device("cuda", torch.cuda.current_device()) if device.type == "cuda" else device
    process, pipe = start_child(_try, stacks, card)
    try:
        found: str | None = pipe.recv() if pipe.poll(LIMIT_SEC) else f"it took longer than {LIMIT_SEC} s"
    except (EOFError, ConnectionResetError):
        found = f"its process {how_it_ended(process)} (what it said is above)"
    finally:
        pipe.close()
        process.kill()
        process.join()
    if found:
        logger.warning(
            "Tickers are trained one by one on %s, which is slower: %s: %s. "
            "LDTM_FLEET_ENGINE=loop trains so without a trial, LDTM_FLEET_ENGINE=stacked stacks all the same; "
            "`python -m benchmarks.train_on_gpu` shows more",
            device,
            "the stacked engine could not be tried for want of memory"
            if NO_MEMORY in found
            else "the trial of the stacked engine failed",
            found,
        )
    return found


def objection(stacks: type[Stacked], device: torch.device) -> str | None:
    """What these stacks do otherwise on a device than the loop does on the CPU, in this process; None for nothing.

    The CPU's is the one float32 whose rounding is known: on CUDA the loop trains in bfloat16, and cuDNN in TF32.
    """
    histories = [_history(number, rows) for number, rows in enumerate(ROWS)]
    loop = OneByOne(torch.device("cpu")).train(Ldtm(CONFIG), histories, seed=0)
    expected = {result.ticker: result for result in loop if isinstance(result, Trained)}
    for trial in ROUNDS:
        # Of graphs for two rows and for four both are needed, as tickers leave.
        engine, family = stacks(Machine(device, trial.precision, rows=2)), Ldtm(replace(CONFIG, dropout=trial.dropout))
        for result in engine.train(family, histories, seed=0):
            if isinstance(result, Unfit):
                return result.message
            if difference := _difference(result, expected[result.ticker], trial):
                return difference
    return None


def _difference(found: Trained, expected: Trained, trial: Round) -> str | None:
    right, scored = expected.best_val_loss, found.validation.loss or float("nan")
    # The weights that came back are scored by PyTorch's LSTM, in TF32 on a GPU.
    allowed = ((found.best_val_loss, trial.tolerance), (scored, max(trial.tolerance, TF32_TOLERANCE)))
    for loss, tolerance in allowed:
        # Not `off > tolerance`: nothing is greater than nan.
        if not (off := abs(loss / right - 1)) <= tolerance:
            return (
                f"the validation loss of {found.ticker} is {loss:.6g} in {trial.precision} with dropout "
                f"{trial.dropout:g}, {right:.6g} by the loop: off by {off:.2g}, {tolerance:.2g} is allowed"
            )
    return None


def _history(number: int, rows: int) -> History:
    walks = np.random.default_rng(number).normal(0, 0.02, (rows, len(FEATURES))).cumsum(axis=0)
    features = dict(zip(FEATURES, 100 * np.exp(walks).T, strict=True))
    days = sessions_between(date(2020, 1, 2), date(2022, 1, 1))[:rows]
    return History(f"TRIAL{number}", pl.DataFrame({"date": days, **features}))


def _try(pipe: "Connection[str | None, None]", stacks: type[Stacked], device: torch.device) -> None:
    try:
        if device.type == "cuda":
            torch.cuda.set_device(device)
        found = objection(stacks, device)
    except RuntimeError as error:
        if NO_MEMORY not in str(error):
            raise
        found = str(error)
    pipe.send(found)
