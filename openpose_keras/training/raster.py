"""A z-buffer rasteriser for triangle meshes, compiled with numba.

Camera frame: x right, y down, z forward, metres. Triangles are counter-clockwise seen from outside.
Rasterising and shading are two passes: the first finds the nearest triangle of each pixel, the second
looks up texture and light once a pixel.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

MATERIAL = 24  # length of a material's row, see `material`


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
        materials: (k, MATERIAL) float32, rows of `material`.
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
        weights: (h, w, 2) float32, perspective-correct weights of the triangle's second and third corner.
    """

    inverse_depth: np.ndarray
    mesh: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray


def material(
    mean: np.ndarray,
    target: np.ndarray,
    *,
    detail: float = 1.0,
    chroma: float = 1.0,
    specular: float = 0.1,
    shininess: float = 20.0,
    wrap: tuple[float, float, float] = (0.0, 0.0, 0.0),
    bump: float = 1.0,
    pattern: float = 0.0,
) -> np.ndarray:
    """Pack a material into a row.

    Args:
        mean: (3,) linear RGB, the texture's mean colour.
        target: (3,) linear RGB that takes its place.
        detail: how much of the texture's deviation from its mean is kept.
        chroma: 1 keeps the deviation's colour, 0 only its brightness.
        specular: strength of the highlight.
        shininess: exponent of the highlight.
        wrap: by channel, how far light reaches around the terminator, as it does through skin.
        bump: strength of the normal map.
        pattern: repeats of the pattern over the texture, 0 for none.

    Returns:
        (MATERIAL,) float32.
    """
    row = np.zeros(MATERIAL, np.float32)
    row[:3], row[3:6] = mean, target
    row[6:10] = detail, chroma, specular, shininess
    row[10:13] = wrap
    row[13:15] = bump, pattern
    return row


def project(vertices: np.ndarray, focal: float, centre: tuple[float, float]) -> np.ndarray:
    """Project points of the camera frame.

    Args:
        vertices: (n, 3), z > 0.
        focal: pixels for a slope of one.
        centre: (x, y) pixel that the optical axis meets.

    Returns:
        (n, 3) float32: x and y in pixels (an integer is a pixel's centre) and 1 / z.
    """
    inverse = 1 / vertices[:, 2]
    return np.stack(
        [
            vertices[:, 0] * inverse * focal + centre[0],
            vertices[:, 1] * inverse * focal + centre[1],
            inverse,
        ],
        axis=1,
    ).astype(np.float32)


def rasterise(
    meshes: list[Mesh], focal: float, centre: tuple[float, float], shape: tuple[int, int]
) -> Buffers:
    """Find the nearest triangle at each pixel.

    Args:
        meshes: in the camera frame; triangles with a corner nearer than 5 cm are dropped.
        focal: pixels for a slope of one.
        centre: (x, y) pixel that the optical axis meets.
        shape: (height, width).

    Returns:
        The buffers; where two triangles tie, the earlier one stays.
    """
    depth = np.zeros(shape, np.float32)
    which = np.full(shape, -1, np.int16)
    triangle = np.zeros(shape, np.int32)
    weights = np.zeros((*shape, 2), np.float32)
    for index, mesh in enumerate(meshes):
        points = project(np.maximum(mesh.vertices, (-1e9, -1e9, 1e-3)), focal, centre)
        _fill(points, mesh.triangles, index, mesh.two_sided, depth, which, triangle, weights)
    return Buffers(depth, which, triangle, weights)


