"""The keypoints of the body, the face, feet and hands on MakeHuman's base mesh.

The mesh is `base.obj` in the folder `mpfb2`. The points of the face were found with MediaPipe's
face landmark network, which was run on front views of fourteen rendered adults with a neutral
expression. Each point is the median of the intersections of its ray with the base mesh, and both
sides are symmetric. The lips and their corners were then moved to the seam of the mouth manually,
and the contour back to the edge of the jaw, which is not visible in a front view. The result was
checked on heads rendered at 0, 45 and 90 degrees.
"""

from typing import NamedTuple

import numpy as np

from openpose_keras.core.skeletons import BODY_25
from openpose_keras.training.synthesis.people.body import Body, Pose

SIDES = {"left": "L", "right": "R"}
_JOINTS = {
    "shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist",
    "hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot",
}  # fmt: skip
_TOES = {"big_toe": "toe1-2", "small_toe": "toe5-3"}
_EAR = "ears/{}-ear-scale-incr"
# Three vertices, and the first two ones' weights in percent, of each of iBUG's 68 points.
_SPOTS = np.array(
    [
        # contour
        (5769, 5754, 5564, 50, 26), (5735, 5754, 5763, 62, 21), (5727, 5421, 5728, 69, 30),
        (5752, 866, 5761, 89, 8), (911, 866, 738, 88, 12), (739, 895, 740, 61, 29),
        (892, 3696, 742, 53, 45), (5222, 5293, 5223, 78, 14), (5225, 5296, 5291, 75, 25),
        (11832, 11899, 11833, 78, 14), (7594, 10364, 7462, 53, 45), (7459, 7597, 7460, 61, 29),
        (7613, 7571, 7458, 88, 12), (12349, 7571, 12358, 89, 8), (12324, 12020, 12325, 69, 30),
        (12332, 12351, 12360, 62, 21), (12366, 12351, 12161, 50, 26),
        # brows
        (255, 254, 212, 73, 25), (225, 207, 206, 79, 14), (224, 204, 206, 54, 33),
        (205, 204, 177, 70, 27), (208, 209, 221, 50, 49), (6983, 6984, 6995, 50, 49),
        (6980, 6979, 6953, 70, 27), (6998, 6979, 6981, 54, 33), (6999, 6982, 6981, 79, 14),
        (7024, 7023, 6987, 73, 25),
        # nose
        (136, 132, 6910, 61, 39), (131, 5062, 125, 99, 1), (201, 291, 200, 72, 27),
        (294, 5054, 11670, 75, 23), (358, 326, 286, 56, 32), (314, 313, 285, 43, 38),
        (317, 312, 311, 74, 25), (7077, 7076, 7054, 43, 38), (7119, 7088, 7055, 56, 32),
        # eyes
        (4854, 4853, 19, 53, 31), (4849, 7, 2, 56, 40), (55, 4865, 4847, 43, 43),
        (66, 4869, 63, 57, 39), (50, 47, 6772, 42, 34), (6776, 1067, 6777, 63, 23),
        (6850, 11487, 6847, 57, 39), (6839, 11483, 11465, 43, 43), (11467, 6791, 6786, 56, 40),
        (11472, 11471, 6803, 53, 31), (13372, 7759, 13373, 63, 23), (6834, 6831, 13368, 42, 34),
        # outer lip
        (427, 414, 424, 100, 0), (411, 447, 410, 51, 27), (450, 457, 456, 49, 40),
        (466, 455, 7222, 56, 44), (7210, 7216, 7215, 49, 40), (7171, 7207, 7170, 51, 27),
        (7187, 7174, 7184, 100, 0), (7258, 7199, 7232, 44, 31), (7245, 7244, 7239, 55, 35),
        (496, 495, 489, 70, 29), (490, 489, 484, 55, 35), (510, 439, 477, 44, 31),
        # inner lip
        (3732, 3731, 436, 100, 0), (470, 5362, 453, 100, 0), (474, 468, 473, 100, 0),
        (7226, 11964, 7213, 100, 0), (10400, 7193, 7196, 100, 0), (7236, 7230, 7237, 100, 0),
        (493, 517, 487, 100, 0), (481, 475, 482, 100, 0),
    ]
)  # fmt: skip
FACE_VERTICES = _SPOTS[:, :3]
"""(68, 3) vertices whose weighted mean each point is."""
FACE_WEIGHTS = np.column_stack([_SPOTS[:, 3:], 100 - _SPOTS[:, 3:].sum(axis=1)]) / 100
"""(68, 3) weights of these vertices."""


class Landmarks(NamedTuple):
    """Keypoints on the body's surface, and the tips of the fingers.

    Args:
        surface: A mapping from the name of each keypoint on the surface to the vertices whose mean
            it is.
        tips: (2, 5) vertices at the fingertips of the left and the right hand.
        pupils: (2,) vertices at the centre of the right and of the left pupil.
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
    """Return the vertex with the maximum value among some vertices, (1,)."""
    return np.array([np.argmax(np.where(among, values, -np.inf))])


def locate(
    body: Body, landmarks: Landmarks, pose: Pose, vertices: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the keypoints of a posed body.

    Args:
        body: The base mesh.
        landmarks: The landmarks of the base mesh.
        pose: The pose.
        vertices: (n, 3) vertices of the posed body.

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
    """Return the face keypoints of a posed body, (70, 3) in the order of `FACE`.

    Args:
        landmarks: The landmarks of the base mesh.
        vertices: (n, 3) vertices of the posed body.
    """
    surface = (FACE_WEIGHTS[..., None] * vertices[FACE_VERTICES]).sum(axis=1)
    return np.concatenate([surface, vertices[landmarks.pupils]])
