"""What happens around each epoch: the bar, the validation score, the best weights, the logs."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from thirtyfold import files
from thirtyfold.errors import TrainingError
from thirtyfold.model.state import TrainingState, save_state, save_weights, state_dir
from thirtyfold.model.validation import Score
from thirtyfold.progress import Bar, Progress

if TYPE_CHECKING:
    from thirtyfold.model.phases import Phase

# Keras's names of the detector's two losses, and ours in results.csv; other heads' losses keep theirs.
_LOSSES = {"scores_loss": "class_loss", "boxes_loss": "box_loss"}


class Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps ``state`` up to date, saves the weights of the best epoch, and stops when the score gets no better.

    ``validate`` gives the score on the validation photos, ``None`` where there are none:
    then the training loss decides.
    """

    def __init__(
        self,
        run_dir: Path,
        state: TrainingState,
        phase: Phase,
        *,
        steps: int,
        validate: Callable[[], Score] | None,
        progress: Progress,
    ) -> None:
        super().__init__()
        self._run_dir, self._state, self._phase = run_dir, state, phase
        self._steps, self._validate, self._progress = steps, validate, progress
        self._bar_context: AbstractContextManager[Bar] | None = None
        self._bar: Bar | None = None
        self._began = 0.0

    @property
    def is_over(self) -> bool:
        """Whether the phase has had its last epoch."""
        state, phase = self._state, self._phase
        return state.epoch >= phase.last_epoch or self._epochs_in_vain() >= phase.patience

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._began = time.perf_counter()
        self._bar_context = self._progress.bar(self._label(epoch + 1), total=self._steps, unit="step")
        self._bar = self._bar_context.__enter__()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            self.close()
            raise TrainingError(
                f"{self._run_dir}: the loss became {loss} in step {batch + 1} of epoch {self._state.epoch + 1}; "
                "try a lower --rate (a tenth of the present one), or check the labels for boxes of no size"
            )
        if self._bar is not None:
            self._bar.advance()
            self._bar.note(f"loss {loss:.3f}")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self.close()
        state = self._state
        row: dict[str, float] = {"epoch": epoch + 1, "phase": self._phase.number}
        losses = {name: float(value) for name, value in (logs or {}).items() if name.endswith("loss")}
        # The sum first, then the heads in an order that does not change from run to run.
        for name in sorted(losses, key=lambda name: (name != "loss", name != "scores_loss", name)):
            row[_LOSSES.get(name, name)] = losses[name]
        value, text = -row["loss"], f"{self._label(epoch + 1)}: loss {row['loss']:.4f}"
        if self._validate is not None:
            score = self._validate()
            row |= score.row
            value, text = score.value, f"{text}, {score.text}"
        state.epoch = epoch + 1
        state.seconds["epochs"] = state.seconds.get("epochs", 0.0) + time.perf_counter() - self._began
        state.rows.append(row)
        if value > state.best_score:
            state.best_score, state.best_epoch = value, epoch + 1
            save_weights(self.model, state_dir(self._run_dir) / self._phase.best_name)
            text += " (best so far)"
        save_state(self._run_dir, self.model, state)
        write_results(self._run_dir / "results.csv", state.rows)
        self._progress.say(text)
        if self._epochs_in_vain() >= self._phase.patience:
            self._progress.say(f"stopping early: no better score for {self._phase.patience} epochs")
            self.model.stop_training = True

    def _epochs_in_vain(self) -> int:
        return self._state.epoch - max(self._state.best_epoch, self._phase.first_epoch)

    def _label(self, epoch: int) -> str:
        phase = self._phase
        return f"{phase.label} {epoch - phase.first_epoch}/{phase.last_epoch - phase.first_epoch}"

    def close(self) -> None:
        """End the bar, also when training ends by an error."""
        if self._bar_context is not None:
            self._bar_context.__exit__(None, None, None)
            self._bar_context = self._bar = None


class TensorBoardLog(keras.callbacks.Callback):  # type: ignore[misc]
    """The row of ``results.csv`` of each epoch as TensorBoard scalars; placed after :class:`Watch`."""

    def __init__(self, folder: Path, state: TrainingState) -> None:
        super().__init__()
        self._folder, self._state = folder, state
        self._writer: Any = None

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        import tensorflow as tf

        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self._folder))
        with self._writer.as_default():
            for name, value in self._state.rows[-1].items():
                tf.summary.scalar(name, value, step=epoch + 1)
        self._writer.flush()

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        if self._writer is not None:
            self._writer.close()


def write_results(path: Path, rows: list[dict[str, float]]) -> None:
    """``results.csv``: a line an epoch."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(rows[-1]), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: round(value, 6) for name, value in row.items()} for row in rows)
    files.write_text(path, buffer.getvalue())
