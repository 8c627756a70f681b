from __future__ import annotations

from pathlib import Path

import pytest

from tests.datasets.formats.label_samples import read_as, run, write_photo
from thirtyfold.errors import UsageError

XML = """<?xml version='1.0' encoding='ISO-8859-1'?>
<?xml-stylesheet type='text/xsl' href='image_metadata_stylesheet.xsl'?>
<dataset>
<name>Faces</name>
<images>
  <image file='one.jpg' width='40' height='30'>
    <box top='4' left='3' width='10' height='12'><label>J&#252;rgen &amp; Co</label><part name='0' x='5' y='6'/></box>
    <box top='1' left='20' width='5' height='5' ignore='1'/>
  </image>
  <image file='..\\images\\two.jpg'/>
</images>
</dataset>
"""


def _imglab(root: Path, xml: str = XML, name: str = "training.xml") -> Path:
    for photo in ("one.jpg", "two.jpg"):
        write_photo(root / photo)
    (root / name).write_bytes(xml.encode("latin-1"))
    return root


def test_boxes_labels_landmarks_and_ignored_areas_are_read(tmp_path: Path) -> None:
    label_set = read_as("imglab", _imglab(tmp_path))
    first, second = label_set.entries
    face, ignored = first.sample.annotations or ()
    assert (face.label, face.box_xyxy) == ("Jürgen & Co", (3, 4, 13, 16))
    assert face.extra == {"imglab": {"parts": {"0": ["5", "6"]}}}
    assert (ignored.label, ignored.extra) == ("object", {"imglab": {"ignore": "1"}})
    assert second.sample.annotations == ()
    assert first.sample.split == "train"
    assert "1 boxes have no label" in label_set.notes[0]


def test_ignored_areas_are_no_objects_in_yolo_and_difficult_in_voc(tmp_path: Path) -> None:
    _imglab(tmp_path / "a")
    yolo = run(tmp_path / "a", tmp_path / "yolo", "yolo", label="face")
    assert len((tmp_path / "yolo/labels/train/one.txt").read_text().splitlines()) == 1
    assert yolo.losses.by_file["one.jpg"] == {"ignored": 1, "extra": 1}
    run(tmp_path / "a", tmp_path / "voc", "voc", label="face")
    xml = (tmp_path / "voc/Annotations/one.xml").read_text()
    assert [xml.count(f"<difficult>{n}</difficult>") for n in (0, 1)] == [1, 1]


def test_two_files_on_the_same_photos_are_refused_and_one_of_them_can_be_named(tmp_path: Path) -> None:
    _imglab(tmp_path / "a")
    _imglab(tmp_path / "a", name="training_with_landmarks.xml")
    with pytest.raises(UsageError, match=r"both describe one.jpg: name the file"):
        run(tmp_path / "a", tmp_path / "b", "coco")
    assert run(tmp_path / "a/training.xml", tmp_path / "b", "coco").shapes == 2


def test_photos_that_no_file_names_are_left_out_and_counted(tmp_path: Path) -> None:
    write_photo(tmp_path / "three.jpg")
    assert "1 photos stand in no imglab file" in " ".join(read_as("imglab", _imglab(tmp_path)).notes)


def test_a_size_of_thousands_of_digits_is_no_size(tmp_path: Path) -> None:
    label_set = read_as("imglab", _imglab(tmp_path, XML.replace("width='40'", f"width='{'9' * 5000}'")))
    assert (label_set.entries[0].sample.width, label_set.problems) == (40, ())


@pytest.mark.parametrize("side", ["top='x'", "top='nan'", "top='1e308'", ""])
def test_a_box_without_numbers_is_named(tmp_path: Path, side: str) -> None:
    problems = read_as("imglab", _imglab(tmp_path, XML.replace("top='4'", side))).problems
    assert "a box of one.jpg" in problems[0].reason
