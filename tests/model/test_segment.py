"""The task *segment*: loss and weights worked out by hand, a network that learns outlines, and everything after it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.drawn import draw_photo
from tests.tiny_model import write_tiny_run
from thirtyfold import files
from thirtyfold.annotate.prelabel import prelabel
from thirtyfold.cli import main
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.formats import index_png
from thirtyfold.datasets.rasterize import VOID, label_map
from thirtyfold.datasets.samples import read_samples
from thirtyfold.datasets.split import Split, write_split
from thirtyfold.errors import DataError, UsageError
from thirtyfold.images import Pixels, read_rgb, write_jpeg
from thirtyfold.model import segment
from thirtyfold.model.evaluate import evaluate
from thirtyfold.model.evaluate_options import EvaluateOptions
from thirtyfold.model.exams.segment import EXAM
from thirtyfold.model.labelling import outlines
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.segment_losses import cross_entropy, dice_loss
from thirtyfold.model.train import TrainResult, train
from thirtyfold.predict.batch import predict_paths
from thirtyfold.predict.decoders import DECODERS
from thirtyfold.predict.runtime import load
from thirtyfold.predict.segment_options import SegmentOptions
from thirtyfold.predict.segmenter import with_options
from thirtyfold.sample import Annotation, Sample
from thirtyfold.workspace import Dataset

WIDTH, HEIGHT = 320, 240


def outlined(seed: int) -> tuple[Pixels, list[Annotation]]:
    """A drawn photo and its face as an outline of 24 corners."""
    pixels, (box,) = draw_photo(seed)
    left, top, right, bottom = box.box_xyxy
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    points = tuple(
        ((left + right + (right - left) * np.cos(t)) / 2, (top + bottom + (bottom - top) * np.sin(t)) / 2)
        for t in turns.tolist()
    )
    return pixels, [Annotation(label="face", kind="polygon", points=points)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """12 outlined photos and one with nobody in it."""
    root = tmp_path_factory.mktemp("outlines") / "heads"
    parts, groups = {}, {}
    for seed in range(13):
        pixels, shapes = outlined(seed) if seed != 5 else (draw_photo(5, face=False)[0], [])
        path = root / "images" / f"{seed:02}.jpg"
        write_jpeg(path, pixels)
        label_file = labelme_json.LabelFile(image_path=path.name, width=WIDTH, height=HEIGHT, annotations=tuple(shapes))
        labelme_json.write(path.with_suffix(".json"), label_file)
        parts[path.name] = "val" if seed >= 11 else "test" if seed >= 9 else "train"
        groups[path.name] = f"patient{seed // 2}" if seed < 9 else f"patient{seed}"
    write_split(Dataset(root), Split(parts=parts, groups=groups, how="patients", leak_free=True))
    # As `convert` leaves them of DICOM files; one of the two test photos comes from elsewhere.
    files.append_line(root / "captures.jsonl", '{"image": "09.jpg", "mm_per_pixel": [0.5, 0.25]}')
    files.append_line(root / "captures.jsonl", '{"image": "10.jpg", "mm_per_pixel": [0, "wide"]}')
    return Dataset(root)


@pytest.fixture(scope="module")
def finished(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    options = TrainOptions(
        task="segment", backbone="scratch", size=64, epochs=25, patience=25, batch=4, rate=5e-3, class_weights="auto"
    )
    return train(dataset, options, runs_dir=tmp_path_factory.mktemp("runs"))


# --- losses and targets ------------------------------------------------------------------------------------


def test_dice_loss_is_nothing_for_the_truth_and_one_for_its_opposite() -> None:
    truth = np.zeros((2, 8, 8), np.float32)
    truth[:, 2:6, 2:6] = 1
    right = np.stack([1 - truth, truth], axis=-1)
    assert float(dice_loss(truth, right)) == pytest.approx(0, abs=0.02)
    assert float(dice_loss(truth, right[..., ::-1])) == pytest.approx(1, abs=0.02)
    half = np.full((2, 8, 8, 2), 0.5, np.float32)
    # V-Net's: 2 Σpg / (Σp² + Σg²) = 2·16 / (32 + 32), and one pixel added above and below.
    assert float(dice_loss(truth, half)) == pytest.approx(1 - 33 / 65, abs=1e-4)


def test_void_pixels_teach_nothing() -> None:
    truth = np.zeros((1, 4, 4), np.float32)
    truth[0, 0] = 1
    wrong = np.stack([1 - truth, truth], axis=-1)
    wrong[0, 3] = [0.0, 1.0]
    void = truth.copy()
    void[0, 3] = VOID
    assert float(cross_entropy(void, wrong, (1, 1))) == pytest.approx(0, abs=1e-5)
    assert float(cross_entropy(truth, wrong, (1, 1))) > 1
    assert float(dice_loss(void, wrong)) < 0.01
    assert float(dice_loss(truth, wrong)) > 0.3


def test_class_weights_are_a_weighted_mean_over_pixels() -> None:
    truth = np.array([[[0, 0, 0, 1]]], np.float32)
    predicted = np.full((1, 1, 4, 2), 0.5, np.float32)
    predicted[0, 0, 3] = [0.8, 0.2]
    plain, weighted = (float(cross_entropy(truth, predicted, weights)) for weights in ((1, 1), (1, 3)))
    assert plain == pytest.approx((3 * np.log(2) - np.log(0.2)) / 4, abs=1e-5)
    assert weighted == pytest.approx((3 * np.log(2) - 3 * np.log(0.2)) / 6, abs=1e-5)


def test_rare_classes_weigh_more_and_numbers_are_taken_as_they_are() -> None:
    photo = Sample(
        image_path=Path("x"),
        width=100,
        height=100,
        annotations=(Annotation.from_box("common", (0, 0, 100, 40)), Annotation.from_box("rare", (0, 90, 10, 100))),
    )
    background, common, rare = segment.class_weights([photo], ["common", "rare"], 64)
    assert background < common == 1 < rare <= 10
    settled = segment.resolve_options(
        TrainOptions(task="segment", size=64, class_weights="auto"), [photo], ["common", "rare"]
    )
    assert segment.weights_in(settled.class_weights, 2) == pytest.approx((background, common, rare), rel=1e-3)
    assert segment.weights_in("1,2,3", 2) == (1, 2, 3)
    with pytest.raises(UsageError, match="3 numbers were expected"):
        segment.weights_in("1,2", 2)
    with pytest.raises(UsageError, match="class-weights"):
        TrainOptions(task="segment", class_weights="heavy")


def test_a_class_that_no_photo_of_a_share_shows_has_a_weight_all_the_same() -> None:
    photo = Sample(
        image_path=Path("x"), width=64, height=64, annotations=(Annotation.from_box("common", (0, 0, 64, 30)),)
    )
    options = TrainOptions(task="segment", size=64, class_weights="auto", share=0.1)
    resolved = segment.resolve_options(options, [photo], ["common", "rare"])
    assert len(segment.weights_in(resolved.class_weights, 2)) == 3


def test_the_target_is_the_letterboxed_label_map_at_half_the_size() -> None:
    box = Annotation.from_box("b", (80, 0, 160, 240))
    photo = Sample(image_path=Path("x"), width=320, height=240, annotations=(box,))
    mask = segment.encode_sample(photo, TrainOptions(task="segment", size=64), ["a", "b"])["mask"]
    assert mask.shape == (32, 32)
    assert (mask[4:28, 8:16] == 2).all()
    assert mask.sum() == 2 * 24 * 8


# --- labels ------------------------------------------------------------------------------------------------


def test_points_and_other_labels_are_left_out_and_an_unknown_label_is_refused(tmp_path: Path) -> None:
    shapes = (
        Annotation.from_box("a", (0, 0, 9, 9)),
        Annotation.from_box("b", (0, 0, 9, 9)),
        Annotation(label="a", kind="point", points=((1.0, 1.0),)),
    )
    photo = Sample(image_path=tmp_path / "x.jpg", width=20, height=20, annotations=shapes)
    options, dataset = TrainOptions(task="segment", labels=("a",)), Dataset(tmp_path)
    (kept,) = outlines.labelled([photo], options, dataset)
    assert [shape.kind for shape in kept.annotations or ()] == ["rectangle"]
    assert outlines.classes([photo], [], TrainOptions(task="segment"), dataset) == ("a", "b")
    with pytest.raises(DataError, match="no outline is drawn in the train part"):
        outlines.classes([], [], options, dataset)
    other = Sample(image_path=tmp_path / "y.jpg", width=20, height=20, annotations=(shapes[1],))
    only_a = Sample(image_path=tmp_path / "x.jpg", width=20, height=20, annotations=(shapes[0],))
    with pytest.raises(DataError, match=r"y\.json: has the label 'b', which no train photo has"):
        outlines.classes([only_a], [other], TrainOptions(task="segment"), dataset)


# --- a training and what follows it ------------------------------------------------------------------------


@pytest.mark.slow
def test_outlines_are_learned_and_judged_by_patients(finished: TrainResult) -> None:
    figures = finished.metrics["test"]
    assert figures["mean_dice"] > 0.6
    assert figures["classes"]["face"]["missed"] == 0
    assert 0 < figures["mean_iou"] < figures["mean_dice"] <= 1
    assert figures["hausdorff95_px"] > 0
    assert finished.metrics["val"]["photos"] == 2
    forms = finished.metrics["forms"]["files"]
    assert forms["model.tflite"]["largest_difference"] < EXAM.tolerance
    assert forms["model.onnx"]["largest_difference"] < EXAM.tolerance
    report = (finished.run_dir / "report.html").read_text()
    assert "mean Dice" in report
    assert "By group" in report
    card = (finished.run_dir / "README.md").read_text()
    assert "pipeline_tag: image-segmentation" in card
    assert "No medical device" in card
    assert (finished.run_dir / "plots" / "worst.png").stat().st_size > 10_000
    assert "percentiles" in finished.artifact.training["pixels"]


@pytest.mark.slow
def test_evaluate_says_the_same_as_the_training(finished: TrainResult, tmp_path: Path) -> None:
    result = evaluate(
        EvaluateOptions(run=str(finished.run_dir), out=tmp_path / "again"), runs_dir=finished.run_dir.parent
    )
    assert result.to_dict()["models"][0]["mean_dice"] == finished.metrics["test"]["mean_dice"]


@pytest.mark.slow
def test_distances_are_given_in_mm_where_the_size_of_a_pixel_is_known(finished: TrainResult, tmp_path: Path) -> None:
    def judged(mm_per_pixel: tuple[float, float] | None) -> tuple[dict[str, Any], str, str]:
        out = tmp_path / f"mm-{mm_per_pixel}"
        options = EvaluateOptions(run=str(finished.run_dir), out=out, mm_per_pixel=mm_per_pixel)
        result = evaluate(options, runs_dir=finished.run_dir.parent)
        return result.to_dict()["models"][0], " ".join(result.remarks()), (out / "report.html").read_text()

    recorded, said, page = judged(None)
    assert "Size of a pixel: from the DICOM file for 1 photo; not known for 1, which is in no figure in mm." in said
    assert page.count("Hausdorff 95 (mm)") == 3  # the large figure, all labels, each label
    both, said, _ = judged((2.0, 2.0))
    assert "from the DICOM file for 1 photo; from --mm-per-pixel 2 for 1." in said
    second_px = (2 * both["hausdorff95_mm"] - recorded["hausdorff95_mm"]) / 2
    first_px = 2 * both["hausdorff95_px"] - second_px
    assert second_px > 0
    assert 0.25 * first_px - 1e-4 <= recorded["hausdorff95_mm"] <= 0.5 * first_px + 1e-4
    assert both["classes"]["face"]["hausdorff95_mm"] == both["hausdorff95_mm"]


@pytest.mark.slow
def test_a_comparison_looks_at_the_pieces_that_are_shown(finished: TrainResult, dataset: Dataset) -> None:
    photos = [sample for sample in read_samples(dataset) if sample.image_path.name in ("09.jpg", "10.jpg")]
    everything, nothing = (EXAM.looks(load(finished.run_dir, threshold=score), photos) for score in (0.0, 1.0))
    assert min(look.score for look in everything) > 0.4
    assert [look.score for look in nothing] == [0.0, 0.0]


@pytest.mark.parametrize("wrong", ["wide", "1,2,3", "0", "-1", "nan", "1,inf"])
def test_a_spacing_that_is_none_is_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "--mm-per-pixel", wrong])
    assert ended.value.code == 2
    assert "a number above 0 was expected, like 0.5, or two, for rows and columns" in capsys.readouterr().err


def test_boxes_have_no_millimetres(tmp_path: Path) -> None:
    write_tiny_run(tmp_path / "detect" / "1")
    with pytest.raises(UsageError, match="--mm-per-pixel: only how far outlines are apart"):
        evaluate(EvaluateOptions(run="detect/1", mm_per_pixel=(1.0, 1.0)), runs_dir=tmp_path)


@pytest.mark.slow
def test_predict_gives_outlines_areas_and_masks(finished: TrainResult, dataset: Dataset, tmp_path: Path) -> None:
    photo = dataset.images_dir / "09.jpg"
    masks = tmp_path / "masks"
    result = predict_paths(
        [photo],
        finished.run_dir,
        save_dir=tmp_path / "drawn",
        segments=SegmentOptions(masks=masks, mm_per_pixel=0.5),
    )
    (sample,) = result.samples
    assert {shape.kind for shape in sample.annotations or ()} == {"polygon"}
    truth = label_map(outlined(9)[1], {"face": 1}, (WIDTH, HEIGHT))
    numbers = index_png.read(masks / "09.png").astype(np.uint8)
    assert numbers.shape == (HEIGHT, WIDTH)
    assert 2 * (truth & numbers).sum() / (truth.sum() + numbers.sum()) > 0.6
    assert (masks / "labelmap.txt").read_text().splitlines()[1:] == ["background:0,0,0::", "face:128,0,0::"]
    row = result.to_list()[0]["annotations"][0]
    assert row["area_mm2"] == pytest.approx(row["area_px"] * 0.25)
    assert result.columns()[-1] == "area, mm²"
    drawn = read_rgb(tmp_path / "drawn" / "09.jpg").astype(int)
    changed = np.abs(drawn - read_rgb(photo)).max(axis=-1) > 24
    assert changed[numbers > 0].mean() > 0.8
    with pytest.raises(UsageError, match="holds other files already"):
        predict_paths([photo], finished.run_dir, segments=SegmentOptions(masks=dataset.images_dir))


@pytest.mark.slow
def test_tiles_and_instances_find_the_same_face(finished: TrainResult, dataset: Dataset) -> None:
    pixels = read_rgb(dataset.images_dir / "09.jpg")
    predictor = load(finished.run_dir)
    numbers = {"face": 1}
    whole = label_map(predictor(pixels), numbers, (WIDTH, HEIGHT))
    for options in (SegmentOptions(tile_px=320), SegmentOptions(instances=True)):
        found = label_map(with_options(predictor, options)(pixels), numbers, (WIDTH, HEIGHT))
        assert 2 * (whole & found).sum() / (whole.sum() + found.sum()) > 0.85
    tall = np.concatenate([pixels] * 3)
    tiled = with_options(predictor, SegmentOptions(tile_px=240))(tall)
    assert max(y for shape in tiled for _, y in shape.points) > 2 * HEIGHT


@pytest.mark.slow
def test_outlines_come_back_into_labelme_as_a_models_own_and_without_an_area(
    finished: TrainResult, dataset: Dataset, tmp_path: Path
) -> None:
    home = Dataset(tmp_path / "new")
    write_jpeg(home.images_dir / "a.jpg", outlined(9)[0])
    done = prelabel(home, load(finished.run_dir), predicted_by="runs/segment/1", labels=["face"])
    assert done.photos == 1
    assert done.boxes >= 1
    (sample,) = read_samples(home)
    assert sample.machine_made
    assert all(shape.kind == "polygon" and "area_px" not in shape.extra for shape in sample.annotations or ())
    loader = (
        "import sys, json; sys.modules['cv2'] = None; from labelme._label_file import LabelFile; "
        "f = LabelFile(sys.argv[1]); print(json.dumps([s['shape_type'] for s in f.shapes]))"
    )
    label_path = home.label_path(home.images_dir / "a.jpg")
    run = subprocess.run([sys.executable, "-c", loader, str(label_path)], capture_output=True, text=True, check=False)
    if "No module named 'labelme" in run.stderr:
        pytest.skip("labelme is not installed")
    assert run.returncode == 0, run.stderr
    assert set(json.loads(run.stdout.splitlines()[-1])) == {"polygon"}


def test_only_a_model_that_outlines_can_do_what_outlines_need(tmp_path: Path) -> None:
    from thirtyfold.predict.detectors import Haar

    assert with_options(Haar(), SegmentOptions()).classes == ("face",)
    with pytest.raises(UsageError, match="--tile: needs a model that outlines"):
        with_options(Haar(), SegmentOptions(tile_px=256))
    for wrong in ({"tile_px": 3}, {"mm_per_pixel": 0}, {"opacity": 1.5}):
        with pytest.raises(UsageError):
            SegmentOptions(**wrong)  # type: ignore[arg-type]


def test_a_photo_with_nothing_in_it_scores_one_only_where_nothing_is_drawn() -> None:
    from thirtyfold.predict.artifact import Artifact

    artifact = Artifact(task="segment", classes=("face",), size=64, decoder="mask", forms={})
    assert "mask" in DECODERS
    empty = Sample(image_path=Path("x"), width=64, height=64, annotations=())
    nothing = np.zeros((1, 32, 32, 2), np.float32)
    nothing[..., 0] = 1
    assert EXAM.quality({"mask": nothing}, empty, artifact) == 1
    something = nothing.copy()
    something[0, 8:16, 8:16] = [0, 1]
    assert EXAM.quality({"mask": something}, empty, artifact) == 0


def test_the_decoder_joins_the_half_map_where_that_is_cheap() -> None:
    from thirtyfold.model import unet
    from thirtyfold.model.backbones import BACKBONES

    entry = BACKBONES["vgg16"]
    backbone = entry.build(64, 1.0)
    assert unet.skips_of(entry, backbone, stored=True)[0] == "block3_conv3"
    assert unet.skips_of(entry, backbone, stored=False)[0] == "block2_conv2"
    small = BACKBONES["mobilenetv2"]
    assert unet.skips_of(small, small.build(64, 0.35), stored=True)[0] == "expanded_conv_project_BN"


def test_pieces_that_are_doubtful_on_the_validation_photos_are_left_out_and_good_ones_are_not() -> None:
    from thirtyfold.model.exams.segment import _outlined, part_of

    face = Annotation.from_box("face", (10, 10, 40, 40))
    photo = Sample(image_path=Path("x"), width=64, height=64, annotations=(face,))
    good = Annotation.from_box("face", (10, 10, 40, 38), score=0.9)
    speck = Annotation.from_box("face", (50, 50, 64, 64), score=0.55)
    with_specks = part_of([_outlined(photo, (good, speck), ["face"])] * 3, ["face"])
    assert EXAM.threshold(with_specks) == 0.6
    weak = Annotation.from_box("face", (10, 10, 40, 38), score=0.55)
    assert EXAM.threshold(part_of([_outlined(photo, (weak,), ["face"])] * 3, ["face"])) == 0
    assert EXAM.threshold(None) == 0
