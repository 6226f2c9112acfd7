"""Checkpoints that no training made, for benchmarks of what comes after it."""

from datetime import UTC, datetime

from ldtm_platform.models.base import History
from ldtm_platform.models.checkpoint import Facts, Manifest, sha256
from ldtm_platform.models.network_family import NetworkFamily


def untrained(family: NetworkFamily, history: History, weights: bytes, seed: int) -> Manifest:
    """The manifest of weights that no training made, as one of these history's last session."""
    facts = Facts(family.name, history.ticker, history.through, "-", "-", seed, "-")
    none: dict[str, dict[str, float | None]] = {"validation": {}, "test": {}}
    return Manifest(
        version=facts.version,
        family=family.name,
        ticker=history.ticker,
        trained_through=history.through,
        price_basis=history.through,
        rows=history.rows,
        data_hash="-",
        config=dict(family.config),
        config_hash="-",
        code_version="-",
        seed=seed,
        epochs_run=0,
        best_epoch=0,
        train_loss=0.0,
        best_val_loss=0.0,
        test_loss=None,
        skill=none,
        rel_mae={},
        weights_sha256=sha256(weights),
        device="cpu",
        duration_sec=0.0,
        created_at=datetime.now(UTC),
    )
