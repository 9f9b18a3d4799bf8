"""MPII Human Pose's labels: its own Matlab file, or the JSON form that pose projects share.

`mpii_human_pose_v1_u12_1.mat` holds the struct `RELEASE` (human-pose.mpi-inf.mpg.de): the people of
each image, with the labelled points, `scale` and `objpos`. `mpii_train.json` is a list of people,
each with `image`, `joints` (16 pairs), `joints_vis`, `center` and `scale`, as in the data of HRNet
and MMPose (docs/en/dataset_zoo/2d_body_keypoint.md of MMPose). The coordinates of both count from
1, as in Matlab.

This module has its own reader of Matlab's files, versions 5 to 7.2 as far as data sets use them
("MAT-File Format" by MathWorks, Level 5). SciPy reads them too, but its reader may crash the
interpreter if a file is damaged: with SciPy 1.17 for 14 of 600 random damages.
"""

import math
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpose_keras.core.boxes import square_box
from openpose_keras.core.errors import DataError
from openpose_keras.core.skeletons import MPII_16
from openpose_keras.io.coco_file import Json, entry_of, load_json, require_images
from openpose_keras.io.coco_people import LabelledPeople, LabelledPerson

_HEADER = 128  # bytes; the last four are the version and the order of bytes
_LITTLE_ENDIAN = b"\x00\x01IM"
_TAG = Struct("<II")
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _CHARS, _NUMERIC = 1, 2, 4, range(6, 16)  # classes of matrices
_DTYPES = {1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8"}
_DTYPES |= {12: "<i8", 13: "<u8", 17: "<u2", 18: "<u4"}
_ENCODINGS = {1: "latin-1", 2: "latin-1", 4: "utf-16-le", 16: "utf-8", 17: "utf-16-le"}
_MOST = 2**30  # bytes of a variable, so that a small file cannot fill the memory


_PERSON_HEIGHT = 200  # pixels, at a scale of 1
_HIDDEN = 0.5  # where the JSON form has 1 for what can be seen and 0 for what is not labelled


def read_mat(path: str | Path) -> dict[str, Any]:
    """Return the variables of a `.mat` file by their names.

    Args:
        path: The file.

    Returns:
        A struct array is a list of dicts and a cell array a list, both in column-major order. Text
        is a str, and a matrix of numbers is an array with Matlab's shape, (1, 1) for one number.

    Raises:
        DataError: The file is not a .mat file; the message names it.
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
    """Yield the kind and the bytes of each element; up to four bytes are stored in its tag."""
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
    """Return the name and the value of a matrix; a body without bytes is an empty matrix."""
    if not body:
        return "", np.zeros((0, 0))
    flags, sides, name, *parts = _elements(body)
    shape = tuple(_numbers(*sides).tolist())
    kind = int(_numbers(*flags)[0]) & 0xFF
    value: Any
    if kind == _STRUCT:
        value = _read_structs(parts, math.prod(shape))
    elif kind == _CELL:
        value = [_matrix(each)[1] for _, each in parts]
    elif kind == _CHARS:
        value = str(parts[0][1], _ENCODINGS[parts[0][0]])
    elif kind in _NUMERIC:
        value = _numbers(*parts[0]).reshape(shape, order="F")
    else:
        raise ValueError(f"a matrix of the class {kind}, which no data set uses")
    return str(name[1], "latin-1"), value


def _read_structs(parts: Sequence[tuple[int, memoryview]], count: int) -> list[dict[str, Any]]:
    """Return the elements of a struct array, whose first two parts contain the field names."""
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


def read_mpii(path: str | Path, images: str | Path | None = None) -> list[LabelledPeople]:
    """Read the labelled people of a file of MPII Human Pose.

    Args:
        path: The `.mat` file, or a file in the JSON form.
        images: The folder of the images, which must exist there. Defaults to the label file's own
            folder, in which case the images need not exist.

    Returns:
        One entry per image, in the order of the file, with the file name as its id. People have the
        skeleton `MPII_16`; `LabelledPerson.converted(BODY_MPI)` gives OpenPose's 15 keypoints. The
        box is a square around the labelled centre, with a side of 200 pixels times the scale, and
        the area is that of the box. A keypoint whose `joints_vis` is 0 is not labelled. For a
        `.mat` file, these are the training images with people; a person without points has no
        labelled keypoint, and a person without a scale or a centre is left out.

    Raises:
        DataError: The file is not a label file of MPII, or images are missing from the folder. The
            message names the file and the entry.
        FileNotFoundError: The file does not exist.
    """
    path = Path(path)
    data = _read_mat(path) if path.suffix.lower() == ".mat" else load_json(path)
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        raise DataError(f"{path}: expected MPII's labels as JSON, a list of people")
    people: defaultdict[str, list[LabelledPerson]] = defaultdict(list)
    for number, entry in enumerate(data):
        with entry_of(path, f"person {number}"):
            people[str(entry["image"])].append(_person(entry))
    folder = path.parent if images is None else Path(images)
    samples = [LabelledPeople(folder / name, tuple(each), name) for name, each in people.items()]
    if images is not None:
        require_images(path, [({}, sample.image) for sample in samples])
    return samples


def _person(entry: Json) -> LabelledPerson:
    """Return the person of one entry."""
    xy = np.asarray(entry["joints"], np.float64) - 1
    visibility = 2 * np.asarray(entry["joints_vis"], np.float64).clip(0, 1)
    x, y = (float(value) - 1 for value in entry["center"])
    box = square_box((x, y, 1, 1), _PERSON_HEIGHT * float(entry["scale"]))
    return LabelledPerson(xy, visibility, box, box[2] * box[3], skeleton=MPII_16)


def _read_mat(path: Path) -> list[Json]:
    """Return the people of a `.mat` file in the JSON form, with 0.5 as `joints_vis` if hidden."""
    variables = read_mat(path)
    people: list[Json] = []
    with entry_of(path, "RELEASE"):
        (release,) = _structs(variables["RELEASE"])
        training = np.ravel(release["img_train"]).tolist()
        images = zip(_structs(release["annolist"]), training, strict=True)
        for number, (image, is_training) in enumerate(images, start=1):
            with entry_of(path, f"annolist({number})"):
                people += _people_of(image) if is_training else []
    return people


def _people_of(image: Json) -> list[Json]:
    """Return the people of an entry of `annolist` who have a scale and a centre."""
    people = []
    for person in _structs(image["annorect"]):
        if len(person.get("scale", ())) and len(person.get("objpos", ())):
            (name,), (middle,) = _structs(image["image"]), _structs(person["objpos"])
            center = [_number(middle[axis]) for axis in "xy"]
            about = {"image": name["name"], "scale": _number(person["scale"]), "center": center}
            people.append(about | _joints(person))
    return people


def _joints(person: Json) -> Json:
    """Return `joints` and `joints_vis` of a person; points of the head have no visibility."""
    joints, seen = np.zeros((len(MPII_16), 2)), np.zeros(len(MPII_16))
    for points in _structs(person.get("annopoints", ())):
        for point in _structs(points["point"]):
            number, visible = _number(point["id"]), point.get("is_visible", ())
            if number not in range(len(MPII_16)):
                raise ValueError(f"expected points with an id from 0 to 15, got {number:g}")
            joints[int(number)] = _number(point["x"]), _number(point["y"])
            seen[int(number)] = 1 if not len(visible) or _number(visible) else _HIDDEN
    return {"joints": joints, "joints_vis": seen}


def _structs(value: Sequence[Any]) -> list[Json]:
    """Return a struct array, which may be empty."""
    structs = list(value)
    if not all(isinstance(each, dict) for each in structs):
        raise ValueError("expected a struct, got another value")
    return structs


def _number(value: Sequence[Any]) -> float:
    """Return the one number of a matrix or of a text."""
    return float(np.asarray(value).item())
