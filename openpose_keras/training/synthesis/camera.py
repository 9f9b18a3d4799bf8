"""Where the camera stands: orientation, distance, mirroring and framing of a hand."""

import numpy as np

from openpose_keras.core.boxes import BOX_MARGIN
from openpose_keras.training.synthesis.articulation import random_rotation, rotation
from openpose_keras.training.synthesis.assembly import Piece
from openpose_keras.training.synthesis.raster import Camera, Mesh

HAND_SHARE = 1 / BOX_MARGIN  # longer side of the keypoints' box, as a share of the picture


def sample_view(rng: np.random.Generator, arm: np.ndarray | None) -> np.ndarray:
    """Draw an orientation: most of all uniform, some with palm or back to the camera.

    A forearm that would point at the camera and hide the hand is drawn again, most times.

    Args:
        rng: source of chance.
        arm: (3,) unit direction of the forearm in the model's frame, or None.

    Returns:
        (3, 3) rotation from the model's frame to the camera's.
    """
    for _ in range(20):
        view = random_rotation(rng)
        if rng.random() < 0.25:
            facing = np.array([[0, 0, 1.0], [0, 1, 0], [-1, 0, 0]])  # the palm looks at the camera
            if rng.random() < 0.5:
                facing = np.diag([-1.0, 1, -1]) @ facing
            tilt = rotation(rng.normal(size=3), rng.normal(0, 0.35))
            view = rotation((0, 0, 1), rng.uniform(0, 2 * np.pi)) @ tilt @ facing
        if arm is None or (view @ arm)[2] > -0.7 or rng.random() < 0.05:
            break
    return view


def to_camera(
    pieces: list[Piece], keypoints: np.ndarray, view: np.ndarray, distance: float, *, mirror: bool
) -> tuple[list[Mesh], np.ndarray]:
    """Turn pieces and keypoints into the camera's frame.

    Args:
        pieces: in the model's frame.
        keypoints: (21, 3) in the model's frame.
        view: (3, 3) rotation into the camera's frame.
        distance: metres from the camera to the middle of the keypoints.
        mirror: make a left hand of the right one.

    Returns:
        The meshes, and the (21, 3) keypoints in the camera's frame.
    """
    flip = np.diag([-1.0, 1, 1]) if mirror else np.eye(3)
    turn = (flip @ view).astype(np.float32)
    middle = (keypoints.max(0) + keypoints.min(0)) / 2
    offset = np.array([0, 0, distance]) - turn @ middle
    meshes = []
    for piece in pieces:
        part = piece.part
        triangles = np.ascontiguousarray(part.triangles[:, ::-1]) if mirror else part.triangles
        meshes.append(
            Mesh(
                vertices=(part.vertices @ turn.T + offset).astype(np.float32),
                frame=np.ascontiguousarray(part.frame @ turn.T, np.float32),
                uv=part.uv,
                triangles=triangles,
                texture=piece.colour,
                regions=piece.regions,
                bumps=piece.bumps,
                materials=piece.materials,
                pattern=piece.pattern,
                two_sided=piece.two_sided,
            )
        )
    return meshes, keypoints @ turn.T.astype(float) + offset


def frame_hand(
    keypoints: np.ndarray, size: int, *, share: float = HAND_SHARE
) -> tuple[Camera, np.ndarray]:
    """Find the camera that puts the keypoints' box in the middle of the picture.

    Args:
        keypoints: (21, 3) in the camera's frame.
        size: side of the picture in pixels.
        share: of that side that the longer side of the keypoints' box takes.

    Returns:
        The camera, and the (21, 2) keypoints in pixels.
    """
    slopes = keypoints[:, :2] / keypoints[:, 2:]
    low, high = slopes.min(0), slopes.max(0)
    focal = float(share * size / (high - low).max())
    centre = (size - 1) / 2 - focal * (low + high) / 2
    return Camera(focal, (float(centre[0]), float(centre[1]))), slopes * focal + centre
