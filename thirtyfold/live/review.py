"""Frames kept while live: a photo with its predicted boxes, to be put right in labelme and trained on."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from thirtyfold import files
from thirtyfold.capture import records
from thirtyfold.capture.quality import measure
from thirtyfold.datasets import labelme_json, machine_made
from thirtyfold.errors import ThirtyfoldError, UsageError
from thirtyfold.images import Pixels, encode_jpeg
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset

# Frames that wait for the disk, each with all its pixels: more are refused rather than fill the memory.
_MOST_WAITING = 16


class Reviewer:
    """Saves frames on a thread of its own, as encoding and fsync would hold up the picture."""

    def __init__(self, dataset: Dataset, *, source: str, predicted_by: str) -> None:
        self.saved: list[Path] = []
        self.problems: list[str] = []
        self._dataset = dataset
        self._source = source
        self._predicted_by = predicted_by
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="review")
        self._waiting: list[Future[Path]] = []

    def save(self, pixels: Pixels, annotations: Sequence[Annotation]) -> None:
        """Save RGB ``pixels`` with these predictions; :meth:`news` says what came of it.

        Raises :class:`UsageError` where too many frames are still waiting to be written.
        """
        if sum(not future.done() for future in tuple(self._waiting)) >= _MOST_WAITING:
            raise UsageError(f"not saved: {_MOST_WAITING} frames are still being written; try again in a moment")
        self._waiting.append(
            self._pool.submit(
                save_for_review,
                self._dataset,
                pixels,
                annotations,
                source=self._source,
                predicted_by=self._predicted_by,
                now=datetime.now().astimezone(),
            )
        )

    def news(self) -> str | None:
        """What came of the frames that were saved since the last time: a line about the last of them."""
        line = None
        for future in [future for future in self._waiting if future.done()]:
            self._waiting.remove(future)
            line = self._told(future)
        return line

    def close(self) -> None:
        """Wait for the frames that are still being saved."""
        self._pool.shutdown(wait=True)
        self.news()

    def _told(self, future: Future[Path]) -> str:
        try:
            path = future.result()
        except ThirtyfoldError as error:
            # A busy dataset or a full disk is no reason to take the picture away.
            self.problems.append(str(error))
            return f"not saved: {error}"
        self.saved.append(path)
        return f"saved {path.name}"


def save_for_review(
    dataset: Dataset,
    pixels: Pixels,
    annotations: Sequence[Annotation],
    *,
    source: str,
    predicted_by: str,
    now: datetime,
) -> Path:
    """Save a frame as photo, labelme JSON and line of ``captures.jsonl``; returns the photo's path.

    The session is ``review-`` and the day. The labels are marked as machine-made and boxes keep
    their ``score`` until a person has looked at them in ``annotate``. The photo's name is new,
    whatever is there. Raises :class:`UsageError` while another command holds the dataset,
    :class:`DataError` if the disk is full; then neither photo nor labels are left.
    """
    jpeg = encode_jpeg(pixels)
    height, width = pixels.shape[:2]
    session = f"review-{now:%Y-%m-%d}"
    with dataset.lock("save the frame"):
        name = f"{session}_{records.first_free_number(dataset, session):04d}.jpg"
        image_path = dataset.images_dir / name
        label_file = labelme_json.LabelFile(
            image_path=name,
            width=width,
            height=height,
            annotations=tuple(annotations),
        )
        label_file = machine_made.marked(label_file, predicted_by=predicted_by, source=source)
        # The labels first: a photo alone would count as unlabelled, and its boxes would be lost.
        label_path = image_path.with_suffix(".json")
        labelme_json.write(label_path, label_file)
        try:
            files.write_bytes(image_path, jpeg)
        except ThirtyfoldError:
            label_path.unlink(missing_ok=True)
            raise
        records.append(
            dataset,
            records.photo_row(
                name=name,
                session=session,
                taken_at=now,
                source=source,
                data=jpeg,
                measured=measure(pixels),
                shot="review",
            ),
        )
    return image_path
