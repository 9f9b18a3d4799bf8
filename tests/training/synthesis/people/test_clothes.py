import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from openpose_keras.training.synthesis.meshes import box
from openpose_keras.training.synthesis.people.body import read_body
from openpose_keras.training.synthesis.people.clothes import read_garment, trimmed
from tests.helpers.makehuman_files import write_body, write_clothes

ROWS = ["3", "0 1 2 0.25 0.5 0.25 0.5 1.0 -0.5", "8 9 10 1 0 0 0 0 0", "4 5 6 0.5 0 0.5 0 0 0"]


@pytest.fixture
def body(tmp_path):
    return read_body(write_body(tmp_path))


def test_clothes_follow_the_vertices_that_hold_them(body, tmp_path):
    garment = read_garment(write_clothes(tmp_path, ROWS), tmp_path, body)
    fitted = garment.fit(body.vertices)
    held = body.vertices[[0, 1, 2]].T @ (0.25, 0.5, 0.25)
    assert_allclose(fitted[0], body.vertices[3], atol=1e-6)
    assert_allclose(fitted[1] - held, (0.05, 0.1, -0.05), atol=1e-6)
    assert_allclose(fitted[3], body.vertices[[4, 6]].mean(0), atol=1e-6)


def test_offsets_grow_with_the_body_along_each_axis(body, tmp_path):
    garment = read_garment(write_clothes(tmp_path, ROWS), tmp_path, body)
    scale = np.array([2.0, 1.5, 3.0], np.float32)
    assert_allclose(
        garment.fit(body.vertices * scale), garment.fit(body.vertices) * scale, atol=1e-6
    )


def test_clothes_are_moved_by_the_bones_of_what_holds_them(body, tmp_path):
    garment = read_garment(write_clothes(tmp_path, ROWS), tmp_path, body)
    assert_array_equal(garment.joint_ids[:3, 0], [body.bone("root")] * 2 + [body.bone("tip")])
    assert_allclose(garment.weights[3, :2], 0.5, atol=1e-4)


def test_spans_of_hidden_vertices_include_both_ends(body, tmp_path):
    garment = read_garment(write_clothes(tmp_path, ROWS), tmp_path, body)
    assert_array_equal(np.flatnonzero(garment.hidden), [0, 2, 3, 4, 9])
    assert len(garment.pieces) == 1


def test_clothes_with_another_count_of_vertices_are_refused(body, tmp_path):
    path = write_clothes(tmp_path, ROWS)
    path.write_text(path.read_text().replace("8 9 10 1 0 0 0 0 0\n", ""))
    with pytest.raises(ValueError, match=r"expected 4 vertices in shirt\.mhclo, got 3"):
        read_garment(path, tmp_path, body)


def area(mesh):
    a, b, c = np.moveaxis(mesh.vertices[mesh.triangles], 1, 0)
    return np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2


@pytest.mark.parametrize("seed", range(5))
def test_both_sides_of_a_cut_add_up_to_the_whole_and_end_at_the_cut(seed):
    mesh = box(np.array([0.5, 1.0, 0.7]), np.eye(3), np.zeros(3))
    normal = np.random.default_rng(seed).normal(size=3)
    depths = mesh.vertices @ normal - 0.2
    inside, outside = trimmed(mesh, depths), trimmed(mesh, -depths)
    assert area(inside) + area(outside) == pytest.approx(area(mesh), rel=1e-5)
    used = inside.vertices[np.unique(inside.triangles)]
    assert (used @ normal - 0.2).min() == pytest.approx(0, abs=1e-5)
