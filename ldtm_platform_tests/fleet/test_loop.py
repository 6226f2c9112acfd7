"""The training loop: early stopping, best weights, masked heads, and a loss that must stay a number."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ldtm_platform.fleet.loop import TrainingFailed, batch_loss, part_losses, train_network
from ldtm_platform.fleet.scoring import score
from ldtm_platform.fleet.streams import epoch_order, own_randomness, stream_seed
from ldtm_platform.models.base import History
from ldtm_platform.models.network_family import Batch, Examples, Parts, Recipe, Reference
from ldtm_platform.models.weights import weights_of
from ldtm_platform_tests.models.generated import TINY, random_history

CPU = torch.device("cpu")
HISTORY = random_history(rows=320)
RECIPE = Recipe(batch_size=32, max_epochs=6, patience=2, learning_rate=1e-3, weight_decay=1e-4)


def trained(recipe: Recipe, parts: Parts | None = None) -> tuple[nn.Module, int, float]:
    parts = parts or TINY.parts(HISTORY)
    with own_randomness(0, "WALK", CPU):
        network = TINY.network()
        curve = train_network(network, parts, recipe, seed=0, ticker="WALK")
    assert curve.best_epoch <= curve.epochs_run <= recipe.max_epochs
    return network, curve.epochs_run, curve.validation_loss


def test_training_ends_with_the_weights_of_the_best_epoch() -> None:
    network, _, best = trained(RECIPE)
    assert np.nansum(part_losses(network, TINY.parts(HISTORY).validation)) == best


def test_training_stops_when_patience_is_spent() -> None:
    _, epochs, _ = trained(replace(RECIPE, learning_rate=0.0, max_epochs=9, patience=3))
    assert epochs == 1 + 3


def test_training_lowers_the_training_loss() -> None:
    parts = TINY.parts(HISTORY)
    with own_randomness(0, "WALK", CPU):
        network = TINY.network()
    before = np.nansum(part_losses(network, parts.train))
    after = np.nansum(part_losses(trained(RECIPE)[0], parts.train))
    assert after < before


def test_a_loss_that_is_no_number_ends_training_with_the_epoch() -> None:
    with pytest.raises(TrainingFailed, match="in epoch 1: training diverged"):
        trained(replace(RECIPE, learning_rate=1e30))


def test_parts_without_a_label_cannot_be_trained_on() -> None:
    short = TINY.parts(History("WALK", HISTORY.frame.head(31)))
    with pytest.raises(TrainingFailed, match="no labelled window"):
        train_network(TINY.network(), short, RECIPE, seed=0, ticker="WALK")


@dataclass(frozen=True)
class WithoutMonth:
    """Examples whose one-month labels do not count, whatever they hold."""

    inner: Examples
    filler: float

    def __len__(self) -> int:
        return len(self.inner)

    def batch(self, positions: Tensor) -> Batch:
        batch = self.inner.batch(positions)
        used, targets = batch.used.clone(), batch.targets.clone()
        used[:, 2], targets[:, 2] = False, self.filler
        return replace(batch, used=used, targets=targets)

    def reference(self) -> Reference:
        return self.inner.reference()

    def to(self, device: torch.device) -> "WithoutMonth":
        return self


def test_a_masked_label_changes_no_bit_of_the_weights() -> None:
    parts = TINY.parts(HISTORY)
    networks = [
        trained(RECIPE, Parts(*(WithoutMonth(part, filler) for part in (parts.train, parts.validation, parts.test))))[0]
        for filler in (0.0, 123.0)
    ]
    assert weights_of(networks[0]) == weights_of(networks[1])


def test_the_loss_is_the_sum_of_the_horizons_means_over_labels_that_count() -> None:
    outputs = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    used = torch.tensor([[True, True, False], [True, False, False]])
    batch = Batch(inputs=torch.empty(0), targets=torch.zeros(2, 3), used=used)
    assert batch_loss(outputs, batch).item() == 1.0 + 4.0


def test_scores_set_the_model_beside_persistence() -> None:
    parts = TINY.parts(HISTORY)
    found = score(trained(RECIPE)[0], parts.test)
    assert set(found.skill) == {"next_day", "next_monday", "one_month", "total"}
    assert all(value is not None and value < 1 for value in found.skill.values())
    assert all(value is not None and value > 0 for value in found.rel_mae.values())


class Persist(nn.Module):
    """Answers each window with its scaled last close."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs[:, -1, 3:4].expand(-1, 3)


def test_persistence_itself_has_no_skill_and_a_relative_error_of_one() -> None:
    found = score(Persist(), TINY.parts(HISTORY).test)
    assert list(found.skill.values()) == pytest.approx([0.0] * 4, abs=1e-5)
    assert list(found.rel_mae.values()) == pytest.approx([1.0] * 3, rel=1e-5)


def test_randomness_belongs_to_ticker_seed_and_purpose() -> None:
    seeds = {stream_seed(seed, ticker, why) for seed in (0, 1) for ticker in ("A", "B") for why in ("x", "y")}
    assert len(seeds) == 8
    orders = [epoch_order(0, "A", 1, 50), epoch_order(0, "A", 2, 50), epoch_order(0, "B", 1, 50)]
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[0], orders[2])
    assert torch.equal(orders[0], epoch_order(0, "A", 1, 50))
    assert orders[0].sort().values.tolist() == list(range(50))
