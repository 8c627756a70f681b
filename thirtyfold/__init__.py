"""thirtyfold: from a hundred webcam photos to a detector that runs live.

In Python: ``read`` and ``write`` labelled photos, ``augment`` one of them or ``augment_dataset``, ``train``, ``load``,
``draw``. docs/python.md shows them all.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thirtyfold.library import Annotation as Annotation
    from thirtyfold.library import Sample as Sample
    from thirtyfold.library import ThirtyfoldError as ThirtyfoldError
    from thirtyfold.library import augment as augment
    from thirtyfold.library import augment_dataset as augment_dataset
    from thirtyfold.library import draw as draw
    from thirtyfold.library import load as load
    from thirtyfold.library import read as read
    from thirtyfold.library import read_pixels as read_pixels
    from thirtyfold.library import train as train
    from thirtyfold.library import write as write

__version__ = "0.2.0"
__all__ = [
    "Annotation",
    "Sample",
    "ThirtyfoldError",
    "__version__",
    "augment",
    "augment_dataset",
    "draw",
    "load",
    "read",
    "read_pixels",
    "train",
    "write",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """The library's names, found when they are asked for: `import thirtyfold` itself loads nothing (PEP 562)."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # By its name: the rooms below `library` import this module for its version, and must not import upwards.
        from importlib import import_module

        library = import_module("thirtyfold.library")
        # `augment` stands here by now: the room of that name, which can be called.
        return globals().get(name, getattr(library, name))
