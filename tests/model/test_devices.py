"""Training on several devices and machines gives what one gives."""

import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.drawn import write_dataset
from tests.model.learn_here import learn
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.errors import UsageError
from thirtyfold.model import detect
from thirtyfold.model.backbones import BACKBONES
from thirtyfold.model.cluster import helps_a_chief, place_in_cluster
from thirtyfold.model.devices import Devices, _policy, open_devices
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.train import train
from thirtyfold.workspace import Dataset

HERE = Path(__file__).parent
PROGRAM = HERE / "learn_here.py"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_dataset(tmp_path_factory.mktemp("drawn") / "faces", sessions=5, per_session=8, empty_every=7)
    split_dataset(Dataset(root), SplitOptions())
    return root


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Heads on the stored features of a frozen backbone; 24 train photos, three steps of 8 an epoch."""
    keras.utils.set_random_seed(7)
    path = tmp_path_factory.mktemp("given") / "given.weights.h5"
    BACKBONES["tiny"].build(64, 1.0).save_weights(path)
    given = {"backbone": "tiny", "weights": str(path), "size": 64, "batch": 8, "epochs": 2, "fine_tune": "never"}
    # Its slopes are bounded: with the localization loss a difference of 1e-5 after three steps is 0.3 % after six.
    return {**given, "box_loss": "ciou"}


@pytest.fixture(scope="module")
def alone(dataset: Path, options: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one device makes of it."""
    folder = tmp_path_factory.mktemp("alone")
    drop = detect._DROP
    try:
        learn(dataset, folder, options)
    finally:
        detect._DROP = drop
    return folder


def start(cpus: int, dataset: Path, folder: Path, options: dict[str, Any], **environment: str) -> subprocess.Popen[str]:
    folder.mkdir()
    command = [sys.executable, str(PROGRAM), str(cpus), str(dataset), str(folder), json.dumps(options)]
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1]), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> None:
    try:
        said, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, said


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open() as stream:
        return list(csv.DictReader(stream))


def assert_same(one: Path, several: Path) -> None:
    """The same losses and scores, and the same weights: within rounding, which steps of AdamW make larger."""
    for expected, row in zip(rows(one), rows(several), strict=True):
        assert row.keys() == expected.keys()
        for name, value in expected.items():
            assert float(row[name]) == pytest.approx(float(value), rel=2e-3, abs=1e-5), name
    with np.load(one / "weights.npz") as expected_weights, np.load(several / "weights.npz") as weights:
        differences = [float(np.abs(expected_weights[name] - weights[name]).max()) for name in expected_weights.files]
    # Six steps at rates up to 0.002 move weights by about 0.01.
    assert max(differences) < 1e-3


@pytest.mark.slow
def test_two_devices_give_what_one_gives(alone: Path, dataset: Path, options: dict[str, Any], tmp_path: Path) -> None:
    finish(start(2, dataset, tmp_path / "mirrored", {**options, "devices": "all"}))
    assert_same(alone, tmp_path / "mirrored")


