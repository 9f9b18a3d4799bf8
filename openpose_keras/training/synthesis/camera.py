"""The camera's orientation and distance, and the framing of a hand."""

import numpy as np

from openpose_keras.core.boxes import BOX_MARGIN
from openpose_keras.training.synthesis.raster import Camera, Mesh
from openpose_keras.training.synthesis.rotations import rotation, rotation_of_quaternion

HAND_FRACTION = 1 / BOX_MARGIN  # of the image's side that the keypoints' extent takes


def sample_camera(rng: np.random.Generator, arm: np.ndarray | None) -> np.ndarray:
    """Draw an orientation: three quarters of any orientation, the others facing palm or back.

    An orientation in which the forearm points at the camera and hides the hand is drawn again, in
    most cases.

    Args:
        rng: The random generator.
        arm: (3,) unit direction of the forearm in the model's frame, or None.

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
        if arm is None or (orientation @ arm)[2] > -0.7 or rng.random() < 0.05:
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
        keypoints: (21, 3) in the model's frame.
        orientation: (3, 3) rotation into the camera's frame.
        distance: Metres from the camera to the middle of the keypoints.
        mirror: Whether to make a left hand of the right one.

    Returns:
        The meshes, and the (21, 3) keypoints in the camera's frame.
    """
    flip = np.diag([-1.0, 1, 1]) if mirror else np.eye(3)
    linear = (flip @ orientation).astype(np.float32)
    middle = (keypoints.max(0) + keypoints.min(0)) / 2
    offset = np.array([0, 0, distance]) - linear @ middle
    moved = [
        mesh._replace(
            vertices=(mesh.vertices @ linear.T + offset).astype(np.float32),
            frame=np.ascontiguousarray(mesh.frame @ linear.T, np.float32),
            triangles=np.ascontiguousarray(mesh.triangles[:, :: -1 if mirror else 1]),
        )
        for mesh in meshes
    ]
    return moved, keypoints @ linear.T.astype(float) + offset


def frame_hand(
    keypoints: np.ndarray, size: int, *, fraction: float = HAND_FRACTION
) -> tuple[Camera, np.ndarray]:
    """Return the camera that shows the keypoints' extent in the middle of the image.

    Args:
        keypoints: (21, 3) in the camera's frame.
        size: Side of the image in pixels.
        fraction: Fraction of that side that the longer side of the keypoints' extent takes.

    Returns:
        The camera, and the (21, 2) keypoints in pixels.
    """
    slopes = keypoints[:, :2] / keypoints[:, 2:]
    low, high = slopes.min(0), slopes.max(0)
    focal = float(fraction * size / (high - low).max())
    x, y = centre = (size - 1) / 2 - focal * (low + high) / 2
    return Camera(focal, (float(x), float(y))), slopes * focal + centre
