from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.predict.people import SkinFinder, draw_person, photos_of, write_onnx, write_sface_like
from thirtyfold.download import cache_dir
from thirtyfold.errors import DataError, ModelError, NotInstalledError, UsageError
from thirtyfold.images import Pixels, read_rgb
from thirtyfold.live.options import LiveOptions
from thirtyfold.live.start import open_model
from thirtyfold.predict.chain import MARGIN_SHARE, Chain, crop, verdict_labels, verdict_of
from thirtyfold.predict.detectors import YUNET, YuNet
from thirtyfold.predict.embedder import SFACE, SFACE_THRESHOLD, SFace, open_embedder
from thirtyfold.predict.face_alignment import FaceAligner
from thirtyfold.predict.gallery import UNKNOWN
from thirtyfold.predict.gallery_enrolment import EnrollOptions, enroll
from thirtyfold.predict.recognizer import find_second, open_embedder_for, open_recognizer, open_second
from thirtyfold.predict.recognizer_threshold import (
    Decision,
    Evidence,
    decide,
    decide_by,
    evidence_of,
    templates,
)
from thirtyfold.progress import SILENT

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PEOPLE = ("Anna", "Bo", "Cleo")


def gallery_of(tmp_path: Path, people: Sequence[str] = PEOPLE, *, model: str | None = None) -> Path:
    folder = tmp_path / "people"
    embedder = open_embedder(model or str(write_onnx(tmp_path / "faces.onnx")))
    for name in people:
        enroll(name, photos_of(name, 5), SkinFinder(), embedder, EnrollOptions(folder=folder), now=NOW)
    return folder


def said(chain: Chain, pixels: Pixels) -> list[str]:
    return [verdict.label for face in chain(pixels) if (verdict := verdict_of(face)) is not None]


def test_enrolled_people_get_their_names_and_everybody_else_is_unknown(tmp_path: Path) -> None:
    people = (*PEOPLE, "Dora", "Emil", "Fritz")
    recognizer = open_recognizer(gallery_of(tmp_path, people))
    assert recognizer.classes == (*people, UNKNOWN)
    chain = Chain(SkinFinder(), recognizer, remember=False)
    for name in people:
        assert said(chain, draw_person(name, 50)) == [name]
    strangers = [said(chain, draw_person(f"stranger {number}", 50)) for number in range(30)]
    # 15 pairs of people show that at most a third of strangers would get a name; 10 of 30 are more than that.
    assert strangers.count([UNKNOWN]) > 20
    (face,) = chain(draw_person("Bo", 51))
    verdict = verdict_of(face)
    assert verdict is not None
    assert 0.5 <= verdict.score <= 1
    assert recognizer.judge([]) == []


def test_a_gallery_is_a_second_model_by_its_folder(tmp_path: Path) -> None:
    folder = gallery_of(tmp_path)
    second = open_second(find_second(str(folder)))
    assert second.classes == (*PEOPLE, UNKNOWN)
    with pytest.raises(DataError, match="holds no people yet; enrol somebody"):
        find_second("people")
    with pytest.raises(ModelError, match="no such run"):
        find_second(str(tmp_path / "nobody"))


def test_live_looks_at_faces_with_the_gallery_behind_the_finder(tiny_run: Path, tmp_path: Path) -> None:
    folder = gallery_of(tmp_path)
    detector = open_model(tiny_run, LiveOptions(then=find_second(folder)), SILENT)
    assert verdict_labels(detector) == (*PEOPLE, UNKNOWN)
    assert said(detector, draw_person("Cleo", 70)) == ["Cleo"]  # type: ignore[arg-type]


def test_too_few_people_to_tell_strangers_is_said_and_a_threshold_by_hand_goes_on(tmp_path: Path) -> None:
    folder = gallery_of(tmp_path, ["Anna"])
    with pytest.raises(DataError, match="too few people are enrolled"):
        open_recognizer(folder)
    embedder = open_embedder_for(folder, None, pixels="-1..1")
    options = EnrollOptions(folder=folder, threshold=0.9)
    enroll("Anna", photos_of("Anna", 1, first=9), SkinFinder(), embedder, options, now=NOW)
    chain = Chain(SkinFinder(), open_recognizer(folder), remember=False)
    assert said(chain, draw_person("Anna", 60)) == ["Anna"]
    assert said(chain, draw_person("Bo", 60)) == [UNKNOWN]