@pytest.mark.slow
def test_two_machines_give_what_one_gives_and_only_the_first_writes(
    alone: Path, dataset: Path, options: dict[str, Any], tmp_path: Path
) -> None:
    addresses = [f"localhost:{port}" for port in free_ports(2)]

    def config(index: int) -> str:
        return json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})

    processes = [start(1, dataset, tmp_path / f"worker{index}", options, TF_CONFIG=config(index)) for index in range(2)]
    for process in processes:
        finish(process)
    assert_same(alone, tmp_path / "worker0")
    assert not list((tmp_path / "worker1").iterdir())


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def test_a_twin_in_mixed_precision_keeps_its_outputs_exact() -> None:
    learner = detect.build(TrainOptions(backbone="tiny", weights="none", size=64), ("a",)).heads
    twin = Devices(policy="mixed_bfloat16").twin(learner)
    policies = {layer.name: layer.dtype_policy.name for layer in twin.layers}
    assert {policies[name] for name in ("scores", "distances", "boxes")} == {"float32"}
    assert {policies[name] for name in ("shared", "shared_bn", "class_conv")} == {"mixed_bfloat16"}
    assert {variable.dtype for variable in twin.weights} == {"float32"}
    assert all((a == b).all() for a, b in zip(twin.get_weights(), learner.get_weights(), strict=True))
    assert [v.trainable for v in twin.weights] == [v.trainable for v in learner.weights]
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.slow
def test_a_twin_in_mixed_precision_learns_what_the_network_in_float32_then_knows() -> None:
    # A bounded loss: eight steps of the localization loss from a random start mostly go up, in float32 too.
    options = TrainOptions(backbone="tiny", weights="none", size=32, box_loss="ciou")
    keras.utils.set_random_seed(7)
    learner = detect.build(options, ("a",)).heads
    devices = Devices(policy="mixed_bfloat16")
    twin = devices.twin(learner)
    losses, weights = detect.losses(options, ("a",))
    twin.compile(keras.optimizers.AdamW(2e-3, clipnorm=10.0), loss=losses, loss_weights=weights, run_eagerly=True)
    face = detect.Target(class_index=0, box_xyxy=(0.3, 0.3, 0.7, 0.7))
    target = {name: value[None] for name, value in detect.encode([face], options, 1).items()}
    random = np.random.default_rng(0)
    features = [random.normal(size=(1, *tensor.shape[1:])).astype(np.float16) for tensor in learner.inputs]
    history = [float(np.sum(twin.train_on_batch(features, target))) for _ in range(8)]
    assert history[-1] < history[0]
    learner.set_weights(twin.get_weights())
    assert {weight.dtype for weight in learner.get_weights()} == {np.dtype(np.float32)}
    ours, theirs = learner(features, training=False), twin(features, training=False)
    assert np.allclose(ours["scores"], theirs["scores"], atol=0.05)


@pytest.mark.parametrize(
    ("precision", "capabilities", "policy"),
    [
        ("auto", [], "float32"),
        ("mixed", [], "mixed_bfloat16"),
        ("float32", [(9, 0)], "float32"),
        ("auto", [(8, 0)], "mixed_bfloat16"),
        ("auto", [(8, 6), (7, 5)], "mixed_float16"),
        ("auto", [(6, 1)], "float32"),
        ("mixed", [(6, 1)], "mixed_float16"),
    ],
)
def test_the_precision_is_what_every_gpu_gains_by(
    precision: str, capabilities: list[tuple[int, int]], policy: str
) -> None:
    assert _policy(precision, [{"compute_capability": capability} for capability in capabilities]) == policy


def test_without_several_gpus_there_is_nothing_to_share_out() -> None:
    for devices in ("one", "all"):
        opened = open_devices(devices, "auto")
        assert (opened.replicas, opened.needs_twin, opened.is_chief) == (1, False, True)
        assert [float(value) for value in opened.from_chief([0.5, 2])] == [0.5, 2]


CLUSTER = {"worker": ["a:1", "b:1", "c:1"]}


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ("", (0, 1)),
        ("{}", (0, 1)),
        (json.dumps({"cluster": CLUSTER, "task": {"type": "worker", "index": 2}}), (2, 3)),
        (json.dumps({"cluster": {"chief": ["x:1"], **CLUSTER}, "task": {"type": "worker", "index": "0"}}), (1, 4)),
        (json.dumps({"cluster": {"chief": ["x:1"], **CLUSTER}, "task": {"type": "chief", "index": 0}}), (0, 4)),
    ],
)
def test_tf_config_says_which_machine_this_is(config: str, place: tuple[int, int]) -> None:
    assert place_in_cluster(config) == place


@pytest.mark.parametrize(
    "config", ["{", "[]", '{"cluster": {"worker": ["a:1"]}}', json.dumps({"cluster": CLUSTER, "task": {"index": 9}})]
)
def test_a_tf_config_that_makes_no_sense_is_a_usage_error(config: str) -> None:
    with pytest.raises(UsageError, match='"task"'):
        place_in_cluster(config)


def test_only_the_first_machine_starts_a_training(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not helps_a_chief()
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": CLUSTER, "task": {"type": "worker", "index": 1}}))
    assert helps_a_chief()
    with pytest.raises(UsageError, match="makes this machine help another"):
        train(Dataset(dataset), TrainOptions(backbone="scratch", size=64))
