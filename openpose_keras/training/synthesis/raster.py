"""A z-buffer rasteriser for triangle meshes, compiled with numba.

Camera frame: x right, y down, z forward, metres. Triangles are counter-clockwise seen from outside.
Rasterising and shading are two passes: the first finds the nearest triangle of each pixel, the
second looks up texture and light once a pixel. Tone mapping makes 8-bit pixels of the light.
"""

from dataclasses import dataclass, field

import numpy as np

from openpose_keras.training.synthesis import raster_kernels as kernels
from openpose_keras.training.synthesis.color import to_linear, to_srgb

PLAIN_PATTERN = np.ones((1, 1, 3), np.float32)
_WHITE = np.full((1, 1, 3), 255, np.uint8)
_ONE_REGION = np.zeros((1, 1), np.uint8)
_NO_BUMPS = np.zeros((1, 1, 2), np.int8)


@dataclass(frozen=True, eq=False)
class Mesh:
    """A mesh, in the camera frame where it is rasterised. By default its surface is plain white.

    Args:
        vertices: (n, 3) float32.
        frame: (n, 3, 3) float32 unit rows: normal, tangent along u, bitangent along v. Tangents are
            zero where the surface has no bumps.
        uv: (n, 2) float32 texture coordinates.
        triangles: (m, 3) int32.
        texture: (h, w, 3) uint8 sRGB.
        regions: (h, w) uint8, the row of `materials` that a texel has.
        bumps: (h, w, 2) int8, x and y of the tangent-space normal times 127.
        materials: (k, 15) float32, rows of `Material`.
        pattern: (p, p, 3) float32, multiplies the colour of materials that repeat it.
        two_sided: Whether the inside is visible too.
    """

    vertices: np.ndarray
    frame: np.ndarray
    uv: np.ndarray
    triangles: np.ndarray
    texture: np.ndarray = field(default_factory=lambda: _WHITE)
    regions: np.ndarray = field(default_factory=lambda: _ONE_REGION)
    bumps: np.ndarray = field(default_factory=lambda: _NO_BUMPS)
    materials: np.ndarray = field(
        default_factory=lambda: Material(np.ones(3), np.ones(3), specular=0.0).row()[None]
    )
    pattern: np.ndarray = field(default_factory=lambda: PLAIN_PATTERN)
    two_sided: bool = False


