"""Build the scene: a hand with its glove, forearm, sleeve and rings, and what it touches.

The hand touches an object, a second hand that is built like the first, or nothing.
"""

import copy
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from openpose_keras.training.synthesis import contact, materials, meshes
from openpose_keras.training.synthesis.assets import CLOTH, SKIN, Texture
from openpose_keras.training.synthesis.meshes import Arm, moved
from openpose_keras.training.synthesis.poses import (
    Pose,
    joint_rotations,
    joint_scales,
    sample_pose,
    sample_shape,
    settle,
)
from openpose_keras.training.synthesis.raster import Mesh
from openpose_keras.training.synthesis.rig import Rig

TOUCHING = {"nothing": 0.66, "object": 0.24, "hand": 0.1}


class Scene(NamedTuple):
    """Meshes in the frame of the first hand's model.

    Args:
        meshes: All meshes, beginning with the first hand's.
        keypoints: (21, 3) keypoints of a right hand, or (42, 3) with those of the second hand.
        hiding: Directions from the first hand to objects that may hide it.
        thickness: Factor of the fingers' thickness.
        pose: Name of the pose, or of the contact between two hands.
        one_side: Whether both hands are right ones.
    """

    meshes: list[Mesh]
    keypoints: np.ndarray
    hiding: list[np.ndarray]
    thickness: float
    pose: str
    one_side: bool = False


class BuiltHand(NamedTuple):
    """All visible parts of a hand, in the model's frame.

    Args:
        meshes: The hand, followed by the parts that belong to it.
        keypoints: (21, 3) keypoints.
        arms: The forearm's (3,) unit direction; empty without a forearm.
    """

    meshes: list[Mesh]
    keypoints: np.ndarray
    arms: list[np.ndarray]


class Glove(NamedTuple):
    """The properties of a kind of glove.

    Args:
        thickness: Thickness of the cloth or rubber over the skin in metres.
        padding: Additional thickness on the back, between the joints, in metres.
        rubber: Probability that it is made of rubber, which may be glossy, instead of cloth.
        two_tone: Probability that a part of it has another colour.
    """

    thickness: float
    padding: float
    rubber: float
    two_tone: float


NO_GLOVE = Glove(0.0, 0.0, 0.6, 0.0)
_GLOVES = {
    "thin": Glove(0.0005, 0.0, 0.95, 0.03),  # latex, nitrile
    "knitted": Glove(0.0015, 0.0, 0.1, 0.2),
    "work": Glove(0.0025, 0.0008, 0.4, 0.75),
    "padded": Glove(0.0035, 0.0045, 0.3, 0.75),  # for skiing, batting, keeping a goal
}


def build_scene(
    rig: Rig,
    texture: Texture,
    rng: np.random.Generator,
    *,
    kind: str,
    touching: str,
    appearance_rng: np.random.Generator,
) -> Scene:
    """Build a random scene around a right hand.

    Args:
        rig: The hand.
        texture: Its skin or glove.
        rng: The random generator.
        kind: "bare", "glove" or "fingerless".
        touching: What the hand touches: "nothing", "object" or "hand".
        appearance_rng: The random generator for the appearance of the hand itself.
    """
    shape = sample_shape(rng)
    scales, pair = joint_scales(rig, shape), None
    held: Sequence[Mesh] = ()
    if touching == "hand":
        pair = contact.sample_contact(rig, scales, rng)
        pose, held = pair.poses[0], pair.held
    elif touching == "object":
        pose, held = contact.hold(rig, scales, rng)
    else:
        pose = settle(rig, sample_pose(rng), scales)
    looks = rng, appearance_rng
    if pair is not None and pair.name != "shaken":  # both hands of one person look the same
        looks = copy.deepcopy(looks)
    hand = build_hand(rig, pose, scales, texture, rng, kind=kind, appearance_rng=appearance_rng)
    scene = Scene(hand.meshes, hand.keypoints, hand.arms, float(shape.thickness.mean()), pose.name)
    if pair is not None:
        second = build_hand(
            rig, pair.poses[1], scales, texture, looks[0], kind=kind, appearance_rng=looks[1]
        )
        scene = _add_second(scene, pair, second, rig)
    return scene._replace(meshes=scene.meshes + dress_object(held, rng))


