"""Puts a hand together: skinned mesh, forearm, sleeve, glove's cuff, jewellery and held things."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from openpose_keras.training.synthesis import accessories, grasp
from openpose_keras.training.synthesis import materials as appearance
from openpose_keras.training.synthesis.accessories import Arm
from openpose_keras.training.synthesis.articulation import Pose, joint_turns, settle
from openpose_keras.training.synthesis.assets import CLOTH, SKIN, Texture
from openpose_keras.training.synthesis.meshes import Part
from openpose_keras.training.synthesis.rig import FINGERS, Rig

_WHITE = np.full((1, 1, 3), 255, np.uint8)
_NO_REGION = np.zeros((1, 1), np.uint8)
_NO_BUMP = np.zeros((1, 1, 2), np.int8)


@dataclass(frozen=True, eq=False)
class Piece:
    """A part with its look; the fields are those of `raster.Mesh`."""

    part: Part
    materials: np.ndarray
    colour: np.ndarray = field(default_factory=lambda: _WHITE)
    regions: np.ndarray = field(default_factory=lambda: _NO_REGION)
    bumps: np.ndarray = field(default_factory=lambda: _NO_BUMP)
    pattern: np.ndarray = field(default_factory=lambda: appearance.PLAIN)
    two_sided: bool = False


def dress(
    rig: Rig,
    pose: Pose,
    scales: np.ndarray,
    texture: Texture,
    rng: np.random.Generator,
    *,
    kind: str,
    looks: np.random.Generator,
) -> tuple[list[Piece], np.ndarray, dict[str, Any]]:
    """Build everything that is seen of a hand, in the model's frame.

    Args:
        rig: the hand.
        pose: its pose.
        scales: (j, 3) its shape.
        texture: its skin or glove.
        rng: source of chance.
        kind: "bare", "glove" or "fingerless".
        looks: source of chance for what the hand wears on its skin: colours, a glove with its cuff,
            rings; `rng` itself where nothing has to stay when the look changes.

    Returns:
        The pieces, the hand first; (j, 3) the joints' origins; facts for `HandLayer.meta`, among
        them `arm_direction`, None without a forearm.
    """
    thing = None
    if pose.grip:
        pose, thing = grasp.grip_thing(rig, pose, scales, rng)
    else:
        pose = settle(rig, pose, scales)
    turns = joint_turns(rig, pose)
    vertices, frame, joints = rig.skin(turns, scales)
    if pose.name == "pinch" and rng.random() < 0.4:
        thing = grasp.pinched_thing(rig, joints, rng)
    look = _hand_look(texture, looks, painted="Nails" in rig.name)
    cut = rng.random() < 0.02  # no forearm: the mesh's own end shows
    hand = Part(vertices, frame, rig.uv, rig.triangles if cut else rig.triangles[~rig.cap])
    pieces, direction = [Piece(hand, **look)], None
    if not cut:
        growth = rng.uniform((0.15, 0.2), (0.6, 0.65))
        arm = Arm(vertices[rig.wrist_loop].astype(float), pose.wrist, growth)
        direction = arm.direction
        length, covered = rng.uniform(0.2, 0.36), 0.0
        if kind != "bare":
            covered, cuff = _cuff(arm, length, looks, look)
            pieces.append(cuff)
            look = {"materials": _untextured(look["materials"], SKIN)}
        forearm = accessories.forearm(rig, hand.vertices, hand.frame, arm, length)
        pieces += [Piece(forearm, **look), *_over_arm(arm, covered, length, rng)]
    if kind == "bare":
        pieces += _finger_rings(rig, turns, scales, looks)
    if thing is not None:
        pieces.append(_held_piece(thing, rng))
    facts = {"arm_direction": direction, "holds": thing is not None, "bends": pose.bends}
    return pieces, joints, facts


def _held_piece(thing: Part, rng: np.random.Generator) -> Piece:
    """Draw the look of a thing that the hand holds."""
    shine = appearance.plain_material(rng)
    return Piece(thing, shine, pattern=appearance.pattern(rng, odds=0.4))


def _hand_look(
    texture: Texture, rng: np.random.Generator, *, painted: bool
) -> dict[str, np.ndarray]:
    """Draw the look of a hand's mesh: the fields of a `Piece`."""
    return {
        "materials": appearance.hand_materials(texture, rng, painted=painted),
        "colour": texture.colour,
        "regions": texture.regions,
        "bumps": texture.bumps,
        "pattern": appearance.pattern(rng),
    }


