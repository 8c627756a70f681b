"""Names of folders, photos and labels that other programs stumble over, and the rules of Windows on every system."""

from __future__ import annotations

import json
import os
import shutil
import unicodedata
from pathlib import Path, PureWindowsPath

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.drawn import draw_photo, write_dataset, write_label
from tests.robustness.commands import half_written, run, tree
from thirtyfold import files
from thirtyfold.datasets.split import read_split
from thirtyfold.images import write_jpeg
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset, safe_name

NOT_UTF8 = os.fsdecode(b"caf\xe9")  # Latin-1, as an old archive unpacks it
FOLDERS = {
    "every sort of letter": ' лица и 顔 é, it\'s "me" 100%d %s [bold]x[ #1?* ',
    "leading dash": "-rf",
    "line break": "two\nlines",
    "200 letters": "f" * 200,
    "Windows path": "C:\\Users\\me",
    "not UTF-8": NOT_UTF8,
}
PHOTOS = {
    "every sort of letter": 'лицо 顔, it\'s "me" 100%d <b>&amp;[red] .jpg',
    "two ways to write é": unicodedata.normalize("NFD", "é.jpg"),
    "leading dash": "-n.jpg",
    "line break": "two\nlines.jpg",
    "as long as its label can be": "😀" * 60 + "xx.jpg",
    "Windows path": "images\\0001.jpg",
    "device": "CON.jpg",
    "not UTF-8": f"{NOT_UTF8}.jpg",
}
ON_WINDOWS = pytest.mark.skipif(os.name == "nt", reason="Windows cannot have most of these names")


