"""The cache of squares and features: reused, never half, never stale, never too large."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest

from tests.drawn import write_dataset
from thirtyfold.datasets.samples import read_samples
from thirtyfold.errors import DataError
from thirtyfold.images import letterbox, read_rgb
from thirtyfold.model.features import Cache, GrowingArray, cache_of, pictures_key
from thirtyfold.model.inputs import Trunk, load_features, load_squares
from thirtyfold.progress import SILENT
from thirtyfold.sample import Annotation, Sample
from thirtyfold.workspace import Dataset

ROWS = np.arange(24, dtype=np.float16).reshape(2, 3, 4)


class Maker:
    """Writes two arrays, and counts how often it is asked to."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        self.asked += 1
        for level in range(2):
            with GrowingArray(folder / f"map{level}.npy", (3, 4), np.float16) as array:
                array.append(ROWS + level)
        return {"left_out": []}


def obtain(cache: Cache, make: Any, name: str = "a", *, about_bytes: int = 100) -> Any:
    return cache.obtain("features", {"name": name}, make, about_bytes=about_bytes)


@pytest.fixture
def photos(tmp_path: Path) -> list[Sample]:
    return read_samples(Dataset(write_dataset(tmp_path / "faces", sessions=1)))


def test_what_was_computed_once_is_read_the_second_time(tmp_path: Path) -> None:
    make = Maker()
    first = obtain(Cache(tmp_path), make)
    second = obtain(Cache(tmp_path), make)
    assert make.asked == 1
    assert (first.reused, second.reused) == (False, True)
    for entry in (first, second):
        assert [array.tolist() for array in entry.arrays] == [ROWS.tolist(), (ROWS + 1).tolist()]
        assert not any(array.flags.writeable for array in entry.arrays)
    assert second.facts == {"left_out": []}


def test_another_key_is_another_entry(tmp_path: Path) -> None:
    make = Maker()
    for name in ("a", "b", "a"):
        obtain(Cache(tmp_path), make, name)
    assert make.asked == 2


@pytest.mark.parametrize("harm", ["flip", "cut", "lose", "garble"])
def test_an_entry_that_has_rotted_is_made_anew(tmp_path: Path, harm: str) -> None:
    make = Maker()
    obtain(Cache(tmp_path), make)
    array = next(tmp_path.glob("features-*/map1.npy"))
    data = bytearray(array.read_bytes())
    if harm == "flip":
        data[-1] ^= 1
        array.write_bytes(data)
    elif harm == "cut":
        array.write_bytes(data[:-4])
    elif harm == "lose":
        array.unlink()
    else:
        array.with_name("entry.json").write_text("{")
    assert obtain(Cache(tmp_path), make).arrays[1].tolist() == (ROWS + 1).tolist()
    assert make.asked == 2


def test_an_entry_never_names_a_file_outside_of_its_folder(tmp_path: Path) -> None:
    make = Maker()
    obtain(Cache(tmp_path), make)
    np.save(tmp_path / "elsewhere.npy", ROWS)
    entry = next(tmp_path.glob("features-*/entry.json"))
    raw = json.loads(entry.read_text())
    raw["files"] = {"../elsewhere.npy": raw["files"]["map0.npy"]}
    entry.write_text(json.dumps(raw))
    assert len(obtain(Cache(tmp_path), make).arrays) == 2
    assert make.asked == 2


def test_looking_for_an_entry_removes_nothing(tmp_path: Path) -> None:
    # Another process may be about to finish it: only who holds its lock may remove what is broken.
    obtain(Cache(tmp_path), Maker())
    entry = next(tmp_path.glob("features-*/entry.json"))
    entry.write_text("{")
    assert Cache(tmp_path).find("features", {"name": "a"}) is None
    assert entry.exists()


