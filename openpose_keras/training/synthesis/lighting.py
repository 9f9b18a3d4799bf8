"""From buffers to pixels: lamps drawn at random, shadows, ambient occlusion, tone mapping."""

from typing import NamedTuple

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.training.synthesis import raster, shading
from openpose_keras.training.synthesis.materials import sample_lights
from openpose_keras.training.synthesis.raster import Buffers, Camera, Mesh


class Scale(NamedTuple):
    """Over which lengths light is computed; the defaults are those of a hand.

    Args:
        shadow_side: Texels of a side of the shadow map.
        shadow_radius: Metres around the first mesh's middle that the shadow map covers.
        crevices: Metres over which a point's depth is compared with its neighbours'.
        farthest: Multiple of these lengths: what lies farther before a point does not shade it.
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
        meshes: The meshes that were rasterised.
        buffers: The result of `raster.rasterise`.
        camera: The camera that they were rasterised for.
        rng: The random generator, for lamps and exposure.
        oversampling: Pixels of the buffers along a pixel of the layer.
        scale: Lengths of the scene.
        catcher: Index of a mesh of which only the shadows on it are visible; None for no such mesh.

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
    colour = shading.shade(meshes, buffers, lights, np.stack([lamp, ambient], axis=-1))
    if catcher is not None:
        strength = lights[12:15].sum() / (lights[12:15].sum() + lights[:3].sum())
        dark = 1 - (1 - strength * (1 - lamp)) * ambient
        on_it = buffers.mesh == catcher
        colour[on_it] = 0
        colour[on_it, 3] = dark[on_it]
    height, width = (side // oversampling for side in buffers.mesh.shape)
    small = cv2.resize(colour, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(shading.tone_map(small, np.float32(rolloff)))


def _ambient(buffers: Buffers, focal: float, strength: float, scale: Scale) -> np.ndarray:
    """Estimate the ambient light at each pixel from how deep it lies among its neighbours."""
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
