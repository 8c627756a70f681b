from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thirtyfold.datasets import tf_example
from thirtyfold.datasets.tfrecord import frame, read_records
from thirtyfold.errors import FileDataError

PATH = Path("shard-00000.tfrecord")
# Written by tf.io.TFRecordWriter of TensorFlow 2.21: the records b"thirty" and b"".
GOLDEN = bytes.fromhex("06000000000000007369d5377468697274792ccde2be000000000000000029039807d8ea82a2")


def read(data: bytes) -> list[tuple[int, bytes]]:
    return list(read_records(io.BytesIO(data), len(data), PATH))


def test_the_bytes_are_those_that_tensorflow_writes() -> None:
    assert frame(b"thirty") + frame(b"") == GOLDEN
    assert [record for _, record in read(GOLDEN)] == [b"thirty", b""]


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_records_come_back_with_the_place_of_their_bytes(records: list[bytes]) -> None:
    data = b"".join(map(frame, records))
    found = read(data)
    assert [record for _, record in found] == records
    assert all(data[start : start + len(record)] == record for start, record in found)


def test_a_file_that_is_cut_off_anywhere_names_the_byte_of_the_torn_record() -> None:
    first, second = frame(b"a first record"), frame(b"a second")
    for end in range(len(first) + 1, len(first) + len(second)):
        with pytest.raises(FileDataError, match=rf"shard-00000\.tfrecord: damaged at byte {len(first)}: .*augment"):
            read((first + second)[:end])
    assert len(read(first)) == 1


def test_a_changed_bit_anywhere_is_found() -> None:
    data = frame(b"some data")
    for index in range(len(data)):
        with pytest.raises(FileDataError, match="damaged at byte 0"):
            read(data[:index] + bytes([data[index] ^ 4]) + data[index + 1 :])


def test_a_length_that_the_file_cannot_hold_is_never_read() -> None:
    class Watched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert size < 100
            return super().read(size)

    length = (1 << 62).to_bytes(8, "little")
    huge = frame(length)[12:24] + b"x" * 12  # a wrong length with the right checksum
    with pytest.raises(FileDataError, match=r"a record of 4611686018427387904 bytes is cut off"):
        list(read_records(Watched(huge), len(huge), PATH))


@given(
    st.dictionaries(st.text(max_size=8), st.lists(st.binary(max_size=9), max_size=3), max_size=4),
    st.randoms(use_true_random=False),
)
def test_the_same_features_give_the_same_bytes_in_any_order(texts: dict[str, list[bytes]], random: object) -> None:
    items = list(texts.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert tf_example.encode(texts=texts, floats={}, integers={}) == tf_example.encode(
        texts=dict(items), floats={}, integers={}
    )


@given(st.binary(max_size=200))
def test_bytes_that_are_no_example_are_a_value_error_and_nothing_else(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"Example|image/encoded"):
        tf_example.decode_bytes(data, ["image/encoded"])
