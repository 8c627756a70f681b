"""Where a backbone's weights come from: nothing, a file, or ImageNet's, fetched once.

Only numbers are loaded, by layer, into an architecture that we built ourselves. Keras's
own fetching deletes a cached file whose hash differs and fetches it again; ours leaves
it alone and says so.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from thirtyfold.download import Download, obtain
from thirtyfold.errors import ModelError, UsageError
from thirtyfold.model.applications import APPLICATIONS, fetch_imagenet, mend_normalization
from thirtyfold.model.options import TrainOptions
from thirtyfold.progress import Progress

_SOURCE = "https://storage.googleapis.com/tensorflow/keras-applications"
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_LAYOUT = "weights_tf_dim_ordering_tf_kernels"
# Folder, file and Keras's own MD5 of the weights without the classifying top.
_PUBLISHED = {
    "vgg16": ("vgg16", f"vgg16_{_LAYOUT}_notop.h5", "6d6bbae143d832006294945121d1f1fc"),
    "resnet50": ("resnet", f"resnet50_{_LAYOUT}_notop.h5", "4d473c1dd8becc155b73f8504c6f6626"),
    "inceptionv3": ("inception_v3", f"inception_v3_{_LAYOUT}_notop.h5", "bcbd6486424b2319ff4ef7d526e38f63"),
}
_MOBILENET_WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)


def has_imagenet(backbone: str) -> bool:
    """Whether ImageNet weights of a backbone were ever published."""
    return backbone in _PUBLISHED or backbone == "mobilenetv2" or backbone in APPLICATIONS


def imagenet_download(backbone: str, alpha: float) -> Download:
    """The file for a backbone. Raises :class:`UsageError` if there is none."""
    if backbone == "mobilenetv2":
        if alpha not in _MOBILENET_WIDTHS:
            widths = ", ".join(map(str, _MOBILENET_WIDTHS))
            raise UsageError(f"--alpha {alpha}: ImageNet weights exist for {widths}")
        return _imagenet(f"mobilenet_v2_{_LAYOUT}_{float(alpha)}_224_no_top.h5", "mobilenet_v2", md5=None)
    if backbone not in _PUBLISHED:
        raise UsageError(f"--backbone {backbone}: has no ImageNet weights; add --weights none")
    folder, name, md5 = _PUBLISHED[backbone]
    return _imagenet(name, folder, md5=md5)


def cache_dir() -> Path:
    """Where Keras keeps weights: ``$KERAS_HOME/models``, by default ``~/.keras/models``."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "models"


def weights_path(options: TrainOptions, progress: Progress) -> Path | None:
    """The file to load into the backbone, fetched if need be; ``None`` to start from nothing."""
    if options.weights == "none":
        return None
    if options.weights != "imagenet":
        path = Path(options.weights)
        if not path.is_file():
            raise UsageError(f"--weights {path}: no such file; `imagenet`, `none` or a weights file was expected")
        return path
    if options.backbone in APPLICATIONS:
        return fetch_imagenet(options.backbone, options.alpha, cache_dir(), progress)
    return obtain(imagenet_download(options.backbone, options.alpha), cache_dir(), progress)


def load_backbone_weights(backbone: Any, path: Path) -> None:
    """Load a weights file into a backbone's layers. Raises :class:`ModelError` if it does not fit."""
    try:
        backbone.load_weights(str(path))
        mend_normalization(backbone)
    except Exception as error:  # Keras and h5py raise ValueError, OSError, KeyError, TypeError, ...
        summary = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ModelError(
            f"{path}: its weights do not fit {backbone.name} ({summary}); check --backbone, --alpha and the file"
        ) from error


def _imagenet(name: str, folder: str, *, md5: str | None) -> Download:
    """``md5`` is Keras's own, ``None`` where Keras publishes none."""
    return Download(
        name=name,
        url=f"{_SOURCE}/{folder}/{name}",
        what="ImageNet weights",
        digest=f"md5:{md5}" if md5 else None,
        magic=_HDF5_MAGIC,
        otherwise="train the small network with --backbone scratch, or this one from nothing with --weights none",
    )
