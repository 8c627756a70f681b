"""What a training runs on: one device, every GPU of a machine, several machines; and in what precision.

Where more than one device learns, or in mixed precision, a twin of the network learns: the network
itself stays on one device in float32, is what features, validation and exports are computed by, and gets
the twin's weights. Every device sees an equal share of the same global batch, and sums that a loss divides
by or batch normalization needs are taken over all devices, so the result is that of one device, up to
the order of sums.

Several machines: the same command on each, with ``TF_CONFIG`` set as tf.distribute documents it
(https://www.tensorflow.org/guide/distributed_training#TF_CONFIG). The first is the chief; it alone validates,
decides, and writes a run folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.errors import UsageError
from thirtyfold.model.cluster import place_in_cluster

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """``strategy`` is of tf.distribute, ``None`` for one device. ``policy`` is Keras's name of the precision.

    This process is the ``worker``-th of ``workers``, one a machine.
    """

    strategy: Any = None
    policy: str = "float32"
    worker: int = 0
    workers: int = 1

    @property
    def is_chief(self) -> bool:
        """Whether this process decides and writes."""
        return self.worker == 0

    @property
    def replicas(self) -> int:
        """The devices that learn, on all machines together."""
        return int(self.strategy.num_replicas_in_sync) if self.strategy else 1

    @property
    def needs_twin(self) -> bool:
        """Whether another network than the one in float32 on one device has to learn."""
        return self.replicas > 1 or self.policy != "float32"

    def described(self) -> str:
        """For a person: what learns, in what precision."""
        machines = f" on {self.workers} machines" if self.workers > 1 else ""
        devices = "1 device" if self.replicas == 1 else f"{self.replicas} devices{machines}"
        return f"{devices}, {self.policy}"

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Networks built in here learn on all devices, in the precision wanted."""
        import keras

        before = keras.config.dtype_policy()
        with ExitStack() as stack:
            if self.strategy is not None:
                stack.enter_context(self.strategy.scope())
            stack.callback(keras.config.set_dtype_policy, before)
            keras.config.set_dtype_policy(self.policy)
            yield

    def twin(self, learner: Any) -> Any:
        """The same network, not compiled, that learns on all devices in the precision wanted.

        It starts with the weights of ``learner`` (the chief's, on every machine). Outputs stay in float32:
        half precision can say neither 0.999 nor a place in a picture to the pixel.
        """
        import keras

        precise = _output_layers(learner)

        def copied(layer: Any) -> Any:
            config = layer.get_config()
            if layer.name not in precise:
                config["dtype"] = self.policy
            if isinstance(layer, keras.layers.BatchNormalization):
                config["synchronized"] = self.replicas > 1
            return type(layer).from_config(config)

        with self.scope():
            twin = keras.models.clone_model(learner, clone_function=copied, recursive=True)
        twin.set_weights(self.from_chief(learner.get_weights()))
        return twin

    def share(self, twin: Any) -> None:
        """Give every machine the chief's weights and optimizer."""
        if self.workers > 1:
            variables = [*twin.variables, *twin.optimizer.variables]
            for variable, value in zip(variables, self.from_chief([v.numpy() for v in variables]), strict=True):
                variable.assign(value)

    def require_same(self, text: str) -> None:
        """Raise :class:`UsageError` on a machine whose ``text`` is not the chief's."""
        digest = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8).astype(np.int32)
        if (self.from_chief([digest])[0] != digest).any():
            raise UsageError(
                f"worker {self.worker + 1} of {self.workers}: its options, photos or labels differ from the first's; "
                "give every machine the same command and the same dataset"
            )

    def from_chief(self, values: Sequence[Any]) -> list[NDArray[Any]]:
        """The chief's ``values`` on every machine; all of them have to call it, with values of equal shapes."""
        arrays = [np.asarray(value) for value in values]
        if self.workers == 1:
            return arrays
        results = _sharing(self.strategy)(arrays)
        return [np.asarray(self.strategy.experimental_local_results(result)[0]) for result in results]


@cache
def _sharing(strategy: Any) -> Callable[[Sequence[Any]], Any]:
    """What gives every replica the values of the first."""
    import tensorflow as tf

    def added(tensors: Sequence[Any]) -> Any:
        context = tf.distribute.get_replica_context()
        says = tf.equal(context.replica_id_in_sync_group, 0)
        mine = [tf.where(says, tensor, tf.zeros_like(tensor)) for tensor in tensors]
        return [context.all_reduce(tf.distribute.ReduceOp.SUM, tensor) for tensor in mine]

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def shared(tensors: Sequence[Any]) -> Any:
        return strategy.run(added, args=(tensors,))

    return lambda arrays: shared([tf.constant(array) for array in arrays])


def open_devices(devices: str, precision: str) -> Devices:
    """What ``--devices`` and ``--precision`` (see ``TrainOptions``) and ``TF_CONFIG`` ask for.

    Comes before the first tensor: TensorFlow does not let machines be joined later.
    Raises :class:`UsageError` if ``TF_CONFIG`` makes no sense.
    """
    import tensorflow as tf

    worker, workers = place_in_cluster(os.environ.get("TF_CONFIG", ""))
    gpus = tf.config.list_physical_devices("GPU")
    if devices == "one" and len(gpus) > 1:
        gpus = gpus[:1]
        with contextlib.suppress(RuntimeError):  # not the first training of this process
            tf.config.set_visible_devices(gpus, "GPU")
    policy = _policy(precision, [tf.config.experimental.get_device_details(gpu) for gpu in gpus])
    if workers > 1:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        return Devices(strategy=strategy, policy=policy, worker=worker, workers=workers)
    names = [device.name for device in tf.config.list_logical_devices("GPU" if gpus else "CPU")]
    if devices == "one" or len(names) == 1:
        return Devices(policy=policy)
    return Devices(strategy=tf.distribute.MirroredStrategy(names), policy=policy)


def over_all_devices(count: Any) -> Any:
    """The sum of every device's ``count``; on one device ``count`` itself.

    A loss that divides its device's sum by it is that device's part of the loss of the whole batch. The parts
    add up, as Keras adds gradients; what a loss returns as one number it does not divide by the devices.
    """
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return count
    return context.all_reduce(tf.distribute.ReduceOp.SUM, count)


def _policy(precision: str, gpus: Sequence[dict[str, Any]]) -> str:
    """Keras's name of the precision. Half precision pays from NVIDIA's 7.0 on; bfloat16, from 8.0 on, needs no scaling
    of the loss. A CPU has at most bfloat16, and gets it only when told to."""
    if precision == "float32" or (precision == "auto" and not gpus):
        return "float32"
    slowest = min((tuple(gpu.get("compute_capability", (0, 0))) for gpu in gpus), default=(8, 0))
    if slowest >= (8, 0):
        return "mixed_bfloat16"
    return "mixed_float16" if slowest >= (7, 0) or precision == "mixed" else "float32"


def _output_layers(model: Any) -> set[str]:
    """The names of the layers that give a model's outputs, and of what feeds one that has no weights."""
    import keras

    last = model.layers[-1]
    if isinstance(last, keras.Model):
        return _output_layers(last)
    names = set(model.output_names)
    for layer in [model.get_layer(name) for name in names]:
        if not layer.weights:
            names |= {other.name for other in model.layers if other.output is layer.input}
    return names
