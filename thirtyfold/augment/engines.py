"""Where jobs run: in this process, or in several of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice

from thirtyfold.augment.jobs import Job, Made, make_copies
from thirtyfold.errors import DataError

# A process needs a second to load albumentations; fewer copies than this don't pay for it.
COPIES_A_PROCESS = 300


def run_jobs(jobs: Iterable[Job], processes: int) -> Iterator[Made]:
    """Do all jobs on so many processes and yield what became of them, in the order in which they end.

    Left early (Ctrl-C, an error), it waits for the jobs in hand and starts no more.
    Memory does not grow with the number of jobs. Raises :class:`DataError` if the
    system killed a process.
    """
    if processes == 1:
        yield from map(make_copies, jobs)
        return
    # Never fork: OpenCV's and TensorFlow's threads don't survive it.
    pool = ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"), initializer=_start_process)
    waiting = iter(jobs)
    running: set[Future[Made]] = set()
    try:
        with _deaf_to_ctrl_c():
            running.update(pool.submit(make_copies, job) for job in islice(waiting, processes * 3))
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
            running.update(pool.submit(make_copies, job) for job in islice(waiting, len(done)))
    except BrokenProcessPool as error:
        raise DataError(
            "the system ended a worker process, most likely for want of memory; run the same command again with "
            "fewer --workers, it goes on where it stopped"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_process() -> None:
    import cv2

    # One thread a process: they already share the cores among themselves.
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A parent that was killed (kill -9, out of memory) can't tell us; without this we would wait for work for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started meanwhile ignore Ctrl-C from their first instruction: stopping them is our part."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
