import numpy as np
import pytest
from numpy.testing import assert_allclose

from openpose_keras.training.synthesis.kinematics import rotation, unit
from openpose_keras.training.synthesis.people.poses import between, mirrored, read_bvh
from tests.helpers.makehuman_files import write_bvh


def test_a_turn_about_bvh_up_is_one_about_the_models_up(tmp_path):
    (frame,) = read_bvh(write_bvh(tmp_path / "a.bvh", "5 6 7 0 0 30 0 0 0"))
    assert frame.keys() == {"root"}
    assert_allclose(frame["root"], rotation((0, 1, 0), np.radians(30)), atol=1e-9)


def test_channels_turn_in_their_order(tmp_path):
    (frame,) = read_bvh(write_bvh(tmp_path / "a.bvh", "0 0 0 0 0 0 20 30 40"))
    x, y, z = np.radians([20, 30, 40])
    turns = rotation((1, 0, 0), x), rotation((0, 0, -1), y), rotation((0, 1, 0), z)
    assert_allclose(frame["arm.L"], turns[0] @ turns[1] @ turns[2], atol=1e-9)


def test_a_frame_of_too_few_numbers_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"expected frames of 9 numbers in a\.bvh"):
        read_bvh(write_bvh(tmp_path / "a.bvh", "1 2 3"))


def test_a_mirrored_pose_exchanges_the_sides_and_twice_mirrored_is_itself():
    pose = {"arm.L": rotation((0, 0, 1), 0.4), "head": rotation((1, 2, 3), 0.3)}
    assert_allclose(mirrored(pose)["arm.R"], rotation((0, 0, 1), -0.4), atol=1e-12)
    twice = mirrored(mirrored(pose))
    assert twice.keys() == pose.keys()
    assert all(np.allclose(twice[name], pose[name]) for name in pose)


@pytest.mark.parametrize("end", [(0.3, -0.2, 0.9), (1, 0, 0), (-1, 0, 0)])
def test_the_smallest_rotation_takes_one_direction_to_the_other(end):
    start = np.array([1.0, 0, 0])
    turn = between(start, unit(end))
    assert_allclose(turn @ start, unit(end), atol=1e-9)
    assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
