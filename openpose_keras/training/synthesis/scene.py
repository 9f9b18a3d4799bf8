"""What is rendered around a hand: alone, with an object in it, or with a second hand."""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from openpose_keras.training.synthesis import contact
from openpose_keras.training.synthesis.assembly import BuiltHand, build_hand, dress_object
from openpose_keras.training.synthesis.assets import Texture
from openpose_keras.training.synthesis.meshes import moved
from openpose_keras.training.synthesis.poses import joint_scales, sample_pose, sample_shape, settle
from openpose_keras.training.synthesis.raster import Mesh
from openpose_keras.training.synthesis.rig import Rig

TOUCHING = {"nothing": 0.66, "object": 0.24, "hand": 0.1}


class Scene(NamedTuple):
    """Meshes in the frame of the first hand's model.

    Args:
        meshes: All meshes, the first hand's first.
        keypoints: (21, 3) of a right hand, or (42, 3) with those of the second hand.
        hiding: Directions from the first hand to what would hide it.
        thickness: Factor of the fingers' thickness.
        pose: Name of the pose, or of the way in which two hands touch.
        one_side: Whether both hands are right ones.
    """

    meshes: list[Mesh]
    keypoints: np.ndarray
    hiding: list[np.ndarray]
    thickness: float
    pose: str
    one_side: bool = False


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
        appearance_rng: The random generator for what the hand itself wears.
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
    """Put a second hand beside the first one, where it touches it."""
    linear = pair.linear
    offset = contact.place(pair, rig, scene.meshes[0], second.meshes[0])
    return scene._replace(
        meshes=scene.meshes + [moved(mesh, linear, offset) for mesh in second.meshes],
        keypoints=np.concatenate([scene.keypoints, second.keypoints @ linear.T + offset]),
        pose=pair.name,
        one_side=bool(np.linalg.det(linear) > 0),
        hiding=[*scene.hiding, pair.direction, *(linear @ arm for arm in second.arms)],
    )
