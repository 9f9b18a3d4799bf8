"""Inner loops of the rasteriser, compiled with numba. `raster` documents their arguments.

Each writes into the buffers that it gets, which `raster` makes for each call.
"""
# ruff: noqa: PLR0913 - loops take plain arrays

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

Array = np.ndarray
Triple = tuple[float, float, float]
Corners = tuple[int, int, int]
Function = TypeVar("Function", bound=Callable[..., Any])

if TYPE_CHECKING:  # numba has no types

    def njit(**options: object) -> Callable[[Function], Function]:
        """Compile a function, whose type stays the same."""
else:
    from numba import njit

# Columns of a material's row, see `raster.Material`. The mean comes first.
TARGET, DETAIL, CHROMA, SPECULAR, SHININESS, WRAP, BUMP, PATTERN = 3, 6, 7, 8, 9, 10, 13, 14


# A shadow map's depth may be 0, so that weights become infinite; nothing reads them.
@njit(cache=True, nogil=True, error_model="numpy")
def fill(
    points: Array, triangles: Array, index: int, two_sided: bool,
    depth: Array, which: Array, triangle: Array, weights: Array,
) -> None:  # fmt: skip
    """Draw one mesh's triangles into the buffers; a greater depth is nearer."""
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


@njit(cache=True, nogil=True)
def look_up_shadow(
    inverse: Array, nearest: Array, basis: Array, middle: Array, numbers: Array, result: Array
) -> None:
    """Average nine samples of a shadow map for each covered pixel."""
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
                    if (
                        column < 0
                        or row < 0
                        or column >= size
                        or row >= size
                        or nearest[row, column] <= w
                    ):
                        seen += 1
            result[y, x] = seen / 9.0


@njit(inline="always")
def _mix(values: Array, corners: Corners, weights: Triple) -> Triple:
    """Interpolate rows of three values between a triangle's corners."""
    a, b, c = corners
    wa, wb, wc = weights
    return (
        wa * values[a, 0] + wb * values[b, 0] + wc * values[c, 0],
        wa * values[a, 1] + wb * values[b, 1] + wc * values[c, 1],
        wa * values[a, 2] + wb * values[b, 2] + wc * values[c, 2],
    )


@njit(inline="always")
def _unit(x: float, y: float, z: float) -> Triple:
    """Return a vector of length one."""
    scale = np.float32(1.0) / np.sqrt(x * x + y * y + z * z + np.float32(1e-12))
    return x * scale, y * scale, z * scale


@njit(inline="always")
def _look_up(texture: Array, linear: Array, u: float, v: float, texel: Array) -> tuple[int, int]:
    """Write the linear colour at (u, v) in texels and return the row and column below it."""
    rows, columns = texture.shape[0], texture.shape[1]
    fu, fv = np.floor(u), np.floor(v)
    i0, j0 = int(fu) % columns, int(fv) % rows
    i1, j1 = (i0 + 1) % columns, (j0 + 1) % rows
    fu, fv = u - fu, v - fv
    for k in range(3):
        top = linear[texture[j0, i0, k]] * (1 - fu) + linear[texture[j0, i1, k]] * fu
        low = linear[texture[j1, i0, k]] * (1 - fu) + linear[texture[j1, i1, k]] * fu
        texel[k] = top * (1 - fv) + low * fv
    return j0, i0


@njit(inline="always")
def _normal(
    normals: Array, frame: Array, corners: Corners, weights: Triple, bump_u: float, bump_v: float
) -> Triple:
    """Return the unit normal, tilted along the first corner's tangents."""
    x, y, z = _mix(normals, corners, weights)
    if bump_u != 0.0 or bump_v != 0.0:
        a = corners[0]
        x += frame[a, 1, 0] * bump_u + frame[a, 2, 0] * bump_v
        y += frame[a, 1, 1] * bump_u + frame[a, 2, 1] * bump_v
        z += frame[a, 1, 2] * bump_u + frame[a, 2, 2] * bump_v
    return _unit(x, y, z)


