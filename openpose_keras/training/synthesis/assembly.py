"""Assembles a hand: skinned mesh or glove, forearm, sleeve, cuff, rings; and a second hand."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from openpose_keras.training.synthesis import gloves, materials, meshes
from openpose_keras.training.synthesis.assets import CLOTH, SKIN, Texture
from openpose_keras.training.synthesis.meshes import Arm
from openpose_keras.training.synthesis.poses import Pose, joint_rotations
from openpose_keras.training.synthesis.raster import Mesh
from openpose_keras.training.synthesis.rig import Rig


class BuiltHand(NamedTuple):
    """All that is visible of a hand, in the model's frame.

    Args:
        meshes: The hand first, then what belongs to it.
        keypoints: (21, 3).
        arms: The forearm's (3,) unit direction; empty without one.
    """

    meshes: list[Mesh]
    keypoints: np.ndarray
    arms: list[np.ndarray]


def build_hand(
    rig: Rig,
    pose: Pose,
    scales: np.ndarray,
    texture: Texture,
    rng: np.random.Generator,
    *,
    kind: str,
    appearance_rng: np.random.Generator,
) -> BuiltHand:
    """Build a hand.

    Args:
        rig: The hand.
        pose: Its pose.
        scales: (j, 3) its shape.
        texture: Its skin or glove.
        rng: The random generator.
        kind: "bare", "glove" or "fingerless".
        appearance_rng: The random generator for what the hand wears on its skin: colours, a glove
            with its cuff, rings. It may be `rng` itself.
    """
    rotations = joint_rotations(rig, pose)
    vertices, frame, joints = rig.skin(rotations, scales)
    style = gloves.sample_style(appearance_rng) if kind == "glove" else gloves.NONE
    surface = materials.hand_materials(
        texture, appearance_rng, painted="Nails" in rig.name, rubber=style.rubber
    )
    pattern = materials.sample_pattern(appearance_rng)
    cut = rng.random() < 0.05  # no forearm: the mesh's own end is visible
    triangles = rig.triangles if cut else rig.triangles[~rig.cap]
    hand = Mesh(
        vertices, frame, rig.uv, triangles,
        texture.colour, texture.regions, texture.bumps, surface, pattern,
    )  # fmt: skip
    parts, arms = [hand], []
    if kind == "glove":
        parts = gloves.put_on(hand, rig, style, texture, appearance_rng)
    if not cut:
        growth = rng.uniform((0.15, 0.2), (0.6, 0.65))
        arm = Arm(vertices[rig.wrist_loop].astype(float), pose.wrist, growth)
        arms.append(arm.direction)
        parts += _arm(rig, hand, arm, rng, None if kind == "bare" else (style, appearance_rng))
    if kind == "bare":
        parts += _finger_rings(rig, rotations, scales, appearance_rng)
    return BuiltHand(parts, joints[rig.keypoint_ids], arms)


def dress_object(meshes: Iterable[Mesh], rng: np.random.Generator) -> list[Mesh]:
    """Draw a material and a pattern for the parts of an object, each its own or all the same."""
    dressed: list[Mesh] = []
    for mesh in meshes:
        if dressed and rng.random() < 0.3:
            dressed.append(mesh._replace(materials=dressed[0].materials))
            continue
        pattern = materials.sample_pattern(rng, probability=0.4)
        dressed.append(mesh._replace(materials=materials.plain_material(rng), pattern=pattern))
    return dressed


def _arm(
    rig: Rig,
    hand: Mesh,
    arm: Arm,
    rng: np.random.Generator,
    glove: tuple[gloves.Style, np.random.Generator] | None,
) -> list[Mesh]:
    """Build the forearm, the cuff of a glove, and over it a sleeve, a bracelet or nothing."""
    length, covered, surface, parts = rng.uniform(0.2, 0.36), 0.0, hand, []
    if glove is not None:
        style, glove_rng = glove
        covered = glove_rng.uniform(0.0, 0.1) if glove_rng.random() < 0.85 else length
        parts.append(_cuff(arm, covered, hand, style, glove_rng))
        skin = _untextured(hand.materials, SKIN)
        surface = Mesh(hand.vertices, hand.frame, hand.uv, hand.triangles, materials=skin)
    parts.append(meshes.forearm(rig, surface, arm, length))
    if rng.random() < 0.45:
        parts.append(_sleeve(arm, covered, length, rng))
    elif rng.random() < 0.2:
        parts.append(_bracelet(arm, covered, rng))
    return parts


def _untextured(materials: np.ndarray, region: int) -> np.ndarray:
    """Return one region's material, for a mesh whose texture is plain white."""
    material = materials[[region]]
    material["mean"] = 1
    return material


def _cuff(
    arm: Arm, covered: float, hand: Mesh, style: gloves.Style, rng: np.random.Generator
) -> Mesh:
    """Build the part of a glove beyond the wrist, in the glove's colour or another."""
    end, folds = max(covered, 0.012), rng.uniform(0, 0.05)
    scale = rng.uniform(1.03, 1.22) + style.thickness / 0.024  # the wrist's radius
    cuff = meshes.sleeve(arm, -0.004 - style.thickness, end, scale, folds, rng)
    if rng.random() < 0.3:
        return cuff._replace(
            materials=materials.plain_material(rng, glossy=0.2),
            pattern=materials.sample_pattern(rng, probability=0.3),
        )
    return cuff._replace(materials=_untextured(hand.materials, CLOTH), pattern=hand.pattern)


def _sleeve(arm: Arm, covered: float, length: float, rng: np.random.Generator) -> Mesh:
    """Build a sleeve that begins at the wrist or further up."""
    at_wrist = rng.random() < 0.55
    start = rng.uniform(-0.02, 0.03) if at_wrist else rng.uniform(0.03, 0.14)
    start = max(covered - 0.03, start)
    end, scale = max(length + 0.02, start + 0.05), rng.uniform(1.1, 1.55)
    sleeve = meshes.sleeve(arm, start, end, scale, rng.uniform(0.01, 0.09), rng)
    cloth = materials.plain_material(rng, glossy=0.1)
    pattern = materials.sample_pattern(rng, probability=0.45)
    return sleeve._replace(materials=cloth, pattern=pattern)


def _bracelet(arm: Arm, covered: float, rng: np.random.Generator) -> Mesh:
    """Build a bracelet, or the strap of a watch."""
    start = max(covered, rng.uniform(0.008, 0.04))
    end, scale = start + rng.uniform(0.004, 0.03), rng.uniform(1.04, 1.12)
    bracelet = meshes.sleeve(arm, start, end, scale, 0.0, rng)
    return bracelet._replace(materials=materials.plain_material(rng, glossy=0.7))


def _finger_rings(
    rig: Rig, joint_rotations: np.ndarray, scales: np.ndarray, rng: np.random.Generator
) -> list[Mesh]:
    """Build up to three rings on index .. little."""
    if rng.random() > 0.15:
        return []
    rotations, origins = rig.forward(joint_rotations, scales)
    rings = []
    for finger in 1 + rng.choice(4, rng.integers(1, 4), replace=False):
        knuckle, joint = rig.fingers[finger, :2]
        along = rng.uniform(0.45, 0.7) * (origins[joint] - origins[knuckle])
        radius = 0.0102 * scales[knuckle, 0] * (0.88 if finger == 4 else 1.0)
        ring = meshes.finger_ring(
            origins[knuckle] + along, rotations[knuckle], radius, rng.uniform(0.002, 0.006)
        )
        rings.append(ring._replace(materials=materials.plain_material(rng, glossy=0.9)))
    return rings
