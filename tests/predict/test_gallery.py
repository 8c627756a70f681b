from __future__ import annotations

import hashlib
import json
import os
import stat
import struct
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from tests.predict.people import SkinFinder, draw_person, photo_of, photos_of, write_onnx
from thirtyfold.cli import main
from thirtyfold.errors import DataError, ModelError, ThirtyfoldError, UsageError
from thirtyfold.files import write_bytes
from thirtyfold.images import write_jpeg
from thirtyfold.predict.embedder import Embedder, open_embedder
from thirtyfold.predict.gallery import check_name
from thirtyfold.predict.gallery_enrolment import (
    EnrollOptions,
    Photo,
    change_threshold,
    enroll,
    forget,
    list_people,
    read_photos,
)
from thirtyfold.predict.gallery_folder import GALLERY_FILE, locked, read_gallery
from thirtyfold.predict.gallery_results import EnrollResult

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def embedder(tmp_path: Path) -> Embedder:
    return open_embedder(str(write_onnx(tmp_path / "faces.onnx")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "people"


def enrol(folder: Path, embedder: Embedder, name: str, photos: list[Photo], **options: Any) -> EnrollResult:
    return enroll(name, photos, SkinFinder(), embedder, EnrollOptions(folder=folder, **options), now=NOW)


def names_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.name != ".lock")


def test_a_gallery_holds_unit_vectors_names_and_hashes_and_no_pixels(folder: Path, embedder: Embedder) -> None:
    photos = photos_of("Anna", 3)
    result = enrol(folder, embedder, " Anna ", photos)
    assert (result.name, result.enrolled, result.refused) == ("Anna", ("Anna 0.jpg", "Anna 1.jpg", "Anna 2.jpg"), ())
    assert result.alike is not None
    assert result.alike.mean is not None
    assert 0.9 < result.alike.mean <= 1
    gallery = read_gallery(folder)
    assert gallery.vectors.shape == (3, 48)
    assert np.linalg.norm(gallery.vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert [entry.sha256 for entry in gallery.entries] == [hashlib.sha256(photo.data).hexdigest() for photo in photos]
    assert {entry.when for entry in gallery.entries} == {"2026-03-01T12:30:00+00:00"}
    assert gallery.maker.sha256 == hashlib.sha256((folder.parent / "faces.onnx").read_bytes()).hexdigest()
    assert len(names_in(folder)) == 2
    assert not any(photo.data[200:400] in path.read_bytes() for photo in photos for path in folder.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_nobody_else_may_look_into_it(folder: Path, embedder: Embedder) -> None:
    before = os.umask(0)
    try:
        enrol(folder, embedder, "Anna", photos_of("Anna", 2), keep_photos=True)
    finally:
        os.umask(before)
    for path in (folder, folder / "photos"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in (path for path in folder.rglob("*") if path.is_file()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_photos_with_no_face_several_or_a_tiny_one_are_named_and_the_others_go_on(
    folder: Path, embedder: Embedder
) -> None:
    photos = [
        Photo(name="room.jpg", data=photo_of("Anna", 0, faces=0).data),
        Photo(name="two.jpg", data=photo_of("Anna", 1, faces=2).data),
        Photo(name="far.jpg", data=photo_of("Anna", 2, pixels=16).data),
        Photo(name="note.txt", data=b"no picture"),
        photo_of("Anna", 3),
        Photo(name="again.jpg", data=photo_of("Anna", 3).data),
    ]
    result = enrol(folder, embedder, "Anna", photos)
    assert result.enrolled == ("Anna 3.jpg",)
    reasons = dict(result.refused)
    assert reasons["room.jpg"] == "no face was found"
    assert reasons["two.jpg"].startswith("2 faces were found")
    assert reasons["far.jpg"].startswith("the face is 1")
    assert "picture" in reasons["note.txt"]
    assert reasons["again.jpg"] == "the same photo is enrolled already, of Anna"
    with pytest.raises(DataError, match=r"5 photos were left out, first room.jpg"):
        result.raise_if_incomplete()
    assert enrol(folder, embedder, "Anna", photos[1:2], largest=True).photos_in_all == 2


def test_a_photo_whose_name_is_not_utf8_is_enrolled_under_that_name(folder: Path, embedder: Embedder) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    enrol(folder, embedder, "Anna", [Photo(name=name, data=photo_of("Anna", 1).data)])
    assert [entry.photo for entry in read_gallery(folder).entries] == [name]


def test_without_a_single_face_nothing_is_written(folder: Path, embedder: Embedder) -> None:
    with pytest.raises(DataError, match="no photo shows one face"):
        enrol(folder, embedder, "Anna", [photo_of("Anna", 0, faces=0)])
    assert names_in(folder) == []


def test_a_photo_of_one_person_cannot_be_enrolled_for_another(folder: Path, embedder: Embedder) -> None:
    enrol(folder, embedder, "Anna", photos_of("Anna", 2))
    result = enrol(folder, embedder, "Bo", [photo_of("Anna", 1), photo_of("Bo", 7)])
    assert result.refused == (("Anna 1.jpg", "the same photo is enrolled already, of Anna"),)


def test_who_looks_like_somebody_enrolled_is_pointed_out(folder: Path, embedder: Embedder) -> None:
    for name in ("Anna", "Bo", "Cleo"):
        assert enrol(folder, embedder, name, photos_of(name, 5)).alike.warning == ""  # type: ignore[union-attr]
    result = enrol(folder, embedder, "Dora", photos_of("Bo", 4, first=20))
    assert result.alike is not None
    assert result.alike.warning.startswith("Dora looks like Bo, who is enrolled already")
    assert list_people(folder).people[1].nearest[0] == "Dora"  # type: ignore[index]


def test_a_photo_of_somebody_else_among_a_persons_own_is_pointed_out(folder: Path, embedder: Embedder) -> None:
    enrol(folder, embedder, "Bo", photos_of("Bo", 4))
    wrong = Photo(name="wrong.jpg", data=photo_of("Bo", 30).data)
    result = enrol(folder, embedder, "Anna", [*photos_of("Anna", 4), wrong])
    assert result.alike is not None
    assert result.alike.odd == (("wrong.jpg", "looks more like Bo"),)


def test_where_no_photo_would_be_recognized_by_the_others_that_is_said_once(folder: Path, embedder: Embedder) -> None:
    mixed = [photo_of(name, 3) for name in ("Bo", "Cleo", "Dora")]
    result = enrol(folder, embedder, "Anna", mixed, threshold=0.999)
    assert result.alike is not None
    assert len(result.alike.odd) == 3
    assert str(result.facts()["odd"]).startswith("all of them: none would be recognized")


@pytest.mark.parametrize("name", ["", "  ", "../x", "a/b", "a\\b", ".x", "-x", "a\nb", "unknown", "Unknown", "x" * 61])
def test_names_that_could_be_taken_for_something_else_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="a name like"):
        check_name(name)


@pytest.mark.parametrize("name", ["Anna", "Anna Berg", "Björk", "李雷", "O'Neil", "Jr. (2)"])
def test_ordinary_names_are_taken(name: str) -> None:
    assert check_name(f" {name} ") == name


def test_two_spellings_of_a_name_are_not_two_people(folder: Path, embedder: Embedder) -> None:
    enrol(folder, embedder, "Anna", photos_of("Anna", 1))
    with pytest.raises(UsageError, match="Anna is enrolled already"):
        enrol(folder, embedder, "anna", photos_of("Bo", 1))


def test_another_embedders_numbers_are_never_mixed_in(folder: Path, embedder: Embedder, tmp_path: Path) -> None:
    enrol(folder, embedder, "Anna", photos_of("Anna", 2))
    before = {name: (folder / name).read_bytes() for name in names_in(folder)}
    other = open_embedder(str(write_onnx(tmp_path / "other.onnx", outputs=40)))
    with pytest.raises(ModelError, match="another network or another version"):
        enrol(folder, other, "Bo", photos_of("Bo", 2))
    assert {name: (folder / name).read_bytes() for name in names_in(folder)} == before


def test_forgetting_removes_numbers_and_kept_photos_of_one_person_alone(folder: Path, embedder: Embedder) -> None:
    enrol(folder, embedder, "Anna", photos_of("Anna", 3), keep_photos=True)
    enrol(folder, embedder, "Bo", photos_of("Bo", 2), keep_photos=True)
    vectors = read_gallery(folder).vectors
    kept = {entry.kept for entry in read_gallery(folder).of("Anna")}
    assert len(kept) == 3
    before = names_in(folder)
    look = forget("Anna", folder, dry_run=True)
    assert (look.faces, look.photos, look.people_left, names_in(folder)) == (3, 3, 1, before)
    assert "would be removed" in look.sentence()
    done = forget("Anna", folder)
    assert (done.faces, done.photos, done.people_left) == (3, 3, 1)
    assert "3 embeddings and 3 kept photos were removed" in done.sentence()
    gallery = read_gallery(folder)
    assert gallery.people == ("Bo",)
    assert np.array_equal(gallery.vectors, vectors[3:])
    assert len([name for name in names_in(folder) if name.endswith(".safetensors")]) == 1
    assert not kept & {path.name for path in (folder / "photos").iterdir()}
    assert not any(vectors[0].tobytes() in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    forget("Bo", folder)
    assert names_in(folder) == []
    with pytest.raises(DataError, match="holds no people yet"):
        forget("Bo", folder)


def test_who_is_not_there_cannot_be_forgotten(folder: Path, embedder: Embedder) -> None:
    enrol(folder, embedder, "Anna", photos_of("Anna", 1))
    with pytest.raises(DataError, match="nobody is called 'Bo'; enrolled are Anna"):
        forget("Bo", folder)


def test_what_a_killed_command_left_behind_goes_with_the_next_one(folder: Path, embedder: Embedder) -> None:
    enrol(folder, embedder, "Anna", photos_of("Anna", 1), keep_photos=True)
    leftovers = [
        folder / "embeddings-0123456789abcdef.safetensors",
        folder / ".embeddings-0123456789abcdef.safetensors.aa11.tmp",
        folder / "photos" / "0123456789abcdef.jpg",
        folder / "photos" / ".0123456789abcdef.jpg.aa11.tmp",
    ]
    for path in leftovers:
        path.write_bytes(b"x")
    mine = folder / "notes.txt"
    mine.write_text("mine")
    enrol(folder, embedder, "Bo", photos_of("Bo", 1))
    assert not any(path.exists() for path in leftovers)
    assert mine.read_text() == "mine", "what is not ours stays"
    assert read_gallery(folder).people == ("Anna", "Bo")


def test_a_folder_with_other_files_is_never_made_a_gallery(tmp_path: Path, embedder: Embedder) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match="holds other files and is no gallery"):
        enrol(tmp_path, embedder, "Anna", photos_of("Anna", 1))


def test_a_second_writer_is_sent_away(folder: Path, embedder: Embedder) -> None:
    with (
        locked(folder, "enroll"),
        pytest.raises(UsageError, match=r"another thirtyfold command is at work here \(.*enroll"),
    ):
        enrol(folder, embedder, "Anna", photos_of("Anna", 1))


def test_the_threshold_follows_the_people_the_rate_and_the_hand(folder: Path, embedder: Embedder) -> None:
    assert enrol(folder, embedder, "Anna", photos_of("Anna", 5)).decision is None
    for name in ("Bo", "Cleo"):
        decision = enrol(folder, embedder, name, photos_of(name, 5)).decision
    assert decision is not None
    assert (decision.by, "30 comparisons, 3 pairs of people" in decision.how) == ("gallery", True)
    by_hand = change_threshold(folder, far=None, threshold=0.7).decision
    assert by_hand is not None
    assert (by_hand.threshold, by_hand.by) == (0.7, "hand")
    kept = enrol(folder, embedder, "Dora", photos_of("Dora", 2)).decision
    assert kept is not None
    assert kept.threshold == 0.7
    loose = change_threshold(folder, far=0.5, threshold=None)
    assert loose.decision is not None
    assert (loose.far, loose.decision.by) == (0.5, "gallery")
    for far, threshold in ((0.0, None), (1.0, None), (None, 1.5)):
        with pytest.raises(UsageError):
            change_threshold(folder, far=far, threshold=threshold)


def hostile(folder: Path, change: dict[str, Any]) -> None:
    """``gallery.json`` with other fields, everything else as it was."""
    path = folder / GALLERY_FILE
    raw = json.loads(path.read_text())
    raw.update(change)
    path.write_text(json.dumps(raw))


def with_numbers(folder: Path, data: bytes) -> None:
    digest = hashlib.sha256(data).hexdigest()
    (folder / f"embeddings-{digest[:16]}.safetensors").write_bytes(data)
    hostile(folder, {"embeddings_sha256": digest})


FACE = {"name": "Anna", "photo": "a.jpg", "sha256": "0" * 64, "when": "now", "kept": None}
HOSTILE_JSON: list[dict[str, Any]] = [
    {"format": 2},
    {"faces": "Anna"},
    {"faces": [{**FACE, "name": "../../etc/passwd"}] * 2},
    {"faces": [{**FACE, "name": 7}] * 2},
    {"faces": [{**FACE, "kept": "../../../home/me/photo.jpg"}] * 2},
    {"faces": [{**FACE, "kept": "0123456789abcdef.jpg/../x"}] * 2},
    {"faces": [{**FACE, "more": 1}] * 2},
    {"faces": [FACE] * 3},
    {"embeddings_sha256": "../../x"},
    {"embeddings_sha256": None},
    {"embedder": {"source": "sface", "sha256": "no hash", "pixels": "-1..1"}},
    {"embedder": None},
    {"far": 7},
    {"far": "often"},
    {"far": 10**400},
    {"given_threshold": 3},
    {"decision": {"threshold": float("nan"), "slope": 1, "intercept": 0, "by": "run", "how": ""}},
    {"decision": {"threshold": 0.5, "slope": -1, "intercept": 0, "by": "run", "how": ""}},
    {"decision": [1]},
]


@pytest.mark.parametrize("change", HOSTILE_JSON, ids="-".join)
def test_a_gallery_that_makes_no_sense_is_one_clear_error(
    folder: Path, embedder: Embedder, change: dict[str, Any]
) -> None:
    enrol(folder, embedder, "Anna", photos_of("Anna", 2))
    hostile(folder, change)
    with pytest.raises(DataError, match="enrol anew"):
        read_gallery(folder)


def test_numbers_that_make_no_sense_are_one_clear_error(folder: Path, embedder: Embedder) -> None:
    enrol(folder, embedder, "Anna", photos_of("Anna", 2))
    good = read_gallery(folder).vectors
    nan = good.copy()
    nan[0, 0] = np.nan
    huge = struct.pack("<Q", 2**60) + b"{}"
    lying = json.dumps({"embeddings": {"dtype": "F32", "shape": [2**40, 48], "data_offsets": [0, 2**48]}}).encode()
    for data in (
        save({"embeddings": nan}),
        save({"embeddings": good * 3}),
        save({"embeddings": good[:1]}),
        save({"embeddings": good.astype(np.float64)}),
        save({"embeddings": good.ravel()}),
        save({"other": good}),
        save({"embeddings": good, "other": good}),
        huge,
        struct.pack("<Q", len(lying)) + lying,
        b"",
        b"\x80\x04cos\nsystem\n",
    ):
        with_numbers(folder, data)
        with pytest.raises(DataError, match="enrol anew"):
            read_gallery(folder)
    with_numbers(folder, save({"embeddings": good}))
    assert np.array_equal(read_gallery(folder).vectors, good)


def test_files_that_are_swapped_torn_or_no_files_are_one_clear_error(folder: Path, embedder: Embedder) -> None:
    enrol(folder, embedder, "Anna", photos_of("Anna", 2))
    (numbers,) = folder.glob("*.safetensors")
    good = numbers.read_bytes()
    numbers.write_bytes(good[:-1] + b"\x00")
    with pytest.raises(DataError, match="its hash differs"):
        read_gallery(folder)
    numbers.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        read_gallery(folder)
    if hasattr(os, "mkfifo"):
        os.mkfifo(numbers)
        with pytest.raises(DataError, match="no plain file"):
            read_gallery(folder)
    for text in ("{", "[" * 100_000, "null", "\udcff"):
        write_bytes(folder / GALLERY_FILE, text.encode("utf-8", "surrogateescape"))
        with pytest.raises(DataError, match="enrol anew"):
            read_gallery(folder)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_the_three_commands_from_end_to_end(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    model = write_onnx(tmp_path / "faces.onnx")
    for name in ("Anna", "Bo", "Cleo"):
        for seed in range(5):
            write_jpeg(tmp_path / name / f"{seed}.jpg", draw_person(name, seed))
    assert run("enroll", "Anna", "Anna", "--detector", tiny_run, "--model", model, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], len(told["enrolled"]), told["kept_photos"], told["decision"]) == ("Anna", 5, 0, None)
    assert run("enroll", "Bo", "Bo", "--detector", tiny_run) == 0, "the gallery knows its embedder"
    assert run("enroll", "Cleo", "Cleo", "--detector", tiny_run, "--keep-photos") == 0
    capsys.readouterr()
    assert run("people", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["photos"], one["kept_photos"]) for one in told["people"]] == [
        ("Anna", 5, 0), ("Bo", 5, 0), ("Cleo", 5, 5),
    ]  # fmt: skip
    assert run("people") == 0
    assert "Threshold: cosine" in capsys.readouterr().out
    for name, seed, expected in (("Bo", 40, "Bo"), ("Cleo", 41, "Cleo"), ("Stranger", 42, "unknown")):
        write_jpeg(tmp_path / "new.jpg", draw_person(name, seed))
        assert run("predict", "new.jpg", "--model", tiny_run, "--then", "people", "--json") == 0
        ((found,),) = [sample["annotations"] for sample in json.loads(capsys.readouterr().out)]
        assert (found["label"], found["then"]["label"]) == ("face", expected)
    assert run("forget", "Cleo", "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["photos_removed"] == 5
    assert run("forget", "Cleo") == 0
    assert "Cleo: 5 embeddings and 5 kept photos were removed" in capsys.readouterr().out
    assert not (tmp_path / "people" / "photos").exists()
    assert sorted(path.name for path in tmp_path.glob("Cleo/*")) == [f"{seed}.jpg" for seed in range(5)]


def test_enrolling_from_a_clip_takes_faces_a_moment_apart(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "clip"
    for seed in range(6):
        write_jpeg(folder / f"{seed}.jpg", draw_person("Anna", seed, faces=0 if seed == 1 else 1))
    model = write_onnx(tmp_path / "faces.onnx")
    arguments = ["enroll", "Anna", "--source", folder, "--every", 0, "--n", 3, "--detector", tiny_run, "--model", model]
    assert run(*arguments, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (len(told["enrolled"]), told["refused"]) == (3, [])
    assert run("enroll", "Anna") == 2
    assert run("enroll", "Anna", folder, "--source", "0") == 2
    assert "one of the two" in capsys.readouterr().err


def test_photos_are_read_from_files_and_folders(tmp_path: Path) -> None:
    write_jpeg(tmp_path / "a" / "2.jpg", draw_person("Anna", 2))
    write_jpeg(tmp_path / "a" / "1.jpg", draw_person("Anna", 1))
    (tmp_path / "empty").mkdir()
    assert [photo.name for photo in read_photos([tmp_path / "a", tmp_path / "a" / "2.jpg"])] == [
        "1.jpg", "2.jpg", "2.jpg",
    ]  # fmt: skip
    for missing in (tmp_path / "empty", tmp_path / "none.jpg"):
        with pytest.raises(ThirtyfoldError, match=missing.name):
            read_photos([missing])
