"""Folders of photos for each class, drawn by the tests: every photo another picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.drawn import draw_photo
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.unlabelled import as_unlabelled
from thirtyfold.images import write_jpeg


def write_class_folders(root: Path, counts: Mapping[str, int]) -> Path:
    """``root/CLASS/CLASS_00.jpg`` ... for each class (or ``PART/CLASS``) and number of photos; all 48x48."""
    for index, (folder, count) in enumerate(counts.items()):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            name = f"{Path(folder).name}_{index}{number:02d}.jpg"
            write_jpeg(root / folder / name, draw_photo(1000 * index + number, width=48, height=48, face=False)[0])
    return root


def write_tagged(root: Path, tags: Mapping[str, tuple[str, ...]]) -> Path:
    """A dataset of photos ``NAME`` with these flags ticked, no shapes looked for; ``()``: no label file."""
    for seed, (name, flags) in enumerate(tags.items()):
        path = root / "images" / name
        write_jpeg(path, draw_photo(seed, width=48, height=48, face=False)[0])
        if flags:
            tick(path, *flags)
    return root


def tick(image_path: Path, *flags: str) -> None:
    """A label file with these flags, that says that nobody has looked for shapes."""
    label_file = labelme_json.LabelFile(
        image_path=image_path.name, width=48, height=48, flags=dict.fromkeys(flags, True)
    )
    labelme_json.write(image_path.with_suffix(".json"), as_unlabelled(label_file))
