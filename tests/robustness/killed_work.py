"""Work that has no command of its own without a screen or a camera; the fork server calls it, and kills it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from thirtyfold.annotate.staging import PHOTOS, bring_home, finish, stage
from thirtyfold.datasets import labelme_json
from thirtyfold.images import read_rgb
from thirtyfold.live.review import save_for_review
from thirtyfold.progress import SILENT
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset


def annotate(root: str) -> None:
    """A session of labelme in which a person draws one box in every photo that has none yet."""
    dataset = Dataset(Path(root))
    with dataset.lock("annotate"):
        bring_home(dataset, SILENT)
        waiting = [path for path in dataset.image_paths() if not dataset.label_path(path).exists()]
        staging, _, _ = stage(dataset, waiting)
        for number, name in enumerate(staging.photos):
            drawn = labelme_json.LabelFile(
                image_path=name, width=320, height=240, annotations=(Annotation.from_box("face", (10, 20, 90, 99)),)
            )
            # As labelme writes: over the file, in place.
            (staging.folder / PHOTOS / name).with_suffix(".json").write_bytes(
                json.dumps(labelme_json.to_dict(drawn)).encode()
            )
            if number % 2:
                staging.collect()
        finish(staging, SILENT)


def save_frames(root: str, photo: str) -> None:
    """Somebody presses C three times while live."""
    for number in range(3):
        save_for_review(
            Dataset(Path(root)),
            read_rgb(Path(photo)),
            [Annotation.from_box("face", (10 + number, 20, 90, 99), score=0.9)],
            source="0",
            predicted_by="runs/detect/1",
            now=datetime(2026, 5, 4, 12, 0, number, tzinfo=UTC),
        )
