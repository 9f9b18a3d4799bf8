import numpy as np
import pytest

from openpose_keras.training.synthesis.people import heads
from openpose_keras.training.synthesis.people.assets import load_people_assets
from openpose_keras.training.synthesis.people.person import Person
from openpose_keras.training.synthesis.raster import Mesh
from tests.helpers.assets import people_folder

SIZE = 64


def square(z, side):
    """A square that faces forwards."""
    corners = np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)]) * side + (0, 0, z)
    frame = np.zeros((4, 3, 3), np.float32)
    frame[:, 0, 2] = 1
    triangles = np.array([(0, 1, 2), (0, 2, 3)], np.int32)
    uv = np.zeros((4, 2), np.float32)
    return Mesh(corners.astype(np.float32), frame, uv, triangles, two_sided=True)


def person(*hiding):
    """A flat face of 20 cm, its left on the side of +x, and what lies before it."""
    points = np.random.default_rng(0).uniform(-0.1, 0.1, (70, 3)) * (1, 1, 0)
    points[heads._OUTER_CORNERS] = (-0.05, 0.02, 0), (0.05, 0.02, 0)
    meshes = [square(0.0, 0.12), square(0.0, 0.03), *hiding]
    return Person(meshes, np.zeros((25, 3)), np.zeros((2, 21, 3)), points, np.eye(3), 1.7, "x")


@pytest.mark.parametrize("turn", [-60.0, 0.0, 45.0])
def test_the_eyes_come_nearer_by_the_cosine_of_the_turn(turn):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        head, seen = heads._render(person(), turn, rng, SIZE)
        right, left = head.xy[heads._OUTER_CORNERS]
        near = np.linalg.norm(left - right) / head.unit
        assert near == pytest.approx(np.cos(np.radians(turn)), abs=0.1)
        assert left[0] > right[0]  # the person's left lies on the image's right
        middle = (head.xy.min(0) + head.xy.max(0)) / 2
        np.testing.assert_allclose(middle, (SIZE - 1) / 2, atol=0.01)
        assert seen == 1
        assert head.rgba[SIZE // 2, SIZE // 2, 3] == 255


def test_a_face_behind_an_arm_is_not_seen():
    _, seen = heads._render(person(square(0.3, 0.2)), 0.0, np.random.default_rng(0), SIZE)
    assert seen < 0.2


@pytest.mark.slow
def test_points_of_the_face_lie_on_heads_of_all_shapes():
    assets = load_people_assets(people_folder())
    for seed in range(4):
        head = heads.render_head(assets, np.random.default_rng(seed), size=160, turn=0.0)
        column, row = np.round(head.xy).astype(int).T
        assert (head.rgba[row, column, 3] > 0).mean() > 0.95
        jaw, brows, eyes, mouth = head.xy[8], head.xy[17:27], head.xy[36:48], head.xy[48:68]
        assert brows[:, 1].mean() < eyes[:, 1].mean() < mouth[:, 1].mean() < jaw[1]
