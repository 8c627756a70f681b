"""The pixels of a sample, wherever they lie."""

from __future__ import annotations

from thirtyfold.errors import ImageError
from thirtyfold.images import Pixels, read_rgb, rgb_of
from thirtyfold.sample import Record, Sample


def read_pixels(sample: Sample) -> Pixels:
    """A sample's picture, RGB uint8 (height, width, 3), upright. Raises :class:`ImageError`."""
    if sample.record is None:
        return read_rgb(sample.image_path)
    pixels = rgb_of(_read(sample.record), sample.record.path)
    if pixels.shape[:2] != (sample.height, sample.width):
        raise ImageError(
            sample.record.path,
            f"the picture at byte {sample.record.offset} is {pixels.shape[1]}x{pixels.shape[0]}, but its labels are "
            f"for {sample.width}x{sample.height}; delete the file and run `thirtyfold augment` again",
        )
    return pixels


def _read(record: Record) -> bytes:
    try:
        with record.path.open("rb") as stream:
            stream.seek(record.offset)
            data = stream.read(record.length)
    except OSError as error:
        raise ImageError(record.path, f"cannot be opened ({error.strerror or error})") from error
    if len(data) < record.length:
        raise ImageError(
            record.path,
            f"is cut off at byte {record.offset + len(data)}; delete the file and run `thirtyfold augment` again",
        )
    return data
