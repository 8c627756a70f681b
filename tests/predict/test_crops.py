from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.drawn import draw_photo
from tests.masked import draw_masked
from thirtyfold.cli import main
from thirtyfold.datasets.formats import regions
from thirtyfold.errors import UsageError
from thirtyfold.images import Pixels, read_rgb, write_jpeg
from thirtyfold.predict.batch import predict_paths
from thirtyfold.predict.crops import COLUMNS, CropFolder, CropOptions, cut_out
from thirtyfold.progress import Bar, Silent
from thirtyfold.sample import Annotation


def gradient(width: int = 100, height: int = 80) -> Pixels:
    """Each pixel says where it is: red is x, green is y."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([x, y, np.full_like(x, 200)], axis=2).astype(np.uint8)


def box(label: str = "face", *, score: float = 0.9, left: float = 40) -> Annotation:
    return Annotation.from_box(label, (left, 20, left + 20, 60), score=score)


def rows_of(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "index.csv").read_text().splitlines()))


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_box_is_cut_out_with_its_margin_and_stays_inside_of_the_photo() -> None:
    pixels = gradient()
    assert np.array_equal(cut_out(pixels, box()), pixels[20:60, 40:60])
    assert np.array_equal(cut_out(pixels, box(), margin_share=0.25), pixels[10:70, 35:65])
    assert cut_out(pixels, box(left=-10)).shape == (40, 10, 3)
    assert cut_out(pixels, box(left=200)).size == 0


def test_an_outline_is_cut_out_along_it_with_its_hole() -> None:
    outer = ((10.0, 10.0), (50.0, 10.0), (50.0, 40.0), (10.0, 40.0))
    hole = ((20.0, 15.0), (20.0, 25.0), (30.0, 25.0), (30.0, 15.0))
    ring = Annotation(label="ring", kind="polygon", points=regions.one_ring([outer], [hole]))
    pixels = gradient()
    cut = cut_out(pixels, ring)
    assert cut.shape == (30, 40, 4)
    seen = np.ones((30, 40), bool)
    seen[5:15, 10:20] = False
    assert np.array_equal(cut[..., 3] == 255, seen)
    assert np.array_equal(cut[seen][:, :3], pixels[10:40, 10:50][seen])
    assert not cut[~seen].any(), "nothing of what lies outside is left, not even under the transparency"
    assert cut_out(pixels, ring, margin_share=0.5).shape == (40 + 15, 50 + 20, 4)
    assert cut_out(pixels, replace(ring, points=tuple((x + 200, y) for x, y in ring.points))).size == 0


def test_a_circle_is_round() -> None:
    circle = Annotation(label="coin", kind="circle", points=((50.0, 40.0), (60.0, 40.0)))
    cut = cut_out(gradient(), circle)
    assert cut.shape == (20, 20, 4)
    assert cut[10, 10, 3] == 255
    assert cut[0, 0, 3] == 0
    assert (cut[..., 3] == 255).sum() == pytest.approx(np.pi * 100, rel=0.03)


def test_files_are_called_after_photo_class_and_number_and_the_index_says_where_each_is_from(tmp_path: Path) -> None:
    folder = CropFolder(CropOptions(folder=tmp_path / "cut", min_score=0.5))
    pixels = gradient()
    triangle = Annotation(label="roof", kind="polygon", points=((5.0, 5.0), (30.0, 5.0), (5.0, 30.0)), score=0.8)
    faces = [box(), box(left=10), box(score=0.3), box("../Face/", left=60), triangle]
    folder.add(Path("in/street.jpg"), Path("street.jpg"), pixels, faces)
    folder.add(Path("in/a/street.png"), Path("a/street.png"), pixels, [box()])
    folder.add(Path("in/street.png"), Path("street.png"), pixels, [box()])
    assert names(tmp_path / "cut") == [
        "a/street_face_001.png",
        "index.csv",
        "street_Face_003.jpg",
        "street_face_001.jpg",
        "street_face_001.png",
        "street_face_002.jpg",
        "street_roof_001.png",
    ]
    rows = rows_of(tmp_path / "cut")
    assert [row["file"] for row in rows][:2] == ["street_face_001.jpg", "street_face_002.jpg"]
    assert rows[0] == {
        "file": "street_face_001.jpg",
        "photo": "in/street.jpg",
        "label": "face",
        "score": "0.9",
        "left": "40.0",
        "top": "20.0",
        "right": "60.0",
        "bottom": "60.0",
        "verdict": "",
        "verdict_score": "",
    }
    assert {row["label"] for row in rows} == {"face", "../Face/", "roof"}
    for row in rows:
        assert (tmp_path / "cut" / row["file"]).is_file()
    assert np.abs(read_rgb(tmp_path / "cut" / rows[0]["file"]).astype(int) - pixels[20:60, 40:60]).max() <= 6
    lossless = read_rgb(tmp_path / "cut" / "a" / "street_face_001.png")
    assert np.array_equal(lossless, pixels[20:60, 40:60]), "a photo without loss is cut out without loss"
    alpha = cv2.imread(str(tmp_path / "cut" / "street_roof_001.png"), cv2.IMREAD_UNCHANGED)[..., 3]
    assert set(np.unique(alpha)) == {0, 255}


class CutShort(Silent):
    """Ctrl-C when the first picture is done."""

    @contextmanager
    def bar(self, label: str, *, total: int | None = None, unit: str = "it") -> Iterator[Bar]:
        class Impatient(Bar):
            def advance(self, count: int = 1) -> None:
                raise KeyboardInterrupt

            def note(self, text: str) -> None:
                pass

        yield Impatient()


def test_a_run_that_is_cut_short_leaves_an_index_of_what_it_has_cut_out(tiny_run: Path, tmp_path: Path) -> None:
    for seed in (3, 4):
        write_jpeg(tmp_path / "in" / f"{seed}.jpg", draw_photo(seed)[0])
    with pytest.raises(KeyboardInterrupt):
        predict_paths([tmp_path / "in"], tiny_run, crops=CropOptions(folder=tmp_path / "cut"), progress=CutShort())
    assert names(tmp_path / "cut") == ["3_face_001.jpg", "index.csv"]
    assert [row["file"] for row in rows_of(tmp_path / "cut")] == ["3_face_001.jpg"]


def test_where_nothing_is_found_the_index_has_its_titles_alone(tiny_run: Path, tmp_path: Path) -> None:
    write_jpeg(tmp_path / "photo.jpg", draw_photo(3, face=False)[0])
    predict_paths([tmp_path / "photo.jpg"], tiny_run, crops=CropOptions(folder=tmp_path / "cut"))
    assert (tmp_path / "cut" / "index.csv").read_text() == ",".join(COLUMNS) + "\n"


def test_nothing_is_ever_written_over(tmp_path: Path) -> None:
    (tmp_path / "photo_face_001.jpg").write_bytes(b"mine")
    with pytest.raises(UsageError, match="is there already"):
        CropFolder(CropOptions(folder=tmp_path))
    assert (tmp_path / "photo_face_001.jpg").read_bytes() == b"mine"


@pytest.mark.parametrize("wrong", [{"margin_share": -0.1}, {"margin_share": 9}, {"min_score": 1.5}])
def test_options_that_make_no_sense_are_refused(tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="--m"):
        CropOptions(folder=tmp_path, **wrong)


def test_predict_cuts_out_what_two_models_found(
    tiny_run: Path, masks_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels, truth = draw_masked(3, masked=True)
    write_jpeg(tmp_path / "in" / "photo.jpg", pixels)
    arguments = ["predict", str(tmp_path / "in"), "--model", str(tiny_run), "--then", str(masks_run)]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--crops", str(tmp_path / "cut"), "--margin", "0.1", "--json"])
    assert ended.value.code == 0
    ((found,),) = [sample["annotations"] for sample in json.loads(capsys.readouterr().out)]
    assert Path(found["crop"]) == tmp_path / "cut" / "photo_face_001.jpg"
    (row,) = rows_of(tmp_path / "cut")
    assert (row["label"], row["verdict"]) == ("face", "with_mask")
    left, top, right, bottom = truth.box_xyxy
    height, width = read_rgb(Path(found["crop"])).shape[:2]
    assert (width, height) == pytest.approx((1.2 * (right - left), 1.2 * (bottom - top)), abs=5)
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--crops", str(tmp_path / "cut")])
    assert ended.value.code != 0
    assert "is there already" in capsys.readouterr().err


def test_a_margin_without_cut_outs_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_jpeg(tmp_path / "photo.jpg", draw_photo(3)[0])
    with pytest.raises(SystemExit):
        main(["predict", str(tmp_path / "photo.jpg"), "--model", "haar", "--margin", "0.1"])
    assert "--crops FOLDER" in capsys.readouterr().err
