"""Backbones of ``keras.applications`` of which only the name, the preprocessing and the smallest input are known here.

They give one vector a photo; heads that look at places need the taps of ``backbones.py``. No Keras is imported to
know the names. https://keras.io/api/applications
"""

from __future__ import annotations

import contextlib
import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from thirtyfold.errors import NotInstalledError, UsageError
from thirtyfold.files import writing_failed

if TYPE_CHECKING:
    from thirtyfold.progress import Progress

Mode = Literal["caffe", "tf", "torch", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """``constructor`` is its name in ``keras.applications``, ``mode`` that of its preprocessing: ``none`` where it has
    one built in. ``least`` is the smallest side of a picture that it takes; ``alpha``: it comes in several widths.
    """

    constructor: str
    mode: Mode
    least: int = 32
    alpha: bool = False

    def build(self, size: int | None, alpha: float, *, weights: str | None = None) -> Any:
        """The headless network, for pictures of ``size`` pixels or of its own."""
        import keras

        more: dict[str, Any] = {"alpha": alpha} if self.alpha else {}
        if size is not None:
            more["input_shape"] = (size, size, 3)
        return getattr(keras.applications, self.constructor)(include_top=False, weights=weights, **more)


def _table() -> dict[str, Application]:
    families: dict[Mode, tuple[str, ...]] = {
        "caffe": ("VGG19", "ResNet101", "ResNet152"),
        "tf": ("ResNet50V2", "ResNet101V2", "ResNet152V2", "NASNetMobile", "NASNetLarge"),
        "torch": ("DenseNet121", "DenseNet169", "DenseNet201"),
        "none": (
            *(f"EfficientNetB{number}" for number in range(8)),
            *(f"EfficientNetV2{name}" for name in ("B0", "B1", "B2", "B3", "S", "M", "L")),
        ),
    }
    table = {
        name.lower(): Application(constructor=name, mode=mode) for mode, names in families.items() for name in names
    }
    return table | {
        "xception": Application(constructor="Xception", mode="tf", least=71),
        "inceptionresnetv2": Application(constructor="InceptionResNetV2", mode="tf", least=75),
        "mobilenet": Application(constructor="MobileNet", mode="tf", alpha=True),
        "mobilenetv3small": Application(constructor="MobileNetV3Small", mode="none", alpha=True),
        "mobilenetv3large": Application(constructor="MobileNetV3Large", mode="none", alpha=True),
    }


APPLICATIONS: Mapping[str, Application] = _table()


def near(name: str, known: tuple[str, ...]) -> str:
    """The known names that ``name`` may have been meant for, else all of them, for the end of a sentence."""
    plain = name.lower().replace("-", "").replace("_", "")
    close = [each for each in known if plain and each.startswith(plain)] or difflib.get_close_matches(plain, known, n=4)
    return " or ".join(close[:6]) if close else ", ".join(known)


def fetch_imagenet(name: str, alpha: float, folder: Path, progress: Progress) -> Path:
    """A file of ImageNet's weights of an application in ``folder``, fetched by Keras if it is not there.

    Keras keeps its own download beside it, and looks at its hash. Raises :class:`NotInstalledError` without a network,
    :class:`UsageError` for a width that was never published, and as :func:`thirtyfold.files.write_bytes`.
    """
    width = f"_{float(alpha)}" if APPLICATIONS[name].alpha else ""
    path = folder / f"thirtyfold_{name}{width}_no_top.weights.h5"
    if path.is_file():
        return path
    progress.say(f"fetching ImageNet weights of {name}, once, by keras.applications")
    try:
        published = APPLICATIONS[name].build(None, alpha, weights="imagenet")
    except ValueError as error:
        raise UsageError(
            f"--backbone {name} --alpha {alpha}: has no ImageNet weights ({_first_line(error)})"
        ) from error
    except Exception as error:  # Keras raises a bare one
        raise NotInstalledError(
            f"the ImageNet weights of {name} cannot be fetched ({_first_line(error)}); without a network copy "
            f"{folder} from a machine that has them, or start from nothing with --weights none"
        ) from error
    bare = APPLICATIONS[name].build(None, alpha)
    # Keras adds a layer without weights to some of them (EfficientNet) when it loads these.
    bare.set_weights(published.get_weights())
    part = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        bare.save_weights(part)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise writing_failed(path, error) from error
    return path


def mend_normalization(backbone: Any) -> None:
    """Make variances of what EfficientNet's files hold: standard deviations.

    Keras makes up for it by one more layer, which is only there if it loads the weights itself.
    """
    import keras
    import numpy as np

    for layer in backbone.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.weights:
            mean, variance, *rest = layer.get_weights()
            if np.allclose(np.ravel(variance), _DEVIATIONS, atol=1e-3):
                layer.set_weights([mean, np.square(variance), *rest])
                layer.finalize_state()


# Of ImageNet's red, green and blue, 0 to 1.
_DEVIATIONS = (0.229, 0.224, 0.225)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
