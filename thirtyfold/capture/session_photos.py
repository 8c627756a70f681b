"""The photos of one session on the disk: each written with its label and its line, taken back, and counted."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from thirtyfold import files
from thirtyfold.capture import records
from thirtyfold.capture.chooser import Choice
from thirtyfold.capture.shots import Shot
from thirtyfold.datasets import labelme_json
from thirtyfold.workspace import Dataset


class SessionPhotos:
    """What this visit has put into ``dataset``; to be used with the dataset's lock held.

    ``images`` are the names of the photos, on the disk as soon as they stand here. ``counts`` says how many of them
    are ``labelled``, ``empty`` and ``unlabelled``, and how many were ``discarded``. ``adopted`` are photos of an
    earlier session that a power cut had left without their line.
    """

    def __init__(self, dataset: Dataset, *, session: str, source: str, now: Callable[[], datetime]) -> None:
        self.images: list[str] = []
        self.counts: Counter[str] = Counter()
        self._dataset = dataset
        self._session = session
        self._source = source
        self._now = now
        self._kinds: dict[str, str] = {}
        self.adopted = records.adopt_unlogged(dataset)
        self._known = {str(row.get("sha256")) for row in records.kept(dataset).values()}
        self._number = records.first_free_number(dataset, session)
        # Written first: an unwritable folder is found before anybody poses.
        opening = {"session": session, "started_at": now().isoformat(timespec="milliseconds"), "source": source}
        records.append(dataset, opening)

    def has(self, data: bytes) -> bool:
        """Whether the dataset has a photo of these bytes."""
        return hashlib.sha256(data).hexdigest() in self._known

    def save(self, choice: Choice, data: bytes, shot: Shot | None) -> str:
        """Write the frame of ``choice``, as the JPEG file ``data``; its name."""
        frame = choice.frame
        name = f"{self._session}_{self._number:04d}.jpg"
        self._number += 1
        path = self._dataset.images_dir / name
        files.write_bytes(path, data)
        annotations = frame.annotations
        if annotations is None and shot is not None and shot.empty:
            annotations = ()
        if annotations is not None:
            height, width = frame.pixels.shape[:2]
            label_file = labelme_json.LabelFile(image_path=name, width=width, height=height, annotations=annotations)
            labelme_json.write(path.with_suffix(".json"), label_file)
        row = records.photo_row(
            name=name,
            session=self._session,
            shot=shot.instruction if shot else None,
            seconds=round(frame.seconds, 3),
            source_image=frame.name,
            taken_at=self._now(),
            source=self._source,
            data=data,
            measured=choice.measured,
        )
        records.append(self._dataset, row)
        self.images.append(name)
        self._known.add(row["sha256"])
        self._kinds[name] = "unlabelled" if annotations is None else "labelled" if annotations else "empty"
        self.counts[self._kinds[name]] += 1
        return name

    def take_back(self) -> None:
        """Un-count the last photo of this visit; its files are moved to ``discarded/``, not deleted."""
        name = self.images[-1]
        folder = self._dataset.root / records.DISCARDED
        path = self._dataset.images_dir / name
        # The line comes first: a photo without one would be adopted by the next run.
        records.append(
            self._dataset,
            {"image": name, "discarded_at": self._now().isoformat(timespec="milliseconds"), "moved_to": folder.name},
        )
        try:
            folder.mkdir(exist_ok=True)
            for file in (path, path.with_suffix(".json")):
                with suppress(FileNotFoundError):
                    file.replace(folder / file.name)
        except OSError as error:
            raise files.writing_failed(folder / name, error) from error
        self.images.pop()
        self.counts["discarded"] += 1
        self.counts[self._kinds.pop(name)] -= 1
