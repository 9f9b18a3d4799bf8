"""Faces in photos and their 70 keypoints, estimated by MediaPipe's three face networks."""

from typing import NamedTuple

import numpy as np

from openpose_keras.core.skeletons import FACE
from openpose_keras.engines import Engine
from openpose_keras.estimators.palms import FaceSearch, detector_engine, level_angle
from openpose_keras.estimators.views import upright_box
from openpose_keras.geometry import RotatedCrop
from openpose_keras.networks.lite import FACE_INPUT
from openpose_keras.networks.mediapipe import IRIS_INPUT
from openpose_keras.networks.preprocessing import normalise_batch

# The vertices of MediaPipe's mesh (mediapipe/modules/face_geometry/data/canonical_face_model.obj)
# that lie where iBUG's 68 points do (Sagonas et al., 300 Faces in-the-Wild, 2013): chosen by us
# from the contours in mediapipe/python/solutions/face_mesh_connections.py, and checked on photos.
# A point of a brow lies in the middle between its two contours.
_BROWS = (
    ((70, 46), (63, 53), (105, 52), (66, 65), (107, 55)),
    ((336, 285), (296, 295), (334, 282), (293, 283), (300, 276)),
)
_OTHERS = (
    (127, 234, 93, 132, 58, 172, 150, 176, 152, 400, 379, 397, 288, 361, 323, 454, 356),
    (168, 197, 5, 4, 98, 97, 2, 326, 327),
    (33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    (61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91, 78, 81, 13, 311, 308, 402, 14, 178),
)
_JAW, *_INNER = (tuple((vertex, vertex) for vertex in part) for part in _OTHERS)
MESH_VERTICES = np.array(sum((_JAW, *_BROWS, *_INNER), ()))
"""(68, 2): the two vertices, or one of them twice, whose midpoint each point is."""

_EYES = [(33, 133), (362, 263)]  # corners in the mesh, of the right and of the left eye
_MESH_MARGIN = 1.5  # side of a crop, in longer sides of the mesh, as in MediaPipe's graph
_IRIS_MARGIN = 2.3  # likewise, in distances between the corners of an eye


class TaughtFace(NamedTuple):
    """A face in a photo.

    Args:
        xy: (70, 2) keypoints in pixels of the photo, in the order of `FACE`.
        presence: The probability of a face.
        spread: The mean distance between the keypoints in the image and in its mirror image, in
            units of `unit`.
        unit: The distance in space between the outer corners of the eyes, in pixels of the photo.
    """

    xy: np.ndarray
    presence: float
    spread: float
    unit: float


class FaceTeacher:
    """Finds faces in photos; the weights of its networks must be on this machine.

    Raises:
        WeightsError: A file is missing. `openpose-keras convert` creates it from MediaPipe's file.
    """

    def __init__(self) -> None:
        """Load the networks."""
        self.search = FaceSearch()
        self.mesh_engine = detector_engine("mediapipe_face")
        self.iris_engine = detector_engine("mediapipe_iris")

    def __call__(self, image: np.ndarray) -> list[TaughtFace]:
        """Return the faces of a photo (H, W, 3) uint8 RGB, the best detections first."""
        faces = []
        for region in self.search(image):
            if region.crop is not None:
                mesh, _ = self._mesh(image, region.crop)
                faces.append(self.face(image, self.mesh_crop(mesh)))
        return faces

    def face(self, image: np.ndarray, crop: RotatedCrop) -> TaughtFace:
        """Return the face in a crop with level eyes, the mean of the crop and its mirror image.

        Args:
            image: (H, W, 3) uint8 RGB.
            crop: The crop from `mesh_crop`.
        """
        looks = [self._mesh(image, crop, mirrored=mirrored) for mirrored in (False, True)]
        keypoints = [self._keypoints(image, mesh) for mesh, _ in looks]
        keypoints[1] = keypoints[1][list(FACE.mirror_indices)]
        # A mirrored mesh has the right eye's corners at the left eye.
        corners = looks[0][0][[33, 263]]
        unit = float(np.linalg.norm(corners[0] - corners[1]))
        away = np.linalg.norm(keypoints[0] - keypoints[1], axis=1)
        presence = float(np.mean([presence for _, presence in looks]))
        return TaughtFace(np.mean(keypoints, axis=0), presence, float(away.mean()) / unit, unit)

    def mesh_crop(self, mesh: np.ndarray) -> RotatedCrop:
        """Return the crop of a face from its mesh (468, 2 or 3) in pixels of the image."""
        xy = mesh[:, :2]
        angle = level_angle(xy[33], xy[263])
        return RotatedCrop(upright_box(xy, angle, _MESH_MARGIN, 0.0), FACE_INPUT, angle)

    def _mesh(
        self, image: np.ndarray, crop: RotatedCrop, *, mirrored: bool = False
    ) -> tuple[np.ndarray, float]:
        """Return the mesh (468, 3) in pixels of the image, and the presence."""
        found = _look(self.mesh_engine, image, crop, mirrored)
        points = _to_image(found["points"], crop, mirrored)
        return points, float(found["presence"])

    def _keypoints(self, image: np.ndarray, mesh: np.ndarray) -> np.ndarray:
        """Return the keypoints (70, 2) of a mesh, in its own order of left and right."""
        pupils = []
        for side, corners in enumerate(_EYES):
            ends = mesh[list(corners), :2]
            # In a mirrored mesh the first eye is the one on the image's right.
            order = ends if ends[0, 0] < ends[1, 0] else ends[::-1]
            angle = level_angle(*order)
            box = upright_box(ends, angle, _IRIS_MARGIN, 0.0)
            crop = RotatedCrop(box, IRIS_INPUT, angle)
            is_right = (side == 0) == (mesh[33, 0] < mesh[263, 0])
            found = _look(self.iris_engine, image, crop, not is_right)
            pupils.append(_to_image(found["iris"], crop, not is_right)[0, :2])
        return np.concatenate([mesh[MESH_VERTICES, :2].mean(axis=1), pupils])


def _look(
    engine: Engine, image: np.ndarray, crop: RotatedCrop, mirrored: bool
) -> dict[str, np.ndarray]:
    """Return the outputs of a network for a crop, or for its mirror image."""
    view = crop.apply_image(image)
    outputs = engine(normalise_batch((view[:, ::-1] if mirrored else view)[None]))
    return {name: value[0] for name, value in outputs.items()}


def _to_image(points: np.ndarray, crop: RotatedCrop, mirrored: bool) -> np.ndarray:
    """Map points (n, 3) from a crop's pixels, counted from the edge, to pixels of the image."""
    xy = points[:, :2] - 0.5
    if mirrored:
        xy = np.array([crop.size - 1, 0]) + xy * (-1, 1)
    depth = points[:, 2:] * (crop.box[2] / crop.size)
    return np.hstack([crop.invert_points(xy), depth])
