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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.errors import TrainingError, UsageError
from thirtyfold.model.cluster import place_in_cluster

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thirtyfold.model.inputs import Batches
    from thirtyfold.model.online import OnlineBatches


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

    def fit(
        self,
        twin: Any,
        losses: Mapping[str, Any],
        loss_weights: Mapping[str, float],
        make_batches: Callable[[int], Batches | OnlineBatches],
        *,
        epochs: int,
        first_epoch: int,
        callbacks: Sequence[Any],
    ) -> None:
        """As ``Model.fit`` of Keras, over all devices; ``make_batches(epoch)`` gives the batches from an epoch on.

        A loop of our own: Keras 3's cannot take more than one machine (keras-team/keras#20585), and divides
        a loss of one number by no device count. Each replica gets an equal part of a batch; where a batch does not
        divide by their number the rest, fewer photos than there are replicas, is left out of that epoch.
        """
        if self.strategy is None:
            twin.fit(
                make_batches(first_epoch),
                epochs=epochs,
                initial_epoch=first_epoch,
                shuffle=False,  # the batches have an order of their own every epoch
                verbose=0,
                callbacks=list(callbacks),
            )
            return
        import keras
        import tensorflow as tf

        steps = self._steps(make_batches(first_epoch))
        iterator = iter(self._shared_out(make_batches, first_epoch, steps))
        names = list(losses)
        optimizer = twin.optimizer

        def learn(inputs: Any, targets: Any) -> Any:
            with tf.GradientTape() as tape:
                outputs = twin(inputs, training=True)
                parts = [losses[name](targets[name], outputs[name]) for name in names]
                total = tf.add_n([loss_weights[name] * part for name, part in zip(names, parts, strict=True)])
                scaled = optimizer.scale_loss(total)
            variables = twin.trainable_variables
            context = tf.distribute.get_replica_context()
            gradients = tape.gradient(scaled, [variable.value for variable in variables])
            # Summed here, so that the optimizer clips what one device would clip; it adds them up once more.
            summed = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
            optimizer.apply([gradient / self.replicas for gradient in summed], variables)
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.stack([total, *parts]))

        @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
        def step(batch: Any) -> Any:
            return self.strategy.experimental_local_results(self.strategy.run(learn, args=batch))[0]

        clips = getattr(optimizer, "inner_optimizer", optimizer)  # where half precision's scaling is wrapped around it
        if clips.clipnorm:
            clips.clipnorm /= self.replicas
        told = keras.callbacks.CallbackList(list(callbacks), model=twin, epochs=epochs, steps=steps)
        twin.stop_training = False
        told.on_train_begin()
        titles = ["loss", *(f"{name}_loss" for name in names)]
        try:
            for epoch in range(first_epoch, epochs):
                told.on_epoch_begin(epoch)
                so_far = np.zeros(len(titles))
                logs: dict[str, float] = {}
                for number in range(steps):
                    so_far += np.asarray(step(next(iterator)))
                    logs = dict(zip(titles, so_far / (number + 1), strict=True))
                    told.on_train_batch_end(number, logs)
                told.on_epoch_end(epoch, logs)
                if twin.stop_training:
                    break
        except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
            raise TrainingError(
                f"another machine of the {self.workers} stopped ({str(error).splitlines()[0][:120]}); run the same "
                "command on all of them again, on the first with --resume latest"
            ) from error
        told.on_train_end(logs)

    def _steps(self, batches: Batches | OnlineBatches) -> int:
        """The steps of an epoch in which every replica has a photo. Raises :class:`UsageError` if there is none."""
        steps = len(batches) - (_size(batches[len(batches) - 1]) < self.replicas)
        if not steps:
            raise UsageError(
                f"--devices all: there are fewer photos than the {self.replicas} devices; take --devices one"
            )
        return steps

    def _shared_out(self, make_batches: Callable[[int], Batches | OnlineBatches], first_epoch: int, steps: int) -> Any:
        """A tf.distribute dataset without end: batch by batch, epoch after epoch, an equal part to every replica."""
        import tensorflow as tf

        def pipeline(context: Any) -> Any:
            mine = context.num_replicas_in_sync // context.num_input_pipelines
            first = context.input_pipeline_id * mine

            def parts() -> Iterator[Any]:
                epoch = first_epoch
                while True:
                    batches = make_batches(epoch)
                    for step in range(steps):
                        batch = batches[step]
                        rows = _size(batch) // self.replicas
                        for replica in range(first, first + mine):
                            yield _rows(batch, replica * rows, (replica + 1) * rows)
                    epoch += 1

            signature = tf.nest.map_structure(
                lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype),
                _rows(make_batches(first_epoch)[0], 0, 1),
            )
            options = tf.data.Options()
            options.autotune.enabled = False  # it stalls at the end of epochs (TensorFlow 2.21)
            return tf.data.Dataset.from_generator(parts, output_signature=signature).with_options(options)

        return self.strategy.distribute_datasets_from_function(pipeline)

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


def _rows(value: Any, start: int, stop: int) -> Any:
    """Rows ``start`` to ``stop`` of every array of a batch."""
    if isinstance(value, list | tuple):
        return tuple(_rows(item, start, stop) for item in value)
    if isinstance(value, dict):
        return {name: _rows(item, start, stop) for name, item in value.items()}
    return value[start:stop]


def _size(batch: Any) -> int:
    first = batch
    while isinstance(first, list | tuple | dict):
        first = next(iter(first.values())) if isinstance(first, dict) else first[0]
    return len(first)
