"""Jobs on a Dask cluster (https://distributed.dask.org): other machines, or processes of this one.

The same pure function as everywhere, so the bytes are the same. The cluster is sent names and labels, never
pixels: its workers read and write the storage that they share with us. A worker that dies costs the jobs it had
in hand, which others do again; a job that has ended several workers is left out and named.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from functools import lru_cache
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from thirtyfold.augment.engines import deaf_to_ctrl_c, tune_process
from thirtyfold.augment.jobs import Job, Made, make_copies
from thirtyfold.datasets import augmented
from thirtyfold.datasets.storage import Folder
from thirtyfold.errors import DataError, FileDataError, NotInstalledError, UsageError

if TYPE_CHECKING:
    from distributed import Client

# So many a thread that none waits for us, so few that memory does not grow with the number of jobs.
_JOBS_A_THREAD = 3
# A storage that hiccups is asked again.
_RETRIES = 2
_SECONDS_TO_CONNECT = 15
# Workers that are started anew (a spot machine, a nanny) take half a minute.
_SECONDS_WITHOUT_WORKERS = 120
_SECONDS_A_LOOK = 5
_SECONDS_A_BREATH = 0.1


def run_on_cluster(
    jobs: Iterable[Job], scheduler: str | None, processes: int, versions: Mapping[str, str]
) -> Iterator[Made]:
    """Do all jobs on the cluster at ``scheduler``, or on one of so many local processes; yields as they end.

    ``versions`` are those of the libraries that decide about the bytes: workers with others refuse. Left early, it
    takes back what no worker has begun. Raises :class:`NotInstalledError` without Dask, :class:`UsageError` for a
    cluster that doesn't answer, has no workers or sees other storage than we do.
    """
    wanted = tuple(sorted(versions.items()))
    waiting = iter(jobs)
    in_hand: dict[Any, Job] = {}
    suspects: list[Job] = []
    alone = False
    ended: SimpleQueue[Any] = SimpleQueue()
    with _connect(scheduler, processes) as client:
        watch = _Watch(client)
        try:
            while True:
                # Asked every time, as workers come and go.
                room = _JOBS_A_THREAD * max(1, _threads(client)) - len(in_hand)
                fresh = list(islice(waiting, max(0, room)))
                if not fresh and not in_hand and suspects:
                    # Dask suspects every job that a dying worker had before it. Alone, only the guilty one
                    # ends another.
                    fresh, alone = [suspects.pop()], True
                for job in fresh:
                    future = client.submit(do_job, job, wanted, pure=False, retries=_RETRIES)
                    in_hand[future] = job
                    future.add_done_callback(ended.put)
                if not in_hand:
                    return
                future = _next_ended(ended, watch)
                if not alone and _ended_its_workers(future):
                    suspects.append(in_hand.pop(future))
                elif (made := _outcome(future, in_hand[future], scheduler)) is None:
                    watch.look()
                    future.add_done_callback(ended.put)
                else:
                    del in_hand[future]
                    yield made
        finally:
            with contextlib.suppress(Exception):  # the cluster may be what failed
                client.cancel(list(in_hand))


class _Watch:
    """Gives up on a cluster that stays without workers."""

    def __init__(self, client: Client) -> None:
        self._client, self._seen = client, time.monotonic()

    def look(self) -> None:
        """Raise :class:`DataError` if it has been long since there was a worker."""
        if _threads(self._client):
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > _SECONDS_WITHOUT_WORKERS:
            raise DataError(
                f"the cluster has had no workers for {_SECONDS_WITHOUT_WORKERS} seconds; start some and run the same "
                "command again, it goes on where it stopped"
            )


def _next_ended(ended: SimpleQueue[Any], watch: _Watch) -> Any:
    while True:
        try:
            return ended.get(timeout=_SECONDS_A_LOOK)
        except Empty:
            watch.look()


def _threads(client: Client) -> int:
    try:
        return sum(client.nthreads().values())
    except Exception:  # of the cluster's many kinds; what became of the jobs says it better
        return 0


def do_job(job: Job, versions: tuple[tuple[str, str], ...]) -> Made:
    """What a worker does: a job, after a look at whether it is a worker that can do it."""
    _check_worker(job.out, versions)
    return make_copies(job)


@lru_cache(maxsize=8)
def _check_worker(out: Folder, versions: tuple[tuple[str, str], ...]) -> None:
    """Raises :class:`UsageError` where this worker would make other copies, or put them elsewhere. Once a run."""
    from thirtyfold.augment.plan import versions_here

    tune_process()
    here = versions_here()
    for name, version in versions:
        if here.get(name) != version:
            raise UsageError(
                f"the worker on {socket.gethostname()} has {name} {here.get(name)}, where {version} began the copies: "
                "they would differ; install the same versions everywhere"
            )
    if not out.exists(augmented.MANIFEST):
        raise UsageError(
            f"the worker on {socket.gethostname()} does not see {out}; workers need the same folder under the same "
            "name (a network share), or a dataset at a URL such as s3://bucket/faces"
        )


def _ended_its_workers(future: Any) -> bool:
    from distributed.scheduler import KilledWorker

    return future.status == "error" and isinstance(future.exception(), KilledWorker)


def _outcome(future: Any, job: Job, scheduler: str | None) -> Made | None:
    """What became of a job; ``None`` if the answer died with the worker that had it, so that it is done again."""
    if future.status == "finished":
        try:
            made: Made = future.result(timeout=_SECONDS_A_LOOK)
        except OSError:  # too late, or the line to the cluster broke
            time.sleep(_SECONDS_A_BREATH)
            return None
        except CancelledError:  # finished, and its answer went with the scheduler
            raise _scheduler_lost(scheduler) from None
        return made
    if future.status in ("pending", "lost"):
        time.sleep(_SECONDS_A_BREATH)  # or its callback would be back at once
        return None
    if future.status != "error":
        raise _scheduler_lost(scheduler)
    error = future.exception()
    if _ended_its_workers(future):
        what = f"{job.shard}, which its copies belong to," if job.shard else "making its copies"
        reason = f"{what} ended several workers in turn, most likely for want of memory; the same command tries again"
        return Made(problems=[FileDataError(Path(work.name), reason) for work in job.work])
    if isinstance(error, ImportError):
        raise UsageError(
            f"the cluster at {scheduler or '127.0.0.1'} can't load thirtyfold ({error}); install the same "
            "`thirtyfold[cluster]` where its scheduler and its workers run"
        ) from error
    raise error


def _scheduler_lost(scheduler: str | None) -> DataError:
    return DataError(
        f"the cluster at {scheduler or '127.0.0.1'} lost its scheduler; run the same command again, it goes on "
        "where it stopped"
    )


@contextlib.contextmanager
def _connect(scheduler: str | None, processes: int) -> Iterator[Client]:
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise NotInstalledError(
            "--engine dask needs Dask, which is not installed; run `pip install thirtyfold[cluster]`"
        ) from error
    with contextlib.ExitStack() as stack:
        address: Any = scheduler
        if scheduler is None:
            with deaf_to_ctrl_c():
                cluster = LocalCluster(
                    n_workers=processes,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    # Left out, they listen on every address.
                    dashboard_address="127.0.0.1:0",
                    worker_dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                )
            address = stack.enter_context(cluster)
        try:
            client = stack.enter_context(Client(address, timeout=_SECONDS_TO_CONNECT, set_as_default=False))
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            raise UsageError(
                f"--scheduler {scheduler}: no Dask scheduler answers there ({error}); start one with `dask scheduler`"
            ) from error
        try:
            client.wait_for_workers(1, timeout=_SECONDS_TO_CONNECT)
        except TimeoutError as error:
            raise UsageError(
                f"--scheduler {scheduler}: the cluster has no workers; start some with `dask worker {scheduler}`"
            ) from error
        yield client
