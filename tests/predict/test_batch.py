from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.drawn import draw_photo, write_dataset
from thirtyfold.cli import main
from thirtyfold.errors import NothingToDo, UsageError
from thirtyfold.images import read_rgb, write_jpeg
from thirtyfold.predict.batch import find_pictures, predict_paths


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two photos, one of them in a folder of its own, and things that are no photos."""
    folder = tmp_path / "photos"
    write_jpeg(folder / "a.jpg", draw_photo(1)[0])
    write_jpeg(folder / "deep" / "b.jpg", draw_photo(2)[0])
    write_jpeg(folder / ".hidden.jpg", draw_photo(3)[0])
    write_jpeg(folder / ".cache" / "c.jpg", draw_photo(3)[0])
    write_jpeg(folder / "augmented" / "d.jpg", draw_photo(3)[0])
    (folder / "notes.txt").write_text("no photo")
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_folder_is_walked_in_order_without_hidden_files_and_copies(photos: Path) -> None:
    assert [str(picture.relative) for picture in find_pictures([photos])] == ["a.jpg", str(Path("deep/b.jpg"))]


def test_a_picture_named_twice_is_looked_at_once(photos: Path) -> None:
    assert len(find_pictures([photos / "a.jpg", photos, photos / "deep"])) == 2


def test_the_list_has_exactly_the_promised_keys_in_pixels_of_the_original(tiny_run: Path, photos: Path) -> None:
    result = predict_paths([photos / "a.jpg"], tiny_run)
    (entry,) = result.to_list()
    assert list(entry) == ["image_path", "width", "height", "annotations"]
    assert (entry["image_path"], entry["width"], entry["height"]) == (str(photos / "a.jpg"), 320, 240)
    (annotation,) = entry["annotations"]
    assert list(annotation) == ["label", "kind", "points", "score"]
    assert (annotation["label"], annotation["kind"]) == ("face", "rectangle")
    (left, top), (right, bottom) = annotation["points"]
    assert (left, top, right, bottom) == pytest.approx(draw_photo(1)[1][0].box_xyxy, abs=3)


def test_boxes_of_a_sideways_photo_are_those_of_the_upright_one(tiny_run: Path, tmp_path: Path) -> None:
    pixels, (truth,) = draw_photo(1, width=240, height=320)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees to the right
    Image.fromarray(np.rot90(pixels)).save(tmp_path / "sideways.jpg", exif=exif, quality=95)
    (entry,) = predict_paths([tmp_path / "sideways.jpg"], tiny_run).to_list()
    assert (entry["width"], entry["height"]) == (240, 320)
    points = entry["annotations"][0]["points"]
    assert (*points[0], *points[1]) == pytest.approx(truth.box_xyxy, abs=3)


def test_a_broken_picture_is_named_and_the_rest_goes_on(tiny_run: Path, photos: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"\xff\xd8 not really")
    result = predict_paths([photos], tiny_run)
    assert len(result.samples) == 2
    assert [problem.path.name for problem in result.problems] == ["broken.jpg"]


def test_saved_pictures_have_the_box_on_them_and_the_originals_stay(
    tiny_run: Path, photos: Path, tmp_path: Path
) -> None:
    before = everything(photos)
    result = predict_paths([photos], tiny_run, save_dir=tmp_path / "found")
    assert [path.relative_to(tmp_path / "found").as_posix() for path in result.saved] == ["a.jpg", "deep/b.jpg"]
    drawn = read_rgb(tmp_path / "found" / "a.jpg").astype(int)
    left, top, _, bottom = (round(value) for value in (result.samples[0].annotations or ())[0].box_xyxy)
    changed = np.abs(drawn - read_rgb(photos / "a.jpg")).sum(axis=-1) > 60
    assert changed[top + 10 : bottom - 10, left].mean() > 0.6
    assert not changed[bottom + 8 :].any()
    assert everything(photos) == before


def test_saving_again_writes_over_our_own_pictures_but_never_over_others(
    tiny_run: Path, photos: Path, tmp_path: Path
) -> None:
    found = tmp_path / "found"
    write_jpeg(found / "a.jpg", draw_photo(9)[0])
    before = (found / "a.jpg").read_bytes()
    for _ in range(2):
        predict_paths([photos / "a.jpg"], tiny_run, save_dir=found)
        assert sorted(path.name for path in found.iterdir()) == ["a-2.jpg", "a.jpg"]
        assert (found / "a.jpg").read_bytes() == before


def test_two_pictures_of_one_name_are_both_saved(tiny_run: Path, photos: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(photos / "a.png"), draw_photo(4)[0])
    predict_paths([photos / "a.jpg", photos / "a.png"], tiny_run, save_dir=tmp_path / "found")
    assert sorted(path.name for path in (tmp_path / "found").iterdir()) == ["a-2.jpg", "a.jpg"]


def test_saving_among_the_originals_is_refused(tiny_run: Path, photos: Path) -> None:
    before = everything(photos)
    with pytest.raises(UsageError, match="the originals lie there"):
        predict_paths([photos], tiny_run, save_dir=photos)
    with pytest.raises(UsageError, match="the originals lie there"):
        predict_paths([photos / "deep" / "b.jpg"], tiny_run, save_dir=photos / "deep")
    assert everything(photos) == before


def test_a_folder_saved_into_is_not_looked_at_the_next_time(tiny_run: Path, photos: Path) -> None:
    for _ in range(2):
        result = predict_paths([photos], tiny_run, save_dir=photos / "found")
        assert len(result.samples) == 2


def test_sources_that_cannot_be_are_refused_before_the_model_is_loaded(tmp_path: Path, photos: Path) -> None:
    no_run = tmp_path / "no-run"
    with pytest.raises(UsageError, match="nothing to look at"):
        predict_paths([], no_run)
    with pytest.raises(UsageError, match=r"gone\.jpg: no such"):
        predict_paths([tmp_path / "gone.jpg"], no_run)
    (tmp_path / "clip.mp4").touch()
    with pytest.raises(UsageError, match="thirtyfold live"):
        predict_paths([tmp_path / "clip.mp4"], no_run)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToDo, match="no pictures"):
        predict_paths([tmp_path / "empty"], no_run)
    with pytest.raises(UsageError, match="--threshold"):
        predict_paths([photos], no_run, threshold=1.5)


def test_the_command_prints_json_and_ends_with_4_when_a_picture_was_left_out(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = write_dataset(tmp_path / "faces", sessions=1, per_session=2)
    images = dataset / "images"
    (images / "zz.png").write_bytes(b"broken")
    with pytest.raises(SystemExit) as ended:
        main(["predict", str(images), "--model", str(tiny_run), "--json"])
    captured = capsys.readouterr()
    assert ended.value.code == 4
    assert len(json.loads(captured.out)) == 2
    assert "zz.png" in captured.err


def test_the_table_names_photos_without_anything_too(tiny_run: Path, tmp_path: Path) -> None:
    write_jpeg(tmp_path / "empty.jpg", draw_photo(1, face=False)[0])
    write_jpeg(tmp_path / "face.jpg", draw_photo(1)[0])
    rows = predict_paths([tmp_path], tiny_run).rows()
    assert [(Path(row[0]).name, row[1]) for row in rows] == [("empty.jpg", "nothing"), ("face.jpg", "face")]


def test_real_photos_of_many_sizes_and_kinds_go_through(
    tiny_run: Path, shared: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = shared("data/multi_faces_dlib")
    result = predict_paths([folder], tiny_run, save_dir=tmp_path / "found")
    assert len(result.samples) == len(result.saved) == 12
    assert not result.problems
