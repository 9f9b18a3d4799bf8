"""A z-buffer rasteriser for triangle meshes, compiled with numba.

Camera frame: x right, y down, z forward, metres. Triangles are counter-clockwise seen from outside.
Rasterising and shading are two passes: the first finds the nearest triangle of each pixel, the
second looks up texture and light once a pixel.
"""

from dataclasses import dataclass

import numpy as np

from openpose_keras.training.color import to_linear
from openpose_keras.training.synthesis import raster_kernels as kernels


@dataclass(frozen=True, eq=False)
class Mesh:
    """A mesh in the camera frame.

    Attributes:
        vertices: (n, 3) float32.
        frame: (n, 3, 3) float32 unit rows: normal, tangent along u, bitangent along v.
        uv: (n, 2) float32.
        triangles: (m, 3) int32.
        texture: (h, w, 3) uint8 sRGB.
        regions: (h, w) uint8, which row of `materials` a texel uses.
        bumps: (h, w, 2) int8, x and y of the tangent-space normal times 127.
        materials: (k, 15) float32, rows of `Material`.
        pattern: (p, p, 3) float32, multiplies the colour of materials that ask for it.
        two_sided: show the inside too.
    """

    vertices: np.ndarray
    frame: np.ndarray
    uv: np.ndarray
    triangles: np.ndarray
    texture: np.ndarray
    regions: np.ndarray
    bumps: np.ndarray
    materials: np.ndarray
    pattern: np.ndarray
    two_sided: bool = False


