"""Samples of face_lite: keypoints stay on what they mark, and a crop without a face has none."""

import numpy as np
import pytest

from openpose_keras.core.errors import TrainingError
from openpose_keras.core.skeletons import FACE
from openpose_keras.evaluation.faces import eye_distance
from openpose_keras.io.coco_people import LabelledPeople, LabelledPerson, read_people_labels
from openpose_keras.io.images import write_image
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.faces import data, write_faces
from openpose_keras.training.faces.teacher import TaughtFace

SIZE = 96


def face_xy(middle=(120, 110)):
    angles = np.linspace(0, 2 * np.pi, 70, endpoint=False)
    return np.column_stack([np.cos(angles), np.sin(angles)]) * 45 + middle


def labelled(path, people):
    return LabelledPeople(path, people, 0, (240, 240))


@pytest.fixture
def ramp(tmp_path):
    """A photo whose red and green tell x and y."""
    y, x = np.mgrid[:240, :240].astype(np.uint8)
    write_image(tmp_path / "ramp.png", np.stack([x, y, np.full_like(x, 99)], axis=-1))
    face = LabelledPerson(face_xy(), np.full(70, 2), (75, 65, 90, 90), 30.0**2, skeleton=FACE)
    return labelled(tmp_path / "ramp.png", (face,))


def test_keypoints_stay_where_they_are_under_rotation_scale_and_mirror(ramp):
    source, mirrored = data.face_source([ramp], SIZE), 0
    for seed in range(12):
        sample = source(np.random.default_rng(seed))
        assert sample.image.shape == (SIZE, SIZE, 3)
        inside = ((sample.xy >= 1) & (sample.xy < SIZE - 2)).all(axis=1)
        column, row = np.round(sample.xy[inside]).astype(int).T
        seen = sample.image[row, column].astype(float)
        there = seen[:, 2] > 95  # black lies beyond the photo
        errors = []
        for order in (np.arange(70), np.array(FACE.mirror_indices)):
            truth = face_xy()[order][inside]
            errors.append(np.abs(seen[there, :2] - truth[there]).max())
        assert min(errors) < 4 < max(errors)
        mirrored += errors[1] < errors[0]
        scale = np.ptp(sample.xy, axis=0).max() / 90
        assert sample.unit == pytest.approx(30 * scale, rel=0.1)
    assert 0 < mirrored < 12


@pytest.mark.parametrize("crowd", [False, True])
def test_crops_without_a_face_touch_none(tmp_path, crowd):
    image = np.zeros((240, 240, 3), np.uint8)
    image[65:156, 75:166] = 255, 0, 0
    write_image(tmp_path / "a.png", image)
    seen = np.full(70, 0.0 if crowd else 2.0)
    face = LabelledPerson(face_xy(), seen, (75, 65, 90, 90), 9.0, crowd, skeleton=FACE)
    source = data.no_face_source([labelled(tmp_path / "a.png", (face,))], SIZE)
    for seed in range(8):
        sample = source(np.random.default_rng(seed))
        assert sample.presence == 0
        assert np.isnan(sample.xy).all()
        assert sample.image.max() == 0


class Teacher:
    """Finds one face that can be trusted and one that cannot, in every photo."""

    def __call__(self, image):
        return [
            TaughtFace(face_xy(), 0.99, 0.01, 30.0),
            TaughtFace(face_xy((50, 50)), 0.99, 0.5, 30.0),
        ]


def write_photos(folder, monkeypatch):
    monkeypatch.setattr(write_faces, "FaceTeacher", Teacher)
    for number in range(3):
        write_image(folder / f"{number}.png", np.full((240, 240, 3), 50, np.uint8))
    return write_faces.write_face_photos(folder / "sets/photos", photos=folder)


def test_faces_survive_the_file_and_doubtful_ones_are_crowds(tmp_path, monkeypatch):
    path = write_photos(tmp_path, monkeypatch)
    photos = read_people_labels(path, path.parent, skeleton=FACE)
    assert len(photos) == 3
    good, doubtful = photos[0].people
    np.testing.assert_allclose(good.xy, face_xy(), atol=0.006)
    assert eye_distance(good) == pytest.approx(30)
    assert (good.crowd, doubtful.crowd) == (False, True)
    assert doubtful.box == pytest.approx((5, 5, 90, 90), abs=0.1)
    with pytest.raises(TrainingError, match="expected a new folder"):
        write_faces.write_face_photos(path.parent, photos=tmp_path)


def test_a_run_without_heads_is_told_how_to_write_them(tmp_path, monkeypatch):
    write_photos(tmp_path, monkeypatch)
    config = TrainConfig(network="face_lite", out="x", assets=str(tmp_path / "sets"), size=192)
    with pytest.raises(TrainingError, match="render heads"):
        data.load_face_sets(config)
    heads = write_faces.write_face_photos(tmp_path / "sets/heads1", photos=tmp_path / "sets")
    shown, held_out = data.load_face_sets(config)
    assert heads.parent.name == "heads1"
    assert (len(shown.heads), len(held_out.heads)) == (2, 1)
    assert {each.image.parent.name for each in shown.photos} == {"photos"}
