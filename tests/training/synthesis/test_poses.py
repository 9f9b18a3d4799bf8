from dataclasses import replace

import numpy as np
import pytest

from openpose_keras.training.synthesis.contact import FINGER_RADIUS, close_around
from openpose_keras.training.synthesis.poses import (
    BEND_LIMITS,
    FINGER_POSES,
    THUMB_LIMITS,
    Pose,
    Shape,
    joint_rotations,
    joint_scales,
    sample_pose,
    sample_shape,
    settle,
)
from openpose_keras.training.synthesis.rig import load_rig
from tests.helpers.assets import assets_folder

PLAIN = Shape(np.ones((5, 4)), np.ones(5), np.ones(3))
TIPS = [8, 12, 16, 20]


@pytest.fixture(scope="module")
def rig():
    return load_rig(assets_folder() / "rigged_hand" / "model" / "hand_r.gltf")


def pose_of(state, **fields):
    bends = np.radians([FINGER_POSES[state]] * 4)
    return replace(Pose(bends, np.zeros(4), np.zeros(5), np.zeros(3)), **fields)


def keypoints(rig, pose, shape=PLAIN):
    return rig.forward(joint_rotations(rig, pose), joint_scales(rig, shape))[1][rig.keypoint_ids]


def test_poses_are_of_all_families_and_within_the_joints_limits():
    rng = np.random.default_rng(0)
    drawn = [sample_pose(rng) for _ in range(300)]
    for pose in drawn:
        for angles, limits in ((pose.bends, BEND_LIMITS), (pose.thumb, THUMB_LIMITS)):
            np.testing.assert_array_equal(angles, angles.clip(*limits.T))
    families = {"flat", "loose", "fist", "sign", "claw", "table", "pinch", "free"}
    assert {pose.name for pose in drawn} == families


def test_neighbouring_fingers_bend_alike():
    rng = np.random.default_rng(1)
    bends = np.array([sample_pose(rng).bends[:, 1] for _ in range(800)])
    correlation = np.corrcoef(bends.T)
    assert correlation[1, 2] > max(0.5, correlation[0, 3])


def test_shapes_stay_within_a_quarter():
    rng = np.random.default_rng(0)
    for _ in range(100):
        shape = sample_shape(rng)
        factors = np.concatenate([shape.lengths.ravel(), shape.thickness, shape.palm])
        assert (np.abs(factors - 1.025) <= 0.225).all()


def test_straight_fingers_are_straight(rig):
    points = keypoints(rig, pose_of("straight", bends=np.zeros((4, 3))))
    for finger in range(1, 5):
        bones = np.diff(points[1 + 4 * finger : 5 + 4 * finger], axis=0)
        bones /= np.linalg.norm(bones, axis=1, keepdims=True)
        assert bones[0] @ bones[2] > 0.97


def test_curling_moves_the_tips_towards_the_palm_and_keeps_the_length_of_bones(rig):
    straight, half, fist = (keypoints(rig, pose_of(s)) for s in ("straight", "half", "fist"))
    assert (half[TIPS, 0] < straight[TIPS, 0] - 0.02).all()
    reach = [np.linalg.norm(points[TIPS] - points[0], axis=1) for points in (straight, fist)]
    assert (reach[1] < 0.75 * reach[0]).all()
    bones = [np.linalg.norm(points[[5, 6, 7, 3]] - points[[6, 7, 8, 4]], axis=1)
             for points in (straight, fist)]  # fmt: skip
    np.testing.assert_allclose(*bones, atol=1e-6)


def test_thumb_lift_moves_its_tip_away_from_the_palm(rig):
    rest = keypoints(rig, pose_of("straight"))
    lifted = keypoints(rig, pose_of("straight", thumb=np.radians((0, 40, 0, 0, 0))))
    assert lifted[4, 0] < rest[4, 0] - 0.03


def test_longer_bones_lengthen_that_finger_only(rig):
    lengths = np.ones((5, 4))
    lengths[2, 1:] = 1.1
    pose, shape = pose_of("straight"), replace(PLAIN, lengths=lengths)
    plain, longer = keypoints(rig, pose), keypoints(rig, pose, shape)
    grown = np.linalg.norm(longer[12] - longer[9]) / np.linalg.norm(plain[12] - plain[9])
    assert grown == pytest.approx(1.1, abs=1e-3)
    np.testing.assert_allclose(longer[13:], plain[13:], atol=1e-9)


def test_settled_fingers_stay_out_of_the_palm(rig):
    deep = pose_of("fist", bends=np.radians([[95.0, 110.0, 80.0]] * 4))
    settled = settle(rig, deep, joint_scales(rig, PLAIN))
    assert (keypoints(rig, deep)[TIPS, 0] > -0.01).any()
    assert (keypoints(rig, settled)[TIPS, 0] < -0.01).all()


def test_settling_a_pose_without_overlap_changes_nothing(rig):
    pose = pose_of("straight")
    settled = settle(rig, pose, joint_scales(rig, PLAIN))
    np.testing.assert_allclose(settled.bends, pose.bends)
    np.testing.assert_allclose(settled.thumb, pose.thumb)


@pytest.mark.parametrize("radius", [0.015, 0.03, 0.04])
def test_fingers_close_around_a_cylinder_without_entering_it(rig, radius):
    centre, axis = np.array([-radius - 0.005, 0.0, -0.075]), np.array([0.0, 1.0, 0.0])
    pose = pose_of("straight", grip=radius)
    points = keypoints(rig, close_around(rig, pose, joint_scales(rig, PLAIN), centre, axis))
    away = np.linalg.norm((points - centre)[:, [0, 2]], axis=1) - radius
    assert (away[[6, 7, 8, 10, 11, 12, 14, 15, 16]] > FINGER_RADIUS - 0.004).all()
    assert away[[8, 12, 16]].max() < 0.03
