"""Gloves: thick or thin, padded, of one colour or two."""

from typing import NamedTuple

import numpy as np

from openpose_keras.training.synthesis import materials
from openpose_keras.training.synthesis.assets import Texture
from openpose_keras.training.synthesis.raster import Mesh
from openpose_keras.training.synthesis.rig import Rig


class Style(NamedTuple):
    """What a glove is like.

    Args:
        thickness: Metres of cloth or rubber over the skin.
        padding: More metres on the back, between the joints.
        rubber: Probability that it is of rubber, which may be glossy, and not of cloth.
        two_tone: Probability that a part of it has another colour.
    """

    thickness: float
    padding: float
    rubber: float
    two_tone: float


NONE = Style(0.0, 0.0, 0.6, 0.0)
_STYLES = {
    "thin": Style(0.0005, 0.0, 0.95, 0.03),  # latex, nitrile
    "knitted": Style(0.0015, 0.0, 0.1, 0.2),
    "work": Style(0.0025, 0.0008, 0.4, 0.75),
    "padded": Style(0.0035, 0.0045, 0.3, 0.75),  # for skiing, batting, keeping a goal
}


def sample_style(rng: np.random.Generator) -> Style:
    """Draw a kind of glove, and how thick it is."""
    style = _STYLES[str(rng.choice(list(_STYLES), p=(0.3, 0.2, 0.25, 0.25)))]
    factors = rng.uniform(0.4, 1.5, 2)
    return style._replace(
        thickness=style.thickness * factors[0], padding=style.padding * factors[1]
    )


def put_on(
    hand: Mesh, rig: Rig, style: Style, texture: Texture, rng: np.random.Generator
) -> list[Mesh]:
    """Make a glove of a hand's mesh.

    Args:
        hand: The skinned hand, with a glove's materials.
        rig: Its rig, for which part of a hand a vertex belongs to.
        style: What the glove is like.
        texture: The texture of the mesh.
        rng: The random generator.

    Returns:
        The glove in one mesh, or in two of different colours.
    """
    back = np.clip(rig.frame[:, 0, 0] + 0.3, 0, 1)
    between_joints = np.clip(rig.weights.max(1) * 2 - 1, 0, 1)
    grown = style.thickness + style.padding * back * between_joints
    glove = hand._replace(vertices=hand.vertices + hand.frame[:, 0] * grown[:, None].astype("f4"))
    if rng.random() >= style.two_tone:
        return [glove]
    part = _sample_part(rig, rng)[hand.triangles].sum(1) >= 2
    surface = materials.hand_materials(texture, rng, painted=False, rubber=style.rubber)
    other = glove._replace(
        triangles=np.ascontiguousarray(hand.triangles[part]),
        materials=surface,
        pattern=materials.sample_pattern(rng),
    )
    return [glove._replace(triangles=np.ascontiguousarray(hand.triangles[~part])), other]


def _sample_part(rig: Rig, rng: np.random.Generator) -> np.ndarray:
    """Draw which vertices have the other colour, (n,) bool."""
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
