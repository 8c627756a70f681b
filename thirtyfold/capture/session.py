"""One visit to a camera: frames in, photos and their lines out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import count

from thirtyfold import screen
from thirtyfold.capture import records
from thirtyfold.capture.camera import open_camera, public_name, source_path
from thirtyfold.capture.chooser import TIMING, Choice, Chooser, Timing
from thirtyfold.capture.folder_camera import FolderCamera
from thirtyfold.capture.frames import Camera, Frame, NewestFrame
from thirtyfold.capture.options import CaptureOptions
from thirtyfold.capture.preview import Action, Flash, Preview, PreviewWindow, State
from thirtyfold.capture.quality import SAME, measure
from thirtyfold.capture.result import CaptureResult
from thirtyfold.capture.session_photos import SessionPhotos
from thirtyfold.capture.shots import Shot, plan_shots
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
# After so many of these a person is told that the camera is silent.
_SILENT_POLLS = 40


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
                if isinstance(error, KeyboardInterrupt) or visit.photos.images:
                    progress.say(visit.saved_so_far())
                raise
    finally:
        camera.close()
        if preview is not None:
            preview.close()


class _Visit:
    """The state of one capture."""

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
        self._dataset = dataset
        self._options = options
        self._camera = camera
        self._plan = plan
        self._preview = preview
        self._progress = progress
        self._timing = timing
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
        source = public_name(options.source)
        self.photos = SessionPhotos(dataset, session=self._session, source=source, now=now)

    def run(self) -> CaptureResult:
        """From the first frame to the last photo."""
        if adopted := self.photos.adopted:
            self._progress.say(f"{len(adopted)} photos of an interrupted session were found and counted again")
        reader = NewestFrame(self._camera, paced=self._preview is not None)
        reader.start()
        try:
            with self._progress.bar("capture", total=self._options.count, unit="photo") as bar:
                ended = self._take_photos(reader, bar)
        finally:
            reader.stop()
        result = self._result(reader, ended)
        self._raise_if_nothing(result)
        self._advise(result)
        return result

    def saved_so_far(self) -> str:
        """What is safe when the capture is broken off, and how to go on."""
        taken, wanted = len(self.photos.images), self._options.count
        said = f"{taken} of {wanted} photos are saved in {self._dataset.images_dir}"
        return f"{said}; go on with --session {self._session} --n {wanted - taken}" if 0 < taken < wanted else said

    def _take_photos(self, reader: NewestFrame, bar: Bar) -> str:
        shown: Frame | None = None
        seen = -1
        asked = False
        silent_polls = 0
        while len(self.photos.images) < self._options.count:
            frame = reader.get(seen, _POLL_SECONDS)
            if frame is None:
                if reader.ended:
                    return "camera died" if reader.error else "source ended"
                silent_polls += 1
                if silent_polls == _SILENT_POLLS:
                    self._progress.say(f"{self._camera.name}: no picture just now; waiting for it to come back")
            else:
                if silent_polls >= _SILENT_POLLS and self._camera.live:
                    # Opened again, it sets its exposure as at the beginning.
                    self._chooser.wait_until(frame.seconds + self._timing.warm_up)
                self._consider(frame, bar, asked=asked)
                shown, seen, silent_polls, asked = frame, frame.index, 0, False
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

    def _consider(self, frame: Frame, bar: Bar, *, asked: bool) -> None:
        """Take a photo if one is due, or if the person has ``asked`` for it."""
        self._next_shot(frame.seconds, bar)
        if asked:
            self._keep(Choice(frame=frame, measured=measure(frame.pixels)), frame.seconds, bar, asked=True)
        elif choice := self._chooser.offer(frame):
            self._keep(choice, frame.seconds, bar)

    def _next_shot(self, seconds: float, bar: Bar) -> None:
        """Say the instruction when it changes, and leave time to follow it."""
        shot = self._plan[len(self.photos.images)]
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
        if self.photos.has(data) and not self._options.keep_all and not asked:
            # As if it were taken now: the same recording again goes on behind what it gave last time.
            self._chooser.refused[ALREADY_TAKEN] += 1
            self._chooser.took(choice, at_seconds=seconds)
            return
        name = self.photos.save(choice, data, self._plan[len(self.photos.images)])
        self._chooser.took(choice, at_seconds=seconds)
        self._flash.fire()
        bar.advance()
        if choice.despite:
            self._progress.say(f"{name}: kept although it is {' and '.join(choice.despite)}; nothing better came")

    def _take_back(self, seconds: float, bar: Bar) -> None:
        if not self.photos.images:
            return
        self.photos.take_back()
        self._chooser.wait_until(seconds + max(self._options.every, self._timing.new_shot))
        bar.advance(-1)

    def _state(self, seconds: float) -> State:
        position = min(len(self.photos.images), self._options.count - 1)
        shot = self._plan[position]
        return State(
            instruction=shot.instruction if shot else self._camera.name,
            taken=len(self.photos.images),
            wanted=self._options.count,
            due_in=self._chooser.due_in(seconds),
            trouble=" and ".join(self._chooser.verdict.reasons),
            flash=self._flash.lit(),
        )

    def _result(self, reader: NewestFrame, ended: str) -> CaptureResult:
        problems = self._camera.problems if isinstance(self._camera, FolderCamera) else []
        for problem in problems:
            self._progress.say(f"left out: {problem}")
        return CaptureResult(
            dataset=self._dataset.root,
            session=self._session,
            images=tuple(self.photos.images),
            wanted=self._options.count,
            frames_read=reader.frames_read,
            ended=ended,
            discarded=self.photos.counts["discarded"],
            empty=self.photos.counts["empty"],
            labelled=self.photos.counts["labelled"],
            refused=dict(self._chooser.refused),
            problems=tuple(str(problem) for problem in problems),
            adopted=tuple(self.photos.adopted),
            error=str(reader.error) if reader.error else None,
        )

    def _raise_if_nothing(self, result: CaptureResult) -> None:
        if result.images or result.discarded or result.ended != "source ended":
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
    path = source_path(source)
    if path is None:
        return camera.name
    if path.is_dir():
        path = path.resolve() if path.name.lower() in ("", "..", *_SAYS_NOTHING) else path
        return path.parent.name if path.name.lower() in _SAYS_NOTHING else path.name
    return path.stem if path.is_file() else camera.name


def _refuse_own_photos(dataset: Dataset, source: str) -> None:
    folder = source_path(source)
    if (
        folder is not None
        and folder.is_dir()
        and folder.resolve() in (dataset.root.resolve(), dataset.images_dir.resolve())
    ):
        raise UsageError(f"--source {source}: is the dataset itself; give another folder, or another DATASET")
