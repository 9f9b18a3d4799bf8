import json

import numpy as np
import pytest

from openpose_keras.core.errors import AssetError
from openpose_keras.training.synthesis.rig import KEYPOINT_JOINTS, load_rig
from tests.helpers.assets import assets_folder

MESHES = ["hand_r", "Hand_Nails_R", "Hand_Glove_R", "Hand_low_R", "Hand_Nails_low_R", "hand_l"]


def model(name):
    return assets_folder() / "rigged_hand" / "model" / f"{name}.gltf"


@pytest.mark.parametrize("name", MESHES)
def test_rest_pose_reproduces_the_bind_mesh(name):
    rig = load_rig(model(name))
    vertices, frame, _ = rig.skin()
    np.testing.assert_allclose(vertices, rig.vertices, atol=1e-6)
    np.testing.assert_allclose(frame[:, 0], rig.normals, atol=1e-5)


def test_joints_of_the_rest_pose_agree_with_the_inverse_bind_matrices():
    rig = load_rig(model("hand_r"))
    rotations, origins = rig.forward()
    for rotation, origin, inverse in zip(rotations, origins, rig.inverse_bind, strict=True):
        bind = np.linalg.inv(inverse)
        np.testing.assert_allclose(rotation, bind[:3, :3], atol=1e-5)
        np.testing.assert_allclose(origin, bind[:3, 3], atol=1e-5)


def test_skinning_agrees_with_a_slow_sum_over_joints():
    rig = load_rig(model("Hand_low_R"))
    rng = np.random.default_rng(0)
    joint_rotations = np.linalg.qr(rng.normal(size=(26, 3, 3)))[0]
    joint_rotations *= np.sign(np.linalg.det(joint_rotations))[:, None, None]
    scales = rng.uniform(0.8, 1.2, (26, 3))
    rotations, origins = rig.forward(joint_rotations, scales)
    expected = np.zeros_like(rig.vertices, dtype=float)
    for vertex, (ids, weights) in enumerate(zip(rig.joint_ids, rig.weights, strict=True)):
        for joint, weight in zip(ids, weights, strict=True):
            local = (rig.inverse_bind[joint] @ [*rig.vertices[vertex], 1])[:3] * scales[joint]
            expected[vertex] += weight * (rotations[joint] @ local + origins[joint])
    np.testing.assert_allclose(rig.skin(joint_rotations, scales)[0], expected, atol=1e-5)


def test_forward_does_not_write_into_its_arguments():
    rig = load_rig(model("Hand_low_R"))
    joint_rotations, scales = np.tile(np.eye(3), (26, 1, 1)), np.full((26, 3), 1.1)
    before = joint_rotations.copy(), scales.copy()
    rig.skin(joint_rotations, scales)
    np.testing.assert_array_equal(joint_rotations, before[0])
    np.testing.assert_array_equal(scales, before[1])


def test_left_mesh_mirrors_the_right_one():
    right, left = load_rig(model("hand_r")), load_rig(model("hand_l"))
    mirrored = right.forward()[1][right.keypoint_ids] * (-1, 1, 1)
    np.testing.assert_allclose(left.forward()[1][left.keypoint_ids], mirrored, atol=1e-4)


def test_keypoints_are_joints_in_openpose_order():
    rig = load_rig(model("hand_r"))
    assert [rig.names[i] for i in rig.keypoint_ids] == list(KEYPOINT_JOINTS)
    assert len(set(rig.keypoint_ids)) == 21


@pytest.mark.parametrize("name", MESHES[:5])
def test_wrist_loop_goes_once_around_the_cut(name):
    rig = load_rig(model(name))
    loop = rig.vertices[rig.wrist_loop]
    angles = np.unwrap(np.arctan2(loop[:, 1], loop[:, 0] + 0.003))
    assert 16 <= len(loop) <= 24
    assert abs(angles[-1] - angles[0]) > 1.7 * np.pi
    assert (loop[:, 2] > 0.02).all()


def test_tangents_are_unit_and_orthogonal_to_normals():
    rig = load_rig(model("hand_r"))
    for tangent in (rig.tangents, rig.bitangents):
        np.testing.assert_allclose((tangent * rig.normals).sum(1), 0, atol=1e-5)
        assert (np.linalg.norm(tangent, axis=1) > 0.99).mean() > 0.99


def test_binary_gltf_is_read_too():
    rig = load_rig(assets_folder() / "webxr_hand" / "generic-hand_right.glb")
    assert len(rig.names) == 25
    assert rig.weights.sum(1) == pytest.approx(1, abs=1e-5)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(AssetError, match=r"nothing\.gltf"):
        load_rig(tmp_path / "nothing.gltf")


@pytest.mark.parametrize("content", [b"", b"glTF", b"{}", json.dumps([1]).encode(), b"\x00\xff"])
def test_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "damaged.gltf"
    path.write_bytes(content)
    with pytest.raises(AssetError, match="damaged"):
        load_rig(path)
