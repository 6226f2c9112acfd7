"""Checkpoints are saved whole or not at all, and a file that is not what was saved is refused by name."""

import os
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ldtm_platform.models.checkpoint import Facts, Manifest, sha256
from ldtm_platform.models.store import CheckpointDamaged, CheckpointStore

WEIGHTS = bytes(range(256)) * 40


def manifest(
    ticker: str = "AAPL", *, through: date = date(2025, 12, 31), seed: int = 0, family: str = "ldtm"
) -> Manifest:
    facts = Facts(family, ticker, through, "d" * 64, "c" * 64, seed, "0.1.0+aaaaaaaa")
    return Manifest(
        version=facts.version,
        family=family,
        ticker=ticker,
        trained_through=through,
        price_basis=through,
        rows=1000,
        data_hash=facts.data_hash,
        config={"hidden": 8, "dropout": 0.2},
        config_hash=facts.config_hash,
        code_version=facts.code_version,
        seed=seed,
        epochs_run=12,
        best_epoch=2,
        train_loss=0.9,
        best_val_loss=0.7,
        test_loss=None,
        skill={"validation": {"next_day": -0.4, "total": None}},
        rel_mae={"next_day": 1.4},
        weights_sha256=sha256(WEIGHTS),
        device="cpu",
        duration_sec=1.5,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "models")


def folder_of(store: CheckpointStore, saved: Manifest) -> Path:
    return store.root / saved.family / saved.ticker / saved.version


def test_a_manifest_of_before_windows_were_counted_loads_without_them() -> None:
    older = manifest().model_dump(mode="json", exclude={"windows"})
    assert Manifest.model_validate(older).windows == {}


def test_what_is_saved_is_what_is_loaded(store: CheckpointStore) -> None:
    saved = store.save(WEIGHTS, manifest())
    loaded = store.load(saved.version)
    assert loaded.weights == WEIGHTS
    assert loaded.manifest == saved == manifest()
    assert sorted(path.name for path in folder_of(store, saved).iterdir()) == [
        "SHA256SUMS",
        "manifest.json",
        "weights.safetensors",
    ]


def test_the_checksums_are_those_of_the_usual_tool(store: CheckpointStore) -> None:
    folder = folder_of(store, store.save(WEIGHTS, manifest()))
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=True)
    assert checked.stdout.count("OK") == 2


def test_a_version_names_family_ticker_day_and_is_the_same_for_the_same_facts() -> None:
    assert manifest("BRK-B").version == manifest("BRK-B").version
    assert manifest("BRK-B").version.startswith("ldtm-BRK-B-20251231-")
    assert manifest(seed=1).version != manifest(seed=2).version


def test_a_ticker_with_a_dash_or_a_dot_finds_its_folder(store: CheckpointStore) -> None:
    for ticker in ("BRK-B", "BF.B"):
        assert store.load(store.save(WEIGHTS, manifest(ticker)).version).manifest.ticker == ticker


@pytest.mark.parametrize("name", ["weights.safetensors", "manifest.json", "SHA256SUMS"])
@pytest.mark.parametrize("damage", ["changed", "truncated", "empty", "missing"])
def test_a_damaged_file_is_refused_by_name_with_what_to_do(store: CheckpointStore, name: str, damage: str) -> None:
    saved = store.save(WEIGHTS, manifest())
    path = folder_of(store, saved) / name
    content = path.read_bytes()
    spoilt = {"changed": bytes([content[0] ^ 1]) + content[1:], "truncated": content[:-1], "empty": b""}
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(spoilt[damage])
    with pytest.raises(CheckpointDamaged, match=rf"{saved.version}/.*train the ticker again"):
        store.load(saved.version)
    assert not store.has(saved.version)


def test_a_version_that_was_never_saved_is_refused(store: CheckpointStore) -> None:
    with pytest.raises(CheckpointDamaged, match="no checkpoint at"):
        store.load(manifest().version)


@pytest.mark.parametrize("version", ["../../etc", "ldtm-..-20251231-aaaaaaaa", "ldtm-AAPL-20251231", "", "x/y"])
def test_a_name_that_is_no_version_touches_no_file(store: CheckpointStore, version: str) -> None:
    with pytest.raises(CheckpointDamaged, match="no checkpoint's name"):
        store.load(version)


def test_another_checkpoints_files_in_its_place_are_refused(store: CheckpointStore) -> None:
    one, two = store.save(WEIGHTS, manifest(seed=1)), store.save(WEIGHTS, manifest(seed=2))
    for name in ("manifest.json", "SHA256SUMS"):
        (folder_of(store, one) / name).write_bytes((folder_of(store, two) / name).read_bytes())
    with pytest.raises(CheckpointDamaged, match="belongs to another checkpoint"):
        store.load(one.version)


def test_saving_the_same_version_again_leaves_the_first(store: CheckpointStore) -> None:
    first = store.save(WEIGHTS, manifest())
    inode = (folder_of(store, first) / "weights.safetensors").stat().st_ino
    later = manifest().model_copy(update={"created_at": datetime(2027, 1, 1, tzinfo=UTC)})
    assert store.save(WEIGHTS, later).created_at == first.created_at
    assert (folder_of(store, first) / "weights.safetensors").stat().st_ino == inode


def test_saving_mends_a_damaged_checkpoint(store: CheckpointStore) -> None:
    saved = store.save(WEIGHTS, manifest())
    (folder_of(store, saved) / "weights.safetensors").write_bytes(b"cut")
    store.save(WEIGHTS, manifest())
    assert store.load(saved.version).weights == WEIGHTS


def test_weights_that_are_not_the_manifests_are_not_saved(store: CheckpointStore) -> None:
    with pytest.raises(ValueError, match="checksum"):
        store.save(b"other", manifest())


def test_a_save_that_was_killed_leaves_no_version_and_is_swept_later(store: CheckpointStore) -> None:
    saved = store.save(WEIGHTS, manifest())
    abandoned = folder_of(store, saved).with_name(".partial-0123")
    abandoned.mkdir()
    (abandoned / "weights.safetensors").write_bytes(b"half")
    assert store.versions("AAPL", "ldtm") == [saved.version]
    store.prune("AAPL", "ldtm", keep=1)
    assert abandoned.exists()
    os.utime(abandoned, (0, 0))
    store.prune("AAPL", "ldtm", keep=1)
    assert not abandoned.exists()


def test_pruning_keeps_the_newest_and_the_protected(store: CheckpointStore) -> None:
    days = [date(2025, 12, day) for day in (1, 2, 3, 4, 5)]
    saved = [store.save(WEIGHTS, manifest(through=day)).version for day in days]
    other = store.save(WEIGHTS, manifest("MSFT")).version
    assert store.versions("AAPL", "ldtm") == saved
    assert store.prune("AAPL", "ldtm", keep=2, protect={saved[0]}) == saved[1:3]
    assert store.versions("AAPL", "ldtm") == [saved[0], *saved[3:]]
    assert store.has(other)


def test_a_ticker_without_checkpoints_has_no_versions(store: CheckpointStore) -> None:
    assert store.versions("AAPL", "ldtm") == []
    assert store.prune("AAPL", "ldtm", keep=3) == []
