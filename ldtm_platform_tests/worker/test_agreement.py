"""The code's fingerprint, of a folder in which people work."""

from pathlib import Path

import pytest

from ldtm_platform.universe import DEFAULT_UNIVERSE
from ldtm_platform.worker import agreement
from ldtm_platform.worker.agreement import code_print


def test_a_link_to_nothing_is_no_part_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "PACKAGE", tmp_path)
    (tmp_path / "x.py").write_text("x = 1")
    before = code_print(DEFAULT_UNIVERSE)
    # Emacs' lock of a file that is being edited.
    lock = tmp_path / ".#x.py"
    lock.symlink_to("someone@somewhere.4711:1763765000")
    assert code_print(DEFAULT_UNIVERSE) == before
    lock.unlink()
    lock.write_text("x = 2")
    assert code_print(DEFAULT_UNIVERSE) != before
