"""The real datasets into every format that can carry them, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from tests.datasets.formats.label_samples import read_as, run
from thirtyfold.datasets.formats import regions
from thirtyfold.datasets.formats.label_set import LabelSet

# Source, its format, and the formats that carry its shapes as shapes.
BOXES = [
    ("webcam_faces", "labelme", 31),
    ("multi_faces_voc", "voc", 556),
    ("multi_faces_dlib/training.xml", "imglab", 18),
    ("multi_faces_dlib/testing_with_face_landmarks.xml", "imglab", 25),
    ("clip_frames", "labelme", 96),
]
# Said of the datasets in SOURCES.md, and found in their files: boxes one pixel over the edge.
OVER_THE_EDGE = {"multi_faces_voc": 3}


def _boxes(label_set: LabelSet) -> dict[str, list[tuple[str, tuple[float, ...]]]]:
    return {
        entry.stem: sorted((shape.label, shape.box_xyxy) for shape in entry.sample.annotations or ())
        for entry in label_set.entries
    }


@pytest.mark.parametrize("to", ["labelme", "coco", "yolo", "voc"])
@pytest.mark.parametrize(("name", "from_", "shapes"), BOXES, ids=[name for name, _, _ in BOXES])
def test_boxes_go_into_every_format_and_back_within_half_a_pixel(
    shared: Callable[[str], Path], tmp_path: Path, name: str, from_: str, shapes: int, to: str
) -> None:
    source = shared("data") / name
    there = run(source, tmp_path / "there", to)
    assert (there.from_, there.shapes, there.problems) == (from_, shapes, ())
    back = run(tmp_path / "there", tmp_path / "back", "labelme")
    assert (back.from_, back.shapes, back.losses.by_file) == (to, shapes, {})
    clipped = sum(found.get("clipped", 0) for found in there.losses.by_file.values())
    assert clipped == (OVER_THE_EDGE.get(name, 0) if to in ("yolo", "voc") else 0)
    before, after = _boxes(read_as(from_, source)), _boxes(read_as("labelme", tmp_path / "back"))
    assert before.keys() == after.keys()
    for stem, boxes in before.items():
        assert [label for label, _ in boxes] == [label for label, _ in after[stem]]
        error = np.abs(np.subtract([box for _, box in boxes], [box for _, box in after[stem]]))
        over = clipped and any(box[2] > 400 or box[3] > 400 for _, box in boxes)
        assert error.max(initial=0) <= (1 if over else 0.5 if to == "voc" else 1e-4)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.parametrize("to", ["labelme", "coco", "yolo"])
def test_the_tumours_come_back_corner_by_corner(shared: Callable[[str], Path], tmp_path: Path, to: str) -> None:
    source = shared("data/brain_mri")
    run(source, tmp_path / "there", to)
    run(tmp_path / "there", tmp_path / "back", "coco")
    before, after = (
        COCO(path) for path in (source / "annotations_coco.json", tmp_path / "back/annotations/instances.json")
    )
    assert len(before.getAnnIds()) == len(after.getAnnIds()) == 53
    name_of = {image["id"]: Path(image["file_name"]).stem for image in before.loadImgs(before.getImgIds())}
    id_of = {Path(image["file_name"]).stem: image["id"] for image in after.loadImgs(after.getImgIds())}
    for image_id, name in name_of.items():
        rings = [
            sorted(np.round(ring, 3).tolist() for row in coco.imgToAnns[i] for ring in row["segmentation"])
            for coco, i in ((before, image_id), (after, id_of[name]))
        ]
        assert np.allclose(np.concatenate(rings[0]), np.concatenate(rings[1]), atol=0.01)
    if to != "yolo":
        ids = [
            {(row["id"], row["area"], row["iscrowd"]) for row in coco.loadAnns(coco.getAnnIds())}
            for coco in (before, after)
        ]
        assert ids[0] == ids[1]


@pytest.mark.parametrize("to", ["voc", "masks"])
def test_the_tumours_painted_and_traced_cover_the_same_pixels(
    shared: Callable[[str], Path], tmp_path: Path, to: str
) -> None:
    source = shared("data/brain_mri")
    run(source, tmp_path / "there", to)
    run(tmp_path / "there", tmp_path / "back", "labelme")
    after = {entry.stem: entry.sample for entry in read_as("labelme", tmp_path / "back").entries}
    for entry in read_as("coco", source).entries:
        pixels = []
        for sample in (entry.sample, after[entry.stem]):
            canvas = np.zeros((sample.height, sample.width), np.bool_)
            for shape in sample.annotations or ():
                canvas |= regions.mask_of(shape, (sample.width, sample.height))
            pixels.append(canvas)
        assert np.array_equal(*pixels)


@pytest.mark.parametrize(("name", "photos"), [("dogs10", 900), ("masks", 500), ("lfw10", 100)])
@pytest.mark.parametrize("to", ["labelme", "coco"])
def test_classes_of_whole_photos_come_back_as_the_same_folders(
    shared: Callable[[str], Path], tmp_path: Path, name: str, photos: int, to: str
) -> None:
    source = shared(f"data/{name}")
    there = run(source, tmp_path / "there", to)
    assert (there.photos, there.losses.by_file) == (photos, {})
    run(tmp_path / "there", tmp_path / "back", "folders")
    trees = [
        sorted(p.relative_to(root).as_posix() for p in root.rglob("*.jpg")) for root in (source, tmp_path / "back")
    ]
    assert trees[0] == trees[1]


def test_the_folder_of_four_imglab_files_on_the_same_photos_names_two_of_them(
    shared: Callable[[str], Path], tmp_path: Path
) -> None:
    from thirtyfold.errors import UsageError

    with pytest.raises(UsageError, match="both describe"):
        run(shared("data/multi_faces_dlib"), tmp_path / "there", "coco")
