"""One small training, which the tests of its forms share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.drawn import write_dataset
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.train import train
from thirtyfold.workspace import Dataset


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """48 drawn photos in 4 sessions, split."""
    dataset = Dataset(write_dataset(tmp_path_factory.mktemp("export") / "faces", per_session=12))
    split_dataset(dataset, SplitOptions())
    return dataset


@pytest.fixture(scope="session")
def trained_run(faces: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the smallest network; not to be changed."""
    options = TrainOptions(backbone="tiny", weights="none", size=96, batch=8, seed=3, epochs=12, patience=12)
    return train(faces, options, runs_dir=tmp_path_factory.mktemp("runs")).run_dir


@pytest.fixture
def run_copy(trained_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained_run, tmp_path / "run"))
