"""A network whose heads stand on maps of its backbone: what *detect* and *segment* have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from thirtyfold.model.backbones import Backbone, Preprocessing, as_list, feature_maps, layers_after, on_stored
from thirtyfold.model.tasks import Network


def network_on_maps(
    entry: Backbone,
    backbone: Any,
    taps: Sequence[str],
    heads_on: Callable[[Sequence[Any]], Mapping[str, Any]],
    *,
    size: int,
    name: str,
) -> Network:
    """The network of ``backbone``, built of ``entry`` for squares of ``size`` pixels, and the heads on its ``taps``.

    ``heads_on`` takes the maps, in the order of ``taps``, to the outputs by name.
    """
    image = keras.Input((size, size, 3), dtype="uint8", name="image")
    pixels = Preprocessing(entry.preprocessing, name="preprocessing")(image)
    features = as_list(feature_maps(backbone, taps)(pixels))
    inputs = [keras.Input(feature.shape[1:], name=f"features{level}") for level, feature in enumerate(features)]
    heads = keras.Model(inputs, dict(heads_on(inputs)), name="heads")
    stored = entry.stored_for(taps)
    takes = tuple(range(stored.index(entry.top_after) + 1)) if entry.top_after in stored else ()
    return Network(
        model=keras.Model(image, heads(features), name=name),
        backbone=backbone,
        trunk=keras.Model(image, feature_maps(backbone, stored)(pixels), name="trunk"),
        heads=heads,
        learner=on_stored(backbone, stored, taps, heads),
        stored=stored,
        tuner=on_stored(backbone, stored[: len(takes)], taps, heads) if takes else None,
        tuner_takes=takes,
        top_layers=layers_after(backbone, entry.top_after, taps) if takes else (),
    )
