"""face_lite begins with the points of its teacher, and its parts agree about pixels."""

import numpy as np
import pytest
from keras import ops

from openpose_keras import networks
from openpose_keras.core.skeletons import FACE
from openpose_keras.geometry import RotatedCrop
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.faces import task
from openpose_keras.training.faces.data import FaceSample
from openpose_keras.training.faces.teacher import MESH_VERTICES, _to_image
from openpose_keras.training.hands.targets import gaussian_heatmaps
from openpose_keras.training.synthesis.people.landmarks import FACE_VERTICES, FACE_WEIGHTS

# TensorFlow's own modules use what Python and NumPy have deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]


def sample(value=0.0):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (192, 192, 3)).astype(np.uint8)
    return FaceSample(image, rng.uniform(40, 150, (70, 2)), 1.0, 60.0)


def test_points_begin_as_those_of_the_teacher(monkeypatch):
    teacher = networks.mediapipe_face()
    monkeypatch.setattr(task, "load_network", lambda name: teacher)
    monkeypatch.setattr("openpose_keras.training.task.load_network", lambda name: teacher)
    config = TrainConfig(network="face_lite", out="x", size=192)
    _, network = task.start(config)
    image = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 192, 192, 3)).astype(np.float32)
    mesh = ops.convert_to_numpy(teacher(image)["points"])[0, :, :2]
    found = ops.convert_to_numpy(network(image)["points"])[0]
    np.testing.assert_allclose(found[:68], mesh[MESH_VERTICES].mean(axis=1), atol=1e-4)
    assert np.ptp(found) > 0.01


def test_peaks_and_points_of_a_batch_are_those_of_the_sample():
    one = sample()
    images, targets = task.collate([one])
    assert images.dtype == np.uint8
    maps = gaussian_heatmaps(targets["keypoints"], cells=48, stride=4, sigma_fraction=0.03)
    found = task.peaks_of(ops.convert_to_numpy(maps))[0]
    assert np.abs(found - one.xy).max() < 1.0
    np.testing.assert_allclose(targets["points"][0], one.xy + 0.5, rtol=1e-6)


def test_lids_are_narrower_than_a_hand_in_the_loss():
    truth = sample().xy[None, None]
    wide, narrow = (
        ops.convert_to_numpy(gaussian_heatmaps(truth, cells=48, stride=4, sigma_fraction=each))
        for each in (0.06, 0.03)
    )
    assert ops.convert_to_numpy(task.face_heatmap_loss(truth, narrow)).max() == 0
    assert ops.convert_to_numpy(task.face_heatmap_loss(truth, wide)).max() > 0


@pytest.mark.parametrize("mirrored", [False, True])
def test_points_of_a_look_return_to_the_image(mirrored):
    crop = RotatedCrop((20, 30, 80, 80), 192, 0.4)
    xy = np.array([[40.0, 50.0], [70.0, 90.0]])
    seen = crop.apply_points(xy)
    if mirrored:
        seen = np.array([191, 0]) + seen * (-1, 1)
    points = np.column_stack([seen + 0.5, [12.0, 24.0]])
    found = _to_image(points, crop, mirrored)
    np.testing.assert_allclose(found, [[40, 50, 5], [70, 90, 10]])


def test_tables_of_points_have_a_row_for_all_but_the_pupils():
    for table in (MESH_VERTICES, FACE_VERTICES, FACE_WEIGHTS):
        assert len(table) == len(FACE) - 2
    assert (MESH_VERTICES < networks.mediapipe.MESH_POINTS).all()
    assert len({tuple(row) for row in MESH_VERTICES.tolist()}) == 68
    np.testing.assert_allclose(FACE_WEIGHTS.sum(axis=1), 1)
    assert FACE_WEIGHTS.min() >= 0
