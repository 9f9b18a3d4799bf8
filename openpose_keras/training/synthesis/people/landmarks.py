"""Which points of MakeHuman's base mesh are keypoints of the body, the face, feet and hands."""

from typing import NamedTuple

import numpy as np

from openpose_keras.core.skeletons import BODY_25
from openpose_keras.training.synthesis.people.body import Body, Pose
from openpose_keras.training.synthesis.people.face_points import FACE_VERTICES, FACE_WEIGHTS

SIDES = {"left": "L", "right": "R"}
_JOINTS = {
    "shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist",
    "hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot",
}  # fmt: skip
_TOES = {"big_toe": "toe1-2", "small_toe": "toe5-3"}
_EAR = "ears/{}-ear-scale-incr"


class Landmarks(NamedTuple):
    """Keypoints that lie on the body's surface, and the tips of the fingers.

    Args:
        surface: For each keypoint on the surface, by name, the vertices whose mean it is.
        tips: (2, 5) the vertices at the fingers' tips of the left and the right hand.
        pupils: (2,) the vertices in the middle of the right and of the left pupil.
    """

    surface: dict[str, np.ndarray]
    tips: np.ndarray
    pupils: np.ndarray


def find_landmarks(body: Body) -> Landmarks:
    """Find the keypoints on the base mesh's surface.

    Args:
        body: The base mesh.
    """
    x, y, z = body.vertices.T
    skin = np.zeros(len(x), bool)
    skin[body.surfaces["skin"].source] = True
    heads = body.heads(body.vertices)
    middle = skin & (np.abs(x) < 0.01) & (y > heads[body.bone("special04"), 1])
    surface = {"nose": _greatest(z, middle)}
    tips = np.empty((2, 5), int)
    eyes = np.zeros(len(x), bool)
    eyes[body.surfaces["eyes"].source] = True
    for row, (side, letter) in enumerate(SIDES.items()):
        surface[f"{side}_eye"] = _greatest(z, eyes & (x * heads[body.bone(f"eye.{letter}"), 0] > 0))
        surface[f"{side}_ear"] = body.target(_EAR.format(side[0]))[0]
        for name, bone in _TOES.items():
            surface[f"{side}_{name}"] = _greatest(z, skin & body.vertices_of(f"{bone}.{letter}"))
        foot = skin & body.vertices_of(f"foot.{letter}")
        surface[f"{side}_heel"] = _greatest(-z - 0.5 * y, foot)
        for finger in range(5):
            bone = f"finger{finger + 1}-3.{letter}"
            last, before = (heads[body.bone(f"finger{finger + 1}-{n}.{letter}")] for n in (3, 2))
            along = body.vertices @ (last - before)
            tips[row, finger] = _greatest(along, skin & body.vertices_of(bone))[0]
    pupils = np.concatenate([surface["right_eye"], surface["left_eye"]])
    return Landmarks(surface, tips, pupils)


def _greatest(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return the vertex, among some, that has the greatest value, (1,)."""
    return np.array([np.argmax(np.where(among, values, -np.inf))])


def locate(
    body: Body, landmarks: Landmarks, pose: Pose, vertices: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the keypoints of a posed body are.

    Args:
        body: The base mesh.
        landmarks: Of the base mesh.
        pose: The pose.
        vertices: (n, 3) of the posed body.

    Returns:
        (25, 3) keypoints in the order of `BODY_25`, and (2, 21, 3) those of the left and the right
        hand in the order of `HAND`, in the model's frame.
    """
    found = {name: vertices[ids].mean(axis=0) for name, ids in landmarks.surface.items()}
    hands = np.empty((2, 21, 3))
    for row, (side, letter) in enumerate(SIDES.items()):
        for joint, bone in _JOINTS.items():
            found[f"{side}_{joint}"] = pose.heads[body.bone(f"{bone}.{letter}")]
        hands[row, 0] = found[f"{side}_wrist"]
        for finger in range(5):
            bones = [body.bone(f"finger{finger + 1}-{joint}.{letter}") for joint in (1, 2, 3)]
            points = hands[row, 1 + 4 * finger : 5 + 4 * finger]
            points[:3] = pose.heads[bones]
            points[3] = vertices[landmarks.tips[row, finger]]
    found["neck"] = (found["left_shoulder"] + found["right_shoulder"]) / 2
    found["mid_hip"] = (found["left_hip"] + found["right_hip"]) / 2
    return np.array([found[name] for name in BODY_25.keypoints]), hands


def locate_face(landmarks: Landmarks, vertices: np.ndarray) -> np.ndarray:
    """Return where the keypoints of a posed body's face are, (70, 3) in the order of `FACE`.

    Args:
        landmarks: Of the base mesh.
        vertices: (n, 3) of the posed body.
    """
    surface = (FACE_WEIGHTS[..., None] * vertices[FACE_VERTICES]).sum(axis=1)
    return np.concatenate([surface, vertices[landmarks.pupils]])
