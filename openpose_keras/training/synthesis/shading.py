"""Shade buffers to pixels: random lamps, shadows, ambient occlusion, textures, tone mapping.

`light` performs all steps. Loops over all pixels are compiled with numba.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numba import njit

from openpose_keras.core._opencv import cv2
from openpose_keras.training.synthesis import raster
from openpose_keras.training.synthesis.color import to_linear, to_srgb
from openpose_keras.training.synthesis.kinematics import Array, unit
from openpose_keras.training.synthesis.raster import Buffers, Camera, Material, Mesh

Triple: TypeAlias = tuple[float, float, float]

_LINEAR = to_linear(np.arange(256) / 255).astype(np.float32)
_ENCODED = np.round(to_srgb((np.arange(8192) + 0.5) / 8192) * 255).astype(np.uint8)


class Scale(NamedTuple):
    """The length scales of the light computation; the defaults are those of a hand.

    Args:
        shadow_side: Side of the shadow map in texels.
        shadow_radius: Radius in metres around the first mesh's centre that the shadow map covers.
        crevices: Distances in metres over which a point's depth is compared with its neighbours'.
        farthest: Multiple of these distances beyond which points in front do not shade a point.
    """

    shadow_side: int = 192
    shadow_radius: float = 0.17
    crevices: tuple[float, float] = (0.006, 0.016)
    farthest: float = np.inf


HAND = Scale()


def light(
    meshes: list[Mesh],
    buffers: Buffers,
    camera: Camera,
    rng: np.random.Generator,
    *,
    oversampling: int,
    scale: Scale = HAND,
    catcher: int | None = None,
) -> np.ndarray:
    """Light the buffers and shrink them to the layer's pixels.

    Args:
        meshes: The rasterised meshes.
        buffers: The result of `raster.rasterise`.
        camera: The camera with which they were rasterised.
        rng: The random generator, for lamps and exposure.
        oversampling: Number of buffer pixels along a side of a pixel of the layer.
        scale: The length scales of the scene.
        catcher: Index of a mesh that is invisible except for the shadows on it; None for no such
            mesh.

    Returns:
        (h, w, 4) uint8: sRGB, not multiplied by alpha, and alpha.
    """
    lights, softness = sample_lights(rng)
    occlusion, rolloff = rng.uniform(0.3, 0.9), rng.uniform(0.0, 1.0)
    lamp = raster.shadows(
        meshes, buffers, camera, lights[9:12], softness,
        side=scale.shadow_side, radius=scale.shadow_radius,
    )  # fmt: skip
    ambient = _ambient(buffers, camera.focal, occlusion, scale)
    colour = shade(meshes, buffers, lights, np.stack([lamp, ambient], axis=-1))
    if catcher is not None:
        strength = lights[12:15].sum() / (lights[12:15].sum() + lights[:3].sum())
        dark = 1 - (1 - strength * (1 - lamp)) * ambient
        on_it = buffers.mesh == catcher
        colour[on_it] = 0
        colour[on_it, 3] = dark[on_it]
    height, width = (side // oversampling for side in buffers.mesh.shape)
    small = cv2.resize(colour, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(tone_map(small, np.float32(rolloff)))


def _tint(rng: np.random.Generator, strength: float) -> np.ndarray:
    """Draw the colour of a light: warm or cool, and slightly green or magenta."""
    warm, green = rng.normal(0, strength), rng.normal(0, strength * 0.35)
    colour = np.exp(np.array([warm, green, -warm]))
    return np.asarray(colour / colour.mean())


def sample_lights(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Draw ambient light and one to three lamps.

    Args:
        rng: The random generator.

    Returns:
        The `lights` of `shade`, and the softness of the first lamp's shadow in texels.
    """
    up = np.array([0, -1.0, 0]) if rng.random() < 0.6 else rng.normal(size=3)
    up = unit(up + rng.normal(0, 0.25, 3))
    ambient = rng.beta(1.6, 1.6)  # its fraction of all light
    white = _tint(rng, 0.12)
    above, below = white * _tint(rng, 0.1), white * _tint(rng, 0.15) * rng.uniform(0.25, 1.0)
    lamps = []
    for lamp in range(rng.choice([1, 2, 3], p=(0.5, 0.35, 0.15))):
        direction = unit(rng.normal(size=3) * (1, 1, 0.9) + (0, -0.35, -0.55))
        strength = 1.6 * (1 - ambient) * (1.0 if lamp == 0 else rng.uniform(0.1, 0.6))
        lamps.append((direction, white * _tint(rng, 0.1) * strength))
    exposure = np.exp(rng.normal(0.0, 0.27))
    lights = [above * ambient * 1.25 * exposure, below * ambient * 1.25 * exposure, up]
    for direction, colour in lamps:
        lights += [direction, colour * exposure]
    return np.concatenate(lights).astype(np.float32), float(rng.uniform(0.5, 3.5))


