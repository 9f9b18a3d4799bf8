"""Labelled hands, and the file that keeps them: COCO's JSON with 21 keypoints a hand.

`write_labels` and `add_labels` write what `openpose-keras train` and `openpose-keras evaluate` read
(`evaluation.read_samples`): `images`, `annotations` with `keypoints` x, y, v and `bbox`, with
`hand_type` where the side is known, and `categories`. File names are relative to the folder of the
label file. v is 2 where a keypoint is labelled and 0, with x and y 0, where nobody knows where it
is.
"""

from openpose_keras.labels.files import (
    DataError,
    add_labels,
    is_tip_first,
    load_labels,
    write_labels,
)
from openpose_keras.labels.hands import LabelledHand, LabelledImage, keypoints_box

__all__ = [
    "DataError",
    "LabelledHand",
    "LabelledImage",
    "add_labels",
    "is_tip_first",
    "keypoints_box",
    "load_labels",
    "write_labels",
]