def shade(
    meshes: list[Mesh],
    buffers: Buffers,
    lights: np.ndarray,
    *,
    focal: float,
    centre: tuple[float, float],
    light_map: np.ndarray | None = None,
) -> np.ndarray:
    """Compute the colour of each covered pixel.

    Args:
        meshes: as given to `rasterise`.
        buffers: its result.
        lights: (9 + 6 n,) float32: ambient colour from above, from below, the up vector, then direction
            towards the light and colour of each lamp; the first lamp casts shadows.
        focal: as given to `rasterise`.
        centre: as given to `rasterise`.
        light_map: (h, w, 2) float32, the first lamp's visibility and the ambient light's; None is one.

    Returns:
        (h, w, 4) float32 linear RGB and coverage (0 or 1), zero where nothing is.
    """
    colour = np.zeros((*buffers.mesh.shape, 4), np.float32)
    if light_map is None:
        light_map = np.ones((*buffers.mesh.shape, 2), np.float32)
    for index, mesh in enumerate(meshes):
        _shade_mesh(
            index, mesh.vertices, mesh.frame, mesh.uv, mesh.triangles, mesh.texture, mesh.regions,
            mesh.bumps, mesh.materials, mesh.pattern, buffers.mesh, buffers.triangle, buffers.weights,
            lights, light_map, _LINEAR, colour,
        )  # fmt: skip
    return colour


def shadows(
    meshes: list[Mesh],
    buffers: Buffers,
    light: np.ndarray,
    *,
    focal: float,
    centre: tuple[float, float],
    radius: float = 0.17,
    size: int = 192,
    softness: float = 1.0,
) -> np.ndarray:
    """Compute how much of a far lamp each covered pixel sees, with a shadow map.

    Args:
        meshes: as given to `rasterise`.
        buffers: its result.
        light: (3,) direction towards the lamp.
        focal: as given to `rasterise`.
        centre: as given to `rasterise`.
        radius: half the side of the shadow map in metres, around the first mesh's middle.
        size: pixels of the shadow map's side.
        softness: texels between the taps that are averaged.

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
        _fill_depth(local, mesh.triangles, nearest)
    result = np.ones(buffers.mesh.shape, np.float32)
    _look_up_shadow(
        buffers.inverse_depth, nearest, basis, middle.astype(np.float32), np.float32(scale),
        np.float32(focal), np.float32(centre[0]), np.float32(centre[1]), np.float32(softness), result,
    )  # fmt: skip
    return result


def develop(colour: np.ndarray, shoulder: float) -> np.ndarray:
    """Turn linear light into pixels.

    Args:
        colour: (h, w, 4) float32 linear RGB times coverage, and coverage in [0, 1].
        shoulder: 0 clips bright light, 1 rolls it off; between, a blend of both.

    Returns:
        (h, w, 4) uint8: sRGB, not multiplied by alpha, and alpha; zero where coverage is zero.
    """
    result = np.zeros(colour.shape, np.uint8)
    _develop(np.ascontiguousarray(colour, np.float32), np.float32(shoulder), _ENCODED, result)
    return result


def to_linear(colour: np.ndarray) -> np.ndarray:
    """Return linear RGB in [0, 1] of sRGB in [0, 1]."""
    colour = np.asarray(colour, float)
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def to_srgb(colour: np.ndarray) -> np.ndarray:
    """Return sRGB in [0, 1] of linear RGB; values outside [0, 1] are clipped."""
    colour = np.clip(colour, 0, 1)
    return np.where(colour <= 0.0031308, colour * 12.92, 1.055 * colour ** (1 / 2.4) - 0.055)


_LINEAR = to_linear(np.arange(256) / 255).astype(np.float32)
_ENCODED = np.round(to_srgb((np.arange(8192) + 0.5) / 8192) * 255).astype(np.uint8)


@njit(cache=True, nogil=True)
def _fill(points, triangles, index, two_sided, depth, which, triangle, weights):  # noqa: ANN001, ANN202, PLR0913
    """Draw one mesh's triangles into the buffers."""
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
                z = wa * za + wb * zb + wc * zc
                if z > depth[y, x]:
                    depth[y, x] = z
                    which[y, x] = index
                    triangle[y, x] = t
                    weights[y, x, 0] = wb * zb / z
                    weights[y, x, 1] = wc * zc / z


