from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from thirtyfold.model.subset import FEWEST_SESSIONS, take_share
from thirtyfold.sample import Annotation, Sample

FACE = (Annotation.from_box("face", (10, 10, 50, 60)),)
SHARES = (0.1, 0.25, 0.5, 1.0)


def train_part(sessions: int, per_session: int, *, empty: Sequence[int] = (), copies: int = 2) -> list[Sample]:
    """Photos of several sessions with copies; all photos of the sessions ``empty`` are verified empty."""
    samples = []
    for session in range(sessions):
        for number in range(per_session):
            name = f"s{session:02d}-{number:02d}.jpg"
            shapes = () if session in empty else FACE
            photo = Sample(image_path=Path(name), width=100, height=100, annotations=shapes, session=f"s{session:02d}")
            samples.append(photo)
            samples += [
                replace(photo, image_path=Path(f"{name[:-4]}-{copy}.jpg"), parent=name) for copy in range(copies)
            ]
    return samples


def names(samples: Sequence[Sample]) -> set[str]:
    return {sample.image_path.name for sample in samples}


@pytest.mark.parametrize("sessions", [FEWEST_SESSIONS, FEWEST_SESSIONS - 1], ids=["by sessions", "by photos"])
@pytest.mark.parametrize("seed", range(5))
def test_a_smaller_share_lies_within_a_larger_one_and_the_last_is_everything(sessions: int, seed: int) -> None:
    train = train_part(sessions, 5)
    shares = [names(take_share(train, share, seed).samples) for share in SHARES]
    assert all(small < large for small, large in pairwise(shares))
    assert shares[-1] == names(train)


def test_whole_sessions_are_taken_with_every_copy_of_their_photos() -> None:
    train = train_part(20, 4, copies=3)
    subset = take_share(train, 0.25, seed=1)
    assert (subset.by, subset.sessions, subset.photos) == ("sessions", 5, 20)
    assert len(subset.samples) == 20 * (1 + 3)
    taken = {sample.session for sample in subset.samples}
    assert names(subset.samples) == {sample.image_path.name for sample in train if sample.session in taken}


def test_with_too_few_sessions_photos_of_every_session_are_taken_in_turn() -> None:
    subset = take_share(train_part(4, 10), 0.5, seed=1)
    assert (subset.by, subset.sessions, subset.photos) == ("photos", 4, 20)
    photos = [sample for sample in subset.samples if sample.parent is None]
    assert {sum(photo.session == f"s{session:02d}" for photo in photos) for session in range(4)} == {5}


@pytest.mark.parametrize("seed", range(20))
def test_no_share_is_without_an_object(seed: int) -> None:
    train = train_part(12, 3, empty=range(11))
    smallest = take_share(train, 0.01, seed)
    assert smallest.sessions == 1
    assert any(sample.annotations for sample in smallest.samples)
    few = train_part(3, 4, empty=[0, 1])
    assert any(sample.annotations for sample in take_share(few, 0.01, seed).samples)


def test_seeds_take_other_sessions_and_the_same_seed_the_same() -> None:
    train = train_part(30, 2)
    taken = {tuple(sorted(names(take_share(train, 0.1, seed).samples))) for seed in range(10)}
    assert len(taken) > 5
    assert take_share(train, 0.1, 3) == take_share(list(reversed(train))[::-1], 0.1, 3)
