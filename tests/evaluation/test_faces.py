"""The error of faces, in distances between the eyes and by their turn."""

import json

import numpy as np
import pytest

from openpose_keras.core.errors import DataError
from openpose_keras.core.keypoints import Face
from openpose_keras.core.skeletons import FACE
from openpose_keras.evaluation import evaluate_faces
from openpose_keras.evaluation.faces import turn_of
from openpose_keras.io.coco_people import LabelledPeople, LabelledPerson
from openpose_keras.io.images import write_image

UNIT = 20.0
CORNERS = [FACE.index("right_eye_1"), FACE.index("left_eye_4")]


def face(turn, *, crowd=False):
    xy = np.random.default_rng(0).uniform(20, 60, (70, 2))
    xy[CORNERS] = (30, 40), (30 + UNIT * np.cos(np.radians(turn)), 40)
    seen = np.full(70, 0.0 if crowd else 2.0)
    return LabelledPerson(xy, seen, (20, 20, 40, 40), UNIT**2, crowd, skeleton=FACE)


def moved(turn, distance):
    return face(turn).xy + np.array([distance, 0])


@pytest.fixture
def samples(tmp_path):
    write_image(tmp_path / "a.png", np.zeros((90, 90, 3), np.uint8))
    faces = [(face(0), face(50)), (face(0), face(0, crowd=True)), ()]
    return [LabelledPeople(tmp_path / "a.png", each, n) for n, each in enumerate(faces)]


def test_the_turn_is_told_by_how_near_the_eyes_appear():
    for turn in (0, 30, 75, 90):
        assert turn_of(face(turn)) == pytest.approx(turn, abs=1e-4)


def test_errors_are_in_distances_between_the_eyes_and_by_turn(samples):
    answers = iter([moved(0, 2), moved(50, 4), np.full((70, 2), np.nan)])
    boxes_seen = []

    def estimator(image, boxes):
        boxes_seen.extend(boxes)
        xy = [next(answers) for _ in boxes]
        return [Face(each, np.isfinite(each[:, 0]).astype(float)) for each in xy]

    report = evaluate_faces(estimator, samples, crop_factor=1.5, progress=False)
    assert (report.images, report.faces, report.missing) == (2, 3, 1)
    assert [box[2] for box in boxes_seen] == [60.0] * 3
    assert report.errors["up to 30 degrees"].value == pytest.approx(0.1)
    assert report.errors["30 to 75 degrees"].value == pytest.approx(0.2)
    assert report.errors["all"].value == pytest.approx(0.15)
    assert report.counts == {
        "all": 3, "up to 30 degrees": 2, "30 to 75 degrees": 1, "above 75 degrees": 0
    }  # fmt: skip
    assert "1 of them missing" in str(report)
    assert json.loads(json.dumps(report.to_dict()))["errors"]["above 75 degrees"]["value"] is None


def test_without_a_labelled_face_there_is_nothing_to_measure(samples):
    with pytest.raises(DataError, match="no labelled face"):
        evaluate_faces(None, samples[2:], progress=False)
