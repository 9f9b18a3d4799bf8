from dataclasses import replace

import numpy as np
import pytest

from openpose_keras.training.synthesis.articulation import (
    BEND_LIMITS,
    THUMB_LIMITS,
    Pose,
    Shape,
    joint_rotations,
    joint_scales,
    random_rotation,
    rotation,
    settle,
)
from openpose_keras.training.synthesis.grasp import FINGER_RADIUS, close_around
from openpose_keras.training.synthesis.poses import FINGER_POSES, sample_pose, sample_shape
from openpose_keras.training.synthesis.rig import load_rig
from tests.helpers.assets import assets_folder

PLAIN = Shape(np.ones((5, 4)), np.ones(5), np.ones(3))


@pytest.fixture(scope="module")
def rig():
    return load_rig(assets_folder() / "rigged_hand" / "model" / "hand_r.gltf")


def pose_of(state, **fields):
    bends = np.radians([FINGER_POSES[state]] * 4)
    return replace(Pose(bends, np.zeros(4), np.zeros(5), np.zeros(3)), **fields)


def keypoints(rig, pose, shape=PLAIN):
    return rig.forward(joint_rotations(rig, pose), joint_scales(rig, shape))[1][rig.keypoint_ids]


def test_poses_stay_within_the_joints_limits():
    rng = np.random.default_rng(0)
    for _ in range(300):
        pose = sample_pose(rng)
        assert (pose.bends >= BEND_LIMITS[:, 0]).all()
        assert (pose.bends <= BEND_LIMITS[:, 1]).all()
        assert (pose.thumb >= THUMB_LIMITS[:, 0]).all()
        assert (pose.thumb <= THUMB_LIMITS[:, 1]).all()


def test_every_family_is_drawn():
    rng = np.random.default_rng(0)
    names = {sample_pose(rng).name for _ in range(300)}
    assert names == {"flat", "loose", "fist", "sign", "claw", "table", "pinch", "grip", "free"}


def test_neighbouring_fingers_bend_alike():
    rng = np.random.default_rng(1)
    bends = np.array([sample_pose(rng).bends[:, 1] for _ in range(800)])
    correlation = np.corrcoef(bends.T)
    assert correlation[1, 2] > 0.5
    assert correlation[1, 2] > correlation[0, 3]


def test_shapes_stay_within_a_quarter():
    rng = np.random.default_rng(0)
    for _ in range(100):
        shape = sample_shape(rng)
        for factors in (shape.lengths, shape.thickness, shape.palm):
            assert (factors >= 0.8).all()
            assert (factors <= 1.25).all()


def test_straight_fingers_are_straight(rig):
    points = keypoints(rig, pose_of("straight", bends=np.zeros((4, 3))))
    for finger in range(1, 5):
        bones = np.diff(points[1 + 4 * finger : 5 + 4 * finger], axis=0)
        bones /= np.linalg.norm(bones, axis=1, keepdims=True)
        assert bones[0] @ bones[2] > 0.97


def test_curling_moves_the_tips_towards_the_palm(rig):
    straight, half, fist = (keypoints(rig, pose_of(s)) for s in ("straight", "half", "fist"))
    for tip in (8, 12, 16, 20):
        assert half[tip, 0] < straight[tip, 0] - 0.02
        assert np.linalg.norm(fist[tip] - fist[0]) < 0.75 * np.linalg.norm(
            straight[tip] - straight[0]
        )


def test_bends_keep_the_length_of_bones(rig):
    straight, fist = keypoints(rig, pose_of("straight")), keypoints(rig, pose_of("fist"))
    for a, b in ((5, 6), (6, 7), (7, 8), (3, 4)):
        lengths = [np.linalg.norm(p[a] - p[b]) for p in (straight, fist)]
        assert lengths[0] == pytest.approx(lengths[1], abs=1e-6)


def test_thumb_lift_moves_its_tip_away_from_the_palm(rig):
    rest = keypoints(rig, pose_of("straight"))
    lifted = keypoints(rig, pose_of("straight", thumb=np.radians((0, 40, 0, 0, 0))))
    assert lifted[4, 0] < rest[4, 0] - 0.03


def test_longer_bones_lengthen_that_finger_only(rig):
    lengths = np.ones((5, 4))
    lengths[2, 1:] = 1.1
    pose = pose_of("straight")
    plain, longer = (
        keypoints(rig, pose),
        keypoints(rig, pose, Shape(lengths, np.ones(5), np.ones(3))),
    )
    grown = np.linalg.norm(longer[12] - longer[9]) / np.linalg.norm(plain[12] - plain[9])
    assert grown == pytest.approx(1.1, abs=1e-3)
    np.testing.assert_allclose(longer[13:], plain[13:], atol=1e-9)


def test_settled_fingers_stay_out_of_the_palm(rig):
    deep = pose_of("fist", bends=np.radians([[95.0, 110.0, 80.0]] * 4))
    scales = joint_scales(rig, PLAIN)
    tips = keypoints(rig, settle(rig, deep, scales))[[8, 12, 16, 20], 0]
    assert (keypoints(rig, deep)[[8, 12, 16, 20], 0] > -0.01).any()
    assert (tips < -0.01).all()


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


def test_rotation_follows_the_right_hand_rule():
    np.testing.assert_allclose(rotation((0, 0, 2), np.pi / 2) @ (1, 0, 0), (0, 1, 0), atol=1e-12)


def test_random_rotations_are_proper_and_cover_the_sphere():
    rng = np.random.default_rng(0)
    drawn = np.array([random_rotation(rng) for _ in range(2000)])
    np.testing.assert_allclose(
        drawn @ drawn.transpose(0, 2, 1), np.tile(np.eye(3), (2000, 1, 1)), atol=1e-9
    )
    np.testing.assert_allclose(np.linalg.det(drawn), 1, atol=1e-9)
    assert np.abs(drawn.mean(0)).max() < 0.05
