"""Judged photos written down by hand, and a finished run that needed no training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.drawn import draw_photo, write_label
from tests.tiny_model import write_tiny_run
from thirtyfold import files
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.images import write_jpeg
from thirtyfold.model.data import gather
from thirtyfold.model.metrics.detection import Judged
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.provenance import write_photos
from thirtyfold.predict.artifact import read_card, write_artifact
from thirtyfold.progress import SILENT
from thirtyfold.sample import Annotation, BoxXyxy, Sample
from thirtyfold.workspace import Dataset

FACE: BoxXyxy = (10.0, 10.0, 30.0, 30.0)
FAR: BoxXyxy = (60.0, 60.0, 80.0, 80.0)
Found = tuple[BoxXyxy, float] | tuple[BoxXyxy, float, str]


def photo(
    *truths: BoxXyxy | tuple[BoxXyxy, str], found: list[Found], session: str | None = "a", name: str = "x.jpg"
) -> Judged:
    """A photo of 100 × 100; a truth is a box or (box, label), a prediction (box, score) or (box, score, label)."""
    shapes = []
    for truth in truths:
        box, label = (truth, "face") if len(truth) == 4 else truth
        shapes.append(Annotation.from_box(label, box))
    sample = Sample(image_path=Path(name), width=100, height=100, annotations=tuple(shapes), session=session)
    predictions = [Annotation.from_box(f[2] if len(f) == 3 else "face", f[0], score=f[1]) for f in found]
    return Judged(sample=sample, predictions=tuple(predictions))


def write_finished_run(run_dir: Path, dataset: Dataset, *, one_label: str = "") -> Path:
    """A run whose model finds the drawn faces, as if it had been trained on the dataset's split."""
    write_tiny_run(run_dir)
    if not dataset.split_path.exists():
        split_dataset(dataset, SplitOptions())
    data = gather(dataset, TrainOptions(one_label=one_label), SILENT)
    write_photos(run_dir, data)
    (run_dir / "args.json").write_text(json.dumps({"dataset": str(dataset.root)}))
    training = {
        "options": {"backbone": "none", "heads": "dense", "one_label": one_label},
        "train_photos": len(data.train),
        "copies": data.copies,
        "val_photos": len(data.val),
        "test_photos": len(data.test),
        "epochs_done": 1,
        "best_epoch": 1,
        "data_fingerprint": data.fingerprint,
        "split": data.split_how,
        "split_leak_free": data.leak_free,
    }
    write_artifact(run_dir, replace(read_card(run_dir), training=training))
    return run_dir


def write_fresh_photos(root: Path, count: int) -> Dataset:
    """A dataset of drawn photos that stand in no other one, in two sessions."""
    for number in range(count):
        pixels, shapes = draw_photo(9000 + number)
        path = root / "images" / f"{number}.jpg"
        write_jpeg(path, pixels)
        write_label(path, shapes)
        files.append_line(root / "captures.jsonl", f'{{"image": "{path.name}", "session": "k{number % 2}"}}')
    return Dataset(root)
