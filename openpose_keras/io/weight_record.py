"""The record of the provenance of weights, which is stored with each weight file.

It is stored inside the file if the format allows it: in an HDF5 file as the attribute
`openpose_keras` of its root, in a .keras file as the member openpose_keras.json, in a .tflite file
as the same member of a zip file at its end, and in an ONNX file among its metadata. A .caffemodel
cannot hold a record, which is stored next to it as FILE.json.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from openpose_keras.core.errors import WeightsError

if TYPE_CHECKING:
    import h5py

ChannelOrder = Literal["rgb", "bgr"]

KEY = "openpose_keras"
_MEMBER = f"{KEY}.json"
_LARGEST = 100_000  # bytes of a record; they have about 1,000
_MOST_MEMBERS = 2000  # of a zip file; a .pth of the hand network has 107


@dataclass(frozen=True, kw_only=True)
class WeightRecord:
    """The provenance of weights.

    Args:
        source: Name of the file from which the weights were read.
        kind: Kind of that file.
        md5: MD5 checksum of the file. Several files are joined in the order of their names.
        sha256: SHA-256 checksum of the same.
        official: The published file that this is, if any.
        licence: The terms of use of the weights.
        network: Name of the function of `networks` that builds their network.
        channel_order: Channel order of the network's input with these weights, "rgb" or "bgr".
        converter: Name and version of this package.
        derived_from: The source's own record, if it has one.
    """

    source: str
    kind: str
    md5: str
    sha256: str
    official: str | None
    licence: str
    network: str
    channel_order: ChannelOrder
    converter: str
    derived_from: Mapping[str, object] | None = None

    def to_json(self) -> str:
        """Return the record as JSON."""
        return json.dumps(asdict(self), allow_nan=False, indent=1)


class Checksums(NamedTuple):
    """The checksums of a file, in hexadecimal digits."""

    md5: str
    sha256: str


def checksums(path: str | os.PathLike[str]) -> Checksums:
    """Return the checksums of a file, or of several files in the order of their names.

    Args:
        path: The file; a folder, for its files; or the .xml file of OpenVINO, which includes the
            .bin file of the same name.

    Returns:
        MD5, which identifies OpenPose's own files, and SHA-256.
    """
    path = Path(path)
    sums = [hashlib.new(name, usedforsecurity=False) for name in ("md5", "sha256")]
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    if path.suffix == ".xml":
        files.insert(0, path.with_suffix(".bin"))
    for file in files:
        with file.open("rb") as opened:
            while chunk := opened.read(1 << 20):
                for one in sums:
                    one.update(chunk)
    return Checksums(*(one.hexdigest() for one in sums))


def write_record(path: Path, record: WeightRecord) -> None:
    """Store a record in a newly written file.

    Args:
        path: A .weights.h5, .keras, .tflite or .onnx file.
        record: The record to store.
    """
    if path.name.endswith(".h5"):
        import h5py

        with h5py.File(path, "r+") as file:
            file.attrs[KEY] = record.to_json()
    elif path.suffix in (".keras", ".tflite"):
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(_MEMBER, record.to_json())
    else:
        import onnx

        model = onnx.load(path)
        onnx.helper.set_model_props(model, {KEY: record.to_json()})
        onnx.save(model, path)


def read_record(path: str | os.PathLike[str]) -> dict[str, object] | None:
    """Read the record of a weight file.

    Args:
        path: An HDF5 or .keras file, or any file with a record next to it.

    Returns:
        The record as plain data, or None if this package stored none.

    Raises:
        WeightsError: The record is damaged.
    """
    path = Path(path)
    try:
        text = _read_text(path)
        record = json.loads(text[:_LARGEST]) if text else None  # what is cut off is no JSON
        if record is not None and not isinstance(record, dict):
            raise ValueError("expected names and values")
    except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise WeightsError(f"the record of {path} is damaged: {error}") from error
    ours = record and str(record.get("converter")).startswith(f"{KEY} ")
    return record if ours else None


def _read_text(path: Path) -> str | bytes | None:
    """Read a record's text from inside a file or next to it; a long text is cut off."""
    if zipfile.is_zipfile(path):
        with open_archive(path) as archive:
            known = _MEMBER in archive.namelist()
            return archive.open(_MEMBER).read(_LARGEST) if known else None
    with path.open("rb") as file:
        if file.read(4) == b"\x89HDF":
            import h5py

            with h5py.File(path, "r") as opened:
                return read_text_attribute(opened, KEY)
    if not record_beside(path).is_file():
        return None
    with record_beside(path).open("rb") as file:
        return file.read(_LARGEST)


def read_text_attribute(item: "h5py.HLObject", name: str) -> str | bytes | None:
    """Read a text attribute of an HDF5 file.

    Args:
        item: The file, group or data set.
        name: The attribute's name.

    Returns:
        The text, or None if there is no such attribute.

    Raises:
        ValueError: The attribute is not a single text.
    """
    if name not in item.attrs:
        return None
    # The shape is read first: many texts may share the memory of one in the file.
    text = item.attrs[name] if item.attrs.get_id(name).shape == () else None
    if not isinstance(text, str | bytes):
        raise ValueError(f"expected one text as the attribute {name}")
    return text


def record_beside(path: Path) -> Path:
    """Return the path of the record of a file whose format cannot hold one."""
    return path.with_name(f"{path.name}.json")


def open_archive(path: Path) -> zipfile.ZipFile:
    """Open a zip file after checking that it has not too many members.

    Args:
        path: The file. Its entries are counted first, because an entry of 46 bytes in its list
            becomes an object of several hundred bytes.

    Returns:
        The archive, to be closed.

    Raises:
        BadZipFile: The file is not a zip file, or lists far more members than weights need.
        OSError, ValueError: The file can't be read.
    """
    number = path.read_bytes().count(b"PK\x01\x02")
    if number > _MOST_MEMBERS:
        raise zipfile.BadZipFile(f"it lists {number} members, more than weights need")
    return zipfile.ZipFile(path)