def test_pickled_arrays_are_not_loaded(tmp_path: Path) -> None:
    make = Maker()
    obtain(Cache(tmp_path), make)
    array = next(tmp_path.glob("features-*/map0.npy"))
    np.save(array, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert obtain(Cache(tmp_path), make).arrays[0].dtype == np.float16
    assert make.asked == 2


def test_a_maker_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> Mapping[str, Any]:
        (folder / "map0.npy").write_bytes(b"half")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        obtain(Cache(tmp_path), fail)
    assert not list(tmp_path.glob("*features-*/*.npy")) + list(tmp_path.glob(".part-*"))


def test_what_a_killed_pass_leaves_is_not_taken_for_whole_and_is_cleared_away(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from thirtyfold.model.features import Cache\n"
        "def make(folder):\n"
        "    (folder / 'map0.npy').write_bytes(b'half'); print('half', flush=True); time.sleep(60)\n"
        "Cache(Path(sys.argv[1])).obtain('features', {'name': 'a'}, make, about_bytes=1)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"half\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert list(tmp_path.glob(".part-*"))
    make = Maker()
    obtain(Cache(tmp_path), make, "b")
    assert not list(tmp_path.glob(".part-*")), "the room of the dead is taken back"
    assert not obtain(Cache(tmp_path), make, "a").reused


def test_what_was_used_longest_ago_goes_first_when_there_is_too_much(tmp_path: Path) -> None:
    make = Maker()
    for age, name in enumerate(("new", "used", "old")):
        obtain(Cache(tmp_path), make, name)
        entry = max(tmp_path.glob("features-*/entry.json"), key=lambda path: path.stat().st_mtime_ns)
        os.utime(entry, (time.time() - 100 * (age + 1),) * 2)
    obtain(Cache(tmp_path), make, "used")  # the newest now
    size = sum(path.stat().st_size for path in next(tmp_path.glob("features-*")).iterdir())
    tight = Cache(tmp_path, limit_bytes=int(size * 3.5))
    obtain(tight, make, "fresh", about_bytes=size)
    there = {json.loads(path.read_text())["key"]["name"] for path in tmp_path.glob("features-*/entry.json")}
    assert there == {"new", "used", "fresh"}


def test_what_this_training_uses_is_never_removed(tmp_path: Path) -> None:
    cache, make = Cache(tmp_path, limit_bytes=1), Maker()
    for name in ("train", "val"):
        obtain(cache, make, name)
    assert len(list(tmp_path.glob("features-*"))) == 2


def test_more_than_the_disk_holds_is_said_before_anything_is_computed(tmp_path: Path) -> None:
    make = Maker()
    with pytest.raises(DataError, match="GB are needed"):
        obtain(Cache(tmp_path), make, about_bytes=10**18)
    assert not make.asked


def test_a_growing_array_is_what_numpy_would_have_written(tmp_path: Path) -> None:
    with GrowingArray(tmp_path / "a.npy", (3, 4), np.float16) as array:
        for _ in range(50):
            array.append(ROWS)
    loaded = np.load(tmp_path / "a.npy", allow_pickle=False)
    assert loaded.dtype == np.float16
    assert (loaded == np.concatenate([ROWS] * 50)).all()


def test_a_dataset_that_cannot_be_written_to_gets_no_cache(tmp_path: Path) -> None:
    dataset, run = tmp_path / "faces", tmp_path / "run"
    dataset.write_text("a file: no folder can be made in it")
    run.mkdir()
    assert cache_of(dataset, run, keep=True).folder == run / ".cache"
    assert cache_of(tmp_path, run, keep=False).folder == run / ".cache"
    assert cache_of(tmp_path, run, keep=True).folder == tmp_path / ".cache"


def test_pictures_are_known_by_their_files_and_order_and_not_by_their_labels(photos: list[Sample]) -> None:
    root = photos[0].image_path.parents[1]
    key = pictures_key(photos, root)
    assert pictures_key(photos[::-1], root) != key
    assert pictures_key(photos[1:], root) != key
    relabelled = [replace(photo, annotations=(Annotation.from_box("hand", (1, 1, 9, 9)),)) for photo in photos]
    assert pictures_key(relabelled, root) == key
    path = photos[2].image_path
    path.write_bytes(path.read_bytes())  # the same bytes, written anew: nobody can know without reading them all
    assert pictures_key(photos, root) != key


def test_squares_are_the_letterboxed_photos_in_their_order(photos: list[Sample], tmp_path: Path) -> None:
    part = load_squares(photos, 64, Cache(tmp_path / "c"), root=tmp_path, progress=SILENT, label="reading")
    assert part.arrays[0].shape == (5, 64, 64, 3)
    for square, sample in zip(part.arrays[0], part.samples, strict=True):
        assert (square == letterbox(read_rgb(sample.image_path), 64)[0]).all()


def test_a_photo_that_cannot_be_read_is_left_out_and_named_from_the_cache_as_well(
    photos: list[Sample], tmp_path: Path
) -> None:
    broken = photos[1].image_path
    broken.write_bytes(broken.read_bytes()[:600])
    for reused in (False, True):
        part = load_squares(photos, 64, Cache(tmp_path / "c"), root=tmp_path, progress=SILENT, label="reading")
        assert part.reused is reused
        assert [sample.image_path for sample in part.samples] == [p.image_path for p in photos if p is not photos[1]]
        assert len(part.arrays[0]) == 4
        assert [error.path for error in part.left_out.values()] == [broken]
        assert (part.arrays[0][1] == letterbox(read_rgb(photos[2].image_path), 64)[0]).all()


def test_features_of_another_opencv_are_computed_anew(
    photos: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = keras.Input((32, 32, 3), dtype="uint8")
    trunk = Trunk(model=keras.Model(image, keras.layers.Rescaling(1 / 255)(image)), key={"backbone": "none"})

    def reused() -> bool:
        cache = Cache(tmp_path / "c")
        return load_features(
            photos, 32, trunk, cache, root=tmp_path, batch=2, progress=SILENT, label="reading"
        ).reused  # fmt: skip

    assert (reused(), reused()) == (False, True)
    monkeypatch.setattr(cv2, "__version__", "0.0")
    assert not reused()
