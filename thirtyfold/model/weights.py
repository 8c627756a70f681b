"""Where a backbone's weights come from: nothing, a file, or ImageNet's, fetched once.

Only numbers are loaded, by layer, into an architecture that we built ourselves. Keras's
own fetching deletes a cached file whose hash differs and fetches it again; ours leaves
it alone and says so.
"""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from thirtyfold import files
from thirtyfold.errors import ModelError, NotInstalledError, UsageError
from thirtyfold.model.options import TrainOptions
from thirtyfold.progress import Progress

_SOURCE = "https://storage.googleapis.com/tensorflow/keras-applications"
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file of ImageNet weights; ``md5`` is Keras's own, ``None`` where Keras publishes none."""

    name: str
    url: str
    md5: str | None


def imagenet_download(backbone: str, alpha: float) -> Download:
    """The file for a backbone. Raises :class:`UsageError` if there is none."""
    if backbone == "vgg16":
        name = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
        return Download(name=name, url=f"{_SOURCE}/vgg16/{name}", md5="6d6bbae143d832006294945121d1f1fc")
    if backbone == "mobilenetv2":
        widths = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
        if alpha not in widths:
            raise UsageError(f"--alpha {alpha}: ImageNet weights exist for {', '.join(map(str, widths))}")
        name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_224_no_top.h5"
        return Download(name=name, url=f"{_SOURCE}/mobilenet_v2/{name}", md5=None)
    raise UsageError(f"--backbone {backbone}: has no ImageNet weights; add --weights none")


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
    download = imagenet_download(options.backbone, options.alpha)
    path = cache_dir() / download.name
    if not path.exists():
        fetch(download, path, progress)
    check_cached(download, path)
    return path


def check_cached(download: Download, path: Path) -> None:
    """Raise :class:`ModelError` if ``path`` is not the published file; never delete it."""
    with path.open("rb") as stream:
        is_hdf5 = stream.read(len(_HDF5_MAGIC)) == _HDF5_MAGIC
        stream.seek(0)
        digest = _md5(stream) if download.md5 else None
    if not is_hdf5 or digest != download.md5:
        raise ModelError(
            f"{path}: is not the published file of ImageNet weights (its content differs); "
            "move it away and run the same command again to fetch it anew"
        )


def fetch(
    download: Download,
    path: Path,
    progress: Progress,
    *,
    open_url: Callable[[str], Any] = lambda url: urllib.request.urlopen(url, timeout=30),  # noqa: S310 - https, ours
) -> None:
    """Download into ``path``, with a bar, checking length and hash before the file gets its name."""
    part = path.with_name(f".{path.name}.part")
    progress.say(f"fetching ImageNet weights, once: {download.url}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_url(download.url) as response, part.open("wb") as stream:
            length = int(response.headers.get("Content-Length") or 0) or None
            with progress.bar("download", total=length, unit="B") as bar:
                while chunk := response.read(_CHUNK):
                    stream.write(chunk)
                    bar.advance(len(chunk))
            if length is not None and stream.tell() != length:
                raise urllib.error.URLError(f"the connection broke after {stream.tell()} of {length} bytes")
        check_cached(download, part)
        part.replace(path)
    except ModelError as error:
        raise ModelError(f"{download.url}: did not give the published file; try again on another network") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise NotInstalledError(
            f"{download.url}: cannot be fetched ({reason}); without a network copy the file from a machine that has "
            f"it to {path}, or start from nothing with --weights none"
        ) from error
    except OSError as error:
        raise files.writing_failed(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def load_backbone_weights(backbone: Any, path: Path) -> None:
    """Load a weights file into a backbone's layers. Raises :class:`ModelError` if it does not fit."""
    try:
        backbone.load_weights(str(path))
    except Exception as error:  # Keras and h5py raise ValueError, OSError, KeyError, TypeError, ...
        summary = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ModelError(
            f"{path}: its weights do not fit {backbone.name} ({summary}); check --backbone, --alpha and the file"
        ) from error


def _md5(stream: IO[bytes]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
