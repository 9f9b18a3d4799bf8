"""The rasteriser and the shading of what it finds."""

import numpy as np
import pytest

from openpose_keras.training.synthesis import raster, shading
from openpose_keras.training.synthesis.color import to_linear, to_srgb
from openpose_keras.training.synthesis.meshes import ball_profile, box, lathe
from openpose_keras.training.synthesis.raster import Camera, Material, Mesh

CAMERA = Camera(40.0, (19.5, 14.5))
SHAPE = (30, 40)
AMBIENT = np.array([1, 1, 1, 1, 1, 1, 0, -1, 0], np.float32)
LIT = np.ones((*SHAPE, 2), np.float32)
SMALL = [(-0.3, -0.3, 1), (0.3, -0.3, 1), (0, 0.3, 1)]
LARGE = [(-2, -2, 1), (2, -2, 1), (0, 4, 1)]
SOUP = (
    np.random.default_rng(3).uniform((-0.6, -0.5, 0.8), (0.6, 0.5, 2.5), (18, 3)),
    np.arange(18).reshape(6, 3),
)


def mesh_of(vertices, triangles, **fields):
    vertices = np.asarray(vertices, np.float32)
    frame = np.zeros((len(vertices), 3, 3), np.float32)
    frame[:, 0] = (0, 0, -1)
    uv = np.zeros((len(vertices), 2), np.float32)
    grey = Material(np.ones(3), np.full(3, 0.5), specular=0.0).record()
    fields = {"frame": frame, "uv": uv, "materials": grey, **fields}
    return Mesh(vertices, triangles=np.asarray(triangles, np.int32), **fields)


def rasterise(*meshes):
    return raster.rasterise(list(meshes), CAMERA, SHAPE)


def shade(mesh, lights=AMBIENT):
    return shading.shade([mesh], rasterise(mesh), lights, LIT)


def slow_depth(vertices, triangles, *, two_sided):
    """Cast a ray through each pixel's centre and intersect it with each triangle's plane."""
    best = np.zeros(SHAPE)
    for y, x in np.ndindex(SHAPE):
        ray = np.array([(x - CAMERA.centre[0]) / 40, (y - CAMERA.centre[1]) / 40, 1.0])
        for a, b, c in vertices[triangles]:
            normal = np.cross(b - a, c - a)
            if normal @ ray >= 0 and not two_sided:
                continue
            z = (normal @ a) / (normal @ ray)
            sides = [np.cross(q - p, z * ray - p) @ normal for p, q in ((a, b), (b, c), (c, a))]
            if min(sides) >= 0:
                best[y, x] = max(best[y, x], 1 / z)
    return best


@pytest.mark.parametrize("two_sided", [False, True])
def test_depth_agrees_with_ray_casting(two_sided):
    found = rasterise(mesh_of(*SOUP, two_sided=two_sided)).inverse_depth
    expected = slow_depth(*SOUP, two_sided=two_sided)
    assert expected.any()
    assert (np.abs(found - expected) > 1e-4).sum() <= 2  # pixels whose centre lies on an edge


def test_weights_reproduce_the_point_that_is_seen():
    buffers = rasterise(mesh_of(*SOUP, two_sided=True))
    y, x = np.nonzero(buffers.mesh >= 0)
    wb, wc = buffers.weights[y, x].T
    weights = np.stack([1 - wb - wc, wb, wc], axis=1)
    vertices, triangles = SOUP
    points = (weights[:, :, None] * vertices[triangles[buffers.triangle[y, x]]]).sum(1)
    found = raster.project(points, CAMERA)[:, :2]
    np.testing.assert_allclose(found, np.stack([x, y], axis=1), atol=1e-2)


def test_a_nearer_mesh_hides_the_farther_and_a_tie_goes_to_the_earlier():
    near = mesh_of(SMALL, [(0, 1, 2)], two_sided=True)
    far = near._replace(vertices=near.vertices + np.float32([0, 0, 1]))
    assert rasterise(near, far).mesh[14, 19] == 0
    assert rasterise(far, near).mesh[14, 19] == 1
    assert rasterise(near, near).mesh.max() == 0


def test_triangles_turned_away_are_culled():
    assert (rasterise(mesh_of(SMALL, [(0, 1, 2)])).mesh < 0).all()
    assert (rasterise(mesh_of(SMALL, [(0, 2, 1)])).mesh >= 0).sum() > 100


