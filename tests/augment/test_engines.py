from __future__ import annotations

import hashlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from tests.drawn import draw_photo
from thirtyfold.augment import engines
from thirtyfold.augment.engines import run_jobs
from thirtyfold.augment.jobs import Job, Work
from thirtyfold.augment.recipes import SEED
from thirtyfold.datasets.storage import LocalFolder
from thirtyfold.errors import DataError, ThirtyfoldError
from thirtyfold.images import write_jpeg


def jobs(folder: Path, count: int) -> Iterator[Job]:
    """So many jobs of one copy each."""
    pixels, annotations = draw_photo(1)
    write_jpeg(folder / "a.jpg", pixels)
    for copy in range(count):
        work = Work(name="a.jpg", annotations=tuple(annotations), tags=("indoors",), session="s0", copies=(copy,))
        yield Job(
            photos=LocalFolder(folder),
            out=LocalFolder(folder / "out"),
            work=(work,),
            recipe=SEED,
            seed=0,
            min_visible=0.4,
        )


@pytest.mark.parametrize("processes", [1, 2])
def test_every_job_is_done_once(tmp_path: Path, processes: int) -> None:
    made = list(run_jobs(jobs(tmp_path, 20), processes))
    assert sum(done.copies for done in made) == 20
    assert len(list((tmp_path / "out" / "images").glob("*.json"))) == 20


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
    assert len(list((tmp_path / "out" / "images").glob("*.json"))) < 20


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


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.slow
def test_started_afresh_as_on_windows_and_macs_processes_make_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    list(run_jobs(jobs(tmp_path / "here", 8), 1))
    monkeypatch.setattr(engines, "_context", lambda: multiprocessing.get_context("spawn"))
    (tmp_path / "spawned").mkdir()
    list(run_jobs(jobs(tmp_path / "spawned", 8), 2))
    assert hashes(tmp_path / "here" / "out" / "images") == hashes(tmp_path / "spawned" / "out" / "images")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux's /proc")
def test_processes_are_forked_from_one_that_has_loaded_all_and_has_a_single_thread(tmp_path: Path) -> None:
    running = run_jobs(jobs(tmp_path, 1000), 2)
    next(running)
    worker = multiprocessing.active_children()[0].pid
    forker = int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[1])
    assert forker != os.getpid()
    # Threads don't survive a fork, but the locks that they hold do.
    assert "Threads:\t1\n" in Path(f"/proc/{forker}/status").read_text()
    assert "cv2" in Path(f"/proc/{forker}/maps").read_text()
    running.close()  # type: ignore[attr-defined]


def test_this_process_loads_no_albumentations_where_others_do_the_work(tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from tests.augment.test_engines import jobs
from thirtyfold.augment import writer
from thirtyfold.augment.engines import run_jobs
if __name__ == "__main__":
    assert sum(done.copies for done in run_jobs(jobs(Path({str(tmp_path)!r}), 4), 2)) == 4
    assert "albumentations" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_opencv_has_its_threads_back_after_work_in_this_process(tmp_path: Path) -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        running = run_jobs(jobs(tmp_path, 2), 1)
        next(running)
        assert cv2.getNumThreads() == 1
        list(running)
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


def test_the_environment_is_as_it_was_after_starting_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    engines.warm_up()
    list(run_jobs(jobs(tmp_path, 2), 2))
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    engines.warm_up()
    assert "OPENBLAS_NUM_THREADS" not in os.environ
