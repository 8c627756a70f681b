"""Photos for `enroll` from a camera or a clip: a frame every so often, for as long as somebody takes them."""

from __future__ import annotations

from collections.abc import Iterator

from thirtyfold.capture.camera import open_camera
from thirtyfold.errors import UsageError
from thirtyfold.images import encode_jpeg
from thirtyfold.predict.gallery_enrolment import Photo
from thirtyfold.progress import Progress

# Frames without a face, or with several, are passed over; nobody waits for ever.
MOST_LOOKS = 200


def frames_of(source: str, *, every: float, progress: Progress) -> Iterator[Photo]:
    """A frame every ``every`` seconds of the source's own clock, as JPEG, at most 200 of them.

    Raises :class:`UsageError`, and :class:`CameraError` as :func:`open_camera` does.
    """
    if every < 0:
        raise UsageError(f"--every {every}: seconds, 0 or more, were expected")
    camera = open_camera(source)
    try:
        progress.say(f"{camera.name}: one face in the picture at a time; turn the head a little between the looks")
        looks, due = 0, 0.0
        while looks < MOST_LOOKS and (frame := camera.read()) is not None:
            if frame.seconds < due:
                continue
            looks, due = looks + 1, frame.seconds + every
            yield Photo(name=f"{camera.name} {frame.seconds:.1f}s", data=encode_jpeg(frame.pixels))
    finally:
        camera.close()