@dataclass(frozen=True, eq=False)
class Buffers:
    """What `rasterise` finds for each pixel.

    Attributes:
        inverse_depth: (h, w) float32, 1 / z, zero where nothing is.
        mesh: (h, w) int16, index of the mesh, -1 where nothing is.
        triangle: (h, w) int32, index within the mesh.
        weights: (h, w, 2) float32, perspective-correct weights of the triangle's second and third
            corner.
    """

    inverse_depth: np.ndarray
    mesh: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class Material:
    """How a surface takes light.

    Attributes:
        mean: (3,) linear RGB, the texture's mean colour.
        target: (3,) linear RGB that takes its place.
        detail: how much of the texture's deviation from its mean is kept.
        chroma: 1 keeps the deviation's colour, 0 only its brightness.
        specular: strength of the highlight.
        shininess: exponent of the highlight.
        wrap: by channel, how far light reaches around the terminator, as it does through skin.
        bump: strength of the normal map.
        pattern: repeats of the mesh's pattern over the texture, 0 for none.
    """

    mean: np.ndarray
    target: np.ndarray
    detail: float = 1.0
    chroma: float = 1.0
    specular: float = 0.1
    shininess: float = 20.0
    wrap: tuple[float, float, float] = (0.0, 0.0, 0.0)
    bump: float = 1.0
    pattern: float = 0.0

    def row(self) -> np.ndarray:
        """Return the (15,) float32 row that the kernels read."""
        options = (self.detail, self.chroma, self.specular, self.shininess)
        row = (*self.mean, *self.target, *options, *self.wrap, self.bump, self.pattern)
        return np.array(row, np.float32)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Attributes:
        focal: pixels for a slope of one.
        centre: (x, y) pixel that the optical axis meets.
    """

    focal: float
    centre: tuple[float, float]


def project(vertices: np.ndarray, camera: Camera) -> np.ndarray:
    """Project points of the camera frame.

    Args:
        vertices: (n, 3), z > 0.
        camera: the camera.

    Returns:
        (n, 3) float32: x and y in pixels (an integer is a pixel's centre) and 1 / z.
    """
    inverse = 1 / vertices[:, 2:]
    xy = vertices[:, :2] * inverse * camera.focal + camera.centre
    return np.concatenate([xy, inverse], axis=1).astype(np.float32)


def rasterise(meshes: list[Mesh], camera: Camera, shape: tuple[int, int]) -> Buffers:
    """Find the nearest triangle at each pixel.

    Args:
        meshes: in the camera frame; triangles with a corner nearer than 5 cm are dropped.
        camera: the camera.
        shape: (height, width).

    Returns:
        The buffers; where two triangles tie, the earlier one stays.
    """
    depth = np.zeros(shape, np.float32)
    which = np.full(shape, -1, np.int16)
    triangle = np.zeros(shape, np.int32)
    weights = np.zeros((*shape, 2), np.float32)
    for index, mesh in enumerate(meshes):
        points = project(np.maximum(mesh.vertices, (-1e9, -1e9, 1e-3)), camera)
        kernels.fill(points, mesh.triangles, index, mesh.two_sided, depth, which, triangle, weights)
    return Buffers(depth, which, triangle, weights)


def shade(
    meshes: list[Mesh],
    buffers: Buffers,
    lights: np.ndarray,
    light_map: np.ndarray | None = None,
) -> np.ndarray:
    """Compute the colour of each covered pixel.

    Args:
        meshes: as given to `rasterise`.
        buffers: its result.
        lights: (9 + 6 n,) float32: ambient colour from above, from below, the up vector, then the
            direction towards each lamp and its colour; the first lamp casts shadows.
        light_map: (h, w, 2) float32, how much of the first lamp and of the ambient light reaches
            each pixel; None is all.

    Returns:
        (h, w, 4) float32 linear RGB and coverage (0 or 1), zero where nothing is.
    """
    colour = np.zeros((*buffers.mesh.shape, 4), np.float32)
    if light_map is None:
        light_map = np.ones((*buffers.mesh.shape, 2), np.float32)
    for index, mesh in enumerate(meshes):
        kernels.shade_mesh(
            index, mesh.vertices, mesh.frame, np.pad(mesh.uv, ((0, 0), (0, 1))), mesh.triangles,
            mesh.texture, mesh.regions, mesh.bumps, mesh.materials, mesh.pattern,
            buffers.mesh, buffers.triangle, buffers.weights, lights, light_map, _LINEAR, colour,
        )  # fmt: skip
    return colour


def shadows(
    meshes: list[Mesh],
    buffers: Buffers,
    camera: Camera,
    light: np.ndarray,
    *,
    radius: float = 0.17,
    size: int = 192,
    softness: float = 1.0,
) -> np.ndarray:
    """Compute how much of a far lamp each covered pixel sees, with a shadow map.

    Args:
        meshes: as given to `rasterise`.
        buffers: its result.
        camera: as given to `rasterise`.
        light: (3,) unit direction towards the lamp.
        radius: half the side of the shadow map in metres, around the first mesh's middle.
        size: pixels of the shadow map's side.
        softness: texels between the nine taps that are averaged.

    Returns:
        (h, w) float32 in [0, 1]; pixels outside the map see the lamp.
    """
    middle = meshes[0].vertices.mean(0)
    side = np.cross(light, (0.0, 1.0, 0.0) if abs(light[1]) < 0.9 else (1.0, 0.0, 0.0))
    side /= np.linalg.norm(side)
    basis = np.stack([side, np.cross(light, side), light]).astype(np.float32)
    scale = size / (2 * radius)
    nearest = np.full((size, size), -1e9, np.float32)
    for mesh in meshes:
        local = ((mesh.vertices - middle) @ basis.T).astype(np.float32)
        local[:, :2] = local[:, :2] * scale + size / 2
        kernels.fill_depth(local, mesh.triangles, nearest)
    result = np.ones(buffers.mesh.shape, np.float32)
    numbers = np.array([scale, camera.focal, *camera.centre, softness], np.float32)
    kernels.look_up_shadow(
        buffers.inverse_depth, nearest, basis, middle.astype(np.float32), numbers, result
    )
    return result


_LINEAR = to_linear(np.arange(256) / 255).astype(np.float32)
