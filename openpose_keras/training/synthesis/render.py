"""Synthetic hands: random pose, look, light and view of a rigged hand, with its 21 keypoints."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.training.synthesis import materials, raster
from openpose_keras.training.synthesis.articulation import joint_scales
from openpose_keras.training.synthesis.assembly import dress
from openpose_keras.training.synthesis.assets import RIGS, TEXTURES, Assets, Texture, load_assets
from openpose_keras.training.synthesis.camera import HAND_SHARE, frame_hand, sample_view, to_camera
from openpose_keras.training.synthesis.poses import sample_pose, sample_shape
from openpose_keras.training.synthesis.raster import Buffers, Camera, Mesh
from openpose_keras.training.synthesis.rig import Rig
from openpose_keras.training.synthesis.tone_mapping import develop

__all__ = ["HAND_SHARE", "HandLayer", "load_assets", "render_hand"]

KINDS = {"bare": 0.6, "glove": 0.34, "fingerless": 0.06}
_OVERSAMPLING = 2
_HAND_LENGTH = 0.19


@dataclass(frozen=True, eq=False)
class HandLayer:
    """A rendered hand on a transparent ground.

    Attributes:
        rgba: (size, size, 4) uint8; RGB is not multiplied by alpha; alpha is the share of the pixel
            that hand, forearm or a held thing covers.
        xy: (21, 2) float32 keypoints in pixels of this layer.
        visible: (21,) bool, whether only the finger's own skin lies in front of the keypoint.
        side: "left" or "right".
        gloved: whether cloth or rubber covers the hand.
        meta: what was drawn: kind, pose, mesh, the camera's distance in hand lengths, how far the
            palm faces the camera (1 to -1), the forearm's direction in the model's frame (None
            without one), whether it holds a thing.
    """

    rgba: np.ndarray
    xy: np.ndarray
    visible: np.ndarray
    side: str
    gloved: bool
    meta: dict[str, Any] = field(default_factory=dict)


def render_hand(
    assets: Assets,
    rng: np.random.Generator,
    *,
    size: int = 192,
    kind: str | None = None,
    side: str | None = None,
    share: float = HAND_SHARE,
    looks: np.random.Generator | None = None,
) -> HandLayer:
    """Render a random hand. The same seed gives the same pixels.

    With `looks` a hand can be rendered bare and gloved: the same seed of `rng` then gives the same
    pose, shape, view, sleeve, held thing and light whatever the kind, and so the same keypoints.

    Args:
        assets: see `load_assets`.
        rng: source of chance.
        size: side of the layer in pixels.
        kind: "bare", "glove", "fingerless", or None to draw one.
        side: "left", "right", or None to draw one.
        share: of the layer's side that the longer side of the keypoints' box takes.
        looks: source of chance for what the hand itself wears: texture, colours, the glove's cuff,
            rings. None: `rng` draws all.

    Returns:
        The layer.

    Raises:
        ValueError: for an unknown kind or side, or a size that is no positive whole number.
    """
    _check_size(size)
    kind = _choose(rng, "kind", kind, KINDS)
    side = _choose(rng, "side", side, {"left": 0.5, "right": 0.5})
    texture, rig = _choose_surface(assets, looks or rng, kind)
    pose, shape = sample_pose(rng), sample_shape(rng)
    scales = joint_scales(rig, shape)
    pieces, joints, facts = dress(rig, pose, scales, texture, rng, kind=kind, looks=looks or rng)
    view = sample_view(rng, facts["arm_direction"])
    distance = float(np.exp(rng.uniform(np.log(2.5), np.log(10))))
    meshes, keypoints = to_camera(
        pieces, joints[rig.keypoint_ids], view, distance * _HAND_LENGTH, mirror=side == "left"
    )
    fine = size * _OVERSAMPLING
    camera, xy = frame_hand(keypoints, fine, share=share)
    buffers = raster.rasterise(meshes, camera, (fine, fine))
    return HandLayer(
        rgba=_develop(meshes, buffers, camera, rng),
        xy=((xy + 0.5) / _OVERSAMPLING - 0.5).astype(np.float32),
        visible=_visible(xy, keypoints, buffers, shape.thickness.mean()),
        side=side,
        gloved=kind != "bare",
        meta={
            "kind": kind,
            "pose": pose.name,
            "rig": rig.name,
            "distance": distance,
            "facing": float(view[2, 0]),
            **facts,
        },
    )


def _choose(rng: np.random.Generator, word: str, value: str | None, odds: dict[str, float]) -> str:
    """Check a given value, or draw one."""
    if value is None:
        return str(rng.choice(list(odds), p=list(odds.values())))
    if value not in odds:
        raise ValueError(f"{word} should be one of {', '.join(odds)} or None, not {value!r}")
    return value


def _check_size(size: int) -> None:
    """Refuse what is no number of pixels."""
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"size should be a positive whole number of pixels, not {size!r}")


def _choose_surface(assets: Assets, rng: np.random.Generator, kind: str) -> tuple[Texture, Rig]:
    """Draw a texture and a mesh; low-poly meshes are rare."""
    texture = assets.textures[str(rng.choice(TEXTURES[kind]))]
    odds = np.array([0.15 if "low" in name else 1.0 for name in RIGS[kind]])
    return texture, assets.rigs[str(rng.choice(RIGS[kind], p=odds / odds.sum()))]


def _visible(
    xy: np.ndarray, keypoints: np.ndarray, buffers: Buffers, thickness: float
) -> np.ndarray:
    """Tell which keypoints have nothing in front of them but the finger they lie in."""
    column, row = np.clip(np.round(xy).astype(int), 0, buffers.mesh.shape[0] - 1).T
    surface = buffers.inverse_depth[row, column]
    depth = np.where(surface > 0, 1 / np.maximum(surface, 1e-6), np.inf)
    room = np.full(21, 0.017)
    room[0] = 0.034
    room[[1, 2, 5, 9, 13, 17]] = 0.024
    return depth > keypoints[:, 2] - room * thickness


def _develop(
    meshes: list[Mesh], buffers: Buffers, camera: Camera, rng: np.random.Generator
) -> np.ndarray:
    """Light the buffers and shrink them to the layer's pixels."""
    lights, softness = materials.sample_lights(rng)
    occlusion, shoulder = rng.uniform(0.3, 0.9), rng.uniform(0.0, 1.0)
    lamp = raster.shadows(meshes, buffers, camera, lights[9:12], softness=softness)
    light_map = np.stack([lamp, _ambient(buffers, camera.focal, occlusion)], axis=-1)
    colour = raster.shade(meshes, buffers, lights, light_map)
    size = buffers.mesh.shape[0] // _OVERSAMPLING
    small = cv2.resize(colour, (size, size), interpolation=cv2.INTER_AREA)
    return develop(small, shoulder)


def _ambient(buffers: Buffers, focal: float, strength: float) -> np.ndarray:
    """Estimate the ambient light at each pixel from how deep it lies among its neighbours."""
    inverse = np.ascontiguousarray(buffers.inverse_depth[::2, ::2])
    depth, covered = 1 / np.maximum(inverse, 1e-3), (inverse > 0).astype(np.float32)
    middle = float(np.median(depth[covered > 0])) if covered.any() else 1.0
    relative, total = (depth - middle) * covered, np.zeros_like(covered)
    for reach in (0.006, 0.016):
        side = 2 * max(1, round(reach / 2 * focal / middle)) + 1
        count, mean = (
            cv2.boxFilter(layer, -1, (side, side), borderType=cv2.BORDER_REFLECT)
            for layer in (covered, relative)
        )
        behind = relative - mean / np.maximum(count, 1e-3)
        total += np.clip(behind / reach, 0, 1) * count
    size = buffers.mesh.shape[::-1]
    return cv2.resize(1 - strength * np.clip(total, 0, 1), size, interpolation=cv2.INTER_LINEAR)
