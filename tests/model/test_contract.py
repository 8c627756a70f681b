"""What every task promises on every backbone and with every head: it is built, learns, is saved, and comes back.

That the exported forms say the same, too, is in ``export/test_forms.py``, over the same networks.
"""

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.drawn import draw_photo
from thirtyfold.images import letterbox
from thirtyfold.model.exams.base import EXAMS, load_exam
from thirtyfold.model.export.keras_file import keras_bytes, load_keras
from thirtyfold.model.labelling.base import LABELLINGS, load_labelling
from thirtyfold.model.options import BACKBONES, HEADS, TrainOptions
from thirtyfold.model.tasks import TASKS, load_task
from thirtyfold.predict.decoders import DECODERS, EMBEDDING, Placement
from thirtyfold.sample import Sample

SIZE = 64
CLASSES = ("face", "hand")
# Detection on every backbone; its other heads once with each kind of preprocessing. The other tasks' heads stand on
# the same backbones, so two of those will do.
NETWORKS = [("detect", name, "dense") for name in BACKBONES]
NETWORKS += [("detect", name, "global") for name in ("tiny", "vgg16")]
OTHERS = [(task, heads) for task in TASKS if task != "detect" for heads in HEADS[task]]
NETWORKS += [(task, name, heads) for task, heads in OTHERS for name in ("tiny", "mobilenetv2")]


def test_every_task_has_its_labels_its_network_its_exam_and_its_options() -> None:
    assert set(TASKS) == set(EXAMS) == set(LABELLINGS) == set(HEADS)
    for task in TASKS:
        assert load_exam(task).headline
        assert callable(load_labelling(task).is_labelled)


@pytest.mark.slow
@pytest.mark.parametrize(("task_name", "backbone", "heads"), NETWORKS)
def test_every_network_is_built_learns_is_saved_and_comes_back_the_same(
    task_name: str, backbone: str, heads: str
) -> None:
    task = load_task(task_name)
    options = TrainOptions(task=task_name, backbone=backbone, heads=heads, weights="none", size=SIZE, alpha=0.35)
    photos = [draw_photo(seed, face=seed != 2) for seed in range(3)]
    samples = [
        Sample(
            image_path=Path(f"{number}.jpg"),
            width=320,
            height=240,
            annotations=tuple(shapes),
            tags=(CLASSES[number % 2],),
            values={name: 10.0 * number + place for place, name in enumerate(CLASSES)},
        )
        for number, (_, shapes) in enumerate(photos)
    ]
    options = task.resolve_options(options, samples, CLASSES)
    squares = np.stack([letterbox(pixels, SIZE)[0] for pixels, _ in photos])
    encoded = [task.encode_sample(sample, options, CLASSES) for sample in samples]
    targets = {name: np.stack([item[name] for item in encoded]) for name in encoded[0]}

    keras.utils.set_random_seed(1)
    network = task.build(options, CLASSES)
    model = network.model
    losses, weights = task.losses(options, CLASSES)
    # Eagerly: tracing a deep network costs more than one step of it.
    model.compile(keras.optimizers.SGD(1e-3), loss=losses, loss_weights=weights, run_eagerly=True)
    before = [weight.numpy() for weight in model.trainable_weights]
    assert np.isfinite(model.train_on_batch(squares, targets)).all()
    moved = [bool((a != b.numpy()).any()) for a, b in zip(before, model.trainable_weights, strict=True)]
    # A ReLU may hold a gradient back; where most weights stay as they were, a piece hangs loose.
    assert sum(moved) > 0.9 * len(moved)

    outputs = {name: np.asarray(value) for name, value in model(squares, training=False).items()}
    stored = network.trunk(squares, training=False)
    maps = stored if isinstance(stored, list | tuple) else [stored]
    taken = [maps[index] for index in network.first_takes]
    learned = network.learner(taken if len(taken) > 1 else taken[0], training=False)
    loaded = load_keras(keras_bytes(model), "model.keras")
    again = loaded(squares, training=False)
    for name, expected in outputs.items():
        assert np.allclose(again[name], expected, atol=1e-5), name
        assert np.allclose(learned[name], expected, atol=1e-4), f"{name}, by way of what is stored"

    decoder, decoder_options = task.decoder(options, CLASSES, many=True)
    place = Placement(size=SIZE, scale=0.2, offset_xy=(0.0, 8.0), image_wh=(320, 240))
    single = {name: value[:1] for name, value in outputs.items()}
    found = DECODERS[decoder].decode(single, CLASSES, 0.0, decoder_options, place)
    # A vector says nothing of one picture alone; it has to be compared with others'.
    assert bool(found) == (decoder != EMBEDDING)
    # What several heads say of a photo stands in one label.
    assert task_name == "attributes" or {annotation.label for annotation in found} <= set(CLASSES)
