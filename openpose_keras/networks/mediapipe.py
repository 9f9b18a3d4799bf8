"""MediaPipe's networks for hands and faces, each a detector and a landmark network, and the iris.

Rebuilt from palm_detection_full.tflite, hand_landmark_full.tflite, face_landmark.tflite,
iris_landmark.tflite and face_detection_short_range.tflite (Copyright Google LLC, Apache License
2.0), of Zhang et al., MediaPipe Hands (arXiv:2006.10214), Kartynnik et al., Real-time Facial
Surface Geometry (arXiv:1907.06724), Ablavatski et al., Real-time Pupil Tracking
(arXiv:2006.11341), and Bazarevsky et al., BlazeFace (arXiv:1907.05047). They expect RGB in [0,
1], and BlazeFace in [-1, 1], which the first layer computes from the [-0.5, 0.5) that all networks
here take. `hand_finder` has the graph of the palm detector, and outputs of our own.
"""

from typing import TYPE_CHECKING

from openpose_keras.networks._backend import import_keras
from openpose_keras.networks.layers import HEAD, conv, prelu, relu, residual, to_unit, upsample
from openpose_keras.networks.lite import (
    FACE_INPUT,
    face_backbone,
    face_heads,
    landmark_heads,
    lite_backbone,
)

if TYPE_CHECKING:
    import keras


HAND_INPUT = 224
IRIS_INPUT = 64
MESH_POINTS = 468
PALM_LEVELS = {2: 32, 4: 64, 8: 128, 16: 256, 32: 256}  # stride -> channels
PALM_BLOCKS = 4  # residual blocks of each level, after the one that halves its size
PALM_ANCHORS = {8: 2, 16: 6}  # stride -> anchors of each cell, all alike, at the cell's centre
PALM_VALUES = 18  # of an anchor: x, y, width, height of the palm, x, y of seven keypoints
FACE_DETECTOR_LEVELS = {  # stride -> channels of the blocks; the first one halves the size
    2: (24, 28),
    4: (32, 36, 42),
    8: (48, 56, 64, 72, 80, 88),
    16: (96, 96, 96, 96, 96),
}
FACE_VALUES = 16  # as of a palm, with six keypoints: both eyes, nose, mouth, both ears


def mediapipe_hand() -> "keras.Model":
    """Build MediaPipe's hand landmark network.

    Returns:
        A `keras.Model` named "mediapipe_hand" with random weights. Input (n, 224, 224, 3) RGB in
        [-0.5, 0.5), an upright crop of about twice the hand. Outputs: those of `landmark_heads`,
        including `world`.
    """
    keras = import_keras()

    image = keras.Input((HAND_INPUT, HAND_INPUT, 3), name="image")
    outputs = landmark_heads(lite_backbone(to_unit(image))[-1], world=True)
    return keras.Model(image, outputs, name="mediapipe_hand")


def mediapipe_face() -> "keras.Model":
    """Build MediaPipe's face landmark network.

    Returns:
        A `keras.Model` named "mediapipe_face" with random weights. Input (n, 192, 192, 3) RGB in
        [-0.5, 0.5), an upright crop of 1.5 times the face. Outputs: those of `face_heads`, with
        `points` (n, 468, 3), x, y and relative depth in input pixels.
    """
    keras = import_keras()

    image = keras.Input((FACE_INPUT, FACE_INPUT, 3), name="image")
    features = face_backbone(to_unit(image))[-1]
    outputs = face_heads(features, points=MESH_POINTS, axes=3, name="mesh")
    return keras.Model(image, outputs, name="mediapipe_face")


def mediapipe_iris() -> "keras.Model":
    """Build MediaPipe's iris landmark network: the iris and the contour of one eye.

    Returns:
        A `keras.Model` named "mediapipe_iris" with random weights. Input (n, 64, 64, 3) RGB in
        [-0.5, 0.5), an upright crop of 2.3 times a left eye, or a right one mirrored. Outputs by
        name, x, y and depth in input pixels: `contour` (n, 71, 3) of lids and brow, and `iris`
        (n, 5, 3), its centre first.
    """
    keras = import_keras()

    image = keras.Input((IRIS_INPUT, IRIS_INPUT, 3), name="image")
    x = prelu(conv(to_unit(image), "stem", 64, 3, strides=2, activation=None), "stem_prelu")
    for index in range(1, 5):
        x = residual(x, f"level2_block{index}", 64, kernel=3, reduced=32)
    x = residual(x, "level4_down", 128, kernel=3, reduced=64, strides=2)
    for index in range(1, 5):
        x = residual(x, f"level4_block{index}", 128, kernel=3, reduced=64)
    x = residual(x, "level8_down", 128, kernel=3, reduced=64, strides=2)
    outputs = {}
    for name, points in (("contour", 71), ("iris", 5)):
        y = x
        for index in range(1, 9):  # down to 2x2 cells
            strides = 2 if index in (3, 6) else 1
            y = residual(y, f"{name}_block{index}", 128, kernel=3, reduced=64, strides=strides)
        y = conv(y, name, 3 * points, 2, **{**HEAD, "padding": "valid"})
        table = keras.layers.Reshape((points, 3), dtype="float32", name=f"{name}_table")
        outputs[name] = table(y)
    return keras.Model(image, outputs, name="mediapipe_iris")


