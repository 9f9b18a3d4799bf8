"""A z-buffer rasteriser for triangle meshes, compiled with numba.

Camera frame: x right, y down, z forward, metres. Triangles are counter-clockwise seen from outside.
Rasterisation finds the nearest triangle at each pixel. `shading` then looks up texture and light
once per pixel.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from openpose_keras.training.synthesis.kinematics import Array, unit


class Material(NamedTuple):
    """The reflection properties of a surface.

    Args:
        mean: (3,) linear RGB, the texture's mean colour.
        target: (3,) linear RGB that replaces the mean colour.
        detail: Fraction of the texture's deviation from its mean that is kept.
        chroma: 1 keeps the deviation's colour, 0 only its brightness.
        specular: Strength of the highlight.
        shininess: Exponent of the highlight.
        wrap: How far light reaches around the terminator, for each channel, as in skin.
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

    def record(self) -> np.ndarray:
        """Return the material as (1,) record of float32, which the kernels read by name."""
        shapes = [(name, np.float32, np.shape(value)) for name, value in self._asdict().items()]
        return np.array([tuple(self)], shapes)


PLAIN_PATTERN = np.ones((1, 1, 3), np.float32)


class Mesh(NamedTuple):
    """A mesh, which must be in the camera frame for rasterisation; by default it is plain white.

    Args:
        vertices: (n, 3) float32.
        frame: (n, 3, 3) float32 unit rows: normal, tangent along u, bitangent along v. Tangents are
            zero if the surface has no bumps.
        uv: (n, 2) float32 texture coordinates.
        triangles: (m, 3) int32.
        texture: (h, w, 3) uint8 sRGB.
        regions: (h, w) uint8, the number of the material of each texel.
        bumps: (h, w, 2) int8, x and y of the tangent-space normal times 127.
        materials: (k,) records of `Material`.
        pattern: (p, p, 3) float32, a tile that multiplies the colour of materials that repeat it.
        two_sided: Whether the inside is also visible.
    """

    vertices: np.ndarray
    frame: np.ndarray
    uv: np.ndarray
    triangles: np.ndarray
    texture: np.ndarray = np.full((1, 1, 3), 255, np.uint8)
    regions: np.ndarray = np.zeros((1, 1), np.uint8)
    bumps: np.ndarray = np.zeros((1, 1, 2), np.int8)
    materials: np.ndarray = Material(np.ones(3), np.ones(3), specular=0.0).record()
    pattern: np.ndarray = PLAIN_PATTERN
    two_sided: bool = False


class Buffers(NamedTuple):
    """The result of `rasterise` for each pixel.

    Args:
        inverse_depth: (h, w) float32, 1 / z, zero where there is no mesh.
        mesh: (h, w) int16, index of the mesh, -1 where there is no mesh.
        triangle: (h, w) int32, index within the mesh.
        weights: (h, w, 2) float32, perspective-correct weights of the triangle's second and third
            corner.
    """

    inverse_depth: np.ndarray
    mesh: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray


class Camera(NamedTuple):
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
        The buffers. Of two triangles at the same depth, the earlier one is kept.
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


# A shadow map's depth may be 0, so that weights become infinite; nothing reads them.
@njit(cache=True, nogil=True, error_model="numpy")
def _fill(
    points: np.ndarray, triangles: np.ndarray, index: int, two_sided: bool, buffers: Buffers
) -> None:
    """Draw one mesh's triangles into the buffers; a greater inverse depth is nearer."""
    depth, which, triangle, weights = buffers
    height, width = depth.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        za, zb, zc = points[a, 2], points[b, 2], points[c, 2]
        if max(za, zb, zc) > 20.0:
            continue
        xa, ya = points[a, 0], points[a, 1]
        xb, yb = points[b, 0], points[b, 1]
        xc, yc = points[c, 0], points[c, 1]
        area = (xb - xa) * (yc - ya) - (yb - ya) * (xc - xa)
        if area == 0.0 or (area > 0.0 and not two_sided):
            continue
        x0 = max(int(np.ceil(min(xa, xb, xc))), 0)
        x1 = min(int(np.floor(max(xa, xb, xc))), width - 1)
        y0 = max(int(np.ceil(min(ya, yb, yc))), 0)
        y1 = min(int(np.floor(max(ya, yb, yc))), height - 1)
        scale = 1.0 / area
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                wb = ((xc - x) * (ya - y) - (yc - y) * (xa - x)) * scale
                wc = ((xa - x) * (yb - y) - (ya - y) * (xb - x)) * scale
                wa = 1.0 - wb - wc
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                z = np.float32(wa * za + wb * zb + wc * zc)
                if z > depth[y, x]:
                    depth[y, x] = z
                    which[y, x] = index
                    triangle[y, x] = t
                    weights[y, x, 0] = wb * zb / z
                    weights[y, x, 1] = wc * zc / z


