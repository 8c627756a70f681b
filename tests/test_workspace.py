"""Folders of runs, and who is at work in a dataset."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.heard import Heard
from thirtyfold.dataset_lock import OWNER, locked
from thirtyfold.workspace import new_run


def test_a_folder_that_only_looks_like_a_number_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "detect" / "²").mkdir(parents=True)
    (tmp_path / "detect" / "7").mkdir()
    assert new_run(tmp_path, "detect").name == "8"


def test_a_terminal_that_is_gone_does_not_leave_the_dataset_locked(tmp_path: Path) -> None:
    class Gone(Heard):
        def say(self, text: str) -> None:
            raise BrokenPipeError

    (tmp_path / OWNER).write_text('{"doing": "augment", "process": 1, "host": "pc", "since": "today"}')
    with pytest.raises(BrokenPipeError) as gone, locked(tmp_path, "train", progress=Gone()):
        pass
    (tmp_path / OWNER).unlink(missing_ok=True)
    with locked(tmp_path, "train"):
        assert gone.type is BrokenPipeError  # it is kept until here, with everything that was alive when it was raised