def mediapipe_face_detector() -> "keras.Model":
    """Build MediaPipe's short-range face detector.

    Returns:
        A `keras.Model` named "mediapipe_face_detector" with random weights. Input (n, h, w, 3) RGB
        in [-0.5, 0.5), h and w multiples of 16; MediaPipe uses 128. Outputs by name, for each of
        the a anchors, see `PALM_ANCHORS`: `faces` (n, a, 16) in input pixels from the anchor, see
        `FACE_VALUES`; `logits` (n, a, 1), whose sigmoid is the score.
    """
    import_keras()
    import keras

    image = keras.Input((None, None, 3), name="image")
    # The file takes [-1, 1].
    x = keras.layers.Rescaling(2.0, offset=-1.0, name="to_signed")(to_unit(image))
    x = relu(conv(x, "stem", 24, 5, strides=2, activation=None), "stem_relu")
    levels = {}
    for stride, channels in FACE_DETECTOR_LEVELS.items():
        for index, count in enumerate(channels, start=1):
            strides = 2 if index == 1 and stride > 2 else 1
            name = f"level{stride}_block{index}"
            x = residual(x, name, count, kernel=3, strides=strides, activation=relu)
        levels[stride] = x
    heads: dict[str, list[keras.KerasTensor]] = {"faces": [], "logits": []}
    for stride in (8, 16):
        for name, values in (("faces", FACE_VALUES), ("logits", 1)):
            heads[name].append(_anchored(levels[stride], name, stride, values))
    return keras.Model(image, _joined(heads), name="mediapipe_face_detector")


def mediapipe_palm() -> "keras.Model":
    """Build MediaPipe's palm detector: residual blocks, a top-down path, heads at strides 8 and 16.

    Returns:
        A `keras.Model` named "mediapipe_palm" with random weights. Input (n, h, w, 3) RGB in
        [-0.5, 0.5), h and w multiples of 32; MediaPipe uses 192. Outputs by name, for each of the a
        anchors (2016 of them at 192x192), those of stride 8 first, row by row: `palms` (n, a, 18)
        in input pixels from the anchor, see `PALM_VALUES`; `logits` (n, a, 1), whose sigmoid is the
        score.
    """
    import_keras()
    import keras

    image = keras.Input((None, None, 3), name="image")
    x = conv(to_unit(image), "stem", PALM_LEVELS[2], 5, strides=2, activation=None)
    x = prelu(x, "stem_prelu")
    levels = {}
    for stride, channels in PALM_LEVELS.items():
        if stride > 2:
            x = residual(x, f"level{stride}_down", channels, strides=2)
        for index in range(1, PALM_BLOCKS + 1):
            x = residual(x, f"level{stride}_block{index}", channels)
        levels[stride] = x
    heads: dict[str, list[keras.KerasTensor]] = {"palms": [], "logits": []}
    for stride in (16, 8):
        x = upsample(x, f"up{stride}")
        x = conv(x, f"lateral{stride}", PALM_LEVELS[stride], 1, activation=None)
        x = prelu(x, f"lateral{stride}_prelu")
        x = keras.layers.Add(name=f"add{stride}")([levels[stride], x])
        for index in (1, 2):
            x = residual(x, f"merged{stride}_block{index}", PALM_LEVELS[stride])
        for name, values in (("palms", PALM_VALUES), ("logits", 1)):
            heads[name].insert(0, _anchored(x, name, stride, values))
    return keras.Model(image, _joined(heads), name="mediapipe_palm")


def _anchored(x: "keras.KerasTensor", name: str, stride: int, values: int) -> "keras.KerasTensor":
    """Return the values (n, a, values) of all anchors of a level."""
    import keras

    head = conv(x, f"{name}{stride}", PALM_ANCHORS[stride] * values, 1, **HEAD)
    return keras.layers.Reshape((-1, values), name=f"{name}{stride}_table")(head)


def _joined(heads: dict[str, list["keras.KerasTensor"]]) -> dict[str, "keras.KerasTensor"]:
    """Join the anchors of all levels."""
    import keras

    return {
        name: keras.layers.Concatenate(axis=1, name=name)(parts) for name, parts in heads.items()
    }


def hand_finder() -> "keras.Model":
    """Build the hand finder: the graph of `mediapipe_palm`, with some outputs redefined.

    Returns:
        A `keras.Model` named "hand_finder" with random weights, with the layers, the input and the
        outputs of `mediapipe_palm`. Among an anchor's nine pairs of numbers, the second is the side
        of the palm's square and the longer side of the whole hand, upright; the last is the centre
        of the hand. In the palm detector, the second pair is the width and height of the palm, and
        the last is a joint of the thumb.
    """
    keras = import_keras()

    palm = mediapipe_palm()
    return keras.Model(palm.inputs, palm.output, name="hand_finder")
