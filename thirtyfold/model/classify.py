"""The task *classify*: what a whole photo shows, one class of several.

The backbone's last map is pooled to one vector, which a frozen backbone gives once for every photo; what stands on
it learns from thousands of photos in seconds. Heads: ``pooled`` is dropout and a softmax (Lin, Chen and Yan,
"Network In Network", 2014); ``dense128`` the head that tutorials of mask detectors have: pool, flatten, dense 128,
dropout 0.5, softmax.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers, ops

from thirtyfold.datasets.whole_photo import class_counts, class_of
from thirtyfold.errors import UsageError
from thirtyfold.model.backbones import Preprocessing, as_list, backbone_of, last_block_after, layers_after, on_stored
from thirtyfold.model.devices import over_all_devices
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.tasks import Network
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

POOLED = "pooled"
_DROP = 0.3
# One photo is not to count as a thousand others.
_HEAVIEST = 100.0
# Smaller probabilities have no logarithm that could be learned from.
_SMALLEST = 1e-7


def resolve_options(options: TrainOptions, samples: Sequence[Sample], classes: Sequence[str]) -> TrainOptions:
    """``--class-weights auto`` as numbers, in the order of the classes."""
    if options.class_weights != "auto":
        return options
    counts = class_counts(samples)
    weights = class_weights([counts.get(name, 0) for name in classes])
    return replace(options, class_weights=",".join(f"{weight:.6g}" for weight in weights))


def class_weights(counts: Sequence[int]) -> tuple[float, ...]:
    """What a photo of each class weighs so that all classes weigh the same, 1 in the mean over the photos.

    As scikit-learn's ``class_weight="balanced"`` (King and Zeng, "Logistic Regression in Rare Events Data", 2001), up
    to 100.
    """
    return tuple(min(sum(counts) / (len(counts) * max(count, 1)), _HEAVIEST) for count in counts)


def build(options: TrainOptions, classes: Sequence[str]) -> Network:
    """The network: "image" uint8 (batch, size, size, 3) to {"probabilities": (batch, classes)}."""
    pooled = keras.Input((pooled_width(options),), name=POOLED)
    probabilities = layers.Dense(len(classes), activation="softmax", name="probabilities")(
        hidden(pooled, options.heads)
    )
    return pooled_network(options, keras.Model(pooled, {"probabilities": probabilities}, name="heads"))


def hidden(pooled: Any, heads: str) -> Any:
    """What stands between the pooled vector and the answers, by the name of the heads."""
    if heads == "dense128":
        return layers.Dropout(0.5, name="drop")(layers.Dense(128, activation="relu", name="dense")(pooled))
    return layers.Dropout(_DROP, name="drop")(pooled)


def pooled_width(options: TrainOptions) -> int:
    """The length of the vector that a backbone's last map is pooled to."""
    return int(backbone_of(options.backbone).build(options.size, options.alpha).output.shape[-1])


def pooled_network(options: TrainOptions, heads: Any) -> Network:
    """A network of which ``heads``, a model, stands on the pooled last map of the backbone.

    What is stored of a frozen backbone is the vector; for fine-tuning the map that its top block starts from, too.
    """
    entry = backbone_of(options.backbone)
    backbone = entry.build(options.size, options.alpha)
    last, top_after = backbone.layers[-1].name, entry.top_after
    tuned = options.fine_tune == "always" and options.frozen_backbone
    stored = (top_after, POOLED) if tuned else (POOLED,)
    if tuned and not top_after:
        top_after = last_block_after(backbone)
        # Its own name has a running number in it, of all layers that this process has built.
        stored = (f"layer{backbone.layers.index(backbone.get_layer(top_after))}", POOLED)
    image = keras.Input((options.size, options.size, 3), dtype="uint8", name="image")
    whiten = "whiten" in options.prepare
    pixels = Preprocessing(entry.preprocessing, whiten=whiten, name="preprocessing")(image)
    cut = [top_after] if tuned else []
    maps = keras.Model(backbone.input, [backbone.get_layer(name).output for name in (*cut, last)])(pixels)
    *cuts, top = as_list(maps)
    pool = layers.GlobalAveragePooling2D(name=POOLED)
    vector = pool(top)
    of_map = keras.Input(top.shape[1:], name="map")
    tail = keras.Model(of_map, heads(pool(of_map)), name="tail")
    return Network(
        model=keras.Model(image, heads(vector), name=options.task),
        backbone=backbone,
        trunk=keras.Model(image, [*cuts, vector], name="trunk"),
        heads=heads,
        learner=heads,
        stored=stored,
        learner_takes=(len(cut),),
        tuner=on_stored(backbone, cut, (last,), tail) if cut else None,
        tuner_takes=(0,) if cut else (),
        top_layers=layers_after(backbone, top_after, (last,)) if cut else (),
    )


def losses(options: TrainOptions, classes: Sequence[str]) -> tuple[dict[str, Any], dict[str, float]]:
    """Cross-entropy, a photo weighed by its class, its truth smoothed (Szegedy et al., "Rethinking the Inception
    Architecture", 2016).
    """
    weights = (1.0,) * len(classes)
    if options.class_weights != "none":
        weights = _numbers(options.class_weights, len(classes))
    return {"probabilities": class_loss(weights, options.label_smoothing)}, {"probabilities": 1.0}


def class_loss(weights: Sequence[float], smoothing: float) -> Any:
    """From truth and probabilities, (batch, classes) each, to the mean of the photos' losses.

    A photo of none of the classes, whose truth is all 0, counts for nothing.
    """

    def loss(truth: Any, probabilities: Any) -> Any:
        truth, probabilities = ops.cast(truth, "float32"), ops.cast(probabilities, "float32")
        # Of the truth before it is smoothed: afterwards every photo has a little of each class.
        weight = ops.sum(truth * ops.convert_to_tensor(weights, dtype="float32"), axis=-1)
        smooth = truth * (1.0 - smoothing) + smoothing / len(weights)
        losses = -ops.sum(smooth * ops.log(ops.clip(probabilities, _SMALLEST, 1.0)), axis=-1)
        count = over_all_devices(ops.cast(ops.shape(truth)[0], "float32"))
        return ops.sum(weight * losses) / count

    return loss


def _numbers(text: str, class_count: int) -> tuple[float, ...]:
    """The weights in ``--class-weights 1,5``. Raises :class:`UsageError`."""
    weights = tuple(float(number) for number in text.split(","))
    if len(weights) != class_count:
        raise UsageError(f"--class-weights {text}: a number for each of the {class_count} classes was expected")
    return weights


def encode_sample(sample: Sample, options: TrainOptions, classes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """{"probabilities": (classes,)}, 1 for the photo's class."""
    target = np.zeros(len(classes), np.float32)
    name = class_of(sample, classes)
    if name is not None:
        target[classes.index(name)] = 1.0
    return {"probabilities": target}


def decoder(options: TrainOptions, classes: Sequence[str], *, many: bool) -> tuple[str, dict[str, Any]]:
    return "classes", {}
