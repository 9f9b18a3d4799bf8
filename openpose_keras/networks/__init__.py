"""The networks as Keras graphs, their presets and input specs."""

from openpose_keras.networks.lite import LITE_BLOCKS, LITE_STRIDE, face_lite, first_stage, hand_lite
from openpose_keras.networks.mediapipe import (
    hand_finder,
    mediapipe_face,
    mediapipe_face_detector,
    mediapipe_hand,
    mediapipe_iris,
    mediapipe_palm,
)
from openpose_keras.networks.mobilenet import body_lite, body_mobilenet
from openpose_keras.networks.openpose import (
    HAND_CHANNELS,
    body_25,
    body_coco,
    body_mpi,
    body_mpi_4,
    face,
    hand,
)
from openpose_keras.networks.tiny import body_tiny

__all__ = [
    "HAND_CHANNELS",
    "LITE_BLOCKS",
    "LITE_STRIDE",
    "body_25",
    "body_coco",
    "body_lite",
    "body_mobilenet",
    "body_mpi",
    "body_mpi_4",
    "body_tiny",
    "face",
    "face_lite",
    "first_stage",
    "hand",
    "hand_finder",
    "hand_lite",
    "mediapipe_face",
    "mediapipe_face_detector",
    "mediapipe_hand",
    "mediapipe_iris",
    "mediapipe_palm",
]
