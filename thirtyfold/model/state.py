"""What a training needs to go on after it was killed: weights, optimizer, history.

Keras stores the optimizer's variables with the weights of a compiled model.

The state names its files and is written last, so a kill at any moment leaves the
state of the epoch before, whole.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.errors import ModelError
from thirtyfold.model.options import TrainOptions

ARGS_NAME = "args.json"
BEST_NAME = "best.weights.h5"
_STATE_NAME = "state.json"


@dataclass(slots=True, kw_only=True)
class TrainingState:
    """``epoch`` epochs are done; the best of them has ``best_score``. ``rows`` is ``results.csv``."""

    epoch: int = 0
    best_epoch: int = 0
    best_score: float = float("-inf")
    rows: list[dict[str, float]] = field(default_factory=list)


def state_dir(run_dir: Path) -> Path:
    return run_dir / "training"


def write_args(run_dir: Path, options: TrainOptions, dataset_root: Path) -> None:
    """Write ``args.json``: every option of the run, and the dataset."""
    files.write_json(run_dir / ARGS_NAME, {"dataset": str(dataset_root), **asdict(options)})


def read_args(run_dir: Path) -> TrainOptions:
    """The options that a run was started with. Raises :class:`ModelError`."""
    path = run_dir / ARGS_NAME
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        known = {item.name for item in fields(TrainOptions)}
        options = {key: value for key, value in raw.items() if key in known}
        return TrainOptions(**{**options, "labels": tuple(options.get("labels", ()))})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: cannot be read ({error}), so this run cannot go on; train anew") from error


def save_state(run_dir: Path, model: Any, state: TrainingState) -> None:
    """Write the weights of this epoch, then the state that goes with them."""
    folder = state_dir(run_dir)
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(model, folder / f"epoch{state.epoch}.weights.h5")
    files.write_json(folder / _STATE_NAME, asdict(state))
    for old in folder.glob("epoch*"):
        if old.name.split(".")[0] != f"epoch{state.epoch}":
            old.unlink()


def load_state(run_dir: Path, model: Any) -> TrainingState:
    """Put the saved weights and optimizer into a compiled model. Raises :class:`ModelError`."""
    folder = state_dir(run_dir)
    if not (folder / _STATE_NAME).exists():
        return TrainingState()  # killed within its first epoch
    try:
        state = TrainingState(**json.loads((folder / _STATE_NAME).read_text(encoding="utf-8")))
        model.load_weights(str(folder / f"epoch{state.epoch}.weights.h5"))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{folder}: cannot be read ({error}), so this run cannot go on; train anew") from error
    return state


def save_weights(model: Any, path: Path) -> None:
    """Write the weights by temporary file and rename."""
    temporary = path.with_name(f".part.{path.name}")
    try:
        model.save_weights(str(temporary))
        temporary.replace(path)
    except OSError as error:
        raise files.writing_failed(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)
