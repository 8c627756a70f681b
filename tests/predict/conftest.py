from __future__ import annotations

from pathlib import Path

import pytest

from tests.masked import write_tiny_classifier
from tests.tiny_model import write_tiny_run


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose real model finds the drawn faces."""
    return write_tiny_run(tmp_path_factory.mktemp("runs") / "detect" / "1")


@pytest.fixture(scope="session")
def tiny_global_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with one box a photo, not one a cell."""
    return write_tiny_run(tmp_path_factory.mktemp("runs") / "detect" / "2", decoder="global")


@pytest.fixture(scope="session")
def masks_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished classifier of drawn faces with and without a mask, trained on a dataset called masks."""
    return write_tiny_classifier(tmp_path_factory.mktemp("mask-runs") / "classify" / "1")
