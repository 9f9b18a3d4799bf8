import numpy as np
import pytest

from openpose_keras.training.synthesis import raster
from openpose_keras.training.synthesis.color import to_linear, to_srgb
from openpose_keras.training.synthesis.meshes import ball_profile, lathe, tube
from openpose_keras.training.synthesis.raster import Camera, Material, Mesh

CAMERA = Camera(40.0, (19.5, 14.5))
SHAPE = (30, 40)
AMBIENT = np.array([1, 1, 1, 1, 1, 1, 0, -1, 0], np.float32)


def mesh_of(vertices, triangles, **fields):
    vertices = np.asarray(vertices, np.float32)
    frame = np.zeros((len(vertices), 3, 3), np.float32)
    frame[:, 0] = (0, 0, -1)
    uv = np.zeros((len(vertices), 2), np.float32)
    grey = Material(np.ones(3), np.full(3, 0.5), specular=0.0).row()[None]
    fields = {"frame": frame, "uv": uv, "materials": grey, **fields}
    return Mesh(vertices, triangles=np.asarray(triangles, np.int32), **fields)


def slow_depth(vertices, triangles, *, two_sided):
    """Cast a ray through each pixel's centre and intersect it with each triangle's plane."""
    best = np.zeros(SHAPE)
    for y in range(SHAPE[0]):
        for x in range(SHAPE[1]):
            ray = np.array([(x - CAMERA.centre[0]) / 40, (y - CAMERA.centre[1]) / 40, 1.0])
            for a, b, c in vertices[triangles].astype(float):
                normal = np.cross(b - a, c - a)
                if normal @ ray >= 0 and not two_sided:
                    continue
                z = (normal @ a) / (normal @ ray)
                sides = [np.cross(q - p, z * ray - p) @ normal for p, q in ((a, b), (b, c), (c, a))]
                if min(sides) >= 0:
                    best[y, x] = max(best[y, x], 1 / z)
    return best


def random_soup(count, seed):
    rng = np.random.default_rng(seed)
    vertices = rng.uniform((-0.6, -0.5, 0.8), (0.6, 0.5, 2.5), (3 * count, 3)).astype(np.float32)
    return vertices, np.arange(3 * count).reshape(count, 3)


@pytest.mark.parametrize("two_sided", [False, True])
def test_depth_agrees_with_ray_casting(two_sided):
    vertices, triangles = random_soup(6, 3)
    buffers = raster.rasterise([mesh_of(vertices, triangles, two_sided=two_sided)], CAMERA, SHAPE)
    expected = slow_depth(vertices, triangles, two_sided=two_sided)
    differs = np.abs(buffers.inverse_depth - expected) > 1e-4
    assert expected.any()
    assert differs.sum() <= 2  # pixels whose centre lies on an edge


def test_weights_reproduce_the_point_that_is_seen():
    vertices, triangles = random_soup(6, 3)
    buffers = raster.rasterise([mesh_of(vertices, triangles, two_sided=True)], CAMERA, SHAPE)
    y, x = np.nonzero(buffers.mesh >= 0)
    wb, wc = buffers.weights[y, x].T
    corners = vertices[triangles[buffers.triangle[y, x]]]
    weights = np.stack([1 - wb - wc, wb, wc], axis=1)
    points = (weights[:, :, None] * corners).sum(1)
    np.testing.assert_allclose(
        raster.project(points, CAMERA)[:, :2], np.stack([x, y], axis=1), atol=1e-2
    )


def test_nearer_mesh_hides_the_farther_in_either_order():
    near = mesh_of([(-0.3, -0.3, 1), (0.3, -0.3, 1), (0, 0.3, 1)], [(0, 1, 2)], two_sided=True)
    far = mesh_of([(-0.3, -0.3, 2), (0.3, -0.3, 2), (0, 0.3, 2)], [(0, 1, 2)], two_sided=True)
    assert raster.rasterise([near, far], CAMERA, SHAPE).mesh[14, 19] == 0
    assert raster.rasterise([far, near], CAMERA, SHAPE).mesh[14, 19] == 1


def test_a_tie_goes_to_the_earlier_mesh():
    mesh = mesh_of([(-0.3, -0.3, 1), (0.3, -0.3, 1), (0, 0.3, 1)], [(0, 1, 2)], two_sided=True)
    assert raster.rasterise([mesh, mesh], CAMERA, SHAPE).mesh.max() == 0


def test_triangles_turned_away_are_culled_unless_two_sided():
    corners = [(-0.3, -0.3, 1), (0.3, -0.3, 1), (0, 0.3, 1)]
    seen = [
        (raster.rasterise([mesh_of(corners, [order])], CAMERA, SHAPE).mesh >= 0).sum()
        for order in ((0, 1, 2), (0, 2, 1))
    ]
    assert seen[0] == 0
    assert seen[1] > 100


@pytest.mark.parametrize("z", [-1.0, 0.0, 0.01])
def test_triangles_behind_or_at_the_camera_are_dropped(z):
    mesh = mesh_of([(-0.3, -0.3, z), (0.3, -0.3, 1), (0, 0.3, 1)], [(0, 2, 1)], two_sided=True)
    assert (raster.rasterise([mesh], CAMERA, SHAPE).mesh < 0).all()


