"""The networks as Keras graphs, their presets and input specs."""

from openpose_keras.networks.lite import LITE_BLOCKS, LITE_STAGES, LITE_STRIDE, hand_lite
from openpose_keras.networks.openpose import HAND_CHANNELS, HAND_STAGES, HAND_STRIDE, hand

__all__ = [
    "HAND_CHANNELS",
    "HAND_STAGES",
    "HAND_STRIDE",
    "LITE_BLOCKS",
    "LITE_STAGES",
    "LITE_STRIDE",
    "hand",
    "hand_lite",
]
