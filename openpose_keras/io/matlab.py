"""Matlab's files of version 5 to 7.2 (`.mat`), as far as data sets use them.

The format is that of "MAT-File Format" by MathWorks (Level 5). SciPy reads it too, but where a file
is damaged its reader ends the interpreter: with SciPy 1.17 in 14 of 600 random damages.
"""

import math
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpose_keras.core.errors import DataError

_HEADER = 128  # bytes; the last four are the version and the order of bytes
_LITTLE_ENDIAN = b"\x00\x01IM"
_TAG = Struct("<II")
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _CHARS, _NUMERIC = 1, 2, 4, range(6, 16)  # classes of matrices
_DTYPES = {1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8"}
_DTYPES |= {12: "<i8", 13: "<u8", 17: "<u2", 18: "<u4"}
_ENCODINGS = {1: "latin-1", 2: "latin-1", 4: "utf-16-le", 16: "utf-8", 17: "utf-16-le"}
_MOST = 2**30  # bytes of a variable, so that a small file cannot fill the memory


def read_mat(path: str | Path) -> dict[str, Any]:
    """Return the variables of a `.mat` file by their names.

    Args:
        path: The file.

    Returns:
        A struct array is a list of dicts, a cell array a list, both down the columns; text is a
        str, and a matrix of numbers an array with Matlab's shape, (1, 1) for one number.

    Raises:
        DataError: The file is not such a file; the message names it.
        FileNotFoundError: The file does not exist.
    """
    data = Path(path).read_bytes()
    try:
        if data[_HEADER - 4 : _HEADER] != _LITTLE_ENDIAN:
            raise ValueError("its header is another")
        return dict(_variables(memoryview(data)[_HEADER:]))
    except (LookupError, TypeError, ValueError, RecursionError, zlib.error) as error:
        raise DataError(
            f"{path}: expected a .mat file of Matlab 5 to 7.2, got another or a damaged one: "
            f"{error!r}"
        ) from error


def _variables(data: memoryview) -> Iterator[tuple[str, Any]]:
    """Yield the name and the value of each variable."""
    for kind, body in _elements(data):
        if kind == _COMPRESSED:
            unpacker = zlib.decompressobj()
            whole = unpacker.decompress(body, _MOST)
            if not unpacker.eof:
                raise ValueError(f"a variable is cut off, or has more than {_MOST} bytes")
            yield from _variables(memoryview(whole))
        elif kind == _MATRIX:
            yield _matrix(body)


def _elements(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the kind and the bytes of each element; one of up to four bytes lies in its tag."""
    at = 0
    while at < len(data):
        if at + 8 > len(data):
            raise ValueError("a tag is cut off")
        kind, size = _TAG.unpack_from(data, at)
        start = at + 8
        if kind > 0xFFFF:
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
        if start + size > len(data):
            raise ValueError("an element is cut off")
        yield kind, data[start : start + size]
        at = start + size + (-(start + size) % 8 if kind != _COMPRESSED else 0)


def _matrix(body: memoryview) -> tuple[str, Any]:
    """Return the name and the value of a matrix; a body without bytes is an empty one."""
    if not body:
        return "", np.zeros((0, 0))
    flags, sides, name, *parts = _elements(body)
    shape = tuple(_numbers(*sides).tolist())
    kind = int(_numbers(*flags)[0]) & 0xFF
    value: Any
    if kind == _STRUCT:
        value = _structs(parts, math.prod(shape))
    elif kind == _CELL:
        value = [_matrix(each)[1] for _, each in parts]
    elif kind == _CHARS:
        value = str(parts[0][1], _ENCODINGS[parts[0][0]])
    elif kind in _NUMERIC:
        value = _numbers(*parts[0]).reshape(shape, order="F")
    else:
        raise ValueError(f"a matrix of the class {kind}, which no data set uses")
    return str(name[1], "latin-1"), value


def _structs(parts: Sequence[tuple[int, memoryview]], count: int) -> list[dict[str, Any]]:
    """Return the elements of a struct array; its first two parts tell the names of its fields."""
    (width, *_), text = _numbers(*parts[0]).tolist(), parts[1][1]
    names = [bytes(text[at : at + width]) for at in range(0, len(text), width)]
    fields = [str(name.partition(b"\0")[0], "latin-1") for name in names]
    values = [_matrix(each)[1] for _, each in parts[2:]]
    if len(values) != count * len(fields):
        raise ValueError(f"{len(values)} fields in {count} structs of {len(fields)}")
    step = max(len(fields), 1)
    return [
        dict(zip(fields, values[at : at + step], strict=True)) for at in range(0, len(values), step)
    ]


def _numbers(kind: int, data: memoryview) -> NDArray[Any]:
    """Return the numbers of an element."""
    return np.frombuffer(data, _DTYPES[kind]) if data else np.zeros(0)