def test_no_mesh_leaves_the_buffers_empty():
    buffers = raster.rasterise([], CAMERA, SHAPE)
    assert not buffers.inverse_depth.any()
    assert (buffers.mesh == -1).all()
    assert not raster.shade([], buffers, AMBIENT).any()


def test_ambient_light_shows_the_target_colour():
    target = np.array([0.2, 0.4, 0.6])
    mesh = mesh_of(
        [(-2, -2, 1), (2, -2, 1), (0, 4, 1)],
        [(0, 2, 1)],
        materials=Material(np.ones(3), target, specular=0.0).row()[None],
    )
    buffers = raster.rasterise([mesh], CAMERA, SHAPE)
    colour = raster.shade([mesh], buffers, AMBIENT)
    np.testing.assert_allclose(colour[15, 20], (*target, 1), atol=1e-5)


def test_lambert_light_follows_the_cosine():
    mesh = mesh_of([(-2, -2, 1), (2, -2, 1), (0, 4, 1)], [(0, 2, 1)])
    buffers = raster.rasterise([mesh], CAMERA, SHAPE)
    for degrees in (0, 30, 60, 80):
        angle = np.radians(degrees)
        lamp = [np.sin(angle), 0, -np.cos(angle), 1, 1, 1]
        lights = np.array([0, 0, 0, 0, 0, 0, 0, -1, 0, *lamp], np.float32)
        grey = raster.shade([mesh], buffers, lights)[15, 20, 0]
        assert grey == pytest.approx(0.5 * np.cos(angle), abs=1e-4)


def test_texture_is_perspective_correct():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 256, 0).repeat(3, 2)
    corners = np.array([(-0.4, -0.5, 1), (1.0, -1.2, 2.5), (1.0, 1.2, 2.5), (-0.4, 0.5, 1)])
    uv = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32) * 0.9 + 0.05
    mesh = mesh_of(
        corners,
        [(0, 1, 2), (0, 2, 3)],
        uv=uv,
        texture=ramp,
        regions=np.zeros((256, 256), np.uint8),
        bumps=np.zeros((256, 256, 2), np.int8),
        materials=Material(np.ones(3), np.ones(3) * 0.9, specular=0).row()[None],
        two_sided=True,
    )
    colour = raster.shade([mesh], raster.rasterise([mesh], CAMERA, SHAPE), AMBIENT)
    for x in (10, 20, 30):
        slope = (x - CAMERA.centre[0]) / 40
        along = (slope + 0.4) / (1.4 - 1.5 * slope)  # where the ray meets the wall, 0 to 1
        texel = (0.05 + 0.9 * along) * 256 - 0.5
        expected = 0.9 * to_linear(np.array(texel / 255))
        assert colour[14, x, 0] == pytest.approx(expected, rel=0.02)


def test_an_object_between_lamp_and_wall_casts_a_shadow():
    wall = mesh_of([(-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1)], [(0, 2, 1), (0, 3, 2)])
    ball = lathe(ball_profile(0.03), np.array([0, 1.0, 0]), np.array([-0.08, 0, 0.92]))
    buffers = raster.rasterise([wall, ball], CAMERA, SHAPE)
    light = np.array([-1, 0, -1]) / np.sqrt(2)
    lamp = raster.shadows([wall, ball], buffers, CAMERA, light)
    assert lamp[14, 19] == 0  # the ball's shadow falls on the axis
    assert lamp[2, 35] == 1


def test_solids_point_outwards():
    ball = lathe(ball_profile(1.0), np.array([0.3, 1.0, 0.2]), np.array([1.0, 2, 3]))
    outwards = ball.vertices - (1, 2, 3)
    assert ((outwards * ball.frame[:, 0]).sum(1) > 0.9).all()
    a, b, c = (ball.vertices[ball.triangles[:, k]] for k in range(3))
    faces = np.cross(b - a, c - a)
    assert ((faces * (a + b + c - 3 * np.array([1, 2, 3]))).sum(1) >= -1e-6).all()


def test_tube_keeps_its_rings():
    rings = np.random.default_rng(0).normal(size=(3, 5, 3))
    part = tube(rings, np.zeros((15, 2)))
    np.testing.assert_allclose(part.vertices, rings.reshape(-1, 3), rtol=1e-6)
    assert part.triangles.shape == (20, 3)


def test_tone_mapping_divides_by_coverage_and_encodes():
    colour = np.zeros((1, 3, 4), np.float32)
    colour[0, 1] = (0.5, 0.25, 0.1, 0.5)
    colour[0, 2] = (9, 0, 0, 1)
    pixels = raster.tone_map(colour, 0.0)
    np.testing.assert_array_equal(pixels[0, 0], 0)
    expected = np.round(to_srgb(np.array([1.0, 0.5, 0.2])) * 255)
    assert np.abs(pixels[0, 1, :3] - expected).max() <= 1
    assert pixels[0, 1, 3] == 128
    np.testing.assert_array_equal(pixels[0, 2], (255, 0, 0, 255))
