"""The epochs of a training: Keras's own loop on one device, ours on several.

Ours because Keras 3's ``fit`` cannot take more than one machine (keras-team/keras#20585), and divides a loss of one
number by no device count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from thirtyfold.errors import TrainingError, UsageError
from thirtyfold.model.devices import Devices

if TYPE_CHECKING:
    from thirtyfold.model.inputs import Batches
    from thirtyfold.model.online import OnlineBatches


def fit_epochs(
    devices: Devices,
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

    Each replica gets an equal part of a batch; where a batch does not divide by their number the rest, fewer photos
    than there are replicas, is left out of that epoch.
    """
    if devices.strategy is None:
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

    steps = _steps(devices, make_batches(first_epoch))
    iterator = iter(_shared_out(devices, make_batches, first_epoch, steps))
    step = _step_on_all(devices, twin, losses, loss_weights)
    told = keras.callbacks.CallbackList(list(callbacks), model=twin, epochs=epochs, steps=steps)
    twin.stop_training = False
    told.on_train_begin()
    titles = ["loss", *(f"{name}_loss" for name in losses)]
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
            f"another machine of the {devices.workers} stopped ({str(error).splitlines()[0][:120]}); run the same "
            "command on all of them again, on the first with --resume latest"
        ) from error
    told.on_train_end(logs)


def _step_on_all(
    devices: Devices, twin: Any, losses: Mapping[str, Any], loss_weights: Mapping[str, float]
) -> Callable[[Any], Any]:
    """A step of training on all devices: from the next batch to its loss, and that of each head."""
    import tensorflow as tf

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
        optimizer.apply([gradient / devices.replicas for gradient in summed], variables)
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.stack([total, *parts]))

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(batch: Any) -> Any:
        return devices.strategy.experimental_local_results(devices.strategy.run(learn, args=batch))[0]

    clips = getattr(optimizer, "inner_optimizer", optimizer)  # where half precision's scaling is wrapped around it
    if clips.clipnorm:
        clips.clipnorm /= devices.replicas
    return cast("Callable[[Any], Any]", step)


def _steps(devices: Devices, batches: Batches | OnlineBatches) -> int:
    """The steps of an epoch in which every replica has a photo. Raises :class:`UsageError` if there is none."""
    steps = len(batches) - (_size(batches[len(batches) - 1]) < devices.replicas)
    if not steps:
        raise UsageError(
            f"--devices all: there are fewer photos than the {devices.replicas} devices; take --devices one"
        )
    return steps


def _shared_out(
    devices: Devices, make_batches: Callable[[int], Batches | OnlineBatches], first_epoch: int, steps: int
) -> Any:
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
                    rows = _size(batch) // devices.replicas
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

    return devices.strategy.distribute_datasets_from_function(pipeline)


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
