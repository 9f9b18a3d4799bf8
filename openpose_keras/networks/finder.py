"""hand_finder: palms, and where the upright crop of their hands lies, in one pass over an image."""

from typing import TYPE_CHECKING

from openpose_keras.networks.mediapipe import mediapipe_palm

if TYPE_CHECKING:
    import keras


def hand_finder() -> "keras.Model":
    """Build the finder of hands: the graph of `mediapipe_palm`, whose outputs mean a little more.

    Returns:
        A `keras.Model` named "hand_finder" with random weights, with the layers, the input and the
        outputs of `mediapipe_palm`. Of an anchor's nine pairs of numbers, the second is the side of
        the palm's square and the longer side of the whole hand, upright; the last is the middle of
        the hand. In the palm detector both of the former are the palm's, and the last is a joint of
        the thumb.
    """
    import keras

    palm = mediapipe_palm()
    return keras.Model(palm.inputs, palm.output, name="hand_finder")
