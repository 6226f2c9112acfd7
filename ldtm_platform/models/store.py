"""Checkpoints on disk: <root>/<family>/<ticker>/<version>/ with weights.safetensors, manifest.json and SHA256SUMS.

A checkpoint is written beside its place and renamed into it, so it is there whole or not at all, also after a kill or
a power cut. `sha256sum -c SHA256SUMS` inside a folder checks it by hand.
"""

import os
import re
import shutil
import time
from collections.abc import Collection
from pathlib import Path
from uuid import uuid4

from pydantic import ValidationError

from ldtm_platform.models.checkpoint import Checkpoint, Manifest, sha256

WEIGHTS, MANIFEST, SUMS = "weights.safetensors", "manifest.json", "SHA256SUMS"
_VERSION = re.compile(r"(?P<family>[a-z][a-z0-9_]*)-(?P<ticker>[A-Z0-9][A-Z0-9.\-]*)-(?P<day>\d{8})-[0-9a-f]{8}")
_PARTIAL = ".partial-"
# No save takes an hour: what is older was left by a process that was killed.
_ABANDONED_AFTER_SEC = 3600


class CheckpointDamaged(RuntimeError):
    """A checkpoint is missing or is not what was saved; the message names the file and says what to do."""


class CheckpointStore:
    """The checkpoints under one folder, which is made when the first is saved."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def save(self, weights: bytes, manifest: Manifest) -> Manifest:
        """Save a checkpoint; the manifest that stands is returned.

        The same version means the same facts: if it is there and sound, it is left as it is, and its own manifest
        comes back. A damaged one is replaced. Raises ValueError when weights and manifest do not belong together.
        """
        if sha256(weights) != manifest.weights_sha256:
            raise ValueError(f"{manifest.version}: the manifest's checksum is not that of the weights")
        folder = self._folder(manifest.version)
        for _attempt in range(2):
            if folder.exists():
                try:
                    return self.load(manifest.version).manifest
                except CheckpointDamaged:
                    shutil.rmtree(folder)
            if self._place(folder, weights, manifest):
                return manifest
        raise CheckpointDamaged(f"{folder} is being written by several processes at once: try again")

    def load(self, version: str) -> Checkpoint:
        """A checkpoint whose every byte is as it was saved. Raises CheckpointDamaged."""
        folder = self._folder(version)
        if not folder.is_dir():
            raise CheckpointDamaged(f"no checkpoint at {folder}: restore it from a backup, or train the ticker again")
        content = {name: _read(folder / name) for name in (WEIGHTS, MANIFEST)}
        sums = _read(folder / SUMS)
        digests = {name: sha256(found) for name, found in content.items()}
        for name, digest in digests.items():
            if _sum_line(name, digest) not in sums:
                raise _damaged(folder / name, "has been changed or cut short since it was saved")
        try:
            manifest = Manifest.model_validate_json(content[MANIFEST])
        except ValidationError as error:
            raise _damaged(folder / MANIFEST, f"is no manifest ({error.error_count()} errors)") from None
        if manifest.version != version or manifest.weights_sha256 != digests[WEIGHTS]:
            raise _damaged(folder / MANIFEST, "belongs to another checkpoint")
        return Checkpoint(manifest=manifest, weights=content[WEIGHTS])

    def has(self, version: str) -> bool:
        """Whether there is a sound checkpoint of that version."""
        try:
            self.load(version)
        except CheckpointDamaged:
            return False
        return True

    def versions(self, ticker: str, family: str) -> list[str]:
        """The ticker's versions of one family, oldest first: by trained_through, then by when they were saved."""
        folders = [path for path in (self.root / family / ticker).glob(f"{family}-*") if _VERSION.fullmatch(path.name)]
        folders.sort(key=lambda path: (path.name.rsplit("-", 2)[1], path.stat().st_mtime_ns))
        return [path.name for path in folders]

    def prune(self, ticker: str, family: str, *, keep: int, protect: Collection[str] = ()) -> list[str]:
        """Delete all but the newest `keep` versions, and those protected; returns what was deleted."""
        removed = [version for version in self.versions(ticker, family)[:-keep] if version not in protect]
        for version in removed:
            shutil.rmtree(self._folder(version))
        for partial in (self.root / family / ticker).glob(f"{_PARTIAL}*"):
            if time.time() - partial.stat().st_mtime > _ABANDONED_AFTER_SEC:
                shutil.rmtree(partial)
        return removed

    def _folder(self, version: str) -> Path:
        match = _VERSION.fullmatch(version)
        if not match:
            raise CheckpointDamaged(f"{version!r} is no checkpoint's name: it reads family-TICKER-yyyymmdd-xxxxxxxx")
        return self.root / match["family"] / match["ticker"] / version

    def _place(self, folder: Path, weights: bytes, manifest: Manifest) -> bool:
        """Write and rename into place; False when another process was first."""
        partial = folder.with_name(f"{_PARTIAL}{uuid4().hex}")
        partial.mkdir(parents=True)
        text = manifest.model_dump_json(indent=2).encode()
        _write(partial / WEIGHTS, weights)
        _write(partial / MANIFEST, text)
        _write(partial / SUMS, _sum_line(WEIGHTS, manifest.weights_sha256) + _sum_line(MANIFEST, sha256(text)))
        _sync_folder(partial)
        try:
            partial.rename(folder)
        except OSError:
            shutil.rmtree(partial)
            if not folder.exists():
                raise
            return False
        _sync_folder(folder.parent)
        return True


def _sum_line(name: str, digest: str) -> bytes:
    return f"{digest}  {name}\n".encode()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise _damaged(path, "is missing") from None
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror})") from None


def _damaged(path: Path, what: str) -> CheckpointDamaged:
    return CheckpointDamaged(
        f"{path} {what}: it is not used. Delete the folder {path.parent.name} and train the ticker again, "
        "or move the champion back to an earlier version"
    )


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
