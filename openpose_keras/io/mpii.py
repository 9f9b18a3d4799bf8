"""MPII Human Pose's labels: its own Matlab file, or the JSON form that pose projects share.

`mpii_human_pose_v1_u12_1.mat` holds the struct `RELEASE` (human-pose.mpi-inf.mpg.de): of each
image the people, with the points that are labelled, `scale` and `objpos`. `mpii_train.json` is a
list of people, each with `image`, `joints` (16 pairs), `joints_vis`, `center` and `scale`, as in
the data of HRNet and MMPose (docs/en/dataset_zoo/2d_body_keypoint.md of MMPose). The coordinates of
both count from 1, as Matlab's do.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openpose_keras.core.boxes import square_box
from openpose_keras.core.errors import DataError
from openpose_keras.core.skeletons import MPII_16
from openpose_keras.io.coco_file import Json, entry_of, load_json, require_images
from openpose_keras.io.coco_people import LabelledPeople, LabelledPerson
from openpose_keras.io.matlab import read_mat

_PERSON_HEIGHT = 200  # pixels, at a scale of 1
_HIDDEN = 0.5  # where the JSON form has 1 for what can be seen and 0 for what is not labelled


def read_mpii(path: str | Path, images: str | Path | None = None) -> list[LabelledPeople]:
    """Read the labelled people of a file of MPII Human Pose.

    Args:
        path: The `.mat` file, or a file in the JSON form.
        images: The folder of the images, which must be there. By default the file's own folder,
            and no image needs to be there.

    Returns:
        One entry an image, in the file's order, whose id is its file name. People have the skeleton
        `MPII_16`; `LabelledPerson.converted(BODY_MPI)` gives OpenPose's 15 keypoints. The box is
        the square about the labelled middle, 200 pixels times the scale; the area is the box's. A
        keypoint whose `joints_vis` is 0 is not labelled. Of a `.mat` file these are the training
        images with people; somebody there without points has no labelled keypoint, and somebody
        without a scale or a middle is left out.

    Raises:
        DataError: The file is not such a file, or images are not in the folder; the message names
            the file and the entry.
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
        require_images(path, [sample.image for sample in samples])
    return samples


def _person(entry: Json) -> LabelledPerson:
    """Return the person of one entry."""
    xy = np.asarray(entry["joints"], np.float64) - 1
    visibility = 2 * np.asarray(entry["joints_vis"], np.float64).clip(0, 1)
    x, y = (float(value) - 1 for value in entry["center"])
    box = square_box((x, y, 1, 1), _PERSON_HEIGHT * float(entry["scale"]))
    return LabelledPerson(xy, visibility, box, box[2] * box[3], skeleton=MPII_16)


def _read_mat(path: Path) -> list[Json]:
    """Return the people of a `.mat` file in the JSON form; `joints_vis` of hidden ones is 0.5."""
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
    """Return the people of an entry of `annolist` who have a scale and a middle."""
    people = []
    for person in _structs(image["annorect"]):
        if len(person.get("scale", ())) and len(person.get("objpos", ())):
            (name,), (middle,) = _structs(image["image"]), _structs(person["objpos"])
            center = [_number(middle[axis]) for axis in "xy"]
            about = {"image": name["name"], "scale": _number(person["scale"]), "center": center}
            people.append(about | _joints(person))
    return people


def _joints(person: Json) -> Json:
    """Return `joints` and `joints_vis` of a person; points of the head do not tell the latter."""
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