def _ambient(buffers: Buffers, focal: float, strength: float, scale: Scale) -> np.ndarray:
    """Estimate the ambient light at each pixel from its depth relative to its neighbours."""
    inverse = np.ascontiguousarray(buffers.inverse_depth[::2, ::2])
    depth, covered = 1 / np.maximum(inverse, 1e-3), (inverse > 0).astype(np.float32)
    middle = float(np.median(depth[covered > 0])) if covered.any() else 1.0
    relative, total = (depth - middle) * covered, np.zeros_like(covered)
    for reach in scale.crevices:
        side = 2 * max(1, round(reach / 2 * focal / middle)) + 1
        count, mean = (
            cv2.boxFilter(layer, -1, (side, side), borderType=cv2.BORDER_REFLECT)
            for layer in (covered, relative)
        )
        behind = relative - mean / np.maximum(count, 1e-3)
        shade = np.clip(behind / reach, 0, 1) * count
        if np.isfinite(scale.farthest):
            nearest = 1 / np.maximum(cv2.dilate(inverse, np.ones((side, side), np.uint8)), 1e-3)
            shade *= np.clip(2 - (depth - nearest) / (reach * scale.farthest), 0, 1)
        total += shade
    size = buffers.mesh.shape[::-1]
    return cv2.resize(1 - strength * np.clip(total, 0, 1), size, interpolation=cv2.INTER_LINEAR)


def shade(
    meshes: list[Mesh], buffers: Buffers, lights: np.ndarray, light_map: np.ndarray
) -> np.ndarray:
    """Compute the colour of each covered pixel.

    Args:
        meshes: The meshes that were rasterised.
        buffers: The result of `raster.rasterise`.
        lights: (9 + 6 n,) float32: ambient colour from above, from below, the up vector, then the
            direction towards each lamp and its colour; the first lamp casts shadows.
        light_map: (h, w, 2) float32, the fractions of the first lamp and of the ambient light that
            reach each pixel.

    Returns:
        (h, w, 4) float32 linear RGB and coverage (0 or 1), zero where there is no mesh.
    """
    colour = np.zeros((*buffers.mesh.shape, 4), np.float32)
    spans = _spans(buffers.mesh, len(meshes))
    for index, mesh in enumerate(meshes):
        _shade_mesh(index, mesh, buffers, (lights, light_map), spans[index], colour)
    return colour


@njit(cache=True, nogil=True)
def _spans(mesh: Array, count: int) -> Array:
    """Return the first visible row and column of each mesh, and those after the last."""
    height, width = mesh.shape
    spans = np.zeros((count, 4), np.int32)
    spans[:, 0], spans[:, 1] = height, width
    for y in range(height):
        for x in range(width):
            index = mesh[y, x]
            if index >= 0:
                spans[index, 0] = min(spans[index, 0], y)
                spans[index, 1] = min(spans[index, 1], x)
                spans[index, 2] = max(spans[index, 2], y + 1)
                spans[index, 3] = max(spans[index, 3], x + 1)
    return spans


@njit(inline="always")
def _mix(values: Array, corners: tuple[int, int, int], weights: Triple) -> Triple:
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
def _look_up(texture: Array, u: float, v: float, texel: Array) -> tuple[int, int]:
    """Write the linear colour at (u, v) in texels and return the row and column below it."""
    rows, columns = texture.shape[0], texture.shape[1]
    fu, fv = np.floor(u), np.floor(v)
    i0, j0 = int(fu) % columns, int(fv) % rows
    i1, j1 = (i0 + 1) % columns, (j0 + 1) % rows
    fu, fv = u - fu, v - fv
    for k in range(3):
        top = _LINEAR[texture[j0, i0, k]] * (1 - fu) + _LINEAR[texture[j0, i1, k]] * fu
        low = _LINEAR[texture[j1, i0, k]] * (1 - fu) + _LINEAR[texture[j1, i1, k]] * fu
        texel[k] = top * (1 - fv) + low * fv
    return j0, i0


@njit(inline="always")
def _gather_light(
    normal: Triple, eye: Triple, lights: Array, reach: Array, material: Material, result: Array
) -> None:
    """Write the diffuse light and the highlight that a point reflects to the eye, (2, 3)."""
    half, quarter, one = np.float32(0.5), np.float32(0.25), np.float32(1.0)
    nx, ny, nz = normal
    seen, ambient = reach[0], reach[1]
    up = half + half * (nx * lights[6] + ny * lights[7] + nz * lights[8])
    for k in range(3):
        result[0, k] = (lights[k] * up + lights[3 + k] * (1 - up)) * ambient
        result[1, k] = 0.0
    for o in range(9, lights.shape[0], 6):
        lx, ly, lz = lights[o], lights[o + 1], lights[o + 2]
        cosine = nx * lx + ny * ly + nz * lz
        hx, hy, hz = _unit(eye[0] + lx, eye[1] + ly, eye[2] + lz)
        along = nx * hx + ny * hy + nz * hz
        gloss = np.float32(0.0)
        if along > 0.0 and cosine > 0.0 and material.specular > 0.0:
            gloss = material.specular * along**material.shininess * seen
        through = seen if cosine > 0.0 else seen * half + quarter
        for k in range(3):
            wrap = material.wrap[k]
            lit = (cosine + wrap) / (one + wrap)
            if lit > 0.0:
                result[0, k] += lights[o + 3 + k] * lit * through
            result[1, k] += lights[o + 3 + k] * gloss
        seen = half + half * ambient  # only the first lamp casts shadows


