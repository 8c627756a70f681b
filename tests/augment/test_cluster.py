"""A real Dask cluster: a scheduler and two workers, processes of their own, started by the tests."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.augment.test_engines import jobs
from tests.augment.test_writer import REPOSITORY, copy_of, options, tree
from tests.heard import Heard
from tests.waiting import PATIENCE_SECONDS, wait_for
from thirtyfold.augment.cluster import run_on_cluster
from thirtyfold.augment.jobs import Job
from thirtyfold.augment.plan import versions_here
from thirtyfold.augment.writer import augment_dataset, augment_url
from thirtyfold.datasets import augmented
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.datasets.storage import LocalFolder, RemoteFolder
from thirtyfold.errors import DataError, NotInstalledError, SplitError, UsageError
from thirtyfold.workspace import Dataset

dask = pytest.importorskip("dask", reason="Dask is in the extra `cluster`")
# Brings its own settings along, which have to be there before one of them is changed for a while.
Client = pytest.importorskip("distributed", reason="Dask's cluster is in the extra `cluster`").Client
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9")


@dataclass
class Cluster:
    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]

    def start_worker(self) -> None:
        # No nanny: a worker that is killed stays dead.
        self.workers.append(
            _start("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        )


def _start(*arguments: str | Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dask", *map(str, arguments)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def running_cluster(folder: Path, *, workers: int) -> Iterator[Cluster]:
    """A scheduler at a free port, with all its workers there."""
    told = folder / "scheduler.json"
    scheduler = _start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", told)
    started = Cluster(address="", scheduler=scheduler, workers=[])
    try:
        started.address = wait_for(lambda: _address_in(told), "the scheduler")
        for _ in range(workers):
            started.start_worker()
        with Client(started.address, timeout=PATIENCE_SECONDS, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=PATIENCE_SECONDS)
        yield started
    finally:
        for process in (*started.workers, scheduler):
            process.kill()
            process.wait()


def _address_in(told: Path) -> str | None:
    with contextlib.suppress(OSError, ValueError):  # not there yet, or half written
        return str(json.loads(told.read_text())["address"])
    return None


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler and two workers; a test that kills one starts another."""
    with running_cluster(tmp_path_factory.mktemp("cluster"), workers=2) as started:
        yield started


class AtHalf(Heard):
    """Does something once, when half of the work is done."""

    def __init__(self, do: object) -> None:
        super().__init__()
        self._do, self._left = do, 0

    @contextmanager
    def bar(self, label: str, *, total: int | None = None, unit: str = "it") -> Iterator[AtHalf]:
        self._left = (total or 0) // 2 if label == "Augmenting" else 0
        yield self

    def advance(self, count: int = 1) -> None:
        if self._left > 0 and self._left <= count:
            self._do()  # type: ignore[operator]
        self._left -= count

    def note(self, text: str) -> None:
        pass


