"""`check` on 260 broken files, on real data, and as a person types it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.corpus import Corpus, encode, label_of, png_header, tree_digest, write_corpus
from tests.drawn import draw_photo, write_dataset, write_label
from thirtyfold import cli, files
from thirtyfold.datasets.check.options import CheckOptions
from thirtyfold.datasets.check.photo import examine_photo
from thirtyfold.datasets.check.problems import KINDS
from thirtyfold.datasets.check.result import CheckResult
from thirtyfold.datasets.check.run import check_dataset
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.errors import DataError, UsageError
from thirtyfold.images import read_rgb, read_size, write_jpeg
from thirtyfold.workspace import Dataset

NO_PAGE = CheckOptions(page=False)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "broken")


@pytest.fixture(scope="module")
def checked(corpus: Corpus) -> tuple[CheckResult, str, str]:
    before = tree_digest(corpus.root)
    result = check_dataset(Dataset(corpus.root), NO_PAGE)
    return result, before, tree_digest(corpus.root)


def codes_by_file(result: CheckResult) -> dict[str, set[str]]:
    codes = defaultdict(set)
    for problem in result.problems:
        codes[problem.file].add(problem.code)
        if problem.photo is not None:
            codes[f"images/{problem.photo}"].add(problem.code)
    return codes


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(["check", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_the_corpus_holds_more_than_200_broken_files_of_every_kind(corpus: Corpus) -> None:
    assert len({file for file, _ in corpus.expected}) > 250
    # Those that need a dataset of their own are tested below.
    assert set(KINDS) - {code for _, code in corpus.expected} == {
        "split-broken", "label-unlisted", "label-is-file-name", "class-imbalance", "no-negatives",
        "split-not-leak-free",
        # tests/datasets/test_check_classes.py
        "class-conflict", "class-two", "class-one-photo", "class-not-in-train", "class-alone", "class-few-photos",
        "class-missing", "attributes-wrong",
    }  # fmt: skip


def test_every_broken_file_is_named_with_its_reason(corpus: Corpus, checked: tuple[CheckResult, str, str]) -> None:
    codes = codes_by_file(checked[0])
    missed = [(file, code, codes[file]) for file, code in corpus.expected if code not in codes[file]]
    assert missed == []


def test_no_file_of_the_corpus_is_changed(checked: tuple[CheckResult, str, str]) -> None:
    _, before, after = checked
    assert before == after


def test_what_is_well_is_not_complained_about(corpus: Corpus, checked: tuple[CheckResult, str, str]) -> None:
    complaints = [
        (problem.photo, problem.code, problem.message)
        for problem in checked[0].problems
        if problem.photo in corpus.healthy and problem.severity != "note"
    ]
    assert complaints == []
    assert len(corpus.healthy) >= 30


def test_every_message_is_a_short_line_and_every_kind_has_a_mend(checked: tuple[CheckResult, str, str]) -> None:
    for problem in checked[0].problems:
        assert "\n" not in problem.message
        assert 0 < len(problem.message) < 300
    assert all((kind.mend.endswith(".") and kind.title[0].islower()) or kind.title[0] == "J" for kind in KINDS.values())


def test_the_docs_list_every_kind_as_the_program_says_it() -> None:
    page = (Path(__file__).parents[2] / "docs" / "check.md").read_text(encoding="utf-8").splitlines()
    rows = [f"| `{code}` | {kind.severity} | {kind.title} | {kind.mend} |" for code, kind in KINDS.items()]
    assert [row for row in rows if row not in page] == []


def test_a_path_that_comes_back_into_the_dataset_does_not_leave_it(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces", sessions=1, per_session=1)
    path = root / "images" / "0001.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"imagePath": "../images/old/../0001.jpg"}))
    assert set(check_dataset(Dataset(root), NO_PAGE).codes()) <= {"no-negatives"}


def test_the_limit_of_pixels_is_ours_where_somebody_turned_pillows_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    (tmp_path / "a.png").write_bytes(png_header(20_000, 20_000))
    facts = examine_photo(tmp_path / "a.png")
    ((code, message),) = facts.findings
    assert code == "image-too-large"
    assert message.startswith("20000x20000 pixels in ")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_that_of_the_upright_pixels(tmp_path: Path, form: str, orientation: int) -> None:
    path = tmp_path / f"a.{form.lower()}"
    path.write_bytes(encode(1, form, orientation=orientation))
    size_wh = read_rgb(path).shape[1::-1]
    assert read_size(path) == size_wh
    assert examine_photo(path).size_wh == size_wh


def test_one_thread_finds_what_eight_find(corpus: Corpus, checked: tuple[CheckResult, str, str]) -> None:
    for workers in (1, 8):
        again = check_dataset(Dataset(corpus.root), CheckOptions(page=False, workers=workers))
        assert again.to_dict() == checked[0].to_dict()
    assert all(not thread.name.startswith("ThreadPool") for thread in threading.enumerate())


def test_four_pairs_of_the_brain_scans_are_the_same_file(shared: Callable[[str], Path]) -> None:
    result = check_dataset(Dataset(shared("data/brain_mri")), NO_PAGE)
    pairs = {
        frozenset((str(problem.photo), *problem.others))
        for problem in result.problems
        if problem.code == "image-duplicate"
    }
    assert pairs == {
        frozenset(pair)
        for pair in (("Y15.jpg", "Y34.jpg"), ("Y14.jpg", "Y17.jpg"), ("Y30.jpg", "Y38.jpg"), ("Y37.jpg", "Y10.jpg"))
    }
    near = {
        frozenset((str(problem.photo), *problem.others))
        for problem in result.problems
        if problem.code == "image-near-duplicate"
    }
    assert near == {frozenset(("Y6.jpg", "Y52.jpg")), frozenset(("Y8.jpg", "Y35.jpg"))}
    (foreign,) = (problem for problem in result.problems if problem.code == "file-foreign")
    assert (foreign.file, foreign.severity) == ("annotations_coco.json", "note")
    assert result.states()["unlabelled"] == 50
    assert result.severities()["error"] == 0


def test_labels_of_the_webcam_faces_lie_elsewhere_and_are_named_after_files(shared: Callable[[str], Path]) -> None:
    result = check_dataset(Dataset(shared("data/webcam_faces")), NO_PAGE)
    counts = result.codes()
    assert counts["label-other-folder"] == 1
    assert counts["label-windows-path"] == counts["label-embeds-photo"] == 30
    assert counts["label-is-file-name"] == 31
    (twice,) = (problem for problem in result.problems if problem.code == "box-two-labels")
    assert (twice.photo, twice.shape) == ("7.jpg", 1)
    assert "label-typo" not in counts
    assert "label-orphan" not in counts
    assert result.severities()["error"] == 0


def test_real_photos_in_order_give_no_error_or_warning(shared: Callable[[str], Path]) -> None:
    result = check_dataset(Dataset(shared("data/clip_frames")), NO_PAGE)
    assert result.severities() | {"note": 0} == {"error": 0, "warning": 0, "note": 0}
    assert result.states()["labelled"] == 96


def test_a_dataset_in_order_ends_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_dataset(tmp_path / "faces", empty_every=5)
    assert run(root) == 0
    said = capsys.readouterr().out
    assert said.endswith(f"Look at {root / 'check.html'}\n")
    assert (root / "check.html").is_file()
    assert run(root, "--strict", "--no-html") == 0


def test_an_error_ends_with_4_and_a_warning_only_if_strict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_dataset(tmp_path / "faces", empty_every=5)
    (root / "images" / "0007.json").unlink()
    assert run(root, "--no-html") == 0
    assert run(root, "--no-html", "--strict") == 4
    (root / "images" / "0003.jpg").write_bytes(b"")
    assert run(root, "--no-html") == 4
    said = capsys.readouterr().err
    assert "images/0003.jpg has no bytes at all (image-empty)" in said
    assert not (root / "check.html").exists()


def test_json_on_stdout_is_the_whole_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_dataset(tmp_path / "faces")
    (root / "images" / "0003.jpg").write_bytes(b"GIF89a nonsense")
    assert run(root, "--json", "--html", tmp_path / "page.html") == 4
    result = json.loads(capsys.readouterr().out)
    assert result["photos"] == 20
    assert result["severities"]["error"] == 1
    assert result["labels"] == {"face": 19 + 1}
    (error,) = (problem for problem in result["problems"] if problem["severity"] == "error")
    assert error["file"] == "images/0003.jpg"
    assert error["mend"]
    assert result["page"] == str(tmp_path / "page.html")


def test_names_that_look_like_terminal_markup_are_printed_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_dataset(tmp_path / "faces", sessions=1)
    (root / "images" / "[red].jpg").write_bytes(b"")
    label = root / "images" / "0001.json"
    raw = json.loads(label.read_text())
    raw["shapes"][0] |= {"label": "[/b]", "points": [[3, 3], [3, 3]]}
    label.write_text(json.dumps(raw))
    assert run(root, "--no-html") == 4
    said = capsys.readouterr().out
    assert "[red].jpg" in said
    assert "'[/b]'" in said


def test_a_name_with_line_breaks_and_terminal_commands_stays_on_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_dataset(tmp_path / "faces", sessions=1)
    (root / "images" / "a\nb\x1b[31m.jpg").write_bytes(b"")
    assert run(root, "--no-html") == 4
    said = capsys.readouterr()
    assert r"a\nb\x1b[31m.jpg" in said.out
    assert r"a\nb\x1b[31m.jpg" in said.err
    assert "\x1b" not in said.out + said.err


def test_a_folder_of_folders_is_told_which_to_check(tmp_path: Path) -> None:
    write_dataset(tmp_path / "things" / "faces")
    with pytest.raises(DataError, match=r"in the folders faces; check one of them: `thirtyfold check .*faces`"):
        check_dataset(Dataset(tmp_path / "things"), NO_PAGE)


def test_no_such_folder_and_no_photos_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such dataset"):
        check_dataset(Dataset(tmp_path / "nowhere"), NO_PAGE)
    with pytest.raises(DataError, match="no photos; take some"):
        check_dataset(Dataset(tmp_path), NO_PAGE)


def test_options_that_exclude_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        CheckOptions(page=False, page_path=tmp_path / "page.html")
    with pytest.raises(UsageError, match="a label is empty"):
        CheckOptions(labels=("face", " "))


def test_a_copy_across_the_split_is_an_error_that_names_both_sides(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces")
    split = split_dataset(Dataset(root), SplitOptions(seed=1))
    assert "split-leak" not in check_dataset(Dataset(root), NO_PAGE).codes()
    train, test = split.names("train")[0], split.names("test")[0]
    shutil.copyfile(root / "images" / train, root / "images" / test)
    (leak,) = (problem for problem in check_dataset(Dataset(root), NO_PAGE).problems if problem.code == "split-leak")
    assert (leak.photo, leak.others, leak.severity) == (test, (train,), "error")
    assert f"is in test, and the same file as {train} (train)" in leak.message


def test_a_recompressed_copy_across_the_split_is_named_too(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces")
    split = split_dataset(Dataset(root), SplitOptions(seed=1))
    train, test = split.names("train")[0], split.names("test")[0]
    pixels, _ = draw_photo(int(Path(train).stem))
    write_jpeg(root / "images" / test, pixels, quality=40)
    result = check_dataset(Dataset(root), NO_PAGE)
    assert "split-leak" not in result.codes()
    (leak,) = (problem for problem in result.problems if problem.code == "split-leak-near")
    assert (leak.photo, leak.others) == (test, (train,))


def test_a_split_of_one_session_is_a_warning_whose_frames_may_look_alike(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces", sessions=1, per_session=10, empty_every=4)
    pixels, annotations = draw_photo(5)
    for number in range(1, 11):  # a camera that stands still
        write_jpeg(root / "images" / f"{number:04d}.jpg", pixels, quality=70 + number)
        write_label(root / "images" / f"{number:04d}.jpg", annotations)
    split_dataset(Dataset(root), SplitOptions())
    result = check_dataset(Dataset(root), NO_PAGE)
    assert result.severities()["error"] == 0
    assert result.codes()["split-not-leak-free"] == 1


@pytest.mark.parametrize("text", ["", "{", '{"format": 99}', "[]", '{"format": 1, "photos": {"a": 3}}'])
def test_a_broken_split_is_an_error(tmp_path: Path, text: str) -> None:
    root = write_dataset(tmp_path / "faces", sessions=1, per_session=2)
    (root / "split.json").write_text(text)
    assert "split-broken" in check_dataset(Dataset(root), NO_PAGE).codes()


def test_photos_that_came_after_the_split_are_a_warning(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces")
    split_dataset(Dataset(root), SplitOptions())
    (root / "images" / "new.jpg").write_bytes(encode(1, "JPEG"))
    assert "split-out-of-date" in check_dataset(Dataset(root), NO_PAGE).codes()


def test_labels_that_lie_in_both_places_are_compared_also_where_one_is_no_file(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces", sessions=1, per_session=2)
    (root / "labels" / "0001.json").mkdir(parents=True)
    shutil.copyfile(root / "images" / "0002.json", root / "labels" / "0002.json")
    twice = [
        problem.message for problem in check_dataset(Dataset(root), NO_PAGE).problems if problem.code == "label-twice"
    ]
    assert twice == ["also lies in labels/, and differs", "also lies in labels/, with the same bytes"]


@pytest.mark.parametrize(
    ("mask", "last"),
    [
        ("no base64!", 9),
        ("AAAA", 9),
        (base64.b64encode(encode(1, "PNG")).decode(), 9),  # of another size than its corners say
        (base64.b64encode(png_header(40_000, 40_000)).decode(), 39_999),
        (None, 9),
    ],
)
def test_a_mask_that_cannot_be_read_is_named_by_its_shape(tmp_path: Path, mask: str | None, last: int) -> None:
    root = write_dataset(tmp_path / "faces", sessions=1, per_session=1)
    path = root / "images" / "0001.json"
    raw = json.loads(path.read_text())
    raw["shapes"].append({"label": "hat", "points": [[0, 0], [last, last]], "shape_type": "mask", "mask": mask})
    path.write_text(json.dumps(raw))
    (problem,) = (one for one in check_dataset(Dataset(root), NO_PAGE).problems if one.severity == "error")
    assert (problem.code, problem.file, problem.shape) == ("shape-broken", "images/0001.json", 1)
    assert "shapes[1] (hat) has a mask that is no PNG" in problem.message


def test_a_photo_of_gigabytes_is_named_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encode(1, "JPEG"))
    os.truncate(tmp_path / "a.jpg", 3_000_000_000)  # a file with a hole: it takes no space
    assert examine_photo(tmp_path / "a.jpg").findings == (
        ("image-too-large", "has 3000 MB, more than its pixels can need"),
    )


def test_labels_off_the_list_are_named_with_the_nearest_one(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces", sessions=1)
    for number, label in enumerate(("facee", "zebra"), 1):
        path = root / "images" / f"000{number}.json"
        raw = json.loads(path.read_text())
        raw["shapes"][0]["label"] = label
        path.write_text(json.dumps(raw))
    result = check_dataset(Dataset(root), CheckOptions(page=False, labels=("face", "mask")))
    messages = {problem.code: problem.message for problem in result.problems}
    assert messages["label-typo"] == "'facee' is not on the list; 'face' is"
    assert messages["label-unlisted"] == "'zebra' is not on the list (face, mask)"


def test_a_verified_empty_photo_is_counted_and_no_problem(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces", empty_every=4)
    result = check_dataset(Dataset(root), NO_PAGE)
    assert result.states() == {"labelled": 15, "empty": 5, "unlabelled": 0, "machine-made": 0, "broken": 0}
    assert "no-negatives" not in result.codes()


def test_what_a_model_drew_is_neither_labelled_nor_empty_nor_counted(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces", sessions=1, per_session=4)
    path = root / "images" / "0002.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"thirtyfold": {"predicted_by": "runs/detect/1"}}))
    result = check_dataset(Dataset(root), NO_PAGE)
    assert result.states()["machine-made"] == 1
    assert result.labels == {"face": 3}
    assert "label-machine-made" in result.codes()


def test_classes_of_unequal_size_are_named(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces", sessions=1, per_session=3)
    many = label_of("0001.jpg") | {"imageWidth": 320, "imageHeight": 240}
    shape = many["shapes"][0]
    many["shapes"] = [shape | {"points": [[x, 10], [x + 12, 40]]} for x in range(0, 300, 14)]
    many["shapes"].append(shape | {"label": "spectacles", "points": [[10, 60], [40, 90]]})
    (root / "images" / "0001.json").write_text(json.dumps(many))
    (problem,) = (one for one in check_dataset(Dataset(root), NO_PAGE).problems if one.code == "class-imbalance")
    assert problem.message == "'face' occurs 24 times, but 'spectacles' 1x"


def test_a_dataset_that_cannot_be_written_to_is_checked_without_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_dataset(tmp_path / "faces", sessions=1)

    def refuse(path: Path, data: bytes, *, durable: bool = True) -> None:
        raise UsageError(f"{path.parent}: cannot be written to; choose another folder or change its permissions")

    # Tests run as root, whom no permission stops.
    monkeypatch.setattr(files, "write_bytes", refuse)
    assert run(root) == 0
    assert "or name a file with --html" in capsys.readouterr().err
    assert run(root, "--html", tmp_path / "page.html") == 2


def test_yolo_and_voc_labels_of_unlabelled_photos_are_pointed_out(tmp_path: Path) -> None:
    root = tmp_path / "faces"
    for number in (1, 2):
        pixels, annotations = draw_photo(number)
        write_jpeg(root / "images" / f"{number}.jpg", pixels)
        if number == 2:
            write_label(root / "images" / "2.jpg", annotations)
    (root / "labels").mkdir()
    (root / "labels" / "1.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (problem,) = (one for one in check_dataset(Dataset(root), NO_PAGE).problems if one.code == "file-foreign")
    assert problem.message == "holds YOLO (.txt) labels of 1 photos that have no labelme file"