@njit(cache=True, nogil=True)
def _fill_depth(points, triangles, nearest):  # noqa: ANN001, ANN202
    """Draw triangles into a parallel depth map; larger is nearer."""
    height, width = nearest.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        xa, ya = points[a, 0], points[a, 1]
        xb, yb = points[b, 0], points[b, 1]
        xc, yc = points[c, 0], points[c, 1]
        area = (xb - xa) * (yc - ya) - (yb - ya) * (xc - xa)
        if area == 0.0:
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
                z = wa * points[a, 2] + wb * points[b, 2] + wc * points[c, 2]
                if z > nearest[y, x]:
                    nearest[y, x] = z


@njit(cache=True, nogil=True)
def _look_up_shadow(inverse, nearest, basis, middle, scale, focal, cx, cy, softness, result):  # noqa: ANN001, ANN202, PLR0913
    """Average nine taps of a shadow map for each covered pixel."""
    height, width = inverse.shape
    size = nearest.shape[0]
    bias = np.float32(0.002) + np.float32(0.8) * (softness + np.float32(0.5)) / scale
    for y in range(height):
        for x in range(width):
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
                    if column < 0 or row < 0 or column >= size or row >= size:
                        seen += 1
                    elif nearest[row, column] <= w:
                        seen += 1
            result[y, x] = seen / 9.0


