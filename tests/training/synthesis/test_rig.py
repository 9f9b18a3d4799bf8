import numpy as np
import pytest

from openpose_keras.core.errors import AssetError
from openpose_keras.training.synthesis.kinematics import rotation, rotation_of_quaternion
from openpose_keras.training.synthesis.rig import KEYPOINT_JOINTS, load_rig
from tests.helpers.assets import assets_folder

MESHES = ["hand_r", "Hand_Nails_R", "Hand_Glove_R", "Hand_low_R", "Hand_Nails_low_R"]
REST = np.eye(3), np.ones((26, 3))


def read(name):
    return load_rig(assets_folder() / "rigged_hand" / "model" / f"{name}.gltf")


@pytest.fixture(scope="module")
def rig():
    return read("hand_r")


@pytest.mark.parametrize("name", MESHES)
def test_rest_pose_reproduces_the_bind_mesh(name):
    rig = read(name)
    vertices, frame, _ = rig.skin(*REST)
    np.testing.assert_allclose(vertices, rig.vertices, atol=1e-6)
    np.testing.assert_allclose(frame[:, 0], rig.frame[:, 0], atol=1e-5)


def test_joints_of_the_rest_pose_agree_with_the_inverse_bind_matrices(rig):
    for linear, origin, inverse in zip(*rig.forward(*REST), rig.inverse_bind, strict=True):
        bind = np.linalg.inv([*inverse, (0, 0, 0, 1)])
        np.testing.assert_allclose(linear, bind[:3, :3], atol=1e-5)
        np.testing.assert_allclose(origin, bind[:3, 3], atol=1e-5)


def test_skinning_agrees_with_a_slow_sum_over_joints():
    rig, rng = read("Hand_low_R"), np.random.default_rng(0)
    joint_rotations = np.array([rotation_of_quaternion(each) for each in rng.normal(size=(26, 4))])
    scales = rng.uniform(0.8, 1.2, (26, 3))
    for array in (joint_rotations, scales):
        array.setflags(write=False)
    rotations, origins = rig.forward(joint_rotations, scales)
    expected = np.zeros_like(rig.vertices, dtype=float)
    for vertex, (ids, weights) in enumerate(zip(rig.joint_ids, rig.weights, strict=True)):
        for joint, weight in zip(ids, weights, strict=True):
            local = rig.inverse_bind[joint] @ [*rig.vertices[vertex], 1] * scales[joint]
            expected[vertex] += weight * (rotations[joint] @ local + origins[joint])
    np.testing.assert_allclose(rig.skin(joint_rotations, scales)[0], expected, atol=1e-5)


def test_keypoints_are_joints_in_openpose_order(rig):
    assert [rig.names[i] for i in rig.keypoint_ids] == list(KEYPOINT_JOINTS)
    assert len(set(rig.keypoint_ids)) == 21


@pytest.mark.parametrize("name", MESHES)
def test_wrist_loop_goes_once_around_the_cut(name):
    rig = read(name)
    loop = rig.vertices[rig.wrist_loop]
    angles = np.unwrap(np.arctan2(loop[:, 1], loop[:, 0] + 0.003))
    assert 16 <= len(loop) <= 24
    assert abs(angles[-1] - angles[0]) > 1.7 * np.pi
    assert (loop[:, 2] > 0.02).all()


def test_tangents_are_unit_and_orthogonal_to_normals(rig):
    normals, *tangents = rig.frame.transpose(1, 0, 2)
    for tangent in tangents:
        np.testing.assert_allclose((tangent * normals).sum(1), 0, atol=1e-5)
        assert (np.linalg.norm(tangent, axis=1) > 0.99).mean() > 0.99


def test_a_file_that_is_missing_or_damaged_is_refused(tmp_path):
    path = tmp_path / "damaged.gltf"
    with pytest.raises(AssetError, match=r"damaged\.gltf"):
        load_rig(path)
    for content in (b"", b"glTF", b"{}", b"[1]", b"\x00\xff"):
        path.write_bytes(content)
        with pytest.raises(AssetError, match=r"damaged\.gltf"):
            load_rig(path)


def test_rotation_follows_the_right_hand_rule():
    np.testing.assert_allclose(rotation((0, 0, 2), np.pi / 2) @ (1, 0, 0), (0, 1, 0), atol=1e-12)
    half = np.sqrt(0.5)
    turned = rotation_of_quaternion((0, 0, half, half)) @ (1, 0, 0)
    np.testing.assert_allclose(turned, (0, 1, 0), atol=1e-12)


def test_rotations_of_normal_quaternions_are_proper_and_cover_the_sphere():
    drawn = np.random.default_rng(0).normal(size=(2000, 4))
    rotations = np.array([rotation_of_quaternion(each) for each in drawn])
    unit = np.broadcast_to(np.eye(3), (2000, 3, 3))
    np.testing.assert_allclose(rotations @ rotations.transpose(0, 2, 1), unit, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=1e-9)
    assert np.abs(rotations.mean(0)).max() < 0.05
