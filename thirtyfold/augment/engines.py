"""Where jobs run: in this process, or in several of its own."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing.context import BaseContext

from thirtyfold.augment.jobs import Job, Made, make_copies
from thirtyfold.errors import DataError

# The first process needs half a second to load albumentations; fewer copies than this don't pay for it.
COPIES_A_PROCESS = 300

_BLAS_THREADS = "OPENBLAS_NUM_THREADS"
# https://man7.org/linux/man-pages/man3/mallopt.3.html, the values of glibc's malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def run_jobs(jobs: Iterable[Job], processes: int) -> Iterator[Made]:
    """Do all jobs on so many processes and yield what became of them, in the order in which they end.

    Left early (Ctrl-C, an error), it waits for the jobs in hand and starts no more.
    Memory does not grow with the number of jobs. Raises :class:`DataError` if the
    system killed a process.
    """
    if processes == 1:
        _keep_freed_memory()
        with _one_opencv_thread():
            yield from map(make_copies, jobs)
        return
    pool = ProcessPoolExecutor(processes, mp_context=_context(), initializer=_start_process)
    waiting = iter(jobs)
    running: set[Future[Made]] = set()
    try:
        with deaf_to_ctrl_c(), _one_blas_thread():
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


def warm_up() -> None:
    """Begin to load what worker processes need, while this one still looks at the dataset.

    Returns at once. Does nothing where processes can't be forked; without it :func:`run_jobs` does the same, later.
    """
    if _context().get_start_method() != "forkserver":
        return
    from multiprocessing import forkserver

    with deaf_to_ctrl_c(), _one_blas_thread():
        forkserver.ensure_running()


def _context() -> BaseContext:
    """How processes start: forked from a clean one that has loaded everything, where the system can do that.

    Never forked from this one: OpenCV's and TensorFlow's threads don't survive it. Windows can't
    fork at all, and Apple's own libraries break in forked processes.
    """
    if sys.platform == "darwin" or "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["thirtyfold.augment.preload"])
    return context


def tune_process() -> None:
    """Make a process that does nothing but jobs quick at them; calling it twice does no harm."""
    import cv2

    cv2.setNumThreads(1)
    _keep_freed_memory()


def _start_process() -> None:
    tune_process()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """As many cores as there are processes: on pictures this small a second thread mostly spins.

    Measured with the recipes ``seed`` and ``webcam``: the same speed within 5 %, for 25 % less of the processors' time.
    """
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _keep_freed_memory() -> None:
    """Tell glibc to keep what is freed: every copy needs pictures of the same sizes again.

    Given back and fetched anew they cost 70 page faults a copy, a sixth of all its time. glibc comes
    to these values by itself in a process that has once freed an array of 32 MB.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # musl has no such switch
            libc = ctypes.CDLL(None)
            libc.mallopt(_M_TRIM_THRESHOLD, 64 << 20)
            libc.mallopt(_M_MMAP_THRESHOLD, 32 << 20)


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """NumPy's OpenBLAS starts its threads when it is loaded; a process that forks must have none."""
    before = os.environ.get(_BLAS_THREADS)
    os.environ[_BLAS_THREADS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_BLAS_THREADS]
        else:
            os.environ[_BLAS_THREADS] = before


def _end_with_parent() -> None:
    # A parent that was killed (kill -9, out of memory) can't tell us; without this we would wait for work for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started meanwhile ignore Ctrl-C from their first instruction: stopping them is our part."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
