"""Hands before objects, rooms behind them, objects of other photos beside them: pixels and labels agree."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.drawn import draw_photo, write_label
from thirtyfold.augment.cutouts import VARIANTS, drawn_cutout
from thirtyfold.augment.donors import DONORS_A_PHOTO, Donor, choose_donors
from thirtyfold.augment.engines import run_jobs
from thirtyfold.augment.hiding import covered_share
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.pictures import Pictures, find_pictures
from thirtyfold.augment.plan import manifest_of, missing_jobs
from thirtyfold.augment.recipes import RECIPES, Recipe, Step, find_recipe
from thirtyfold.augment.sources import local_source
from thirtyfold.augment.transform import augment, make_copy
from thirtyfold.augment.try_out import try_out
from thirtyfold.augment.writer import augment_dataset
from thirtyfold.datasets.formats.regions import fill, mask_annotation, mask_of
from thirtyfold.datasets.samples import read_samples
from thirtyfold.datasets.split import read_split
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.datasets.storage import LocalFolder
from thirtyfold.errors import DataError
from thirtyfold.images import Pixels, read_rgb, write_jpeg
from thirtyfold.progress import SILENT
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset

WIDTH, HEIGHT = 320, 240
FRAME = (WIDTH, HEIGHT)
GREY = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
SQUARE = Annotation(label="hand", kind="polygon", points=((100, 60), (200, 60), (200, 160), (100, 160)))
BOX = Annotation.from_box("face", (100, 60, 200, 160))
RED, GREEN, BLUE = (250, 10, 10), (10, 250, 10), (10, 10, 250)


def recipe(transform: str, /, *others: str, **arguments: object) -> Recipe:
    steps = (Step(transform=transform, probability=1.0, arguments=arguments),)
    return Recipe(name="test", steps=(*steps, *(Step(transform=name, probability=1.0) for name in others)))


def plain(color: tuple[int, int, int], width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    return np.full((height, width, 3), color, np.uint8)


def looks(pixels: Pixels, color: tuple[int, int, int], within: int = 60) -> np.ndarray:
    """Where the colour is; of red on grey 65 is half of the way, of red on blue 120."""
    return np.abs(pixels.astype(int) - color).max(axis=2) < within


@pytest.fixture
def red_squares(tmp_path: Path) -> Pictures:
    """A folder of one cut-out: opaque red, with an empty border."""
    rgba = np.zeros((60, 50, 4), np.uint8)
    rgba[5:55, 5:45] = (10, 10, 250, 255)  # OpenCV writes blue first
    (tmp_path / "cut").mkdir()
    cv2.imwrite(str(tmp_path / "cut" / "red.png"), rgba)
    return find_pictures(tmp_path / "cut", cutouts=True)


@pytest.fixture
def rooms(tmp_path: Path) -> Pictures:
    for number, color in enumerate((RED, GREEN)):
        write_jpeg(tmp_path / "rooms" / f"{number}.jpg", plain(color, 400, 200))
    return find_pictures(tmp_path / "rooms")


# --- cover -----------------------------------------------------------------------------------------------


def test_as_much_is_covered_as_was_asked(red_squares: Pictures) -> None:
    for share in (0.1, 0.35, 0.6):
        covering = recipe("CoverPart", cutouts=red_squares, covered=(share, share))
        for seed in range(15):
            pixels, (box,) = augment(GREY, [BOX], covering, seed, min_visible=0.05)
            assert box == BOX
            assert covered_share(BOX.box_xyxy, looks(pixels, RED)) == pytest.approx(share, abs=0.04)


def test_covered_area_counts_towards_min_visible_exactly(red_squares: Pictures) -> None:
    covering = recipe("CoverPart", cutouts=red_squares, covered=(0.3, 0.7))
    kept = 0
    for seed in range(40):
        copy = make_copy(GREY, [BOX], covering, seed, 0.5)
        share = covered_share(BOX.box_xyxy, looks(copy.pixels, RED, 65))
        if abs(share - 0.5) > 0.01:  # within that a soft edge decides
            assert bool(copy.annotations) == (share < 0.5)
        assert copy.lost == 1 - len(copy.annotations)
        kept += len(copy.annotations)
    assert 8 < kept < 32


def test_a_polygon_keeps_what_can_be_seen_of_it(red_squares: Pictures) -> None:
    covering = recipe("CoverPart", cutouts=red_squares, covered=(0.1, 0.5))
    for seed in range(25):
        pixels, annotations = augment(plain(BLUE), [SQUARE], covering, seed, min_visible=0.1)
        left = np.zeros((HEIGHT, WIDTH), np.bool_)
        for piece in annotations:
            left |= mask_of(piece, FRAME)
        seen = fill(SQUARE.points, FRAME) & looks(pixels, BLUE, 120)
        union = (left | seen).sum()
        assert (left & seen).sum() / union > 0.97
        assert left.sum() < fill(SQUARE.points, FRAME).sum()


def test_drawn_hands_cover_where_no_cutouts_are_given() -> None:
    for seed in range(20):
        pixels, (box,) = augment(GREY, [BOX], recipe("CoverPart", covered=(0.2, 0.4)), seed, min_visible=0.3)
        assert box == BOX
        inside = (pixels != GREY).any(axis=2)[60:160, 100:200]
        assert 0.15 < inside.mean() < 0.5
    for variant in range(0, VARIANTS, 3):
        rgba = drawn_cutout(variant)
        assert rgba.shape[2] == 4
        assert rgba[..., 3].any(axis=0).all()
        assert rgba[..., 3].max() == 255


@pytest.mark.parametrize("others", [[], [Annotation(label="eye", kind="point", points=((150.0, 100.0),))]], ids=len)
def test_without_an_object_that_has_an_inside_nothing_is_covered(others: list[Annotation]) -> None:
    pixels, annotations = augment(GREY, others, recipe("CoverPart"), 3)
    assert np.array_equal(pixels, GREY)
    assert list(annotations) == others


def test_the_recipe_covered_is_webcam_with_hands() -> None:
    covered = RECIPES["covered"]
    assert covered.steps[1:] == RECIPES["webcam"].steps
    assert covered.steps[0].transform == "CoverPart"


# --- background --------------------------------------------------------------------------------------------


def test_only_what_lies_outside_of_an_outline_is_replaced(rooms: Pictures) -> None:
    seen = Counter()
    inside = cv2.erode(fill(SQUARE.points, FRAME).astype(np.uint8), np.ones((5, 5))).astype(bool)
    outside = ~cv2.dilate(fill(SQUARE.points, FRAME).astype(np.uint8), np.ones((11, 11))).astype(bool)
    for seed in range(20):
        pixels, annotations = augment(GREY, [SQUARE], recipe("ReplaceBackground", folder=rooms), seed)
        assert annotations == (SQUARE,)
        assert (pixels[inside] == 120).all()
        color = RED if looks(pixels, RED)[0, 0] else GREEN
        assert looks(pixels, color)[outside].all()
        seen[color] += 1
    assert min(seen[RED], seen[GREEN]) > 3


def test_of_a_box_the_ellipse_is_kept_and_its_edge_is_soft(rooms: Pictures) -> None:
    pixels, annotations = augment(GREY, [BOX], recipe("ReplaceBackground", folder=rooms), 1)
    assert annotations == (BOX,)
    assert (pixels[85:136, 125:176] == 120).all()
    assert np.abs(pixels[5, 5].astype(int) - 120).max() > 80
    along = np.abs(pixels[110, 200:270].astype(int) - 120).max(axis=1)
    assert ((along > 10) & (along < 100)).sum() > 8


def test_a_box_within_an_outline_adds_nothing_to_what_is_kept(rooms: Pictures) -> None:
    replacing, inner = recipe("ReplaceBackground", folder=rooms), Annotation.from_box("eye", (170, 130, 240, 200))
    alone = augment(GREY, [SQUARE], replacing, 0)[0]
    assert np.array_equal(
        augment(GREY, [SQUARE, Annotation.from_box("eye", (140, 100, 205, 160))], replacing, 0)[0], alone
    )
    assert not np.array_equal(augment(GREY, [SQUARE, inner], replacing, 0)[0], alone)


def test_a_photo_without_an_object_keeps_its_room_and_points_outside_go(rooms: Pictures) -> None:
    replacing = recipe("ReplaceBackground", folder=rooms)
    assert np.array_equal(augment(GREY, [], replacing, 0)[0], GREY)
    points = [Annotation(label="p", kind="point", points=((x, 100.0),)) for x in (150.0, 20.0)]
    copy = make_copy(GREY, [SQUARE, *points], replacing, 0)
    assert (copy.annotations, copy.lost) == ((SQUARE, points[0]), 1)


def test_pictures_of_any_size_serve_as_a_room(tmp_path: Path) -> None:
    for number, size in enumerate(((3, 900), (900, 3), (1, 1), (2000, 1500))):
        write_jpeg(tmp_path / f"{number}.jpg", plain(RED, *size))
    rooms = find_pictures(tmp_path)
    for seed in range(12):
        assert looks(augment(GREY, [SQUARE], recipe("ReplaceBackground", folder=rooms), seed)[0], RED)[:, :80].all()


# --- copy and paste ----------------------------------------------------------------------------------------


def donor(folder: Path, color: tuple[int, int, int], *shapes: Annotation) -> Donor:
    write_jpeg(folder / "donor.jpg", plain(color), quality=100)
    return Donor(LocalFolder(folder), "donor.jpg", tuple((shape,) for shape in shapes))


STAR = Annotation(
    label="star", kind="polygon", points=((30.5, 20.25), (90.0, 40.0), (95.5, 110.0), (60.0, 70.0), (25.0, 100.0))
)


def test_pasted_objects_are_where_their_outlines_are(tmp_path: Path) -> None:
    donors = [donor(tmp_path, RED, STAR)]
    for seed in range(40):
        pixels, annotations = augment(GREY, [], recipe("CopyPaste", objects=(1, 1)), seed, donors=donors)
        (pasted,) = annotations
        assert pasted.label == "star"
        covered, red = mask_of(pasted, FRAME), looks(pixels, RED, 65)
        assert (covered & red).sum() / (covered | red).sum() > 0.97
        left, top, right, bottom = pasted.box_xyxy
        assert 0 <= left < right <= WIDTH
        assert 0 <= top < bottom <= HEIGHT


def test_scale_is_by_the_longer_sides_and_mirrored_half_the_time(tmp_path: Path) -> None:
    donors = [donor(tmp_path, RED, STAR)]
    flipped = 0
    photo = np.full((2 * HEIGHT, 2 * WIDTH, 3), 120, np.uint8)
    for seed in range(60):
        _, (pasted,) = augment(photo, [], recipe("CopyPaste", objects=(1, 1), scale=(0.5, 0.75)), seed, donors=donors)
        left, _, right, _ = pasted.box_xyxy
        assert 0.96 < (right - left) / 70.5 < 1.55
        xs = [x for x, _ in pasted.points]
        flipped += xs[2] < xs[4]  # the lower corners have changed sides
    assert 18 < flipped < 42
    _, (huge,) = augment(GREY, [], recipe("CopyPaste", objects=(1, 1), scale=(50, 50)), 0, donors=donors)
    assert mask_of(huge, FRAME).sum() > 10_000
    assert huge.box_xyxy[3] <= HEIGHT


def test_what_is_pasted_is_cut_out_of_what_was_there(tmp_path: Path) -> None:
    donors = [donor(tmp_path, RED, STAR)]
    overlapped = 0
    for seed in range(60):
        pixels, annotations = augment(
            plain(BLUE), [SQUARE], recipe("CopyPaste", objects=(1, 3)), seed, min_visible=0.0, donors=donors
        )
        old = np.zeros((HEIGHT, WIDTH), np.bool_)
        new = np.zeros_like(old)
        for annotation in annotations:
            (new if annotation.label == "star" else old)[mask_of(annotation, FRAME)] = True
        assert not (old & new).any()
        overlapped += old.sum() < fill(SQUARE.points, FRAME).sum()
        off = (old ^ (fill(SQUARE.points, FRAME) & ~new)).sum()
        assert off <= 16  # specks
        assert looks(pixels, RED, 120)[new].mean() > 0.95
    assert overlapped > 20


def test_boxes_that_are_mostly_hidden_are_dropped_and_counted(tmp_path: Path) -> None:
    everywhere = Annotation(label="wall", kind="polygon", points=((0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)))
    pasting = recipe("CopyPaste", objects=(1, 1), scale=(1, 1))
    copy = make_copy(GREY, [BOX], pasting, 0, 0.4, [donor(tmp_path, RED, everywhere)])
    assert ([a.label for a in copy.annotations], copy.lost) == (["wall"], 1)
    half = Annotation(label="wall", kind="polygon", points=((0, 0), (150, 0), (150, HEIGHT), (0, HEIGHT)))
    found = Counter()
    for seed in range(40):
        copy = make_copy(GREY, [BOX], pasting, seed, 0.4, [donor(tmp_path, RED, half)])
        left, _, right, _ = next(a.box_xyxy for a in copy.annotations if a.label == "wall")
        shown = 1 - max(0.0, min(right, 200) - max(left, 100)) / 100
        assert (BOX in copy.annotations) == (shown >= 0.4)
        assert copy.lost == (shown < 0.4)
        found[copy.lost] += 1
    assert min(found.values()) > 4


def test_masks_circles_and_objects_in_pieces_are_pasted_whole(tmp_path: Path) -> None:
    ring = mask_annotation("ring", fill(SQUARE.points, FRAME) & ~fill(((120, 80), (180, 80), (180, 140)), FRAME))
    circle = Annotation(label="ball", kind="circle", points=((100.0, 100.0), (140.0, 100.0)))
    write_jpeg(tmp_path / "donor.jpg", plain(RED), quality=100)
    bus = tuple(
        Annotation(label="bus", kind="polygon", points=((x, 50), (x + 40, 50), (x + 40, 100), (x, 100)), group=1)
        for x in (20, 100)
    )
    for pieces in ((ring,), (circle,), bus):
        donors = [Donor(LocalFolder(tmp_path), "donor.jpg", (pieces,))]
        taken = Annotation.from_box("face", (0, 0, 5, 5))
        given = [Annotation(label=taken.label, points=taken.points, group=1)]
        pixels, annotations = augment(GREY, given, recipe("CopyPaste", objects=(1, 1)), 4, 0.01, donors)
        pasted = [annotation for annotation in annotations if annotation.label != "face"]
        assert [annotation.kind for annotation in pasted] == [piece.kind for piece in pieces]
        assert [annotation.group for annotation in pasted] == ([2, 2] if len(pieces) > 1 else [None])
        covered = np.logical_or.reduce([mask_of(annotation, FRAME) for annotation in pasted])
        red = looks(pixels, RED, 65)
        assert (covered & red).sum() / (covered | red).sum() > 0.95


@pytest.mark.parametrize("others", [(), ("HorizontalFlip",)], ids=["still", "then mirrored"])
@pytest.mark.parametrize("before", [(), ("HorizontalFlip",)], ids=["first", "after a mirror"])
def test_left_and_right_of_pasted_objects_follow_the_mirror(
    tmp_path: Path, before: tuple[str, ...], others: tuple[str, ...]
) -> None:
    # The hand points to its own left: where the tip of it is says which one it must be.
    left = Annotation(label="left_hand", kind="polygon", points=((20.0, 50.0), (90.0, 30.0), (90.0, 70.0)))
    names = (*before, "CopyPaste", *others)
    steps = tuple(
        Step(transform=name, probability=1.0, arguments={"objects": (1, 1)} if name == "CopyPaste" else {})
        for name in names
    )
    swapping = Recipe(name="test", steps=steps, swap_on_mirror={"left_hand": "right_hand"})
    labels = set()
    for seed in range(20):
        for pasted in augment(GREY, [], swapping, seed, donors=[donor(tmp_path, RED, left)])[1]:
            points_left = pasted.points[0][0] < pasted.points[1][0]
            assert pasted.label == ("left_hand" if points_left else "right_hand")
            labels.add(pasted.label)
    assert len(labels) == 2


def test_without_donors_and_with_broken_ones_nothing_is_pasted(tmp_path: Path) -> None:
    assert np.array_equal(augment(GREY, [SQUARE], recipe("CopyPaste"), 0)[0], GREY)
    broken = Donor(LocalFolder(tmp_path), "none.jpg", ((STAR,),))
    assert augment(GREY, [SQUARE], recipe("CopyPaste"), 0, donors=[broken])[1] == (SQUARE,)


# --- donors are train photos ---------------------------------------------------------------------------------


@pytest.fixture
def colored(tmp_path: Path) -> Dataset:
    """Photos that show by their colour to which part they belong: train blue, val red, test green."""
    dataset = Dataset(tmp_path / "colored")
    for number in range(24):
        path = dataset.root / "images" / f"{number:02d}.jpg"
        pixels, _ = draw_photo(number)
        write_jpeg(path, pixels)
        write_label(path, [SQUARE if number % 2 else STAR])
    split_dataset(dataset, SplitOptions(val=0.25, test=0.25, group_by="."))
    split = read_split(dataset)
    for path in dataset.image_paths():
        write_jpeg(path, plain({"train": BLUE, "val": RED, "test": GREEN}[split.part(path.name)]))
    return dataset


def test_only_train_photos_are_donors(colored: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "paste.yaml"
    path.write_text("copy_paste: {p: 1, objects: [2, 3]}\n", encoding="utf-8")
    result = augment_dataset(colored, AugmentOptions(recipe=str(path), factor=3, workers=1))
    assert result.shapes > 2 * result.copies
    for copy in (colored.augmented_dir / "images").glob("*.jpg"):
        assert looks(read_rgb(copy), BLUE).all()
    train = read_split(colored).names("train")
    samples = [sample for sample in read_samples(colored) if sample.image_path.name in train]
    donors_of = choose_donors(find_recipe(str(path)), LocalFolder(colored.images_dir), samples, 0)
    for name in train:
        names = {one.name for one in donors_of(name)}
        assert names <= set(train) - {name}
        assert len(names) == DONORS_A_PHOTO
    assert len({one.name for name in train for one in donors_of(name)}) > DONORS_A_PHOTO


def test_the_preview_pastes_what_the_run_pastes(colored: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "paste.yaml"
    path.write_text("copy_paste: {p: 1}\n", encoding="utf-8")
    options = AugmentOptions(recipe=str(path), factor=12, workers=1)
    augment_dataset(colored, options)
    sheet = try_out(colored, options)
    labels = json.loads((colored.augmented_dir / "images" / f"{sheet.photo.stem}-00.json").read_text())
    assert len(labels["shapes"]) > 1


def test_copies_are_the_same_in_one_process_and_in_two(colored: Dataset, rooms: Pictures, tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(
        "extends: seed\nbackground: {p: 0.5, folder: rooms}\ncopy_paste: {p: 0.5}\ncover: {p: 0.5}\n", encoding="utf-8"
    )
    options, recipe_of_all = AugmentOptions(recipe=str(path), factor=8), find_recipe(str(path))
    made = []
    for processes in (1, 2):
        source = local_source(colored, SILENT)
        jobs, _ = missing_jobs(source, manifest_of(source, recipe_of_all, options), recipe_of_all)
        assert sum(done.copies for done in run_jobs(jobs, processes)) == 8 * len(source.samples)
        made.append({copy.name: copy.read_bytes() for copy in (colored.augmented_dir / "images").iterdir()})
        colored.augmented_dir.rename(tmp_path / f"made{processes}")
    assert made[0] == made[1]
    assert len(made[0]) == 2 * 8 * len(source.samples)


# --- recipes with pictures -------------------------------------------------------------------------------------


def test_a_recipe_with_pictures_is_small_and_its_fingerprint_is_that_of_the_pictures(tmp_path: Path) -> None:
    for number in range(30):
        write_jpeg(tmp_path / "rooms" / f"{number:02d}.jpg", plain((number, 0, 0)))
    path = tmp_path / "my.yaml"
    path.write_text("background: {folder: rooms}\n", encoding="utf-8")
    first = find_recipe(str(path))
    assert len(pickle.dumps(first)) < 2000
    assert json.dumps(first.to_dict())
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (tmp_path / "rooms").rename(moved / "rooms")
    path.rename(moved / "my.yaml")
    assert find_recipe(str(moved / "my.yaml")).fingerprint == first.fingerprint
    write_jpeg(moved / "rooms" / "07.jpg", plain(GREEN))
    changed = find_recipe(str(moved / "my.yaml"))
    assert changed.fingerprint != first.fingerprint
    (moved / "rooms" / "07.jpg").rename(moved / "rooms" / "77.jpg")
    assert find_recipe(str(moved / "my.yaml")).fingerprint != changed.fingerprint


def test_a_picture_whose_pixels_are_broken_is_named_when_it_is_wanted(tmp_path: Path) -> None:
    write_jpeg(tmp_path / "room.jpg", draw_photo(1)[0])
    data = (tmp_path / "room.jpg").read_bytes()
    (tmp_path / "room.jpg").write_bytes(data[: len(data) // 2])
    rooms = find_pictures(tmp_path)
    with pytest.raises(DataError, match=r"room\.jpg: the file is cut off"):
        augment(GREY, [SQUARE], recipe("ReplaceBackground", folder=rooms), 0)
