from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drawn import draw_photo
from thirtyfold.augment.engines import run_jobs
from thirtyfold.augment.jobs import Job
from thirtyfold.augment.recipes import SEED
from thirtyfold.errors import DataError, ThirtyfoldError
from thirtyfold.images import write_jpeg


def jobs(folder: Path, count: int) -> Iterator[Job]:
    """So many jobs of one copy each."""
    pixels, annotations = draw_photo(1)
    write_jpeg(folder / "a.jpg", pixels)
    for copy in range(count):
        yield Job(
            image_path=folder / "a.jpg",
            annotations=tuple(annotations),
            tags=("indoors",),
            session="s0",
            recipe=SEED,
            seed=0,
            copies=(copy,),
            min_visible=0.4,
            folder=folder / "out",
        )


@pytest.mark.parametrize("processes", [1, 2])
def test_every_job_is_done_once(tmp_path: Path, processes: int) -> None:
    made = list(run_jobs(jobs(tmp_path, 20), processes))
    assert sum(done.copies for done in made) == 20
    assert len(list((tmp_path / "out").glob("*.json"))) == 20


def test_jobs_are_taken_as_they_are_needed_not_all_at_once(tmp_path: Path) -> None:
    taken = []

    def watched() -> Iterator[Job]:
        for job in jobs(tmp_path, 1000):
            taken.append(job)
            yield job

    running = run_jobs(watched(), 2)
    next(running)
    assert len(taken) < 20
    running.close()  # type: ignore[attr-defined]
    assert len(list((tmp_path / "out").glob("*.json"))) < 20


def test_a_process_that_the_system_ends_is_an_error_that_says_how_to_go_on(tmp_path: Path) -> None:
    running = run_jobs(jobs(tmp_path, 10_000), 2)
    next(running)
    multiprocessing.active_children()[0].kill()
    with pytest.raises(DataError, match="run the same command again with fewer --workers"):
        list(running)


def test_an_error_in_a_process_arrives_as_what_it_was(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where the folder belongs")
    with pytest.raises(ThirtyfoldError, match="out"):
        list(run_jobs(jobs(tmp_path, 6), 2))
    assert not multiprocessing.active_children()