def write_video(path: Path) -> None:
    # OpenCV itself falls over some of the names: under another one, and then moved.
    plain = path.parents[1] / "plain.avi"
    writer = cv2.VideoWriter(str(plain), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    for seed in range(10):
        writer.write(draw_photo(seed)[0])
    writer.release()
    plain.rename(path)


@ON_WINDOWS
@pytest.mark.parametrize("what", FOLDERS)
def test_every_command_works_below_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    name = FOLDERS[what]
    # Relative, as it is typed: a leading dash and a drive letter have to stand at the beginning.
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    here = Path(name)
    faces = write_dataset(here / "faces", sessions=3, per_session=1)
    write_video(here.absolute() / "clip.avi")
    before = tree(faces / "images")
    for options, places in (
        (["split"], [faces]),
        (["check"], [faces]),
        (["check", "--no-html", "--fix-into", here / "fixed"], [faces]),
        (["augment", "--factor", "1", "--workers", "1"], [faces]),
        (["augment", "--factor", "1", "--workers", "1", "--store", "shards"], [faces]),
        (["convert", "--to", "coco"], [faces, here / "coco"]),
        (["convert", "--to", "labelme"], [here / "coco", here / "back"]),
        (["convert", "--to", "yolo"], [faces, here / "yolo"]),
        (["convert", "--to", "labelme"], [here / "yolo", here / "back from yolo"]),
        (["convert", "--to", "voc"], [faces, here / "voc"]),
        (["convert", "--to", "labelme"], [here / "voc", here / "back from voc"]),
        (["predict", "--model", "haar", f"--save={here / 'found'}"], [faces]),
        (["evaluate", "--baselines", "haar", f"--dataset={faces}", "--part", "all", f"--out={here / 'eval'}"], []),
        (["capture", f"--source={faces / 'images'}", "--n", "3"], [here / "taken"]),
        (["annotate", "--prelabel", "haar", "--status"], [here / "taken"]),
        (["live", "--model", "haar", f"--source={faces / 'images'}", "--view", "none", "--fast",
          f"--crops={here / 'crops'}", f"--count={here / 'counts.csv'}"], []),
    ):  # fmt: skip
        ran = run(*options, "--json", "--", *places)
        assert ran.exit_code == 0, (options, ran.said)
        json.loads(ran.stdout)
    assert read_split(Dataset(faces)).parts.keys() == {"0001.jpg", "0002.jpg", "0003.jpg"}
    for back in ("back", "back from yolo", "back from voc"):
        assert len(list((here / back / "images").glob("*.json"))) == 3
    assert tree(faces / "images") == before
    assert half_written(tmp_path / "work") == []
    assert [path.name for path in (tmp_path / "work").iterdir()] == [name], "nothing beside it"


@ON_WINDOWS
@pytest.mark.parametrize("what", FOLDERS)
def test_a_video_below_a_folder_of_that_name_is_read_and_written_or_refused_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    name = FOLDERS[what]
    (tmp_path / "work" / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    write_video(Path(name).absolute() / "clip.avi")
    live = ["live", "--model", "haar", "--view", "none", "--fast"]
    commands = [
        ["capture", f"--source={name}/clip.avi", "--n", "2", "--every", "0.1", "--no-preview", "--", f"{name}/taken"],
        [*live, f"--source={name}/clip.avi", f"--save={name}/{name[:100]}.mp4"],
    ]
    for command in commands:
        ran = run(*command)
        if what == "not UTF-8":
            assert ran.exit_code == 5, ran.said
            assert f"{name}/clip.avi: the path holds letters that are not UTF-8; rename the file" in ran.stderr
        else:
            assert ran.exit_code == 0, ran.said
    if what == "not UTF-8":
        (Path(name) / "clip.avi").rename("clip.avi")
        ran = run(*live, "--source=clip.avi", f"--save={name}/out.avi")
        assert ran.exit_code == 2
        assert "the path holds letters that are not UTF-8; choose another name" in ran.stderr


@ON_WINDOWS
@pytest.mark.parametrize("what", PHOTOS)
def test_a_photo_of_that_name_goes_through_every_command_and_format(tmp_path: Path, what: str) -> None:
    name = PHOTOS[what]
    faces = write_dataset(tmp_path / "faces", sessions=2, per_session=1)
    pixels, annotations = draw_photo(50)
    write_jpeg(faces / "images" / name, pixels)
    write_label(faces / "images" / name, annotations)
    files.append_line(faces / "captures.jsonl", json.dumps({"image": name, "session": "odd"}))
    before = tree(faces / "images")
    assert run("split", faces, "--test-sessions", "s0", "--val", "0").exit_code == 0
    assert read_split(Dataset(faces)).part(name) == "train"
    assert run("check", faces, "--fix-into", tmp_path / "fixed").exit_code == 0
    for store in ("files", "shards"):
        ran = run("augment", faces, "--factor", "2", "--workers", "1", "--store", store, "--json")
        assert (ran.exit_code, json.loads(ran.stdout)["copies"]) == (0, 4), ran.said
    assert run("augment", faces, "--preview", f"--photo={name}").exit_code == 0
    ran = run("predict", "--model", "haar", "--save", tmp_path / "found", "--json", "--", faces / "images" / name)
    assert (ran.exit_code, json.loads(ran.stdout)[0]["image_path"]) == (0, str(faces / "images" / name))
    assert len(list((tmp_path / "found").iterdir())) == 1
    assert run("capture", tmp_path / "taken", "--source", faces / "images", "--n", "3").exit_code == 0
    assert run("annotate", tmp_path / "taken", "--prelabel", "haar", "--status").exit_code == 0
    for to in ("labelme", "coco", "yolo", "voc", "masks"):
        ran = run("convert", faces, tmp_path / to, "--to", to)
        assert ran.exit_code == 0, ran.said
        ran = run("convert", tmp_path / to, tmp_path / f"{to} back", "--to", "labelme", "--json")
        assert ran.exit_code == 0, ran.said
        back = [json.loads(path.read_bytes()) for path in (tmp_path / f"{to} back" / "images").glob("*.json")]
        assert len(back) == 3
        assert all(label["shapes"] for label in back)
    assert tree(faces / "images") == before


LABELS = ["back\\slash", "a/b", "..", ".", "CON", "nul.txt", "com1", "-rf", "%s", "<b>", "a:b", "лицо", "😀", "e" * 300,
          "trailing.", " x", "[red]", "a,b", "'", '"', "{}"]  # fmt: skip


@pytest.mark.parametrize("to", ["coco", "yolo", "voc", "masks"])
def test_labels_of_such_names_survive_every_format_and_become_no_path(tmp_path: Path, to: str) -> None:
    faces = write_dataset(tmp_path / "faces", sessions=1, per_session=len(LABELS))
    wanted = {f"{number:04d}": label for number, label in enumerate(LABELS, 1)}
    for stem, label in wanted.items():
        write_label(faces / "images" / f"{stem}.jpg", [Annotation.from_box(label, (10, 10, 90, 90))])
    ran = run("convert", faces, tmp_path / to, "--to", to)
    assert ran.exit_code == 0, ran.said
    assert run("convert", tmp_path / to, tmp_path / "back", "--to", "labelme").exit_code == 0
    for stem, label in wanted.items():
        back = json.loads((tmp_path / "back" / "images" / f"{stem}.json").read_bytes())
        assert [shape["label"] for shape in back["shapes"]] == [label]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["faces", to, "back"])


@pytest.mark.parametrize(
    "name", ["..", "../up", "/etc", "C:\\x", "\\\\server\\share", "con", "a/b\\c:d*?<>|", " ", "-"]
)
def test_a_class_whose_name_is_a_path_gets_a_folder_inside_of_the_target(tmp_path: Path, name: str) -> None:
    faces = write_dataset(tmp_path / "faces", sessions=1, per_session=2)
    for path in (faces / "images").glob("*.json"):
        label = json.loads(path.read_bytes())
        path.write_text(json.dumps({**label, "shapes": [], "flags": {name: True}}))
    outside = tree(tmp_path)
    ran = run("convert", faces, tmp_path / "out", "--to", "folders")
    assert ran.exit_code == 0, ran.said
    after = {file: digest for file, digest in tree(tmp_path).items() if not file.startswith("out/")}
    assert after == outside
    assert len([path for path in (tmp_path / "out").rglob("*.jpg") if path.is_file()]) == 2


# safe_name makes session names and the names of cut-outs, from what people type and models say.

DEVICES = ["CON", "prn", "AUX", "nul", "COM1", "com9", "LPT1", "lpt0", "COM¹", "con.txt", "NUL.tar.gz"]


@pytest.mark.parametrize("name", DEVICES)
def test_a_device_of_windows_is_never_a_files_name(name: str) -> None:
    assert safe_name(name) == f"_{name}"


@given(st.text() | st.text(alphabet='/\\:*?"<>|.- \0\nCONconulNUL1aé😀\ud800'))
def test_a_safe_name_is_one_name_on_every_system(text: str) -> None:
    name = safe_name(text)
    assert name
    assert not set(name) & set('/\\:*?"<>|\0\n\r ')
    assert PureWindowsPath(name).name == name
    assert name[0] not in ".-"
    assert name[-1] not in ".- "
    stem = name.split(".")[0].upper()
    assert stem not in {"CON", "PRN", "AUX", "NUL"}
    assert not (len(stem) == 4 and stem[:3] in ("COM", "LPT") and stem[3].isdigit())
    assert len(os.fsencode(f"{name}_0001.json")) <= 200
    assert len(os.fsencode(files.temporary_name(name))) <= 255
    assert safe_name(name) == name


@given(st.text(min_size=1).filter(lambda text: "/" not in text and "\0" not in text))
def test_a_temporary_name_fits_every_file_system_and_is_hidden(text: str) -> None:
    try:
        name = files.temporary_name(text)
    except UnicodeEncodeError:
        return  # half letters that no system would have given us
    assert name.startswith(".")
    assert name.endswith(".tmp")
    assert len(os.fsencode(name)) <= 255
    os.fsencode(name).decode()


@ON_WINDOWS
def test_a_file_of_the_longest_name_there_is_can_be_written(tmp_path: Path) -> None:
    for name in ("x" * 255, "é" * 127, "😀" * 63, "\udcff" * 255):
        files.write_bytes(tmp_path / name, b"whole")
        assert (tmp_path / name).read_bytes() == b"whole"
    assert len(list(tmp_path.iterdir())) == 4


@ON_WINDOWS
def test_a_name_that_is_not_utf8_stands_in_the_capture_log_as_it_is(tmp_path: Path) -> None:
    files.append_line(tmp_path / "log.jsonl", json.dumps({"image": NOT_UTF8}, ensure_ascii=False))
    assert files.read_json_lines(tmp_path / "log.jsonl") == [{"image": NOT_UTF8}]


@ON_WINDOWS
def test_a_path_of_thousands_of_letters_works(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d" * 200] * 12)
    deep.mkdir(parents=True)
    faces = write_dataset(deep / "faces", sessions=3, per_session=1)
    for command in (["split"], ["augment", "--factor", "1", "--workers", "1"], ["check", "--fix"]):
        ran = run(*command, faces)
        assert ran.exit_code == 0, ran.said
    # The message names the whole path, which nobody can cut at the right place.
    ran = run("split", deep / "nowhere")
    assert f"{deep / 'nowhere'}: no such dataset" in ran.stderr
    shutil.rmtree(tmp_path / ("d" * 200))
