"""Render a rigged hand with its 21 keypoints, in a random pose, surface, light and view."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from openpose_keras.core.boxes import BOX_MARGIN
from openpose_keras.core.keypoints import Side
from openpose_keras.core.skeletons import HAND
from openpose_keras.training.synthesis import raster, shading
from openpose_keras.training.synthesis.assets import RIGS, TEXTURES, Assets, Texture
from openpose_keras.training.synthesis.kinematics import rotation, rotation_of_quaternion
from openpose_keras.training.synthesis.meshes import moved
from openpose_keras.training.synthesis.raster import Buffers, Camera, Mesh
from openpose_keras.training.synthesis.rig import Rig
from openpose_keras.training.synthesis.scene import TOUCHING, build_scene

_CHOICES = {
    "kind": {"bare": 0.6, "glove": 0.34, "fingerless": 0.06},
    "side": {"left": 0.5, "right": 0.5},
    "touching": TOUCHING,
}
_OVERSAMPLING = 2
_HAND_LENGTH = 0.19
_WIDE_JOINTS = ("thumb_cmc", "thumb_mcp", "index_mcp", "middle_mcp", "ring_mcp", "little_mcp")
HAND_FRACTION = 1 / BOX_MARGIN  # of the image's side that the keypoints' extent takes


@dataclass(frozen=True, eq=False)
class HandLayer:
    """A rendered hand on a transparent background.

    Args:
        rgba: (size, size, 4) uint8. RGB is not multiplied by alpha. Alpha is the fraction of the
            pixel that the hand, the forearm or a held object covers.
        xyz: (21, 3) float32 keypoints: x and y in pixels of this layer, and z, the depth relative
            to the wrist, in the same pixels: metres times pixels per metre at the wrist. A smaller
            z is nearer to the camera.
        visible: (21,) bool, whether only the finger's own skin lies in front of the keypoint.
        side: "left" or "right".
        gloved: Whether cloth or rubber covers the hand.
        second: Keypoints, as xyz, and side of a second hand that touches this one; None without
            one.
        meta: The random choices: kind, what the hand touches, pose, mesh, the camera's distance in
            hand lengths, and how far the palm faces the camera (1 to -1).
    """

    rgba: np.ndarray
    xyz: np.ndarray
    visible: np.ndarray
    side: Side
    gloved: bool
    second: tuple[np.ndarray, Side] | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def xy(self) -> np.ndarray:
        """(21, 2) float32 keypoints in pixels of this layer."""
        return self.xyz[:, :2]


def render_hand(
    assets: Assets,
    rng: np.random.Generator,
    *,
    size: int = 192,
    fraction: float = HAND_FRACTION,
    appearance_rng: np.random.Generator | None = None,
    **wanted: str | None,
) -> HandLayer:
    """Render a random hand. The same state of the generator gives the same pixels.

    With `appearance_rng`, the same hand can be rendered bare and gloved: pose, shape, view, sleeve,
    held object and light, and therefore the keypoints, depend only on `rng`, whatever the kind.

    Args:
        assets: The assets from `load_assets`.
        rng: The random generator.
        size: Side of the layer in pixels.
        fraction: The longer side of the keypoints' extent, as a fraction of the layer's side.
        appearance_rng: The random generator for the appearance of the hand itself: texture,
            colours, the glove's cuff, rings. None for `rng`.
        wanted: Properties that are not random: `kind`, "bare", "glove" or "fingerless"; `side`,
            "left" or "right"; `touching`, what the hand touches: "nothing", "object" or "hand".

    Returns:
        The layer.

    Raises:
        ValueError: The size or a wanted property is not valid.
    """
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"expected size to be 1 or more whole pixels, got {size!r}")
    kind, side, touching = (_choose(rng, name, wanted.pop(name, None)) for name in _CHOICES)
    if wanted:
        raise ValueError(f"expected {', '.join(_CHOICES)}, got {', '.join(wanted)}")
    appearance_rng = appearance_rng or rng
    texture, rig = _sample_surface(assets, appearance_rng, kind)
    scene = build_scene(
        rig, texture, rng, kind=kind, touching=touching, appearance_rng=appearance_rng
    )
    view = sample_camera(rng, scene.hiding)
    distance = float(np.exp(rng.uniform(np.log(1.8), np.log(10))))
    meshes, keypoints = to_camera(
        scene.meshes, scene.keypoints, view, distance * _HAND_LENGTH, mirror=side == "left"
    )
    fine = size * _OVERSAMPLING
    lens, xy = frame_hand(keypoints, fine, fraction=fraction)
    buffers = raster.rasterise(meshes, lens, (fine, fine))
    facts: dict[str, Any] = {
        "kind": kind,
        "touching": touching,
        "pose": scene.pose,
        "rig": rig.name,
    }
    facts |= {"distance": distance, "facing": float(view[2, 0])}
    first, *second = np.split(_layer_points(xy, keypoints[:, 2], lens.focal), len(xy) // len(HAND))
    sides: dict[bool, Side] = {True: "left", False: "right"}
    return HandLayer(
        rgba=shading.light(meshes, buffers, lens, rng, oversampling=_OVERSAMPLING),
        xyz=first,
        visible=_visible(xy[: len(HAND)], keypoints, buffers, scene.thickness),
        side=sides[side == "left"],
        gloved=kind != "bare",
        second=(second[0], sides[(side == "left") == scene.one_side]) if second else None,
        meta=facts,
    )


def _choose(rng: np.random.Generator, name: str, value: str | None) -> str:
    """Check a given value, or draw a value."""
    probabilities = _CHOICES[name]
    if value is None:
        return str(rng.choice(list(probabilities), p=list(probabilities.values())))
    if value not in probabilities:
        expected = ", ".join(probabilities)
        raise ValueError(f"expected {name} to be among {expected} or None, got {value!r}")
    return value


def _sample_surface(assets: Assets, rng: np.random.Generator, kind: str) -> tuple[Texture, Rig]:
    """Draw a texture and a mesh; low-poly meshes are rare."""
    texture = assets.textures[str(rng.choice(TEXTURES[kind]))]
    weights = np.array([0.15 if "low" in name else 1.0 for name in RIGS[kind]])
    return texture, assets.rigs[str(rng.choice(RIGS[kind], p=weights / weights.sum()))]


def _layer_points(xy: np.ndarray, depths: np.ndarray, focal: float) -> np.ndarray:
    """Return keypoints in the layer's pixels, with depths relative to the wrist's."""
    z = (depths - depths[0]) * (focal / depths[0] / _OVERSAMPLING)
    return np.column_stack([(xy + 0.5) / _OVERSAMPLING - 0.5, z]).astype(np.float32)


def _visible(
    xy: np.ndarray, keypoints: np.ndarray, buffers: Buffers, thickness: float
) -> np.ndarray:
    """Return which keypoints are hidden by nothing but their own finger."""
    column, row = np.clip(np.round(xy).astype(int), 0, buffers.mesh.shape[0] - 1).T
    surface = buffers.inverse_depth[row, column]
    depth = np.where(surface > 0, 1 / np.maximum(surface, 1e-6), np.inf)
    skin = np.full(len(HAND), 0.017)  # metres of the hand itself that may lie in front
    skin[HAND.index("wrist")] = 0.034
    skin[[HAND.index(name) for name in _WIDE_JOINTS]] = 0.024
    return np.asarray(depth > keypoints[: len(HAND), 2] - skin * thickness)


def sample_camera(rng: np.random.Generator, hiding: Sequence[np.ndarray]) -> np.ndarray:
    """Draw an orientation: three quarters are arbitrary, the others face the palm or the back.

    Orientations in which a forearm or a second hand lies between camera and hand are redrawn in
    most cases.

    Args:
        rng: The random generator.
        hiding: (3,) unit directions, in the model's frame, of objects that may hide the hand.

    Returns:
        (3, 3) rotation from the model's frame to the camera's.
    """
    for _ in range(20):
        orientation = rotation_of_quaternion(rng.normal(size=4))  # uniformly distributed
        if rng.random() < 0.25:
            facing = np.array([[0, 0, 1.0], [0, 1, 0], [-1, 0, 0]])  # the palm faces the camera
            if rng.random() < 0.5:
                facing = np.diag([-1.0, 1, -1]) @ facing
            tilt = rotation(rng.normal(size=3), rng.normal(0, 0.35))
            orientation = rotation((0, 0, 1), rng.uniform(0, 2 * np.pi)) @ tilt @ facing
        clear = all((orientation @ direction)[2] > -0.7 for direction in hiding)
        if clear or rng.random() < 0.05:
            break
    return orientation


def to_camera(
    meshes: list[Mesh],
    keypoints: np.ndarray,
    orientation: np.ndarray,
    distance: float,
    mirror: bool,
) -> tuple[list[Mesh], np.ndarray]:
    """Transform meshes and keypoints from the model's frame to that of the camera.

    Args:
        meshes: Meshes in the model's frame.
        keypoints: (21 n, 3) keypoints of n hands in the model's frame. The first hand is centred.
        orientation: (3, 3) rotation to the camera's frame.
        distance: Metres from the camera to the centre of the first hand's keypoints.
        mirror: Whether to mirror the right hand to a left one.

    Returns:
        The meshes, and the (21 n, 3) keypoints in the camera's frame.
    """
    flip = np.diag([-1.0, 1, 1]) if mirror else np.eye(3)
    linear = (flip @ orientation).astype(np.float32)
    first = keypoints[: len(HAND)]
    middle = (first.max(0) + first.min(0)) / 2
    offset = np.array([0, 0, distance]) - linear @ middle
    placed = [moved(mesh, linear, offset) for mesh in meshes]
    return placed, keypoints @ linear.T.astype(float) + offset


def frame_hand(
    keypoints: np.ndarray, size: int, *, fraction: float = HAND_FRACTION
) -> tuple[Camera, np.ndarray]:
    """Return the camera that shows the first hand's extent at the centre of the image.

    Args:
        keypoints: (21 n, 3) keypoints of n hands in the camera's frame.
        size: Side of the image in pixels.
        fraction: The longer side of the keypoints' extent, as a fraction of the image's side.

    Returns:
        The camera, and the (21 n, 2) keypoints in pixels.
    """
    slopes = keypoints[:, :2] / keypoints[:, 2:]
    low, high = slopes[: len(HAND)].min(0), slopes[: len(HAND)].max(0)
    focal = float(fraction * size / (high - low).max())
    x, y = centre = (size - 1) / 2 - focal * (low + high) / 2
    return Camera(focal, (float(x), float(y))), slopes * focal + centre
