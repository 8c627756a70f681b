"""More than 250 broken files through every command that reads photos or labels, not through ``check`` alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.corpus import Corpus, label_of, write_corpus
from tests.robustness.commands import Ran, half_written, run, tree
from thirtyfold.datasets.formats.convert_options import WRITABLE
from thirtyfold.errors import DataError, FileDataError
from thirtyfold.model.data import gather
from thirtyfold.model.options import TrainOptions
from thirtyfold.progress import SILENT
from thirtyfold.workspace import Dataset

BROKEN_PHOTO = {"image-empty", "image-unreadable", "image-truncated", "image-too-large"}
BROKEN_LABEL = {"label-empty", "label-not-json", "label-not-labelme", "label-broken", "shape-broken"}
# What a pretty-printed table, JSON on stdout and a line on stderr have in common.
Command = Callable[[Path, Path], list[str | Path]]

READS_ONLY: dict[str, Command] = {
    "check": lambda data, out: ["check", data, "--html", out / "check.html", "--json"],
    "annotate --status": lambda data, out: ["annotate", data, "--status", "--json"],
    "predict": lambda data, out: ["predict", data, "--model", "haar", "--json"],
    "predict --save": lambda data, out: ["predict", data, "--model", "haar", "--save", out / "found", "--json"],
    "evaluate": lambda data, out: [
        "evaluate", "--baselines", "haar", "--dataset", data, "--part", "all", "--out", out / "evaluated", "--json",
    ],
    "capture": lambda data, out: [
        "capture", out / "taken", "--source", data / "images", "--n", "9999", "--keep-all", "--no-preview", "--json",
    ],
    "live": lambda data, out: [
        "live", "--model", "haar", "--source", data / "images", "--view", "none", "--fast", "--json",
    ],
}  # fmt: skip
WRITES_INTO_IT: dict[str, Command] = {
    "split": lambda data, out: ["split", data, "--json"],
    "augment": lambda data, out: ["augment", data, "--factor", "2", "--workers", "1", "--json"],
    "augment --store shards": lambda data, out: [
        "augment", data, "--factor", "2", "--workers", "1", "--store", "shards", "--json",
    ],
    "augment --preview": lambda data, out: ["augment", data, "--preview", "--json"],
    "annotate --prelabel": lambda data, out: ["annotate", data, "--prelabel", "haar", "--status", "--json"],
    "check --fix": lambda data, out: ["check", data, "--fix", "--no-html", "--json"],
}  # fmt: skip
# They look at photos one after the other and not at labels, or at labels and not behind a photo's head.
LOOKS_AT_NO_LABEL = {"predict", "predict --save", "capture", "live", "split", "augment --preview"}
LOOKS_AT_NO_PIXEL = {"annotate --status", "augment --preview", "annotate --prelabel"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The broken dataset; its broken photos have labels, so that nobody leaves them out as unlabelled."""
    corpus = write_corpus(tmp_path_factory.mktemp("corpus") / "faces")
    for name in broken(corpus, BROKEN_PHOTO):
        if not (label := (corpus.images / name).with_suffix(".json")).exists():
            label.write_text(json.dumps(label_of(name)))
    return corpus


def broken(corpus: Corpus, codes: set[str]) -> list[str]:
    named = sorted({Path(file).name for file, code in corpus.expected if code in codes})
    return [name for name in named if not (corpus.images / name).is_dir() and not name.startswith("gone")]


def unnamed(ran: Ran, names: list[str]) -> list[str]:
    return [name for name in names if name not in ran.said]


def assert_every_broken_file_is_named(ran: Ran, command: str, corpus: Corpus) -> None:
    assert "Traceback" not in ran.stderr, ran.stderr[-2000:]
    assert ran.exit_code in (0, 4)
    json.loads(ran.stdout)
    if command not in LOOKS_AT_NO_PIXEL:
        assert unnamed(ran, broken(corpus, BROKEN_PHOTO)) == []
    if command not in LOOKS_AT_NO_LABEL:
        # Who labels finds out by the photo's name whose labels these are.
        assert unnamed(ran, broken(corpus, BROKEN_LABEL)) == []


@pytest.fixture
def data(corpus: Corpus, tmp_path: Path) -> Path:
    """A copy of the broken dataset, to write into."""
    return Path(shutil.copytree(corpus.root, tmp_path / "faces", symlinks=True))


def test_the_corpus_holds_what_the_names_of_these_tests_promise(corpus: Corpus) -> None:
    assert len({file for file, _ in corpus.expected}) > 250
    assert len(broken(corpus, BROKEN_PHOTO)) > 60
    assert len(broken(corpus, BROKEN_LABEL)) > 60


@pytest.mark.parametrize("name", READS_ONLY)
def test_a_command_that_reads_names_every_broken_file_and_changes_nothing(
    corpus: Corpus, tmp_path: Path, name: str
) -> None:
    before = tree(corpus.root)
    ran = run(*READS_ONLY[name](corpus.root, tmp_path))
    assert_every_broken_file_is_named(ran, name, corpus)
    assert tree(corpus.root) == before
    assert half_written(tmp_path) == []


