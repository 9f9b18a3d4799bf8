"""A look at the pickles of a .pth before PyTorch reads it: only tensors, and no larger than it is.

PyTorch's own guard (`weights_only`) lets nothing harmful be called, but believes what a file says
of sizes, and lets it ask for a byte array of any length.
"""

import io
import pickletools
import zipfile
from pathlib import Path

from openpose_keras.core.errors import WeightsError
from openpose_keras.io._zip import open_archive

_ZIP_START = b"PK\x03\x04"
_LEGACY_PICKLES = 5  # magic number, version, system, content, keys; the numbers follow
# A byte of a pickle becomes up to 64 of memory. That of the hand network has 12,000 bytes.
_MOST_PICKLE, _FILE_BYTES_A_PICKLE_BYTE = 100_000, 64
_OPCODE_NAMES = (
    "PROTO STOP MARK POP_MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT "
    "BINUNICODE SHORT_BINSTRING BINSTRING EMPTY_DICT EMPTY_LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 "
    "TUPLE3 SETITEM SETITEMS APPEND APPENDS BINPUT LONG_BINPUT BINGET LONG_BINGET GLOBAL REDUCE "
    "BUILD BINPERSID"
)
_OPCODES = frozenset(_OPCODE_NAMES.split())
_STORAGES = "Float Half BFloat16 Double Long Int Short Char Byte Bool"
_GLOBALS = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch.nn.parameter Parameter",
    *(f"torch {kind}Storage" for kind in _STORAGES.split()),
}


def check_pth(path: Path) -> None:
    """See that a file of PyTorch can be loaded without surprises.

    Args:
        path: The file, of the newer format (a zip file) or of the older.

    Raises:
        WeightsError: It holds anything but tensors, or is compressed.
        BadZipFile, OSError, ValueError: It is damaged.
    """
    size = path.stat().st_size
    most = _MOST_PICKLE + size // _FILE_BYTES_A_PICKLE_BYTE
    with open(path, "rb") as file:
        head = file.read(most)
    if not head.startswith(_ZIP_START):
        stream = io.BytesIO(head)
        for _ in range(_LEGACY_PICKLES):
            _check_pickle(stream)
        return
    with open_archive(path) as archive:
        members = archive.infolist()
        if any(one.compress_type != zipfile.ZIP_STORED for one in members):
            raise WeightsError("it is compressed, which PyTorch's own files are not")
        if sum(one.file_size for one in members) > size:
            raise WeightsError("its parts say that they are larger than it is")
        for one in members:
            if one.filename.endswith(".pkl"):
                if one.file_size > most:
                    raise WeightsError(f"its list of tensors has {one.file_size} bytes")
                _check_pickle(io.BytesIO(archive.read(one)))


def _check_pickle(stream: io.BytesIO) -> None:
    """Read over a pickle, and raise if anything in it is more than tensors need."""
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name not in _OPCODES:
            raise WeightsError(f"expected nothing but tensors, found {opcode.name} in the pickle")
        if opcode.name == "GLOBAL" and argument not in _GLOBALS:
            raise WeightsError(f"expected nothing but tensors, found {argument!r}"[:200])
