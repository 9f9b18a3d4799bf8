"""MPII Human Pose's labels, in the JSON form that pose projects share (`mpii_train.json`).

The file is a list of people, each with `image`, `joints` (16 pairs), `joints_vis`, `center` and
`scale`, as in the data of HRNet and MMPose (docs/en/dataset_zoo/2d_body_keypoint.md of MMPose). Its
coordinates count from 1, as Matlab's do.
"""

from collections import defaultdict
from pathlib import Path

import numpy as np

from openpose_keras.core.boxes import square_box
from openpose_keras.core.errors import DataError
from openpose_keras.core.skeletons import MPII_16
from openpose_keras.io.coco_file import Json, entry_of, load_json, require_images
from openpose_keras.io.coco_people import LabelledPeople, LabelledPerson

_PERSON_HEIGHT = 200  # pixels, at a scale of 1


def read_mpii(path: str | Path, images: str | Path | None = None) -> list[LabelledPeople]:
    """Read the labelled people of a JSON file of MPII Human Pose.

    Args:
        path: The JSON file.
        images: The folder of the images, which must be there. By default the file's own folder,
            and no image needs to be there.

    Returns:
        One entry an image, in the file's order, whose id is its file name. People have the skeleton
        `MPII_16`; `LabelledPerson.converted(BODY_MPI)` gives OpenPose's 15 keypoints. The box is
        the square about the labelled middle, 200 pixels times the scale; the area is the box's. A
        keypoint whose `joints_vis` is 0 is not labelled.

    Raises:
        DataError: The file is not such a JSON file, or images are not in the folder; the message
            names the file and the entry.
        FileNotFoundError: The file does not exist.
    """
    path, data = Path(path), load_json(path)
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
    visibility = 2.0 * (np.asarray(entry["joints_vis"], np.float64) > 0)
    x, y = (float(value) - 1 for value in entry["center"])
    box = square_box((x, y, 1, 1), _PERSON_HEIGHT * float(entry["scale"]))
    return LabelledPerson(xy, visibility, box, box[2] * box[3], skeleton=MPII_16)