@pytest.mark.parametrize("name", WRITES_INTO_IT)
def test_a_command_that_writes_leaves_out_what_is_broken_and_changes_no_photo_and_no_label(
    corpus: Corpus, data: Path, tmp_path: Path, name: str
) -> None:
    before = {file: digest for file, digest in tree(data).items() if file != "split.json"}
    ran = run(*WRITES_INTO_IT[name](data, tmp_path))
    assert_every_broken_file_is_named(ran, name, corpus)
    after = tree(data)
    assert {file: after.get(file) for file in before} == before
    assert half_written(data) == []
    assert not (data / ".lock-owner").exists()


def test_prelabelling_names_every_unlabelled_photo_that_it_cannot_read(corpus: Corpus, data: Path) -> None:
    names = broken(corpus, BROKEN_PHOTO)
    for name in names:
        (data / "images" / name).with_suffix(".json").unlink()
    ran = run("annotate", data, "--prelabel", "haar", "--status", "--json")
    assert (ran.exit_code, unnamed(ran, names)) == (4, [])
    assert {problem.split(": ")[0] for problem in json.loads(ran.stdout)["prelabelled"]["problems"]} >= {
        str(data / "images" / name) for name in names
    }


def test_split_says_how_many_labels_cannot_be_read_and_who_names_them(corpus: Corpus, data: Path) -> None:
    ran = run("split", data)
    assert f"{len(broken(corpus, BROKEN_LABEL))} label files cannot be read, first {data}" in ran.stderr
    assert f"`thirtyfold check {data}` names them all" in ran.stderr


@pytest.mark.parametrize("to", WRITABLE)
def test_convert_names_what_it_leaves_out_in_every_format(corpus: Corpus, data: Path, tmp_path: Path, to: str) -> None:
    for blank in data.rglob("*label-blank*.json"):
        blank.unlink()  # the next test
    if to == "folders":
        classes = label_of("001-well.jpg") | {"shapes": [], "flags": {"one": True}}
        (data / "images" / "001-well.json").write_text(json.dumps(classes))
    before = tree(data)
    ran = run("convert", data, tmp_path / to, "--to", to, "--json")
    assert (ran.exit_code, "Traceback" in ran.stderr) == (4, False), ran.stderr[-2000:]
    left_out = {Path(problem["file"]).name for problem in json.loads(ran.stdout)["problems"]}
    assert left_out >= set(broken(corpus, BROKEN_LABEL))
    # It looks at a photo's head alone: what is cut off behind it comes along byte for byte, as the photo it is.
    assert left_out >= set(broken(corpus, {"image-empty", "image-too-large"}))
    assert tree(data) == before
    assert half_written(tmp_path) == []


def test_convert_names_the_photo_whose_label_no_format_can_hold(corpus: Corpus, tmp_path: Path) -> None:
    ran = run("convert", corpus.root, tmp_path / "yolo", "--to", "yolo")
    first = next(file for file, code in corpus.expected if code == "label-blank")
    assert ran.exit_code == 4
    assert f"{corpus.root / Path(first).with_suffix('.jpg')}: its label '' is empty or holds a line break" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_train_stops_at_the_first_broken_file_with_its_name_until_none_is_left(corpus: Corpus, data: Path) -> None:
    (data / "split.json").unlink()
    run("split", data)
    named = set()
    options = TrainOptions(unlabelled="skip", boxes="many")
    for _ in range(400):
        try:
            gather(Dataset(data), options, SILENT)
        except FileDataError as error:
            assert error.path.exists() or error.path.is_symlink()
            assert str(error.path) not in named, "the same file twice"
            named.add(str(error.path))
            # As a person would: the photo and its labels are taken away. The split knows the rest.
            for path in data.rglob(f"{error.path.stem}.*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            continue
        except DataError as error:
            assert str(data) in str(error)
        break
    else:
        pytest.fail("the dataset never became clean")
    stems = {Path(name).stem for name in named}
    assert {Path(name).stem for name in broken(corpus, BROKEN_LABEL)} <= stems
    assert {Path(name).stem for name in broken(corpus, {"image-empty", "image-too-large"})} <= stems


@pytest.mark.parametrize("name", ["check", "predict", "capture", "live"])
def test_as_a_program_too_a_broken_picture_makes_no_library_chat(corpus: Corpus, tmp_path: Path, name: str) -> None:
    arguments = [str(argument) for argument in READS_ONLY[name](corpus.root, tmp_path)]
    done = subprocess.run([sys.executable, "-m", "thirtyfold", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    # libjpeg's own three words can't be turned off; OpenCV's can.
    lines = [line for line in done.stderr.splitlines() if not line.startswith("Corrupt JPEG data")]
    assert [line for line in lines if "OpenCV" in line or "global" in line or "libpng" in line] == []


def test_a_single_broken_picture_is_an_error_with_its_name(corpus: Corpus) -> None:
    for name in broken(corpus, BROKEN_PHOTO)[::6]:
        ran = run("predict", "--model", "haar", corpus.images / name)
        assert ran.exit_code == 4, (name, ran.said)
        assert f"1 pictures were left out, first {corpus.images / name}: " in ran.stderr
    ran = run("predict", "--model", "haar", corpus.images / "link.jpg")
    assert (ran.exit_code, "link.jpg: no such picture or folder" in ran.stderr) == (2, True)
