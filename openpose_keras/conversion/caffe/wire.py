"""The numbers of a .caffemodel, cut out of its bytes before protobuf reads the rest.

Protobuf copies what it reads, and a field of two bytes becomes an object of a hundred. So the
numbers, nearly all of a file, stay where they are and are looked at in place; the fields around
them are counted, and a file with far too many of them is refused. The wire format is described at
https://protobuf.dev/programming-guides/encoding/.
"""

from functools import cache

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from openpose_keras.conversion.caffe.messages import message_class
from openpose_keras.core.errors import WeightsError

Chunks = list[np.ndarray]

_VARINT, _FIXED64, _LENGTH, _START, _END, _FIXED32 = range(6)
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}
_NUMBERS = {5: "<f4", 8: "<f8"}  # BlobProto's data and double_data
# What may stand around the numbers: a unit is a field, 16 bytes of text, or an eighth of a message.
# OpenPose's networks take fewer than 10,000 units, and a unit at most 110 bytes of memory.
_UNITS, _FILE_BYTES_A_UNIT = 20_000, 64
_TEXT_BYTES_A_UNIT, _MESSAGE_UNITS, _CHUNK_UNITS = 16, 8, 4


def split_numbers(data: bytes) -> tuple[bytes, list[Chunks]]:
    """Split a NetParameter into its numbers and everything else that is declared.

    Args:
        data: The bytes of a .caffemodel.

    Returns:
        The NetParameter without its blobs' numbers, and for each blob, in order, its numbers as
        they came: views of `data`, float32 or float64. If any of a blob's are float64, only these.

    Raises:
        WeightsError: The bytes are no protobuf message, or there are far too many fields.
    """
    walk = _Walk(data)
    rest = walk.strip(0, len(data), message_class("NetParameter").DESCRIPTOR)
    return bytes(rest), walk.blobs


class _Walk:
    """A walk through the bytes of a message."""

    def __init__(self, data: bytes) -> None:
        """Start with what may be spent."""
        self.data = data
        self.blobs: list[Chunks] = []
        self.left = _UNITS + len(data) // _FILE_BYTES_A_UNIT

    def strip(self, place: int, end: int, message: Descriptor) -> bytearray:
        """Give a message without numbers and without what is not declared."""
        self.spend(_MESSAGE_UNITS)
        chunks: dict[str, Chunks] = {kind: [] for kind in _NUMBERS.values()}
        blob = message.name == "BlobProto"
        kept = bytearray()
        while place < end:
            start = place
            number, wire, first, place = self.field(start, end)
            self.spend(1)
            field, kind = message.fields_by_number.get(number), _NUMBERS.get(number)
            if wire in _WIDTHS:
                place = self.run_end(start, first, place, end)
            if blob and kind:
                self.spend(_CHUNK_UNITS)
            if blob and kind and np.dtype(kind).itemsize == _WIDTHS.get(wire):
                chunks[kind].append(self.unpacked(start, first, place, kind))
            elif blob and kind and wire == _LENGTH:
                chunks[kind].append(self.packed(first, place, kind))
            elif field and field.message_type and wire == _LENGTH:
                inner = self.strip(first, place, field.message_type)
                kept += _varint(number << 3 | _LENGTH) + _varint(len(inner)) + inner
            elif field:
                text = field.cpp_type == FieldDescriptor.CPPTYPE_STRING
                self.spend((place - start) // (_TEXT_BYTES_A_UNIT if text else 1))
                kept += self.data[start:place]
        if blob:
            self.blobs.append(chunks["<f8"] or chunks["<f4"])
        return kept

    def spend(self, units: int) -> None:
        """Take from what is left, or refuse."""
        self.left -= units
        if self.left < 0:
            raise WeightsError("it has far more fields than the weights of a network need")

    def field(self, place: int, end: int) -> tuple[int, int, int, int]:
        """Read a field's number and wire type, and where its value begins and ends."""
        tag, first = self.varint(place, end)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            _, after = self.varint(first, end)
        elif wire == _LENGTH:
            length, first = self.varint(first, end)
            after = first + length
        elif wire == _START:
            after = self.group_end(first, end, number)
        else:
            after = first + _WIDTHS.get(wire, end + 1)
        if not number or after > end:
            raise WeightsError(f"it is cut off, or no protobuf message, at byte {place}")
        return number, wire, first, after

    def varint(self, place: int, end: int) -> tuple[int, int]:
        """Read a whole number and where it ends."""
        value = 0
        for shift in range(0, 70, 7):
            if place + shift // 7 >= end:
                break
            byte = self.data[place + shift // 7]
            value |= (byte & 127) << shift
            if byte < 128:
                return value, place + shift // 7 + 1
        raise WeightsError(f"it is cut off, or no protobuf message, at byte {place}")

    def group_end(self, place: int, end: int, number: int) -> int:
        """Find the end of a group, the old way to nest; Caffe has none, so nothing is kept."""
        opened = [number]
        while opened:
            self.spend(1)
            tag, first = self.varint(place, end)
            if tag & 7 == _START:
                opened.append(tag >> 3)
                place = first
            elif tag & 7 == _END:
                if opened.pop() != tag >> 3:
                    raise WeightsError(f"a group ends at byte {place} that did not begin")
                place = first
            else:
                *_, place = self.field(place, end)
        return place

    def run_end(self, start: int, first: int, after: int, end: int) -> int:
        """Find where fields of equal tags and of fixed width, one after the other, end."""
        tag, period = self.data[start:first], after - start
        step = 16
        while after + period <= end:
            count = min(step, (end - after) // period)
            block = np.frombuffer(self.data, np.uint8, count * period, after)
            same = block.reshape(count, period)[:, : len(tag)] == np.frombuffer(tag, np.uint8)
            same = same.all(axis=1)
            if not same.all():
                return after + int(same.argmin()) * period
            after += count * period
            step = min(2 * step, 1 << 16)
        return after

    def unpacked(self, start: int, first: int, end: int, kind: str) -> np.ndarray:
        """Give the numbers of a run, each of which has a tag."""
        layout = _tagged(first - start, kind)
        return np.frombuffer(self.data, layout, (end - start) // layout.itemsize, start)["number"]

    def packed(self, first: int, end: int, kind: str) -> np.ndarray:
        """Give the numbers of a field that holds many."""
        size = np.dtype(kind).itemsize
        if (end - first) % size:
            raise WeightsError(f"a blob's {end - first} bytes are no whole number of {kind[1:]}")
        return np.frombuffer(self.data, kind, (end - first) // size, first)


@cache
def _tagged(width: int, kind: str) -> np.dtype:
    """Give the layout of a number after a tag."""
    return np.dtype([("tag", f"V{width}"), ("number", kind)])


def _varint(value: int) -> bytes:
    """Write a whole number."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
