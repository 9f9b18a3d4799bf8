"""Where weights come from: the record that is written with each file, and found with it again.

It lives in the file where the format has room: in an HDF5 file as the attribute `openpose_keras` of
its root, in a .keras file as openpose_keras.json, in an ONNX file among its metadata; so it can't
get lost. A .caffemodel has no room: its record stands beside it, as FILE.json.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from openpose_keras.core.errors import WeightsError
from openpose_keras.io._zip import open_archive

if TYPE_CHECKING:
    import h5py

KEY = "openpose_keras"
_MEMBER = f"{KEY}.json"
_LARGEST = 100_000  # bytes of a record; they have about 1,000


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known of weights.

    Attributes:
        source: Name of the file that they were read from.
        kind: What kind of file that is.
        md5: Its checksum; of a folder, that of its files in the order of their names.
        sha256: Likewise.
        official: Which of OpenPose's own files it is, if any.
        licence: What the weights may be used for.
        network: Name of the function of `networks` that they are for.
        channel_order: What the network with these weights wants to see, "rgb" or "bgr".
        converter: Name and version of this package.
        made_from: The source's own record, if it has one.
    """

    source: str
    kind: str
    md5: str
    sha256: str
    official: str | None
    licence: str
    network: str
    channel_order: Literal["rgb", "bgr"]
    converter: str
    made_from: Mapping[str, object] | None = None

    def to_json(self) -> str:
        """Give the record as text."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False, indent=1)


@dataclass(frozen=True)
class Checksums:
    """A file's checksums, in hexadecimal digits."""

    md5: str
    sha256: str


def checksums(path: str | os.PathLike[str]) -> Checksums:
    """Give the checksums of a file, or of a folder: of its files in the order of their names.

    Args:
        path: The file or folder.

    Returns:
        MD5, by which OpenPose's own files are known, and SHA-256.
    """
    path = Path(path)
    sums = [hashlib.new(name, usedforsecurity=False) for name in ("md5", "sha256")]
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        with file.open("rb") as opened:
            while chunk := opened.read(1 << 20):
                for one in sums:
                    one.update(chunk)
    return Checksums(*(one.hexdigest() for one in sums))


def write_record(path: Path, record: Record) -> None:
    """Put a record into a file that was just written.

    Args:
        path: A .weights.h5, .keras or .onnx file.
        record: What to note.
    """
    if path.name.endswith(".h5"):
        import h5py

        with h5py.File(path, "r+") as file:
            file.attrs[KEY] = record.to_json()
    elif path.suffix == ".keras":
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(_MEMBER, record.to_json())
    else:
        import onnx

        model = onnx.load(path)
        onnx.helper.set_model_props(model, {KEY: record.to_json()})
        onnx.save(model, path)


def read_record(path: str | os.PathLike[str]) -> dict[str, object] | None:
    """Find the record of a file.

    Args:
        path: An HDF5 or .keras file, or any with a record beside it.

    Returns:
        The record as plain data, or None if there is none of ours.

    Raises:
        WeightsError: There is one, but it is damaged.
    """
    path = Path(path)
    try:
        text = _read_text(path)
        if text and len(text) > _LARGEST:
            raise ValueError(f"it has more than {_LARGEST} bytes")
        record = json.loads(text) if text else None
    except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise WeightsError(f"the record of {path} is damaged: {error}") from error
    if record is not None and not isinstance(record, dict):
        raise WeightsError(f"the record of {path} is damaged: expected names and values")
    ours = record and str(record.get("converter")).startswith(f"{KEY} ")
    return record if ours else None


def _read_text(path: Path) -> str | bytes | None:
    """Give a record as it stands in the file or beside it; of one too long, the beginning."""
    if zipfile.is_zipfile(path):
        with open_archive(path) as archive:
            if _MEMBER not in archive.namelist():
                return None
            if archive.getinfo(_MEMBER).compress_type not in (
                zipfile.ZIP_STORED,
                zipfile.ZIP_DEFLATED,
            ):
                raise ValueError("it is compressed in a way that we don't use")
            with archive.open(_MEMBER) as member:
                return member.read(_LARGEST + 1)
    with path.open("rb") as file:
        if file.read(4) == b"\x89HDF":
            import h5py

            with h5py.File(path, "r") as opened:
                return read_text_attribute(opened, KEY)
    beside = record_beside(path)
    if not beside.is_file():
        return None
    with beside.open("rb") as file:
        return file.read(_LARGEST + 1)


def read_text_attribute(item: "h5py.HLObject", name: str) -> str | bytes | None:
    """Read an attribute of an HDF5 file that is one text, and nothing larger.

    Args:
        item: The file, group or data set.
        name: The attribute's.

    Returns:
        The text, or None if there is no such attribute.

    Raises:
        ValueError: It is no single text.
    """
    if name not in item.attrs:
        return None
    if item.attrs.get_id(name).shape != ():
        raise ValueError(f"expected one text as the attribute {name}")
    text = item.attrs[name]
    if not isinstance(text, str | bytes):
        raise ValueError(f"expected a text as the attribute {name}")
    return text


def record_beside(path: Path) -> Path:
    """Give the place of the record of a file that has no room for one."""
    return path.with_name(f"{path.name}.json")
