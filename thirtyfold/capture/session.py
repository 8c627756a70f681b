"""One visit to a camera: frames in, photos and their lines out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path

from thirtyfold import files, screen
from thirtyfold.capture import records
from thirtyfold.capture.camera import Camera, FolderCamera, Frame, NewestFrame, open_camera, public_name
from thirtyfold.capture.chooser import TIMING, Choice, Chooser, Timing
from thirtyfold.capture.options import CaptureOptions
from thirtyfold.capture.preview import Action, Flash, Preview, PreviewWindow, State
from thirtyfold.capture.quality import SAME, measure
from thirtyfold.capture.result import CaptureResult
from thirtyfold.capture.shots import Shot, plan_shots
from thirtyfold.datasets import labelme_json
from thirtyfold.errors import CameraError, DataError, NothingToDo, UsageError
from thirtyfold.images import encode_jpeg
from thirtyfold.progress import SILENT, Bar, Progress
from thirtyfold.workspace import Dataset, safe_name

JPEG_QUALITY = 95
ALREADY_TAKEN = "taken before"
# Folder names that every data set has.
_SAYS_NOTHING = ("images", "photos", "frames", "train", "val", "test")
# So often the window is redrawn while the camera gives nothing.
_POLL_SECONDS = 0.05
# After so long a person is told that the camera is silent.
_SILENT_SECONDS = 2.0


def capture(
    dataset: Dataset,
    options: CaptureOptions,
    *,
    progress: Progress = SILENT,
    camera: Camera | None = None,
    preview: Preview | None = None,
    timing: Timing = TIMING,
    now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
) -> CaptureResult:
    """Take ``options.count`` photos into ``dataset`` and return what came of it.

    ``camera`` and ``preview`` stand in for ``options.source`` and the window. Every photo is on the disk,
    with its line, before the next one is chosen: stopping at any moment loses nothing counted. A camera
    that dies is told in the result (:meth:`CaptureResult.raise_if_cut_short`). Raises
    :class:`CameraError` if there is no camera or it gives nothing, :class:`DataError` if no frame was good
    enough or the disk is full, :class:`UsageError` for options that cannot be.
    """
    _refuse_own_photos(dataset, options.source)
    if options.session is not None and not options.session.strip():
        raise UsageError("--session: a name was expected, like --session kitchen")
    camera = camera or open_camera(options.source)
    try:
        plan = plan_shots(options.shots, options.count, live=camera.live)
        preview = preview or _wanted_preview(camera, options, progress)
        with dataset.lock("capture", progress=progress):
            visit = _Visit(dataset, options, camera, plan, preview, progress, timing, now)
            try:
                return visit.run()
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt) or visit.images:
                    progress.say(visit.saved_so_far())
                raise
    finally:
        camera.close()
        if preview is not None:
            preview.close()


class _Visit:
    """The state of one capture; its photos are on the disk as soon as they are in ``images``."""

    def __init__(
        self,
        dataset: Dataset,
        options: CaptureOptions,
        camera: Camera,
        plan: tuple[Shot | None, ...],
        preview: Preview | None,
        progress: Progress,
        timing: Timing,
        now: Callable[[], datetime],
    ) -> None:
        self.images: list[str] = []
        self._dataset = dataset
        self._options = options
        self._camera = camera
        self._plan = plan
        self._preview = preview
        self._progress = progress
        self._timing = timing
        self._now = now
        self._source = public_name(options.source)
        self._session = safe_name(options.session or _session_name(dataset, camera, options.source, now()))
        self._chooser = Chooser(
            every=0.0 if isinstance(camera, FolderCamera) else options.every,
            live=camera.live,
            fps=camera.fps,
            keep_all=options.keep_all,
            timing=timing,
        )
        self._flash = Flash()
        self._shot: Shot | None = None
        self._counts: Counter[str] = Counter()
        self._kinds: dict[str, str] = {}
        self._known: set[str] = set()
        self._number = 0

    def run(self) -> CaptureResult:
        """From the first frame to the last photo."""
        adopted = records.adopt_unlogged(self._dataset)
        if adopted:
            self._progress.say(f"{len(adopted)} photos of an interrupted session were found and counted again")
        self._known = {str(row.get("sha256")) for row in records.kept(self._dataset).values()}
        self._number = records.first_free_number(self._dataset, self._session)
        # Written first: an unwritable folder is found before anybody poses.
        opening = {"session": self._session, "started_at": self._now().isoformat(timespec="milliseconds")}
        records.append(self._dataset, {**opening, "source": self._source})
        reader = NewestFrame(self._camera, paced=self._preview is not None)
        reader.start()
        try:
            with self._progress.bar("capture", total=self._options.count, unit="photo") as bar:
                ended = self._take_photos(reader, bar)
        finally:
            reader.stop()
        result = self._result(reader, ended, adopted)
        self._refuse_nothing(result)
        self._advise(result)
        return result

    def saved_so_far(self) -> str:
        """What is safe when the capture is broken off, and how to go on."""
        left = self._options.count - len(self.images)
        said = f"{len(self.images)} of {self._options.count} photos are saved in {self._dataset.images_dir}"
        return f"{said}; go on with --session {self._session} --n {left}" if left and self.images else said

    def _take_photos(self, reader: NewestFrame, bar: Bar) -> str:
        shown: Frame | None = None
        seen = -1
        asked = False
        silent_polls = 0
        while len(self.images) < self._options.count:
            frame = reader.get(seen, _POLL_SECONDS)
            if frame is None:
                if reader.ended:
                    return "camera died" if reader.error else "source ended"
                silent_polls += 1
                if silent_polls == round(_SILENT_SECONDS / _POLL_SECONDS):
                    self._progress.say(f"{self._camera.name}: no picture just now; waiting for it to come back")
            else:
                shown, seen, silent_polls = frame, frame.index, 0
                self._next_shot(frame.seconds, bar)
                if asked:
                    asked = False
                    self._keep(Choice(frame=frame, measured=measure(frame.pixels)), frame.seconds, bar, asked=True)
                elif choice := self._chooser.offer(frame):
                    self._keep(choice, frame.seconds, bar)
            if self._preview is None or shown is None:
                continue
            match self._preview.show(shown.pixels, self._state(shown.seconds)):
                case Action.STOP:
                    return "stopped"
                case Action.TAKE:
                    asked = True  # of the next frame, as the one shown may have been taken already
                case Action.BACK:
                    self._take_back(shown.seconds, bar)
                case _:
                    pass
        return "done"

    def _next_shot(self, seconds: float, bar: Bar) -> None:
        """Say the instruction when it changes, and leave time to follow it."""
        shot = self._plan[len(self.images)]
        if shot is self._shot:
            return
        self._shot = shot
        if shot is None:
            return
        bar.note(shot.instruction)
        if self._preview is None:
            self._progress.say(f"{shot.instruction} ({self._plan.count(shot)} photos)")
        if self._camera.live:
            self._chooser.wait_until(seconds + (self._timing.leave if shot.empty else self._timing.new_shot))

    def _keep(self, choice: Choice, seconds: float, bar: Bar, *, asked: bool = False) -> None:
        data = encode_jpeg(choice.frame.pixels, quality=JPEG_QUALITY)
        digest = hashlib.sha256(data).hexdigest()
        if digest in self._known and not self._options.keep_all and not asked:
            # As if it were taken now: the same recording again goes on behind what it gave last time.
            self._chooser.refused[ALREADY_TAKEN] += 1
            self._chooser.took(choice, at_seconds=seconds)
            return
        name = self._save(choice, data)
        self._known.add(digest)
        self._chooser.took(choice, at_seconds=seconds)
        self._flash.fire()
        bar.advance()
        if choice.despite:
            self._progress.say(f"{name}: kept although it is {' and '.join(choice.despite)}; nothing better came")

    def _save(self, choice: Choice, data: bytes) -> str:
        frame, shot = choice.frame, self._plan[len(self.images)]
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
        self._kinds[name] = "unlabelled" if annotations is None else "labelled" if annotations else "empty"
        self._counts[self._kinds[name]] += 1
        return name

    def _take_back(self, seconds: float, bar: Bar) -> None:
        """Un-count the last photo of this visit; its files are moved aside, not deleted."""
        if not self.images:
            return
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
        self._counts["discarded"] += 1
        self._counts[self._kinds.pop(name)] -= 1
        self._chooser.wait_until(seconds + max(self._options.every, self._timing.new_shot))
        bar.advance(-1)

    def _state(self, seconds: float) -> State:
        position = min(len(self.images), self._options.count - 1)
        shot = self._plan[position]
        return State(
            instruction=shot.instruction if shot else self._camera.name,
            taken=len(self.images),
            wanted=self._options.count,
            due_in=self._chooser.due_in(seconds),
            trouble=" and ".join(self._chooser.verdict.reasons),
            flash=self._flash.lit(),
        )

    def _result(self, reader: NewestFrame, ended: str, adopted: list[str]) -> CaptureResult:
        problems = self._camera.problems if isinstance(self._camera, FolderCamera) else []
        for problem in problems:
            self._progress.say(f"left out: {problem}")
        return CaptureResult(
            dataset=self._dataset.root,
            session=self._session,
            images=tuple(self.images),
            wanted=self._options.count,
            frames_read=reader.frames_read,
            ended=ended,
            discarded=self._counts["discarded"],
            empty=self._counts["empty"],
            labelled=self._counts["labelled"],
            refused=dict(self._chooser.refused),
            problems=tuple(str(problem) for problem in problems),
            adopted=tuple(adopted),
            error=str(reader.error) if reader.error else None,
        )

    def _refuse_nothing(self, result: CaptureResult) -> None:
        if result.images or result.ended != "source ended":
            return
        if not result.frames_read:
            raise CameraError(f"{self._camera.name}: gave no picture at all; is it the right file, and whole?")
        if set(result.refused) <= {ALREADY_TAKEN, SAME} and ALREADY_TAKEN in result.refused:
            raise NothingToDo(f"{self._camera.name}: all its photos are in {self._dataset.root} already")
        reasons = ", ".join(f"{count} {reason}" for reason, count in result.refused.items())
        raise DataError(
            f"{self._camera.name}: none of its {result.frames_read} frames was kept ({reasons}); "
            "--keep-all keeps every frame"
        )

    def _advise(self, result: CaptureResult) -> None:
        if result.ended != "source ended":
            return
        said = f"{self._camera.name} ended: only {len(result.images)} photos in {result.frames_read} frames"
        if isinstance(self._camera, FolderCamera) or not self._options.every:
            advice = "; --keep-all keeps the similar ones too" if result.refused else ""
        else:
            advice = f"; for more, use --every {self._options.every / 2:.2g} or --keep-all"
        self._progress.say(said + advice)


def _wanted_preview(camera: Camera, options: CaptureOptions, progress: Progress) -> Preview | None:
    if options.preview:
        return PreviewWindow()
    if options.preview is False or not camera.live:
        return None
    if problem := screen.window_problem():
        progress.say(
            f"No preview: {problem}. Ctrl-C stops; what was taken stays. `--view web` guides in the browser instead."
        )
        return None
    return PreviewWindow()


def _session_name(dataset: Dataset, camera: Camera, source: str, now: datetime) -> str:
    """A new name for each visit to a camera; a recording keeps its own.

    Taken twice under two names, the same recording would land on both sides of a split.
    """
    if camera.live:
        stamp = now.strftime("%Y%m%d-%H%M%S")
        taken = records.session_names(dataset)
        names = (stamp if number == 1 else f"{stamp}-{number}" for number in count(1))
        return next(name for name in names if name not in taken)
    path = Path(source).expanduser()
    if path.is_dir() and path.name.lower() in _SAYS_NOTHING:
        return path.resolve().parent.name
    return path.stem if path.is_file() else camera.name


def _refuse_own_photos(dataset: Dataset, source: str) -> None:
    folder = Path(source).expanduser()
    if folder.is_dir() and folder.resolve() in (dataset.root.resolve(), dataset.images_dir.resolve()):
        raise UsageError(f"--source {source}: is the dataset itself; give another folder, or another DATASET")
