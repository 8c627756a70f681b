"""The task *recognize*: a vector of length 1 whose direction says who it is.

The backbone's last map is pooled, as *classify* does it; on it stand batch normalization, dropout and a projection
(ArcFace's own head; Deng et al., 2019), trained with an angular margin over the people of the train part. Who is
recognized later are other people: those of a gallery (``predict/recognizer.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers

from thirtyfold.datasets.whole_photo import class_counts, class_of
from thirtyfold.model.backbones import batch_norm
from thirtyfold.model.classify import POOLED, pooled_network, pooled_width
from thirtyfold.model.margin_loss import ClassCosines, UnitLength, angular_margin_loss
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.tasks import Network
from thirtyfold.predict.decoders import EMBEDDING
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIMENSION = 128
COSINES = "cosines"
_DROP = 0.3
_RATE_A_PERSON, _HIGHEST_RATE = 1e-5, 2e-3


def resolve_options(options: TrainOptions, samples: Sequence[Sample], classes: Sequence[str]) -> TrainOptions:
    """The options with a rate for the heads on a frozen backbone: the fewer people, the gentler.

    What tells five people apart is the wrong lesson for a sixth: on dogs (five breeds to learn, five others to tell
    apart) every rate made the ImageNet features worse, the more so the higher it was.
    """
    if options.rate is not None or not options.frozen_backbone:
        return options
    return replace(options, rate=min(_HIGHEST_RATE, _RATE_A_PERSON * max(len(class_counts(samples)), 1)))


def build(options: TrainOptions, classes: Sequence[str]) -> Network:
    """The network: "image" uint8 (batch, size, size, 3) to {"embedding": (batch, 128), "cosines": (batch, people)}.

    ``cosines`` are with the directions of the people trained on; only the loss looks at them.
    """
    pooled = keras.Input((pooled_width(options),), name=POOLED)
    # Pooled activations are all above 0, so any two of them are alike; normalized they point everywhere.
    hidden = layers.Dropout(_DROP, name="drop")(batch_norm("norm")(pooled))
    # Orthogonal: before anything is learned, what lay apart in the backbone's numbers still does.
    projected = layers.Dense(DIMENSION, use_bias=False, kernel_initializer="orthogonal", name="project")(hidden)
    embedding = UnitLength(name=EMBEDDING)(projected)
    cosines = ClassCosines(len(classes), name=COSINES)(embedding)
    return pooled_network(options, keras.Model(pooled, {EMBEDDING: embedding, COSINES: cosines}, name="heads"))


def losses(options: TrainOptions, classes: Sequence[str]) -> tuple[dict[str, Any], dict[str, float]]:
    """ArcFace's, of the cosines; the vector itself has none."""
    return {COSINES: angular_margin_loss()}, {COSINES: 1.0}


def encode_sample(sample: Sample, options: TrainOptions, classes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """{"cosines": (people,)}, 1 for who it is."""
    target = np.zeros(len(classes), np.float32)
    name = class_of(sample, classes)
    if name is not None:
        target[classes.index(name)] = 1.0
    return {COSINES: target}


def decoder(options: TrainOptions, classes: Sequence[str], *, many: bool) -> tuple[str, dict[str, Any]]:
    return EMBEDDING, {}
