"""Read and write Protobuf's wire format, as far as a .caffemodel needs it.

The format is described at https://protobuf.dev/programming-guides/encoding/. The fields of a
message are views of its bytes, so the numbers of a blob are not processed one by one. The number of
fields is limited, because a field of two bytes becomes an object of a hundred.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from openpose_keras.core.errors import WeightsError

_VARINT, _LENGTH = 0, 2
_FIXED = {1: 8, 5: 4}  # kind of a field -> bytes of its value

Fields = dict[int, list[Any]]  # number of a field -> its values, whole numbers or bytes


def read_fields(data: memoryview, most: int) -> Fields:
    """Read the fields of a message.

    Args:
        data: The message.
        most: The maximum number of fields.

    Returns:
        A mapping from the number of each field to its values in order: whole numbers, or bytes. A
        number that the message lacks has no values.

    Raises:
        WeightsError: There are more fields, or the bytes are not a protobuf message.
    """
    fields: Fields = defaultdict(list)
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        value, position = _read_value(data, tag & 7, position)
        fields[tag >> 3].append(value)
        most -= 1
        if most < 0:
            raise WeightsError("it has far more fields than the weights of a network need")
    return fields


def _read_value(data: memoryview, kind: int, position: int) -> tuple[int | memoryview, int]:
    """Read a field's value and return it with the position after it."""
    if kind == _VARINT:
        return _read_varint(data, position)
    length = _FIXED.get(kind, 0)
    if kind == _LENGTH:
        length, position = _read_varint(data, position)
    elif not length:
        raise WeightsError(f"it is not a protobuf message at byte {position}")
    if position + length > len(data):
        raise WeightsError(f"it is cut off, or not a protobuf message, at byte {position}")
    return data[position : position + length], position + length


def read_varints(data: memoryview) -> Iterator[int]:
    """Yield the whole numbers packed in a field.

    Args:
        data: The field's value.

    Yields:
        Numbers from 0; a negative one appears as one above 2^63.

    Raises:
        WeightsError: The last number is cut off.
    """
    position = 0
    while position < len(data):
        value, position = _read_varint(data, position)
        yield value


def _read_varint(data: memoryview, position: int) -> tuple[int, int]:
    """Read a whole number and return it with the position after it."""
    value = 0
    for index, byte in enumerate(data[position : position + 10]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, position + index + 1
    raise WeightsError(f"it is cut off, or not a protobuf message, at byte {position}")


def write_field(number: int, value: int | str | bytes) -> bytes:
    r"""Encode a field.

    Args:
        number: The number of the field.
        value: A whole number from 0, text, or bytes, such as a message.

    Returns:
        The encoded bytes.

    Example:
        >>> write_field(1, "net")
        b'\n\x03net'
    """
    if isinstance(value, int):
        return write_varint(number << 3 | _VARINT) + write_varint(value)
    data = value.encode() if isinstance(value, str) else value
    return write_varint(number << 3 | _LENGTH) + write_varint(len(data)) + data


def write_varint(value: int) -> bytes:
    """Encode a whole number from 0."""
    data = bytearray()
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    return bytes([*data, value])
