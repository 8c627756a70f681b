"""What a training needs to go on after it was killed: weights, optimizer, history.

The state names its files and is written last, so a kill at any moment leaves the
state of the epoch before, whole.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from thirtyfold import files
from thirtyfold.errors import ModelError
from thirtyfold.model.options import TrainOptions

ARGS_NAME = "args.json"
_STATE_NAME = "state.json"


@dataclass(slots=True, kw_only=True)
class TrainingState:
    """``epoch`` epochs are done; the best of them has ``best_score``. ``rows`` is ``results.csv``.

    ``seeds`` are the states of the dropout layers, which Keras saves with no weights.
    ``first_phase_epochs`` is how many of them the first phase took, 0 as long as it lasts. ``seconds`` says how long
    reading (``inputs``) and learning (``epochs``) took, over all attempts; ``left_out`` which photos could not be read,
    and why.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_score: float = float("-inf")
    first_phase_epochs: int = 0
    seeds: list[list[int]] = field(default_factory=list)
    rows: list[dict[str, float]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def state_dir(run_dir: Path) -> Path:
    return run_dir / "training"


def write_args(run_dir: Path, options: TrainOptions, dataset_root: Path) -> None:
    """Write ``args.json``: every option of the run, and the dataset."""
    files.write_json(run_dir / ARGS_NAME, {"dataset": str(dataset_root), **asdict(options)})


def read_args(run_dir: Path) -> TrainOptions:
    """The options that a run was started with. Raises :class:`ModelError`."""
    path = run_dir / ARGS_NAME
    try:
        return options_of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: cannot be read ({error}), so this run cannot go on; train anew") from error


def options_of(raw: Mapping[str, Any]) -> TrainOptions:
    """Options from JSON, as ``args.json`` and ``model.json`` hold them; what this version does not know is left out.

    Raises :class:`ValueError`, :class:`TypeError`, :class:`AttributeError`, :class:`UsageError`.
    """
    known = {item.name for item in fields(TrainOptions)}
    return TrainOptions(**{key: _as_tuple(value) for key, value in raw.items() if key in known})


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(item) for item in value) if isinstance(value, list) else value


def save_state(run_dir: Path, model: Any, state: TrainingState) -> None:
    """Write the weights of this epoch, then the state that goes with them."""
    folder = state_dir(run_dir)
    save_weights(model, folder / _epoch_name(state))
    state.seeds = [[int(part) for part in variable.numpy()] for variable in _seeds_of(model)]
    save_progress(run_dir, state)
    for old in folder.glob("epoch*"):
        if old.name != _epoch_name(state):
            old.unlink(missing_ok=True)


def save_progress(run_dir: Path, state: TrainingState) -> None:
    """Write the state alone: its weights are there already."""
    files.write_json(state_dir(run_dir) / _STATE_NAME, asdict(state))


def read_state(run_dir: Path) -> TrainingState:
    """How far a run came; a fresh state if it was stopped within its first epoch. Raises :class:`ModelError`."""
    path = state_dir(run_dir) / _STATE_NAME
    try:
        return TrainingState(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return TrainingState()
    except (OSError, ValueError, TypeError) as error:
        raise _lost(path, error) from error


def load_epoch(run_dir: Path, state: TrainingState, model: Any) -> None:
    """Put the weights and the optimizer of the last epoch into a compiled model. Raises :class:`ModelError`."""
    _load(state_dir(run_dir) / _epoch_name(state), _variables_of(model))


def restore_seeds(state: TrainingState, model: Any) -> None:
    """Let the dropout of a model go on where it was: a resumed training is the one that was never stopped."""
    for variable, seed in zip(_seeds_of(model), state.seeds, strict=False):
        variable.assign(seed)


def load_best(run_dir: Path, name: str, model: Any) -> None:
    """Put the best weights of a phase into its model. Raises :class:`ModelError`."""
    _load(state_dir(run_dir) / name, model.weights)


def save_weights(model: Any, path: Path) -> None:
    """Write the weights, and the optimizer's variables if there is one. Raises :class:`DataError`, :class:`UsageError`.

    By NumPy and not as Keras's HDF5: on a full disk that library writes on after its error, and goes on raising.
    """
    stream = io.BytesIO()
    np.savez(stream, *(np.asarray(variable) for variable in _variables_of(model)))
    files.write_bytes(path, stream.getvalue())


def _epoch_name(state: TrainingState) -> str:
    return f"epoch{state.epoch}.npz"


def _load(path: Path, variables: Sequence[Any]) -> None:
    """Put a file's arrays into ``variables``; it may hold more. Raises :class:`ModelError`."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            values = [arrays[f"arr_{number}"] for number in range(len(variables))]
        for variable, value in zip(variables, values, strict=True):
            if tuple(variable.shape) != value.shape:
                raise ValueError(f"{variable.path} has the shape {tuple(variable.shape)}, not {value.shape}")
            variable.assign(value)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise _lost(path, error) from error


def _lost(path: Path, error: Exception) -> ModelError:
    return ModelError(f"{path}: cannot be read ({error}), so this run cannot go on; train anew")


def _variables_of(model: Any) -> list[Any]:
    """The weights, then what the optimizer remembers: the best epoch's file is read without it."""
    optimizer = getattr(model, "optimizer", None)
    return [*model.weights, *(optimizer.variables if optimizer is not None else ())]


def _seeds_of(model: Any) -> list[Any]:
    # In the order of the layers: their own names count on within a process.
    return [variable for variable in model.variables if variable.path.endswith("seed_generator_state")]