def test_an_embedder_that_changed_or_went_away_is_refused(tmp_path: Path) -> None:
    folder = gallery_of(tmp_path)
    write_onnx(tmp_path / "faces.onnx", outputs=40)
    with pytest.raises(ModelError, match="another network or another version"):
        open_recognizer(folder)
    (tmp_path / "faces.onnx").unlink()
    with pytest.raises(ModelError, match=r"was made with .*faces\.onnx, which cannot be opened"):
        open_recognizer(folder)


def test_a_picture_that_gives_no_vector_at_all_gets_no_name(tmp_path: Path) -> None:
    recognizer = open_recognizer(gallery_of(tmp_path))
    # The network takes the mean off: nothing is left of one colour.
    assert recognizer.judge([np.full((40, 40, 3), 77, np.uint8)]) == [None]


@pytest.mark.parametrize("channels_first", [True, False])
@pytest.mark.parametrize("as_bytes", [True, False])
def test_onnx_files_of_either_layout_and_kind_of_pixel_measure_the_same(
    tmp_path: Path, channels_first: bool, as_bytes: bool
) -> None:
    crops = [draw_person("Anna", 1), draw_person("Bo", 2)]
    usual = open_embedder(str(write_onnx(tmp_path / "usual.onnx"))).embed(crops)
    path = write_onnx(tmp_path / "other.onnx", channels_first=channels_first, as_bytes=as_bytes)
    for pixels in ("0..255", "0..1", "-1..1"):
        vectors = open_embedder(str(path), pixels=pixels).embed(crops)
        assert vectors.dtype == np.float32
        assert vectors == pytest.approx(usual, abs=1e-5)
    with pytest.raises(UsageError, match="--pixels"):
        open_embedder(str(path), pixels="-2..2")


def test_files_that_are_no_embedders_are_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "torn.onnx").write_bytes(b"\x08\x08nothing")
    with pytest.raises(ModelError, match="not a model that ONNX Runtime can run"):
        open_embedder(str(tmp_path / "torn.onnx"))
    with pytest.raises(ModelError, match="no such file"):
        open_embedder(str(tmp_path / "none.onnx"))
    with pytest.raises(ModelError, match="one vector of 2"):
        open_embedder(str(write_onnx(tmp_path / "one.onnx", outputs=1)))
    with pytest.raises(ModelError, match="no such run"):
        open_embedder("recognize/7", runs_dir=tmp_path)


def test_a_detectors_run_recognizes_nobody(tiny_run: Path) -> None:
    with pytest.raises(ModelError, match="was trained to detect, not to recognize"):
        open_embedder(str(tiny_run))


def test_sface_comes_from_the_zoos_own_commit_with_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SFACE.url.startswith("https://github.com/opencv/opencv_zoo/raw/47534e27c9851bb1128ccc0102f1145e27f23f98/")
    assert SFACE.digest is not None
    assert len(SFACE.digest) == len("sha256:") + 64
    monkeypatch.setenv("THIRTYFOLD_HOME", str(tmp_path))
    cache_dir().mkdir(parents=True)
    write_sface_like(cache_dir() / SFACE.name)
    with pytest.raises(ModelError, match="not the published file of the face recognizer SFace"):
        open_embedder("sface")


