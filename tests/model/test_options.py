"""Options of a training that cannot be are refused before anything is loaded."""

from __future__ import annotations

import pytest

from thirtyfold.errors import UsageError
from thirtyfold.model.options import TrainOptions


@pytest.mark.parametrize(
    ("options", "said"),
    [
        # Keras builds a network of width 0 as if nothing were wrong, and looks for one of width -1 for ever.
        ({"alpha": 0.0}, "--alpha 0.0: a width"),
        ({"alpha": -1.0}, "--alpha -1.0: a width"),
        ({"size": 100}, "--size 100: a multiple of 32"),
        ({"boxes": "two"}, "--boxes two: one of auto, one, many"),
        ({"share": 0.0}, "--share 0.0"),
        ({"patience": 0}, "--patience 0"),
        ({"prepare": ("whiten",) * 2}, "--prepare whiten,whiten: each was expected once"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_by_its_option(options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        TrainOptions(**options)  # type: ignore[arg-type]