def _add_second(scene: Scene, pair: contact.Contact, second: BuiltHand, rig: Rig) -> Scene:
    """Place a second hand so that it touches the first one."""
    linear = pair.linear
    offset = contact.place(pair, rig, scene.meshes[0], second.meshes[0])
    return scene._replace(
        meshes=scene.meshes + [moved(mesh, linear, offset) for mesh in second.meshes],
        keypoints=np.concatenate([scene.keypoints, second.keypoints @ linear.T + offset]),
        pose=pair.name,
        one_side=bool(np.linalg.det(linear) > 0),
        hiding=[*scene.hiding, pair.direction, *(linear @ arm for arm in second.arms)],
    )


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
        scales: (j, 3) scales of its shape.
        texture: Its skin or glove.
        rng: The random generator.
        kind: "bare", "glove" or "fingerless".
        appearance_rng: The random generator for the appearance of the hand: colours, a glove with
            its cuff, rings. It may be `rng` itself.
    """
    rotations = joint_rotations(rig, pose)
    vertices, frame, joints = rig.skin(rotations, scales)
    style = sample_glove(appearance_rng) if kind == "glove" else NO_GLOVE
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
        parts = put_on_glove(hand, rig, style, texture, appearance_rng)
    if not cut:
        growth = rng.uniform((0.15, 0.2), (0.6, 0.65))
        arm = Arm(vertices[rig.wrist_loop].astype(float), pose.wrist, growth)
        arms.append(arm.direction)
        parts += _arm(rig, hand, arm, rng, None if kind == "bare" else (style, appearance_rng))
    if kind == "bare":
        parts += _finger_rings(rig, rotations, scales, appearance_rng)
    return BuiltHand(parts, joints[rig.keypoint_ids], arms)


def dress_object(meshes: Iterable[Mesh], rng: np.random.Generator) -> list[Mesh]:
    """Draw a material and a pattern for each part of an object, or the same for all parts."""
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
    glove: tuple[Glove, np.random.Generator] | None,
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


def _cuff(arm: Arm, covered: float, hand: Mesh, style: Glove, rng: np.random.Generator) -> Mesh:
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


def sample_glove(rng: np.random.Generator) -> Glove:
    """Draw a kind of glove and its thickness."""
    style = _GLOVES[str(rng.choice(list(_GLOVES), p=(0.3, 0.2, 0.25, 0.25)))]
    factors = rng.uniform(0.4, 1.5, 2)
    return style._replace(
        thickness=style.thickness * factors[0], padding=style.padding * factors[1]
    )


def put_on_glove(
    hand: Mesh, rig: Rig, style: Glove, texture: Texture, rng: np.random.Generator
) -> list[Mesh]:
    """Convert a hand's mesh to a glove.

    Args:
        hand: The skinned hand, with a glove's materials.
        rig: The rig, which states to which part of the hand a vertex belongs.
        style: The properties of the glove.
        texture: The texture of the mesh.
        rng: The random generator.

    Returns:
        The glove as one mesh, or as two meshes with different colours.
    """
    back = np.clip(rig.frame[:, 0, 0] + 0.3, 0, 1)
    between_joints = np.clip(rig.weights.max(1) * 2 - 1, 0, 1)
    grown = style.thickness + style.padding * back * between_joints
    glove = hand._replace(vertices=hand.vertices + hand.frame[:, 0] * grown[:, None].astype("f4"))
    if rng.random() >= style.two_tone:
        return [glove]
    part = _sample_glove_part(rig, rng)[hand.triangles].sum(1) >= 2
    surface = materials.hand_materials(texture, rng, painted=False, rubber=style.rubber)
    other = glove._replace(
        triangles=np.ascontiguousarray(hand.triangles[part]),
        materials=surface,
        pattern=materials.sample_pattern(rng),
    )
    return [glove._replace(triangles=np.ascontiguousarray(hand.triangles[~part])), other]


def _sample_glove_part(rig: Rig, rng: np.random.Generator) -> np.ndarray:
    """Draw the vertices that have the other colour, (n,) bool."""
    bones = np.array(rig.names)[rig.joint_ids[np.arange(len(rig.uv)), rig.weights.argmax(1)]]
    outer = np.char.find(bones, "Distal") >= 0
    middle = np.char.find(bones, "Intermediate") >= 0
    palm = rig.frame[:, 0, 0] < 0.15
    parts = {
        "palm": palm,
        "dipped": palm | outer,
        "tips": outer | (middle & (rng.random() < 0.5)),
        "bands": middle,
        "fingers": np.isin(rig.joint_ids[:, 0], rig.fingers[rng.random(5) < 0.5]),
        "pads": ~palm & (rig.weights.max(1) > 0.85),
    }
    return np.asarray(parts[str(rng.choice(list(parts), p=(0.3, 0.22, 0.12, 0.1, 0.11, 0.15)))])