@njit(cache=True, nogil=True, fastmath=True)
def _shade_mesh(  # noqa: ANN202, PLR0913, C901
    index, vertices, frame, uv, triangles, texture, regions, bumps, materials, pattern,  # noqa: ANN001
    which, triangle, weights, lights, light_map, linear, colour,  # noqa: ANN001
):  # fmt: skip
    """Shade the pixels that belong to one mesh."""
    height, width = which.shape
    rows, columns = regions.shape
    lamps = (lights.shape[0] - 9) // 6
    texel = np.zeros(3, np.float32)
    light = np.zeros(3, np.float32)
    for y in range(height):
        for x in range(width):
            if which[y, x] != index:
                continue
            colour[y, x, 3] = 1.0
            t = triangle[y, x]
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            wb, wc = weights[y, x, 0], weights[y, x, 1]
            wa = np.float32(1.0) - wb - wc
            # Texture: four neighbours in linear light.
            u = (wa * uv[a, 0] + wb * uv[b, 0] + wc * uv[c, 0]) * columns - np.float32(0.5)
            v = (wa * uv[a, 1] + wb * uv[b, 1] + wc * uv[c, 1]) * rows - np.float32(0.5)
            fu, fv = np.floor(u), np.floor(v)
            i0, j0 = int(fu) % columns, int(fv) % rows
            i1, j1 = (i0 + 1) % columns, (j0 + 1) % rows
            fu, fv = u - fu, v - fv
            region = regions[j0, i0]
            for k in range(3):
                top = linear[texture[j0, i0, k]] * (1 - fu) + linear[texture[j0, i1, k]] * fu
                low = linear[texture[j1, i0, k]] * (1 - fu) + linear[texture[j1, i1, k]] * fu
                texel[k] = top * (1 - fv) + low * fv
            m = materials[region]
            bump_u = bumps[j0, i0, 0] * m[13] * np.float32(1 / 127)
            bump_v = bumps[j0, i0, 1] * m[13] * np.float32(1 / 127)
            # Normal with its bump, position towards the eye.
            nx = wa * frame[a, 0, 0] + wb * frame[b, 0, 0] + wc * frame[c, 0, 0]
            ny = wa * frame[a, 0, 1] + wb * frame[b, 0, 1] + wc * frame[c, 0, 1]
            nz = wa * frame[a, 0, 2] + wb * frame[b, 0, 2] + wc * frame[c, 0, 2]
            if bump_u != 0.0 or bump_v != 0.0:
                nx += frame[a, 1, 0] * bump_u + frame[a, 2, 0] * bump_v
                ny += frame[a, 1, 1] * bump_u + frame[a, 2, 1] * bump_v
                nz += frame[a, 1, 2] * bump_u + frame[a, 2, 2] * bump_v
            ex = -(wa * vertices[a, 0] + wb * vertices[b, 0] + wc * vertices[c, 0])
            ey = -(wa * vertices[a, 1] + wb * vertices[b, 1] + wc * vertices[c, 1])
            ez = -(wa * vertices[a, 2] + wb * vertices[b, 2] + wc * vertices[c, 2])
            scale = np.float32(1.0) / np.sqrt(nx * nx + ny * ny + nz * nz + np.float32(1e-12))
            nx, ny, nz = nx * scale, ny * scale, nz * scale
            scale = np.float32(1.0) / np.sqrt(ex * ex + ey * ey + ez * ez)
            ex, ey, ez = ex * scale, ey * scale, ez * scale
            facing = nx * ex + ny * ey + nz * ez
            if facing < -0.25:  # the inside of an open mesh
                nx, ny, nz, facing = -nx, -ny, -nz, -facing
            # Ambient light from two half-spheres, then the lamps.
            up = np.float32(0.5) + np.float32(0.5) * (nx * lights[6] + ny * lights[7] + nz * lights[8])
            ambient = light_map[y, x, 1]
            shine = np.float32(0.0)
            for k in range(3):
                light[k] = (lights[k] * up + lights[3 + k] * (1 - up)) * ambient
            for lamp in range(lamps):
                o = 9 + 6 * lamp
                seen = light_map[y, x, 0] if lamp == 0 else np.float32(0.5) + np.float32(0.5) * ambient
                cosine = nx * lights[o] + ny * lights[o + 1] + nz * lights[o + 2]
                hx, hy, hz = ex + lights[o], ey + lights[o + 1], ez + lights[o + 2]
                scale = np.float32(1.0) / np.sqrt(hx * hx + hy * hy + hz * hz + np.float32(1e-9))
                half = (nx * hx + ny * hy + nz * hz) * scale
                shine = np.float32(0.0)
                if half > 0.0 and cosine > 0.0 and m[8] > 0.0:
                    shine = m[8] * half ** m[9] * seen
                for k in range(3):
                    lit = (cosine + m[10 + k]) / (np.float32(1.0) + m[10 + k])
                    if lit > 0.0:
                        reach = seen if cosine > 0.0 else seen * np.float32(0.5) + np.float32(0.25)
                        light[k] += lights[o + 3 + k] * lit * reach
                    colour[y, x, k] += lights[o + 3 + k] * shine
            # Colour: the texture's deviation from its mean, on the wanted colour.
            grey = (texel[0] + texel[1] + texel[2]) / (m[0] + m[1] + m[2] + np.float32(1e-6))
            if m[14] > 0.0:
                side = pattern.shape[0]
                pi = int(np.floor((u + 1) / columns * m[14] * side)) % side
                pj = int(np.floor((v + 1) / rows * m[14] * side)) % side
            for k in range(3):
                ratio = texel[k] / (m[k] + np.float32(1e-6))
                ratio = np.float32(1.0) + ((ratio - grey) * m[7] + grey - np.float32(1.0)) * m[6]
                albedo = min(max(m[3 + k] * max(ratio, np.float32(0.0)), np.float32(0.0)), np.float32(0.95))
                if m[14] > 0.0:
                    albedo *= pattern[pj, pi, k]
                colour[y, x, k] += albedo * light[k]


@njit(cache=True, nogil=True)
def _develop(colour, shoulder, encoded, result):  # noqa: ANN001, ANN202
    """Divide by coverage, bend the response and encode each pixel."""
    height, width = colour.shape[:2]
    for y in range(height):
        for x in range(width):
            alpha = colour[y, x, 3]
            if alpha <= 0.0:
                continue
            for k in range(3):
                light = colour[y, x, k] / alpha
                soft = np.float32(1.25) * light * (1 + light * np.float32(0.25)) / (1 + light)
                light += shoulder * (soft - light)
                result[y, x, k] = encoded[min(int(light * 8192), 8191)]
            result[y, x, 3] = int(alpha * 255 + 0.5)
