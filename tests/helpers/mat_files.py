"""Matlab's files in the form of MPII Human Pose's own."""

import numpy as np
from scipy.io import savemat


def structs(rows):
    """Return dicts as a struct array; a field that one of them lacks is empty there."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    array = np.zeros((1, len(rows)), [(name, object) for name in names])
    for place, row in enumerate(rows):
        for name in names:
            value = row.get(name, np.zeros((0, 0)))
            is_struct = isinstance(value, list) and value and isinstance(value[0], dict)
            array[name][0, place] = structs(value) if is_struct else value
    return array if rows else np.zeros((0, 0))


def mpii_person(joints, hidden=(), **more):
    """Return a person of `annorect`; joints are pairs by number, those of the head as in MPII."""
    points = [
        {"x": float(x), "y": float(y), "id": number}
        | ({} if number in (8, 9) else {"is_visible": int(number not in hidden)})
        for number, (x, y) in joints.items()
    ]
    about = {"x1": 1, "y1": 2, "x2": 30, "y2": 40, "annopoints": {"point": structs(points)}}
    return about | {"scale": 3.021, "objpos": {"x": 594, "y": 257}} | more


def write_mpii(path, images):
    """Write pairs of an image's name and its people, and an image of the test set."""
    annolist = [{"image": {"name": name}, "annorect": structs(people)} for name, people in images]
    test = {"image": {"name": "test.jpg"}, "annorect": structs([{"scale": 1.0}])}
    train = np.array([[1] * len(images) + [0]], np.uint8)
    release = {"annolist": structs([*annolist, test]), "img_train": train, "version": "12"}
    savemat(path, {"RELEASE": release}, do_compression=False)