@njit(inline="always")
def _albedo(texel: Array, material: Material, k: int) -> float:
    """Return one channel of the albedo, from the texture's deviation from its mean."""
    zero, one, tiny = np.float32(0.0), np.float32(1.0), np.float32(1e-6)
    mean = material.mean[0] + material.mean[1] + material.mean[2] + tiny
    grey = (texel[0] + texel[1] + texel[2]) / mean
    ratio = texel[k] / (material.mean[k] + tiny)
    ratio = one + ((ratio - grey) * material.chroma + grey - one) * material.detail
    albedo: float = min(material.target[k] * max(ratio, zero), np.float32(0.95))
    return albedo


@njit(cache=True, nogil=True, fastmath=True)
def _shade_mesh(
    index: int, mesh: Mesh, buffers: Buffers, lit: tuple[Array, Array], span: Array, colour: Array
) -> None:
    """Shade the pixels that belong to one mesh."""
    (lights, light_map), (rows, columns) = lit, mesh.regions.shape
    frame, pattern = mesh.frame, mesh.pattern
    texel, light = np.zeros(3, np.float32), np.zeros((2, 3), np.float32)
    for y in range(span[0], span[2]):
        for x in range(span[1], span[3]):
            if buffers.mesh[y, x] != index:
                continue
            t, wb, wc = buffers.triangle[y, x], buffers.weights[y, x, 0], buffers.weights[y, x, 1]
            a, b, c = mesh.triangles[t, 0], mesh.triangles[t, 1], mesh.triangles[t, 2]
            wa = np.float32(1.0) - wb - wc
            corners, weights = (a, b, c), (wa, wb, wc)
            u = wa * mesh.uv[a, 0] + wb * mesh.uv[b, 0] + wc * mesh.uv[c, 0]
            v = wa * mesh.uv[a, 1] + wb * mesh.uv[b, 1] + wc * mesh.uv[c, 1]
            half = np.float32(0.5)
            row, column = _look_up(mesh.texture, u * columns - half, v * rows - half, texel)
            material = mesh.materials[mesh.regions[row, column]]
            strength = material.bump * np.float32(1 / 127)
            bump_u = mesh.bumps[row, column, 0] * strength
            bump_v = mesh.bumps[row, column, 1] * strength
            nx, ny, nz = _mix(frame[:, 0], corners, weights)
            normal = _unit(
                nx + frame[a, 1, 0] * bump_u + frame[a, 2, 0] * bump_v,
                ny + frame[a, 1, 1] * bump_u + frame[a, 2, 1] * bump_v,
                nz + frame[a, 1, 2] * bump_u + frame[a, 2, 2] * bump_v,
            )
            ex, ey, ez = _mix(mesh.vertices, corners, weights)
            eye = _unit(-ex, -ey, -ez)
            if normal[0] * eye[0] + normal[1] * eye[1] + normal[2] * eye[2] < -0.25:
                normal = (-normal[0], -normal[1], -normal[2])  # the inside of an open mesh
            _gather_light(normal, eye, lights, light_map[y, x], material, light)
            repeats = material.pattern * pattern.shape[0]
            row = int(np.floor(v * repeats)) % pattern.shape[0]
            column = int(np.floor(u * repeats)) % pattern.shape[0]
            for k in range(3):
                own = _albedo(texel, material, k)
                if repeats > 0.0:
                    own *= pattern[row, column, k]
                colour[y, x, k] = own * light[0, k] + light[1, k]
            colour[y, x, 3] = 1.0


@njit(cache=True, nogil=True)
def tone_map(colour: Array, rolloff: np.float32) -> Array:
    """Convert linear light to 8-bit pixels.

    Args:
        colour: (h, w, 4) float32 linear RGB times coverage, and coverage in [0, 1].
        rolloff: 0 clips bright light, 1 compresses it, and values in between blend both.

    Returns:
        (h, w, 4) uint8: sRGB, not multiplied by alpha, and alpha; zero where coverage is zero.
    """
    result = np.zeros(colour.shape, np.uint8)
    for y in range(colour.shape[0]):
        for x in range(colour.shape[1]):
            alpha = colour[y, x, 3]
            if alpha <= 0.0:
                continue
            for k in range(3):
                light = colour[y, x, k] / alpha
                soft = np.float32(1.25) * light * (1 + light * np.float32(0.25)) / (1 + light)
                light += rolloff * (soft - light)
                result[y, x, k] = _ENCODED[min(int(light * 8192), 8191)]
            result[y, x, 3] = int(alpha * 255 + 0.5)
    return result
