"""Puts a hand together: skinned mesh, forearm, sleeve, glove's cuff, jewellery and held things."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from openpose_keras.training import appearance, props
from openpose_keras.training.articulation import Pose, close_around, joint_turns, settle
from openpose_keras.training.assets import CLOTH, SKIN, Texture
from openpose_keras.training.props import Arm
from openpose_keras.training.rig import FINGERS, Rig
from openpose_keras.training.surfaces import Part, ball_profile, box, cylinder_profile, lathe

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
) -> tuple[list[Piece], np.ndarray, dict[str, Any]]:
    """Build everything that is seen of a hand, in the model's frame.

    Args:
        rig: the hand.
        pose: its pose.
        scales: (j, 3) its shape.
        texture: its skin or glove.
        rng: source of chance.
        kind: "bare", "glove" or "fingerless".

    Returns:
        The pieces, the hand first; (j, 3) the joints' origins; facts for `HandLayer.meta`, among them
        `arm_direction`, None without a forearm.
    """
    thing = None
    if pose.grip:
        pose, thing = _grip_thing(rig, pose, scales, rng)
    else:
        pose = settle(rig, pose, scales)
    turns = joint_turns(rig, pose)
    vertices, frame, joints = rig.skin(turns, scales)
    if pose.name == "pinch" and rng.random() < 0.4:
        thing = _pinched_thing(rig, joints, pose, rng)
    materials = appearance.hand_materials(texture, rng, painted="Nails" in rig.name)
    wear = appearance.pattern(rng)
    look = {
        "materials": materials,
        "colour": texture.colour,
        "regions": texture.regions,
        "bumps": texture.bumps,
        "pattern": wear,
    }
    bare_wrist = rng.random() < 0.04
    triangles = rig.triangles if bare_wrist else rig.triangles[~rig.cap]
    pieces = [Piece(Part(vertices, frame, rig.uv, triangles), **look)]
    direction = None
    if not bare_wrist:
        arm = Arm(
            vertices[rig.wrist_loop].astype(float),
            pose.wrist,
            rng.uniform((0.15, 0.2), (0.6, 0.65)),
        )
        near, far = arm.rings(np.array([0.0, 0.12])).mean(1)
        direction = (far - near) / np.linalg.norm(far - near)
        pieces += _dress_arm(rig, vertices, frame, arm, rng, kind=kind, look=look)
    if kind == "bare":
        pieces += _finger_rings(rig, turns, scales, rng)
    if thing is not None:
        shine = appearance.plain_material(rng)
        pieces.append(Piece(thing, shine, pattern=appearance.pattern(rng, odds=0.4)))
    facts = {"arm_direction": direction, "holds": thing is not None, "bends": pose.bends}
    return pieces, joints, facts


def _dress_arm(
    rig: Rig,
    vertices: np.ndarray,
    frame: np.ndarray,
    arm: Arm,
    rng: np.random.Generator,
    *,
    kind: str,
    look: dict[str, np.ndarray],
) -> list[Piece]:
    """Build forearm, cuff, sleeve and bracelet."""
    pieces = []
    length = rng.uniform(0.2, 0.36)
    skin = look["materials"][[SKIN]].copy()
    cuff_end = 0.0
    arm_look = dict(look)
    if kind != "bare":
        arm_look = {"materials": skin}
        skin[0, :3] = 1
        cuff_end = rng.uniform(0.0, 0.1) if rng.random() < 0.85 else length
        cuff = props.sleeve(
            arm,
            -0.004,
            max(cuff_end, 0.012),
            rng.uniform(1.03, 1.22),
            rng,
            folds=rng.uniform(0, 0.05),
        )
        cloth = look["materials"][[CLOTH]].copy()
        cloth[0, :3] = 1
        pieces.append(Piece(cuff, cloth, pattern=look["pattern"], two_sided=True))
    pieces.append(Piece(props.forearm(rig, vertices, frame, arm, length), **arm_look))
    if rng.random() < 0.45:
        start = max(
            cuff_end - 0.03,
            rng.uniform(-0.02, 0.03) if rng.random() < 0.55 else rng.uniform(0.03, 0.14),
        )
        part = props.sleeve(
            arm,
            start,
            max(length + 0.02, start + 0.05),
            rng.uniform(1.1, 1.55),
            rng,
            folds=rng.uniform(0.01, 0.09),
        )
        pieces.append(
            Piece(
                part,
                appearance.plain_material(rng, glossy=0.1),
                pattern=appearance.pattern(rng, odds=0.45),
                two_sided=True,
            )
        )
    elif rng.random() < 0.2:
        start = max(cuff_end, rng.uniform(0.008, 0.04))
        band = props.sleeve(
            arm, start, start + rng.uniform(0.004, 0.03), rng.uniform(1.04, 1.12), rng, folds=0
        )
        pieces.append(Piece(band, appearance.plain_material(rng, glossy=0.7), two_sided=True))
    return pieces


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
        part = props.finger_ring(centre, rotations[joint], radius, rng.uniform(0.002, 0.006))
        pieces.append(Piece(part, appearance.plain_material(rng, glossy=0.9), two_sided=True))
    return pieces


def _grip_thing(
    rig: Rig, pose: Pose, scales: np.ndarray, rng: np.random.Generator
) -> tuple[Pose, Part]:
    """Put a cylinder, ball or box into the palm and close the fingers around it."""
    origins = rig.forward(None, scales)[1]
    knuckles = origins[[rig.names.index(f"{finger}_Proximal") for finger in FINGERS[1:]]]
    radius, palm = pose.grip, 0.016 * scales[0, 0]
    middle = knuckles.mean(0)
    centre = middle + (-radius - palm, 0, rng.uniform(-0.004, 0.014))
    axis = np.array([rng.normal(0, 0.12), 1.0, rng.normal(0, 0.25)])
    axis /= np.linalg.norm(axis)
    ball = rng.random() < 0.3
    if ball:
        centre[1] += rng.uniform(0, 0.012)
    bends = close_around(rig, pose, scales, centre, None if ball else axis)
    closed = Pose(bends, pose.spreads, pose.thumb, pose.wrist, pose.name, pose.grip)
    if ball:
        return closed, lathe(ball_profile(radius), axis, centre)
    if rng.random() < 0.3:
        half = np.array([radius * 0.75, rng.uniform(0.05, 0.14), radius * 0.75])
        frame = np.stack([np.cross(axis, (0, 0, 1.0)), axis, np.zeros(3)], axis=1)
        frame[:, 0] /= np.linalg.norm(frame[:, 0])
        frame[:, 2] = np.cross(frame[:, 0], axis)
        return closed, box(half, frame, centre)
    profile = cylinder_profile(radius, rng.uniform(0.05, 0.18))
    return closed, lathe(profile, axis, centre + axis * rng.uniform(-0.05, 0.05))


def _pinched_thing(rig: Rig, joints: np.ndarray, pose: Pose, rng: np.random.Generator) -> Part:
    """Put a pen, card or small ball between thumb and the nearest finger tip."""
    thumb = joints[rig.names.index("Thumb_Tip")]
    tips = joints[[rig.names.index(f"{finger}_Tip") for finger in FINGERS[1:]]]
    tip = tips[np.argmin(np.linalg.norm(tips - thumb, axis=1))]
    middle, across = (tip + thumb) / 2, tip - thumb
    across /= np.linalg.norm(across) + 1e-9
    along = np.cross(across, rng.normal(size=3))
    along /= np.linalg.norm(along)
    kind = rng.choice(["pen", "card", "ball"], p=(0.5, 0.3, 0.2))
    if kind == "pen":
        profile = cylinder_profile(rng.uniform(0.003, 0.007), rng.uniform(0.05, 0.09))
        return lathe(profile, along, middle + along * rng.uniform(-0.04, 0.04))
    if kind == "card":
        half = np.array([rng.uniform(0.02, 0.07), 0.001, rng.uniform(0.02, 0.09)])
        axes = np.stack([along, across, np.cross(along, across)], axis=1)
        return box(half, axes, middle + along * half[0] * 0.85)
    return lathe(ball_profile(rng.uniform(0.005, 0.014)), along, middle)
