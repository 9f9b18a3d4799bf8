"""The camera's orientation and distance, and the framing of a hand."""

from collections.abc import Sequence

import numpy as np

from openpose_keras.core.boxes import BOX_MARGIN
from openpose_keras.core.skeletons import HAND
from openpose_keras.training.synthesis.kinematics import rotation, rotation_of_quaternion
from openpose_keras.training.synthesis.meshes import moved
from openpose_keras.training.synthesis.raster import Camera, Mesh

HAND_FRACTION = 1 / BOX_MARGIN  # of the image's side that the keypoints' extent takes


def sample_camera(rng: np.random.Generator, hiding: Sequence[np.ndarray]) -> np.ndarray:
    """Draw an orientation: three quarters of any orientation, the others facing palm or back.

    An orientation in which a forearm or a second hand lies between camera and hand is drawn again,
    in most cases.

    Args:
        rng: The random generator.
        hiding: (3,) unit directions, in the model's frame, of what may hide the hand.

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
    """Move meshes and keypoints from the model's into the camera's frame.

    Args:
        meshes: Meshes in the model's frame.
        keypoints: (21 n, 3) of n hands in the model's frame; the first hand is in the middle.
        orientation: (3, 3) rotation into the camera's frame.
        distance: Metres from the camera to the middle of the first hand's keypoints.
        mirror: Whether to make a left hand of the right one.

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
    """Return the camera that shows the first hand's extent in the middle of the image.

    Args:
        keypoints: (21 n, 3) of n hands in the camera's frame.
        size: Side of the image in pixels.
        fraction: Fraction of that side that the longer side of the keypoints' extent takes.

    Returns:
        The camera, and the (21 n, 2) keypoints in pixels.
    """
    slopes = keypoints[:, :2] / keypoints[:, 2:]
    low, high = slopes[: len(HAND)].min(0), slopes[: len(HAND)].max(0)
    focal = float(fraction * size / (high - low).max())
    x, y = centre = (size - 1) / 2 - focal * (low + high) / 2
    return Camera(focal, (float(x), float(y))), slopes * focal + centre
