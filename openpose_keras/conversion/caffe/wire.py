"""A check of a .caffemodel's bytes before protobuf turns them into objects.

Protobuf makes an object of a hundred bytes and more from a field of two. This walk over the fields
around the weights, whose numbers it skips, refuses a file with far more of them than a network
has. The format is described at https://protobuf.dev/programming-guides/encoding/.
"""

from openpose_keras.core.errors import WeightsError

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
# Message and number of a field -> the message in it, or None for a blob's numbers.
_INSIDE = {
    ("NetParameter", 2): "V1LayerParameter",
    ("NetParameter", 100): "LayerParameter",
    ("V1LayerParameter", 6): "BlobProto",
    ("LayerParameter", 7): "BlobProto",
    ("BlobProto", 5): None,
    ("BlobProto", 6): None,
    ("BlobProto", 8): None,
    ("BlobProto", 9): None,
}
# OpenPose's networks cost less than 200,000: a field 32, and each byte that is not a blob's number.
_MOST, _FILE_BYTES_A_UNIT, _FIELD = 300_000, 64, 32


def check_fields(data: bytes) -> None:
    """Refuse bytes with far more fields than the weights of a network need.

    Args:
        data: A NetParameter.

    Raises:
        WeightsError: There are too many fields, or the bytes are not a protobuf message.
    """
    left = _MOST + len(data) // _FILE_BYTES_A_UNIT
    messages = [(0, len(data), "NetParameter")]
    while messages:
        position, end, message = messages.pop()
        while position < end:
            tag, position = _varint(data, position)
            length, position = _value_length(data, tag & 7, position)
            inside = _INSIDE.get((message, tag >> 3), "")
            if inside and tag & 7 == _LENGTH:
                messages.append((position, position + length, inside))
            elif inside is not None:
                left -= length
            left -= _FIELD
            position += length
            if left < 0:
                raise WeightsError("it has far more fields than the weights of a network need")
        if position > end:
            raise WeightsError(f"it is cut off, or not a protobuf message, at byte {end}")


def _value_length(data: bytes, wire: int, position: int) -> tuple[int, int]:
    """Return the length in bytes of a field's value and where the value begins."""
    if wire == _LENGTH:
        return _varint(data, position)
    if wire == _VARINT:
        return _varint(data, position)[1] - position, position
    if wire in (_FIXED32, _FIXED64):
        return 4 if wire == _FIXED32 else 8, position
    raise WeightsError(f"it is not a protobuf message at byte {position}")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Read a whole number and return it with the position after it."""
    value = 0
    for index, byte in enumerate(data[position : position + 10]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, position + index + 1
    raise WeightsError(f"it is cut off, or not a protobuf message, at byte {position}")
