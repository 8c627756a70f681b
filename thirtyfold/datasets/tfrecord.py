"""TFRecord: a file of records, each with its length and two checksums.

Format: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details. A record is
its length (8 bytes, little-endian), the masked CRC-32C of those 8 bytes, the data, and the masked
CRC-32C of the data. TensorFlow's own reader and writer can't be used: importing them takes seven seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from thirtyfold.errors import FileDataError

_HEAD, _TAIL = 12, 4


def frame(data: bytes) -> bytes:
    """One record as it stands in the file."""
    length = len(data).to_bytes(8, "little")
    return b"".join((length, _masked_crc(length), data, _masked_crc(data)))


def read_records(stream: BinaryIO, size: int, path: Path) -> Iterator[tuple[int, bytes]]:
    """Every record of a file of ``size`` bytes: where its data begins in the file, and the data.

    Raises :class:`FileDataError` with the offset of the first record that is cut off or not what its
    checksums say; a length that the file can't hold is never read. ``path`` is for the error's text.
    """
    offset = 0
    while offset < size:
        head = stream.read(_HEAD)
        if len(head) < _HEAD:
            raise _damaged(path, offset, "the file is cut off")
        if _masked_crc(head[:8]) != head[8:]:
            raise _damaged(path, offset, "no record begins there, or its length is wrong")
        length = int.from_bytes(head[:8], "little")
        if length > size - offset - _HEAD - _TAIL:
            raise _damaged(path, offset, f"a record of {length} bytes is cut off")
        data, tail = stream.read(length), stream.read(_TAIL)
        if len(data) < length or _masked_crc(data) != tail:
            raise _damaged(path, offset, "the record's bytes are not those that were written")
        yield offset + _HEAD, data
        offset += _HEAD + length + _TAIL


def _damaged(path: Path, offset: int, what: str) -> FileDataError:
    return FileDataError(path, f"damaged at byte {offset}: {what}; delete the file and run `thirtyfold augment` again")


def _masked_crc(data: bytes) -> bytes:
    import google_crc32c

    crc = int(google_crc32c.value(data))
    return ((((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")
