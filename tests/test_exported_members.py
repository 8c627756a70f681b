"""The names that `import thirtyfold` offers: one that goes or comes is a decision, and stands in the changelog."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import thirtyfold
from thirtyfold import library

NAMES = [
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
FUNCTIONS = [name for name in NAMES if name[0].islower()]
DOCS = Path(__file__).parents[1] / "docs" / "python.md"


def test_the_names_are_these() -> None:
    assert thirtyfold.__all__ == NAMES
    assert set(NAMES) <= set(dir(thirtyfold))
    assert sorted([*library.__all__, "__version__"]) == NAMES


def test_every_name_is_found_and_no_other() -> None:
    for name in NAMES:
        assert getattr(thirtyfold, name) is not None
    with pytest.raises(AttributeError, match="imread"):
        _ = thirtyfold.imread  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_says_what_it_does_and_shows_it(name: str) -> None:
    doc = getattr(library, name).__doc__
    assert doc
    assert ">>> " in doc
    assert f"| `{name}(" in DOCS.read_text(encoding="utf-8"), f"{name} is not in the table of docs/python.md"


def test_augment_stays_callable_whichever_module_is_imported_first() -> None:
    code = (
        "import thirtyfold\n"
        "first = callable(thirtyfold.augment)\n"
        "import thirtyfold.augment.transform\n"
        "from thirtyfold import augment\n"
        "print(first, callable(thirtyfold.augment), callable(augment), thirtyfold.augment.transform.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True", "thirtyfold.augment.transform"]


def test_importing_and_looking_around_loads_nothing_heavy() -> None:
    code = (
        "import sys, thirtyfold\n"
        "loaded = [name for name in sys.modules if name.startswith('thirtyfold')]\n"
        "for name in thirtyfold.__all__: getattr(thirtyfold, name)\n"
        "heavy = {'numpy', 'cv2', 'PIL', 'rich', 'pydantic', 'albumentations', 'tensorflow', 'keras', 'filelock'}\n"
        "print(loaded, sorted(heavy & {name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['thirtyfold'] []"


def test_every_room_can_still_be_imported_as_a_module() -> None:
    assert importlib.import_module("thirtyfold.augment").__name__ == "thirtyfold.augment"
