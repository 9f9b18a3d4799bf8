"""Label and result files damaged at random are read, or refused in a line that names them."""

import copy
import json
import warnings

import numpy as np
import pytest

from openpose_keras.core.errors import DataError, FormatError
from openpose_keras.core.keypoints import Body, Hand, Person
from openpose_keras.core.skeletons import BODY_25, COCO_WHOLE_BODY
from openpose_keras.io.coco import read_labels
from openpose_keras.io.coco_people import read_people_labels
from openpose_keras.io.coco_results import read_results, to_results
from openpose_keras.io.images import write_image
from openpose_keras.io.mpii import read_mpii
from openpose_keras.io.openpose_json import format_people, read_openpose, read_people
from tests.helpers.damage import ROUNDS, damage
from tests.helpers.mat_files import mpii_person, write_mpii

STRANGE = (None, True, -1, 0, 1e400, 1e30, float("nan"), 2**80, "", "x", "1", [], [[]], {}, [1])


def random_xy(count):
    return np.random.default_rng(count).uniform(0, 99, (count, 2))


def people_file():
    body = Body(random_xy(25), np.full(25, 0.5), skeleton=BODY_25, person_score=0.5)
    hand = Hand(random_xy(21), np.full(21, 0.5), side="left")
    return [Person(body, left_hand=hand), Person(body)]


def labels(**annotation):
    image = {"id": 1, "file_name": "a.jpg", "height": 90, "width": 100}
    about = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 50, 60], "iscrowd": 0}
    categories = [{"id": 1, "name": "person"}]
    annotations = [about | {"area": 900.0} | annotation]
    return {"images": [image], "annotations": annotations, "categories": categories}


def hands():
    table = np.column_stack([random_xy(21), np.full(21, 2)]).ravel().tolist()
    return labels(
        keypoints=table, lefthand_kpts=table, lefthand_valid=True, lefthand_box=[1, 2, 3, 4]
    )


def bodies():
    table = np.column_stack([random_xy(17), np.full(17, 2)]).ravel().tolist()
    shape = {"size": [90, 100], "counts": [100, 200, 8700]}
    return labels(keypoints=table, segmentation=shape, num_keypoints=17)


def mpii():
    joints = random_xy(16).tolist()
    entry = {"image": "a.jpg", "joints": joints, "joints_vis": [1] * 16, "scale": 1.0}
    return [entry | {"center": [50.0, 50.0]}]


FILES = {
    "openpose": (read_openpose, lambda: json.loads(format_people(people_file()))),
    "people": (read_people, lambda: json.loads(format_people(people_file()))),
    "hands": (read_labels, hands),
    "bodies": (read_people_labels, bodies),
    "results": (read_results, lambda: to_results(people_file(), 7)),
    "whole bodies": (
        lambda path: read_results(path, skeleton=COCO_WHOLE_BODY),
        lambda: to_results(people_file(), 7, skeleton=COCO_WHOLE_BODY),
    ),
    "mpii": (read_mpii, mpii),
}


def spoil(data, rng):
    """Put something strange in place of a value, or leave a value out, at random depth."""
    while isinstance(data, dict | list) and data:
        keys = list(data) if isinstance(data, dict) else range(len(data))
        key = keys[int(rng.integers(len(keys)))]
        if not (isinstance(data[key], dict | list) and data[key]) or rng.random() < 0.3:
            if rng.random() < 0.2:
                del data[key]
            else:
                data[key] = copy.deepcopy(STRANGE[int(rng.integers(len(STRANGE)))])
            return
        data = data[key]


def refusal(read, path):
    """Return the message of the error that reading a file raises, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # labels that no image is listed for
        try:
            read(path)
        except (DataError, FormatError) as error:
            return str(error)
    return None


def read_or_refuse(read, path):
    """Read a file; an error is one line that names it."""
    message = refusal(read, path)
    assert message is None or (str(path) in message and "\n" not in message), message


@pytest.mark.parametrize(("read", "make"), FILES.values(), ids=FILES)
def test_values_of_other_kinds_are_read_or_refused_in_a_line(tmp_path, read, make):
    rng, path = np.random.default_rng(0), tmp_path / "file.json"
    write_image(tmp_path / "a.jpg", np.zeros((90, 100, 3), np.uint8))
    path.write_text(json.dumps(make()))
    assert read(path)
    for _ in range(ROUNDS):
        data = make()
        for _ in range(rng.integers(1, 4)):
            spoil(data, rng)
        path.write_text(json.dumps(data))
        read_or_refuse(read, path)


@pytest.mark.parametrize(("read", "make"), FILES.values(), ids=FILES)
def test_damaged_bytes_are_read_or_refused_in_a_line(tmp_path, read, make):
    rng, path = np.random.default_rng(1), tmp_path / "file.json"
    whole = json.dumps(make()).encode()
    for _ in range(ROUNDS):
        path.write_bytes(damage(whole, rng))
        read_or_refuse(read, path)


def test_damaged_bytes_of_matlab_s_file_are_read_or_refused_in_a_line(tmp_path):
    rng, path = np.random.default_rng(2), tmp_path / "file.mat"
    write_mpii(path, [("a.jpg", [mpii_person(dict(enumerate(random_xy(4)))), mpii_person({})])])
    assert read_mpii(path)
    whole = path.read_bytes()
    for _ in range(ROUNDS):
        path.write_bytes(damage(whole, rng))
        read_or_refuse(read_mpii, path)