@pytest.mark.slow
@pytest.mark.parametrize("store", ["files", "shards"])
def test_a_worker_killed_half_way_costs_its_jobs_and_the_bytes_are_those_of_one_process(
    drawn_dataset: Path, tmp_path: Path, cluster: Cluster, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where the workers don't stand
    here, there = Dataset(drawn_dataset), copy_of(drawn_dataset, Path("there"))

    def kill() -> None:
        cluster.workers[0].send_signal(signal.SIGKILL)
        cluster.workers.pop(0).wait()

    progress = AtHalf(kill)
    result = augment_dataset(
        there,
        options(48, recipe="seed", workers=0, store=store, engine="dask", scheduler=cluster.address),
        progress=progress,
    )
    cluster.start_worker()
    assert len(cluster.workers) == 2
    assert (result.made, result.problems) == (480, ())
    augment_dataset(here, options(48, recipe="seed", store=store))
    assert tree(there.augmented_dir) == tree(here.augmented_dir)


def test_a_dataset_at_a_url_is_read_and_written_through_fsspec(
    drawn_dataset: Path, tmp_path: Path, cluster: Cluster
) -> None:
    here, there = Dataset(drawn_dataset), copy_of(drawn_dataset, tmp_path / "there")
    result = augment_dataset(here, options(4, store="shards", shard_size=64))
    with pytest.raises(SplitError, match=r"there/split\.json: there is no split yet; make one with `thirtyfold split`"):
        augment_url(there.root.as_uri(), options(4))
    (there.root / "split.json").write_bytes((here.root / "split.json").read_bytes())
    (there.root / "labels").mkdir()
    for path in (there.root / "images").glob("*5.json"):  # some labels in a folder of their own
        path.rename(there.root / "labels" / path.name)
    chosen = options(4, workers=0, store="shards", shard_size=64, engine="dask", scheduler=cluster.address)
    remote = augment_url(there.root.as_uri(), chosen)
    assert (remote.made, remote.shapes, remote.lost) == (result.made, result.shapes, result.lost)
    assert tree(there.augmented_dir) == tree(here.augmented_dir)
    assert augment_url(there.root.as_uri(), chosen).made == 0
    with pytest.raises(UsageError, match="holds copies made from other seed; delete or move them"):
        augment_url(there.root.as_uri(), replace(chosen, seed=1))


def test_an_object_store_gives_the_same_files_as_a_folder(drawn_dataset: Path) -> None:
    here = Dataset(drawn_dataset)
    augment_dataset(here, options(3))
    bucket = RemoteFolder("memory://bucket/faces")
    for path in drawn_dataset.rglob("*"):
        if path.is_file() and "augmented" not in path.parts:
            bucket.write(path.relative_to(drawn_dataset).as_posix(), [path.read_bytes()])
    assert augment_url("memory://bucket/faces/", options(3)).made == 30
    for subfolder in ("", "images"):
        local = LocalFolder(here.augmented_dir)
        out = RemoteFolder("memory://bucket/faces/augmented")
        assert out.sizes(subfolder) == local.sizes(subfolder)
        for name in out.sizes(subfolder):
            assert out.read(f"{subfolder}/{name}".lstrip("/")) == local.read(f"{subfolder}/{name}".lstrip("/"))
    assert augment_url("memory://bucket/faces", options(3)).made == 0
    bucket.write("strangers/images/a.txt", [b"x"])
    with pytest.raises(DataError, match="memory://bucket/strangers: no photos there"):
        augment_url("memory://bucket/strangers", options(3))


def test_a_storage_that_the_workers_do_not_see_is_an_error_and_no_photo_is_called_unreadable(
    drawn_dataset: Path, cluster: Cluster
) -> None:
    split_dataset(Dataset(drawn_dataset), SplitOptions(val=0, test=0))
    bucket = RemoteFolder("memory://mine/faces")  # the memory of this process
    for path in drawn_dataset.rglob("*"):
        if path.is_file():
            bucket.write(path.relative_to(drawn_dataset).as_posix(), [path.read_bytes()])
    with pytest.raises(UsageError, match="does not see memory://mine/faces/augmented; workers need the same folder"):
        augment_url("memory://mine/faces", options(3, workers=0, engine="dask", scheduler=cluster.address))


def test_a_worker_with_other_libraries_refuses(tmp_path: Path, cluster: Cluster) -> None:
    with pytest.raises(UsageError, match=r"has numpy \S+, where 1\.0 began the copies: they would differ"):
        list(run_on_cluster(jobs(tmp_path, 2), cluster.address, 0, {**versions_here(), "numpy": "1.0"}))


def test_jobs_go_to_the_cluster_as_it_can_take_them_not_all_at_once(tmp_path: Path, cluster: Cluster) -> None:
    taken = []

    def watched() -> Iterator[Job]:
        for job in jobs(tmp_path, 1000):
            taken.append(job)
            yield job

    (tmp_path / "out").mkdir()
    (tmp_path / "out" / augmented.MANIFEST).write_text("{}")
    running = run_on_cluster(watched(), cluster.address, 0, versions_here())
    next(running)
    assert len(taken) <= 8
    running.close()  # type: ignore[attr-defined]
    time.sleep(0.2)
    assert len(list((tmp_path / "out" / "images").glob("*.json"))) < 20


@dataclass(frozen=True)
class Deadly:
    """A folder with a photo that ends whoever reads it."""

    root: Path

    def read(self, name: str) -> bytes | None:
        if name == "b.jpg":
            os.kill(os.getpid(), signal.SIGKILL)
        return (self.root / "a.jpg").read_bytes()


def _listening(pids: set[int]) -> set[str]:
    """The addresses, as Linux writes them, that these processes accept connections at."""
    inodes = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    inodes.add(str(link.readlink()))
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()]
    return {row[1].partition(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes}


def _family() -> set[int]:
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    family = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return family


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux's /proc")
def test_a_batch_that_ends_every_worker_is_named_and_the_others_are_done_on_a_cluster_that_only_listens_here(
    tmp_path: Path,
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / augmented.MANIFEST).write_text("{}")
    deadly = Deadly(tmp_path)
    wanted = [replace(job, photos=deadly) for job in jobs(tmp_path, 6)]  # type: ignore[arg-type]
    wanted[3] = replace(wanted[3], work=(replace(wanted[3].work[0], name="b.jpg"),))
    heard, before = set(), _family() - {os.getpid()}
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        done = []
        for made in run_on_cluster(wanted, None, 2, versions_here()):
            done.append(made)
            heard |= _listening(_family() - before)
    assert heard == {"0100007F"}  # 127.0.0.1
    assert sum(made.copies for made in done) == 5
    (problem,) = [problem for made in done for problem in made.problems]
    assert str(problem).startswith("b.jpg: making its copies ended several workers in turn")
    assert len(list((tmp_path / "out" / "images").glob("*.json"))) == 5


@pytest.mark.slow
def test_a_cluster_that_loses_its_scheduler_or_all_workers_is_an_error_that_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thirtyfold.augment.cluster._SECONDS_WITHOUT_WORKERS", 1)
    monkeypatch.setattr("thirtyfold.augment.cluster._SECONDS_A_LOOK", 0.2)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / augmented.MANIFEST).write_text("{}")
    for victim in ("worker", "scheduler"):
        (tmp_path / victim).mkdir()
        with running_cluster(tmp_path / victim, workers=1) as cluster:
            running = run_on_cluster(jobs(tmp_path, 1000), cluster.address, 0, versions_here())
            next(running)
            (cluster.workers[0] if victim == "worker" else cluster.scheduler).kill()
            with pytest.raises(DataError, match=r"no workers for 1 seconds|lost its scheduler"):
                list(running)


def test_no_scheduler_at_the_address_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thirtyfold.augment.cluster._SECONDS_TO_CONNECT", 1)
    with pytest.raises(UsageError, match=r"--scheduler tcp://127\.0\.0\.1:9: no Dask scheduler answers there"):
        list(run_on_cluster(jobs(tmp_path, 1), "tcp://127.0.0.1:9", 0, {}))


def test_without_dask_the_extra_to_install_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(NotInstalledError, match=r"pip install thirtyfold\[cluster\]"):
        list(run_on_cluster(jobs(tmp_path, 1), None, 1, {}))