def test_an_export_of_sface_is_run_by_opencv_and_keeps_its_published_threshold(
    shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yunet = shared("weights/yunet_n_640_640.onnx")
    monkeypatch.setenv("THIRTYFOLD_HOME", str(tmp_path))
    cache_dir().mkdir(parents=True)
    (cache_dir() / YUNET.name).write_bytes(yunet.read_bytes())
    path = write_sface_like(tmp_path / "smaller.onnx")
    embedder = open_embedder(str(path))
    assert isinstance(embedder, SFace)
    vectors = embedder.embed([draw_person("Anna", 1), draw_person("Bo", 1)])
    assert vectors.shape == (2, 128)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    result = enroll(
        "Anna", photos_of("Anna", 2), SkinFinder(), embedder, EnrollOptions(folder=tmp_path / "people"), now=NOW
    )
    assert result.decision is not None
    assert (result.decision.threshold, result.decision.by) == (SFACE_THRESHOLD, "published")


def test_a_network_that_gives_other_vectors_is_no_sface(shared, tmp_path: Path) -> None:
    aligner = FaceAligner(
        YuNet(shared("weights/yunet_n_640_640.onnx").read_bytes(), name="yunet"), margin_share=MARGIN_SHARE
    )
    with pytest.raises(ModelError, match="SFace gives 128"):
        SFace(write_sface_like(tmp_path / "x.onnx", outputs=64).read_bytes(), source="x.onnx", aligner=aligner)
    with pytest.raises(ModelError, match="not an SFace that OpenCV"):
        SFace(b"nothing", source="x.onnx", aligner=aligner)


def test_faces_are_turned_upright_as_opencv_does_it(shared, tmp_path: Path) -> None:
    pixels = read_rgb(shared("data/lfw10/Tony_Blair/Tony_Blair_0002.jpg"))
    yunet = YuNet(shared("weights/yunet_n_640_640.onnx").read_bytes(), name="yunet")
    (face,) = yunet(pixels)
    cut = crop(pixels, face.box_xyxy)
    (points,) = yunet.points(cut)
    network = cv2.FaceRecognizerSF.create(str(write_sface_like(tmp_path / "x.onnx")), "")
    row = np.array([[*cut.shape[:2], 1, 1, *points.ravel(), 0.9]], np.float32)
    theirs = network.alignCrop(cut, row)
    ours = FaceAligner(yunet, margin_share=MARGIN_SHARE)(cut)
    assert ours.shape == (112, 112, 3)
    assert np.abs(ours.astype(int) - theirs).mean() < 1.0
    turned = cv2.warpAffine(pixels, cv2.getRotationMatrix2D((125, 125), 25, 1.0), (250, 250))
    (tilted,) = yunet(turned)
    upright = FaceAligner(yunet, margin_share=MARGIN_SHARE)(crop(turned, tilted.box_xyxy))
    assert abs(slant(yunet, turned)) > 18
    assert abs(slant(yunet, upright)) < 6


def slant(yunet: YuNet, pixels: Pixels) -> float:
    """The angle of the line between the eyes, degrees."""
    (points,) = yunet.points(pixels)
    across, down = points[1] - points[0]
    return float(np.degrees(np.arctan2(down, across)))


def test_without_a_face_in_it_the_middle_of_a_cut_out_is_taken(shared) -> None:
    yunet = YuNet(shared("weights/yunet_n_640_640.onnx").read_bytes(), name="yunet")
    cut = np.zeros((90, 60, 3), np.uint8)
    cut[15:75, 10:50] = 200  # what remains of it without a margin of a quarter on all sides
    assert FaceAligner(yunet, margin_share=MARGIN_SHARE)(cut).min() == 200


def test_yunets_file_is_asked_for_where_a_face_has_to_be_turned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THIRTYFOLD_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(NotInstalledError, match=YUNET.name):
        open_embedder(str(write_sface_like(tmp_path / "sface.onnx")))


def unit(rows: Sequence[Sequence[float]]) -> np.ndarray:
    vectors = np.array(rows, np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_person_is_the_mean_direction_of_their_photos() -> None:
    people, directions = templates(unit([[1, 0], [0, 1], [0, -1]]), ["Bo", "Bo", "Anna"])
    assert people == ("Anna", "Bo")
    assert directions == pytest.approx(np.array([[0, -1], [2**-0.5, 2**-0.5]]))


def test_a_face_is_compared_with_its_own_person_without_itself() -> None:
    evidence = evidence_of(unit([[1, 0], [0, 1], [-1, 0]]), ["Anna", "Anna", "Bo"])
    # Anna's two photos are at right angles to each other; with itself each would be at 45 degrees.
    assert evidence.same == pytest.approx((0.0, 0.0))
    assert evidence.different == pytest.approx((-1.0, -(2**-0.5), -(2**-0.5), 0.0)) or len(evidence.different) == 3
    assert (evidence.people, evidence.photos) == (2, 3)


def evidence(strangers: Sequence[float], same: Sequence[float] = (), *, people: int = 100) -> Evidence:
    return Evidence(same=tuple(sorted(same)), different=tuple(sorted(strangers)), people=people, photos=50)


def test_of_strangers_no_more_than_the_stated_rate_lies_above_the_threshold() -> None:
    strangers = [float(value) for value in np.random.default_rng(0).normal(0, 0.2, 1000)]
    one = decide(evidence(strangers), far=0.05, people=1, by="run", of_what="x")
    assert sum(value >= one.threshold for value in strangers) == 50
    ten = decide(evidence(strangers), far=0.05, people=10, by="run", of_what="x")
    assert sum(value >= ten.threshold for value in strangers) == 5, "ten chances to look like somebody"
    assert "at most 5.0% of looks at strangers get a name (1000 comparisons" in ten.how
    fine = decide(evidence(strangers), far=1e-6, people=1, by="run", of_what="x")
    assert fine.threshold > max(strangers)
    assert "too few to show" in fine.how


def test_many_photos_of_few_people_are_no_proof_of_a_small_rate() -> None:
    few = decide(evidence([0.1, 0.3] * 500, [0.8, 0.9] * 50, people=4), far=0.01, people=4, by="run", of_what="x")
    assert few.threshold == pytest.approx((0.3 + 0.8) / 2, abs=0.01), "halfway to their own photos"
    assert "x: too few to show 1.0% (1000 comparisons, 6 pairs of people); of looks" in few.how
    # One pair more in seven, four times: 1 - (6 / 7) ** 4.
    assert few.how.endswith("up to 46% may get a name")


def test_however_loose_the_rate_nobody_is_named_where_a_stranger_is_likelier() -> None:
    known = evidence([-0.2, -0.1, 0.0, 0.1, 0.2] * 10, same=[0.7, 0.8, 0.9] * 10)
    loose = decide(known, far=0.9, people=1, by="run", of_what="x")
    assert 0.2 < loose.threshold < 0.7
    assert loose.score(loose.threshold) == pytest.approx(0.5, abs=0.01)
    assert loose.score(0.9) > 0.9
    assert loose.score(0.0) < 0.1


@given(st.lists(st.floats(-1, 1), min_size=20, max_size=60), st.floats(0.001, 0.9), st.integers(1, 50))
def test_the_stated_rate_holds_for_any_strangers(strangers: list[float], far: float, people: int) -> None:
    decision = decide(evidence(strangers), far=far, people=people, by="run", of_what="x")
    each = 1 - (1 - far) ** (1 / people)
    above = sum(value >= decision.threshold for value in strangers)
    assert above <= each * len(strangers) + 1e-9 or decision.threshold == 1.0


def test_numbers_that_are_no_decision_are_refused() -> None:
    for numbers in ((float("nan"), 1, 0), (2.0, 1, 0), (0.5, 0, 0), (0.5, 1, float("inf"))):
        with pytest.raises(ValueError, match="threshold"):
            Decision(threshold=numbers[0], slope=numbers[1], intercept=numbers[2], by="hand", how="")
    assert decide_by(0.4, by="hand", how="").score(0.4) == pytest.approx(0.5)


def test_what_a_run_keeps_of_its_validation_people_reads_back() -> None:
    many = evidence([float(v) for v in np.linspace(-1, 1, 9000)], same=[0.5, 0.25])
    kept = Evidence.from_dict(many.to_dict(), what="model.json")
    assert kept is not None
    assert (kept.same, len(kept.different), kept.people) == ((0.25, 0.5), 2000, 100)
    assert (kept.different[0], kept.different[-1]) == (-1.0, 1.0)
    assert Evidence.from_dict(None, what="model.json") is None
    for broken in ({"same": 1}, {**many.to_dict(), "same": [7]}, {**many.to_dict(), "different": ["x"]}):
        with pytest.raises(ModelError, match=r"model\.json"):
            Evidence.from_dict(broken, what="model.json")


def test_nothing_is_said_while_a_gallery_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_second(gallery_of(tmp_path), SILENT).judge([draw_person("Anna", 3)])
    assert capsys.readouterr() == ("", "")