def shadows(
    meshes: list[Mesh],
    buffers: Buffers,
    camera: Camera,
    light: np.ndarray,
    softness: float,
    *,
    side: int = 192,
    radius: float = 0.17,
) -> np.ndarray:
    """Compute the fraction of a far lamp's light that reaches each pixel, with a shadow map.

    Args:
        meshes: The rasterised meshes.
        buffers: The result of `rasterise`.
        camera: The camera with which they were rasterised.
        light: (3,) unit direction towards the lamp.
        softness: Distance of the nine averaged samples in texels of the shadow map.
        side: Side of the shadow map in texels.
        radius: Radius in metres around the first mesh's centre that the map covers.

    Returns:
        (h, w) float32 in [0, 1]; 1 for pixels outside the map.
    """
    middle = meshes[0].vertices.mean(0)
    across = unit(np.cross(light, (0.0, 1.0, 0.0) if abs(light[1]) < 0.9 else (1.0, 0.0, 0.0)))
    basis = np.stack([across, np.cross(light, across), light]).astype(np.float32)
    scale = side / (2 * radius)
    shadow_map = _empty_buffers((side, side), -1e9)
    for mesh in meshes:
        points = ((mesh.vertices - middle) @ basis.T).astype(np.float32)
        points[:, :2] = points[:, :2] * scale + side / 2
        _fill(points, mesh.triangles, 0, True, shadow_map)
    numbers = np.array([scale, camera.focal, *camera.centre, softness], np.float32)
    nearest, middle = shadow_map.inverse_depth, middle.astype(np.float32)
    return np.asarray(_look_up_shadow(buffers.inverse_depth, nearest, basis, middle, numbers))


@njit(cache=True, nogil=True)
def _look_up_shadow(
    inverse: Array, nearest: Array, basis: Array, middle: Array, numbers: Array
) -> Array:
    """Average nine samples of a shadow map for each covered pixel."""
    result = np.ones(inverse.shape, np.float32)
    size = nearest.shape[0]
    scale, focal, cx, cy, softness = numbers
    bias = np.float32(0.002) + np.float32(0.8) * (softness + np.float32(0.5)) / scale
    for y in range(inverse.shape[0]):
        for x in range(inverse.shape[1]):
            if inverse[y, x] <= 0.0:
                continue
            z = 1.0 / inverse[y, x]
            px = (x - cx) / focal * z - middle[0]
            py = (y - cy) / focal * z - middle[1]
            pz = z - middle[2]
            u = (basis[0, 0] * px + basis[0, 1] * py + basis[0, 2] * pz) * scale + size * 0.5
            v = (basis[1, 0] * px + basis[1, 1] * py + basis[1, 2] * pz) * scale + size * 0.5
            w = basis[2, 0] * px + basis[2, 1] * py + basis[2, 2] * pz + bias
            seen = 0
            for i in range(-1, 2):
                for j in range(-1, 2):
                    column = int(u + i * softness + 0.5)
                    row = int(v + j * softness + 0.5)
                    inside = 0 <= column < size and 0 <= row < size
                    if not inside or nearest[row, column] <= w:
                        seen += 1
            result[y, x] = seen / 9.0
    return result
