"""``tf.train.Example``: a record of named lists of bytes, floats or whole numbers.

Format: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example/example.proto and
``feature.proto`` beside it. The messages are built here from the same description, in a pool of their
own (TensorFlow registers the same names in the common one), as TensorFlow takes seven seconds to import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any


def encode(
    *,
    texts: Mapping[str, Sequence[bytes]],
    floats: Mapping[str, Sequence[float]],
    integers: Mapping[str, Sequence[int]],
) -> bytes:
    """An Example of these features. The same features give the same bytes, in whatever order they come."""
    example = _message_class()()
    feature = example.features.feature
    for name, values in texts.items():
        feature[name].bytes_list.value.extend(values)
    for name, numbers in floats.items():
        feature[name].float_list.value.extend(numbers)
    for name, counts in integers.items():
        feature[name].int64_list.value.extend(counts)
    data: bytes = example.SerializeToString(deterministic=True)
    return data


def decode_bytes(data: bytes, names: Sequence[str]) -> list[bytes]:
    """One value each of some features that hold bytes. Raises :class:`ValueError` if it is no Example with them."""
    from google.protobuf.message import DecodeError

    try:
        feature = _message_class().FromString(data).features.feature
    except DecodeError as error:
        raise ValueError("is not a tf.train.Example") from error
    found = []
    for name in names:
        # Asking for it by its key would add it.
        values: Sequence[bytes] = feature[name].bytes_list.value if name in feature else []
        if len(values) != 1:
            raise ValueError(f"has {len(values)} values of {name}, 1 was expected")
        found.append(bytes(values[0]))
    return found


@cache
def _message_class() -> Any:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="thirtyfold/example.proto", package="tensorflow", syntax="proto3")
    one, many, message = field.LABEL_OPTIONAL, field.LABEL_REPEATED, field.TYPE_MESSAGE
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    lists = (
        ("bytes_list", "BytesList", field.TYPE_BYTES),
        ("float_list", "FloatList", field.TYPE_FLOAT),
        ("int64_list", "Int64List", field.TYPE_INT64),
    )
    for number, (name, list_name, kind) in enumerate(lists, start=1):
        file.message_type.add(name=list_name).field.add(name="value", number=1, label=many, type=kind)
        full_name = f".tensorflow.{list_name}"
        feature.field.add(name=name, number=number, label=one, type=message, type_name=full_name, oneof_index=0)
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=one, type=field.TYPE_STRING)
    entry.field.add(name="value", number=2, label=one, type=message, type_name=".tensorflow.Feature")
    features.field.add(
        name="feature", number=1, label=many, type=message, type_name=".tensorflow.Features.FeatureEntry"
    )
    example = file.message_type.add(name="Example")
    example.field.add(name="features", number=1, label=one, type=message, type_name=".tensorflow.Features")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))