def _over_arm(arm: Arm, covered: float, length: float, rng: np.random.Generator) -> list[Piece]:
    """Build what lies over a forearm: a sleeve, a bracelet or nothing."""
    if rng.random() < 0.45:
        return [_sleeve(arm, covered, length, rng)]
    if rng.random() < 0.2:
        return [_bracelet(arm, covered, rng)]
    return []


def _untextured(materials: np.ndarray, region: int) -> np.ndarray:
    """Return one region's material, for a mesh whose texture is plain white."""
    rows = materials[[region]].copy()
    rows[0, :3] = 1
    return rows


def _cuff(
    arm: Arm, length: float, rng: np.random.Generator, look: dict[str, np.ndarray]
) -> tuple[float, Piece]:
    """Build the part of a glove beyond the wrist; give also how far up the forearm it reaches."""
    covered = rng.uniform(0.0, 0.1) if rng.random() < 0.85 else length
    end = max(covered, 0.012)
    part = accessories.sleeve(
        arm, -0.004, end, rng.uniform(1.03, 1.22), rng, folds=rng.uniform(0, 0.05)
    )
    cloth = _untextured(look["materials"], CLOTH)
    return covered, Piece(part, cloth, pattern=look["pattern"], two_sided=True)


def _sleeve(arm: Arm, covered: float, length: float, rng: np.random.Generator) -> Piece:
    """Build a sleeve that begins at the wrist or further up."""
    at_wrist = rng.random() < 0.55
    start = rng.uniform(-0.02, 0.03) if at_wrist else rng.uniform(0.03, 0.14)
    start = max(covered - 0.03, start)
    end = max(length + 0.02, start + 0.05)
    part = accessories.sleeve(
        arm, start, end, rng.uniform(1.1, 1.55), rng, folds=rng.uniform(0.01, 0.09)
    )
    cloth = appearance.plain_material(rng, glossy=0.1)
    return Piece(part, cloth, pattern=appearance.pattern(rng, odds=0.45), two_sided=True)


def _bracelet(arm: Arm, covered: float, rng: np.random.Generator) -> Piece:
    """Build a bracelet, or the strap of a watch."""
    start = max(covered, rng.uniform(0.008, 0.04))
    end, wider = start + rng.uniform(0.004, 0.03), rng.uniform(1.04, 1.12)
    part = accessories.sleeve(arm, start, end, wider, rng, folds=0)
    return Piece(part, appearance.plain_material(rng, glossy=0.7), two_sided=True)


def _finger_rings(
    rig: Rig, turns: np.ndarray, scales: np.ndarray, rng: np.random.Generator
) -> list[Piece]:
    """Build up to three rings on index .. little."""
    if rng.random() > 0.15:
        return []
    rotations, origins = rig.forward(turns, scales)
    pieces = []
    for finger in rng.choice(FINGERS[1:], rng.integers(1, 4), replace=False):
        joint = rig.names.index(f"{finger}_Proximal")
        after = rig.names.index(f"{finger}_Intermediate")
        centre = origins[joint] + rng.uniform(0.45, 0.7) * (origins[after] - origins[joint])
        radius = 0.0102 * scales[joint, 0] * (0.88 if finger == "Little" else 1.0)
        part = accessories.finger_ring(centre, rotations[joint], radius, rng.uniform(0.002, 0.006))
        pieces.append(Piece(part, appearance.plain_material(rng, glossy=0.9), two_sided=True))
    return pieces