@dataclass(frozen=True, eq=False)
class Buffers:
    """What `rasterise` finds for each pixel.

    Args:
        inverse_depth: (h, w) float32, 1 / z, zero where no mesh is.
        mesh: (h, w) int16, index of the mesh, -1 where no mesh is.
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
    """How a surface reflects light.

    Args:
        mean: (3,) linear RGB, the texture's mean colour.
        target: (3,) linear RGB that takes its place.
        detail: Fraction of the texture's deviation from its mean that is kept.
        chroma: 1 keeps the deviation's colour, 0 only its brightness.
        specular: Strength of the highlight.
        shininess: Exponent of the highlight.
        wrap: For each channel, how far light reaches around the terminator, as through skin.
        bump: Strength of the normal map.
        pattern: Repeats of the mesh's pattern over the texture, 0 for none.
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

    Args:
        focal: Pixels for a slope of one.
        centre: (x, y) of the optical axis in pixels.
    """

    focal: float
    centre: tuple[float, float]


def project(vertices: np.ndarray, camera: Camera) -> np.ndarray:
    """Project points of the camera frame.

    Args:
        vertices: (n, 3), z > 0.
        camera: The camera.

    Returns:
        (n, 3) float32: x and y in pixels (an integer is a pixel's centre) and 1 / z.
    """
    inverse = 1 / vertices[:, 2:]
    xy = vertices[:, :2] * inverse * camera.focal + camera.centre
    return np.concatenate([xy, inverse], axis=1).astype(np.float32)


def rasterise(meshes: list[Mesh], camera: Camera, shape: tuple[int, int]) -> Buffers:
    """Find the nearest triangle at each pixel.

    Args:
        meshes: Meshes in the camera frame; triangles with a corner nearer than 5 cm are dropped.
        camera: The camera.
        shape: (height, width).

    Returns:
        The buffers; of two triangles at the same depth the earlier one counts.
    """
    buffers = _empty_buffers(shape, 0.0)
    for index, mesh in enumerate(meshes):
        points = project(np.maximum(mesh.vertices, (-1e9, -1e9, 1e-3)), camera)
        _fill(points, mesh.triangles, index, mesh.two_sided, buffers)
    return buffers


def _empty_buffers(shape: tuple[int, int], depth: float) -> Buffers:
    """Return buffers without a triangle."""
    return Buffers(
        np.full(shape, depth, np.float32),
        np.full(shape, -1, np.int16),
        np.zeros(shape, np.int32),
        np.zeros((*shape, 2), np.float32),
    )


def _fill(
    points: np.ndarray, triangles: np.ndarray, index: int, two_sided: bool, buffers: Buffers
) -> None:
    """Draw the triangles of a mesh into buffers."""
    kernels.fill(
        points, triangles, index, two_sided,
        buffers.inverse_depth, buffers.mesh, buffers.triangle, buffers.weights,
    )  # fmt: skip


def shade(
    meshes: list[Mesh],
    buffers: Buffers,
    lights: np.ndarray,
    light_map: np.ndarray | None = None,
) -> np.ndarray:
    """Compute the colour of each covered pixel.

    Args:
        meshes: The meshes that were rasterised.
        buffers: The result of `rasterise`.
        lights: (9 + 6 n,) float32: ambient colour from above, from below, the up vector, then the
            direction towards each lamp and its colour; the first lamp casts shadows.
        light_map: (h, w, 2) float32, the fractions of the first lamp and of the ambient light that
            reach each pixel; None for all of it.

    Returns:
        (h, w, 4) float32 linear RGB and coverage (0 or 1), zero where no mesh is.
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
    """Compute which fraction of a far lamp's light reaches each pixel, with a shadow map.

    Args:
        meshes: The meshes that were rasterised.
        buffers: The result of `rasterise`.
        camera: The camera that they were rasterised for.
        light: (3,) unit direction towards the lamp.
        radius: Half the side of the shadow map in metres, around the first mesh's middle.
        size: Side of the shadow map in texels.
        softness: Texels between the nine samples that are averaged.

    Returns:
        (h, w) float32 in [0, 1]; 1 for pixels outside the map.
    """
    middle = meshes[0].vertices.mean(0)
    side = np.cross(light, (0.0, 1.0, 0.0) if abs(light[1]) < 0.9 else (1.0, 0.0, 0.0))
    side /= np.linalg.norm(side)
    basis = np.stack([side, np.cross(light, side), light]).astype(np.float32)
    scale = size / (2 * radius)
    shadow_map = _empty_buffers((size, size), -1e9)
    for mesh in meshes:
        local = ((mesh.vertices - middle) @ basis.T).astype(np.float32)
        local[:, :2] = local[:, :2] * scale + size / 2
        _fill(local, mesh.triangles, 0, True, shadow_map)
    result = np.ones(buffers.mesh.shape, np.float32)
    numbers = np.array([scale, camera.focal, *camera.centre, softness], np.float32)
    nearest, middle = shadow_map.inverse_depth, middle.astype(np.float32)
    kernels.look_up_shadow(buffers.inverse_depth, nearest, basis, middle, numbers, result)
    return result


def tone_map(colour: np.ndarray, highlight_rolloff: float) -> np.ndarray:
    """Turn linear light into 8-bit pixels.

    Args:
        colour: (h, w, 4) float32 linear RGB times coverage, and coverage in [0, 1].
        highlight_rolloff: 0 clips bright light, 1 compresses it; between, a blend of both.

    Returns:
        (h, w, 4) uint8: sRGB, not multiplied by alpha, and alpha; zero where coverage is zero.
    """
    result = np.zeros(colour.shape, np.uint8)
    colour = np.ascontiguousarray(colour, np.float32)
    kernels.tone_map(colour, np.float32(highlight_rolloff), _ENCODED, result)
    return result


_LINEAR = to_linear(np.arange(256) / 255).astype(np.float32)
_ENCODED = np.round(to_srgb((np.arange(8192) + 0.5) / 8192) * 255).astype(np.uint8)