@njit(inline="always")
def _gather_light(
    normal: Triple, eye: Triple, lights: Array, reach: tuple[np.float32, np.float32],
    materials: Array, m: int, light: Array, shine: Array,
) -> None:  # fmt: skip
    """Write the diffuse light and the highlight that a point reflects to the eye."""
    half, quarter, one = np.float32(0.5), np.float32(0.25), np.float32(1.0)
    nx, ny, nz = normal
    seen, ambient = reach
    up = half + half * (nx * lights[6] + ny * lights[7] + nz * lights[8])
    for k in range(3):
        light[k] = (lights[k] * up + lights[3 + k] * (1 - up)) * ambient
        shine[k] = 0.0
    for o in range(9, lights.shape[0], 6):
        lx, ly, lz = lights[o], lights[o + 1], lights[o + 2]
        cosine = nx * lx + ny * ly + nz * lz
        hx, hy, hz = _unit(eye[0] + lx, eye[1] + ly, eye[2] + lz)
        along = nx * hx + ny * hy + nz * hz
        gloss = np.float32(0.0)
        if along > 0.0 and cosine > 0.0 and materials[m, SPECULAR] > 0.0:
            gloss = materials[m, SPECULAR] * along ** materials[m, SHININESS] * seen
        through = seen if cosine > 0.0 else seen * half + quarter
        for k in range(3):
            wrap = materials[m, WRAP + k]
            lit = (cosine + wrap) / (one + wrap)
            if lit > 0.0:
                light[k] += lights[o + 3 + k] * lit * through
            shine[k] += lights[o + 3 + k] * gloss
        seen = half + half * ambient  # only the first lamp casts shadows


@njit(inline="always")
def _albedo(texel: Array, materials: Array, m: int, k: int) -> float:
    """Return one channel of the surface's own colour: the texture's deviation from its mean."""
    zero, one, tiny = np.float32(0.0), np.float32(1.0), np.float32(1e-6)
    mean = materials[m, 0] + materials[m, 1] + materials[m, 2] + tiny
    grey = (texel[0] + texel[1] + texel[2]) / mean
    ratio = texel[k] / (materials[m, k] + tiny)
    ratio = one + ((ratio - grey) * materials[m, CHROMA] + grey - one) * materials[m, DETAIL]
    albedo: float = min(materials[m, TARGET + k] * max(ratio, zero), np.float32(0.95))
    return albedo


@njit(cache=True, nogil=True, fastmath=True)
def shade_mesh(
    index: int, vertices: Array, frame: Array, uv: Array, triangles: Array, texture: Array,
    regions: Array, bumps: Array, materials: Array, pattern: Array, which: Array, triangle: Array,
    weights: Array, lights: Array, light_map: Array, linear: Array, colour: Array,
) -> None:  # fmt: skip
    """Shade the pixels that belong to one mesh."""
    rows, columns = regions.shape
    normals = frame[:, 0]
    texel, light, shine = np.zeros(3, np.float32), np.zeros(3, np.float32), np.zeros(3, np.float32)
    for y in range(which.shape[0]):
        for x in range(which.shape[1]):
            if which[y, x] != index:
                continue
            t, wb, wc = triangle[y, x], weights[y, x, 0], weights[y, x, 1]
            corners = (triangles[t, 0], triangles[t, 1], triangles[t, 2])
            mixing = (np.float32(1.0) - wb - wc, wb, wc)
            u, v, _ = _mix(uv, corners, mixing)
            row, column = _look_up(
                texture, linear, u * columns - np.float32(0.5), v * rows - np.float32(0.5), texel
            )
            m = regions[row, column]
            strength = materials[m, BUMP] * np.float32(1 / 127)
            bump_u, bump_v = bumps[row, column, 0] * strength, bumps[row, column, 1] * strength
            normal = _normal(normals, frame, corners, mixing, bump_u, bump_v)
            eye = _mix(vertices, corners, mixing)
            eye = _unit(-eye[0], -eye[1], -eye[2])
            if normal[0] * eye[0] + normal[1] * eye[1] + normal[2] * eye[2] < -0.25:
                normal = (-normal[0], -normal[1], -normal[2])  # the inside of an open mesh
            reach = (light_map[y, x, 0], light_map[y, x, 1])
            _gather_light(normal, eye, lights, reach, materials, m, light, shine)
            repeats = materials[m, PATTERN] * pattern.shape[0]
            row = int(np.floor(v * repeats)) % pattern.shape[0]
            column = int(np.floor(u * repeats)) % pattern.shape[0]
            for k in range(3):
                own = _albedo(texel, materials, m, k)
                if repeats > 0.0:
                    own *= pattern[row, column, k]
                colour[y, x, k] = own * light[k] + shine[k]
            colour[y, x, 3] = 1.0


@njit(cache=True, nogil=True)
def tone_map(colour: Array, rolloff: np.float32, encoded: Array, result: Array) -> None:
    """Divide by coverage, compress highlights and encode each pixel as sRGB."""
    for y in range(colour.shape[0]):
        for x in range(colour.shape[1]):
            alpha = colour[y, x, 3]
            if alpha <= 0.0:
                continue
            for k in range(3):
                light = colour[y, x, k] / alpha
                soft = np.float32(1.25) * light * (1 + light * np.float32(0.25)) / (1 + light)
                light += rolloff * (soft - light)
                result[y, x, k] = encoded[min(int(light * 8192), 8191)]
            result[y, x, 3] = int(alpha * 255 + 0.5)