@pytest.mark.parametrize("z", [-1.0, 0.0, 0.01])
def test_triangles_behind_or_at_the_camera_are_dropped(z):
    mesh = mesh_of([(-0.3, -0.3, z), *SMALL[1:]], [(0, 2, 1)], two_sided=True)
    assert (rasterise(mesh).mesh < 0).all()


def test_no_mesh_leaves_the_buffers_empty():
    buffers = rasterise()
    assert not buffers.inverse_depth.any()
    assert (buffers.mesh == -1).all()
    assert not shading.shade([], buffers, AMBIENT, LIT).any()


def test_ambient_light_shows_the_target_colour():
    target = np.array([0.2, 0.4, 0.6])
    material = Material(np.ones(3), target, specular=0.0).record()
    colour = shade(mesh_of(LARGE, [(0, 2, 1)], materials=material))
    np.testing.assert_allclose(colour[15, 20], (*target, 1), atol=1e-5)


@pytest.mark.parametrize("degrees", [0, 30, 60, 80])
def test_lambert_light_follows_the_cosine(degrees):
    angle = np.radians(degrees)
    lamp = [np.sin(angle), 0, -np.cos(angle), 1, 1, 1]
    lights = np.array([0, 0, 0, 0, 0, 0, 0, -1, 0, *lamp], np.float32)
    grey = shade(mesh_of(LARGE, [(0, 2, 1)]), lights)[15, 20, 0]
    assert grey == pytest.approx(0.5 * np.cos(angle), abs=1e-4)


def test_texture_is_perspective_correct():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 256, 0).repeat(3, 2)
    mesh = mesh_of(
        [(-0.4, -0.5, 1), (1.0, -1.2, 2.5), (1.0, 1.2, 2.5), (-0.4, 0.5, 1)],
        [(0, 1, 2), (0, 2, 3)],
        uv=np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32) * 0.9 + 0.05,
        texture=ramp,
        regions=np.zeros((256, 256), np.uint8),
        bumps=np.zeros((256, 256, 2), np.int8),
        materials=Material(np.ones(3), np.ones(3) * 0.9, specular=0).record(),
        two_sided=True,
    )
    colour = shade(mesh)
    for x in (10, 20, 30):
        slope = (x - CAMERA.centre[0]) / 40
        along = (slope + 0.4) / (1.4 - 1.5 * slope)  # where the ray meets the wall, 0 to 1
        texel = (0.05 + 0.9 * along) * 256 - 0.5
        assert colour[14, x, 0] == pytest.approx(0.9 * to_linear(texel / 255), rel=0.02)


def test_an_object_between_lamp_and_wall_casts_a_shadow():
    wall = mesh_of([(-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1)], [(0, 2, 1), (0, 3, 2)])
    ball = lathe(ball_profile(0.03), np.array([0, 1.0, 0]), np.array([-0.08, 0, 0.92]))
    light = np.array([-1, 0, -1]) / np.sqrt(2)
    lamp = raster.shadows([wall, ball], rasterise(wall, ball), CAMERA, light, 1.0)
    assert lamp[14, 19] == 0  # the ball's shadow falls on the axis
    assert lamp[2, 35] == 1


SOLIDS = {
    "ball": lathe(ball_profile(1.0), np.array([0.3, 1.0, 0.2]), np.array([1.0, 2, 3])),
    "box": box(np.array([0.7, 0.9, 0.8]), np.eye(3)[[1, 2, 0]], np.array([1.0, 2, 3])),
}


@pytest.mark.parametrize("name", SOLIDS)
def test_solids_point_outwards(name):
    solid, middle = SOLIDS[name], np.array([1, 2, 3])
    assert (((solid.vertices - middle) * solid.frame[:, 0]).sum(1) > 0.6).all()
    a, b, c = solid.vertices[solid.triangles].transpose(1, 0, 2)
    faces = np.cross(b - a, c - a)
    assert ((faces * (a + b + c - 3 * middle)).sum(1) >= -1e-6).all()


def test_tone_mapping_divides_by_coverage_and_encodes():
    colour = np.zeros((1, 3, 4), np.float32)
    colour[0, 1] = (0.5, 0.25, 0.1, 0.5)
    colour[0, 2] = (9, 0, 0, 1)
    pixels = shading.tone_map(colour, np.float32(0))
    expected = np.round(to_srgb(np.array([1.0, 0.5, 0.2])) * 255)
    np.testing.assert_allclose(pixels[0, 1], (*expected, 128), atol=1)
    np.testing.assert_array_equal(pixels[0, [0, 2]], [(0, 0, 0, 0), (255, 0, 0, 255)])
