"""What the explorer shows: the picture, or the surroundings of a hand, with all that was found.

A window is the part of the image that is shown, (x, y, width, height) in its pixels as for a box.
At `scale` screen pixels per image pixel the image's point x lies at (x + 0.5 - x0) * scale - 0.5.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import Box, square_box
from openpose_keras.core.keypoints import Hand
from openpose_keras.viz.drawing import Pen, draw_hands, draw_heatmaps
from openpose_keras.viz.explorer.predictions import Answer
from openpose_keras.viz.explorer.session import Session

SCREEN = 900  # pixels: the longer side of what is shown, at most
MARGIN = 1.25  # of a hand's box, when it is looked at closely
PEN = Pen(line=2, radius=4, circle=-1)  # thin, so that the heatmap under it is seen


@dataclass(frozen=True, eq=False)
class Screen:
    """What is shown.

    Args:
        picture: (h, w, 3) uint8 RGB.
        window: (x, y, width, height), the part of the image that it shows.
    """

    picture: np.ndarray
    window: Box


def show(
    session: Session, *, size: int = SCREEN, opacity: float | None = None, skeletons: bool = True
) -> Screen:
    """Draw what a session looks at.

    Args:
        session: Says the picture, the hands, the heatmap and whether to go close.
        size: The longer side in pixels, at most; what is looked at closely fills it.
        opacity: Of the heatmap; None for the session's.
        skeletons: Whether they are drawn.

    Returns:
        The picture with the heatmap of the hand that is looked at, and all skeletons.

    Raises:
        OpenPoseKerasError: A box lies outside the image, or the network fails.
    """
    answers = session.answers()
    window = window_of(session, answers)
    scale = size / max(window[2:])
    if not session.state.close:
        scale = min(scale, 1.0)
    canvas, window = cut(session.image, window, scale)
    scale = canvas.shape[1] / window[2], canvas.shape[0] / window[3]
    moved = [replace(each, hand=_to_screen(each.hand, window, scale)) for each in answers]
    if moved:
        x, y, width, height = answers[session.state.hand].box
        box = (x - window[0]) * scale[0], (y - window[1]) * scale[1]
        box = (*box, width * scale[0], height * scale[1])
        moved[session.state.hand] = replace(moved[session.state.hand], box=box)
    if moved:
        canvas = _heat(session, canvas, moved[session.state.hand], opacity)
    return Screen(_skeletons(canvas, moved, PEN) if skeletons else canvas, window)


def picture(session: Session) -> np.ndarray:
    """Draw the whole picture at its own size, to be saved: the lines are as thick as OpenPose's.

    Args:
        session: As in `show`.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    answers = session.answers()
    canvas = session.image
    if answers:
        canvas = _heat(session, canvas, answers[session.state.hand])
    return _skeletons(canvas, answers)


def _heat(
    session: Session, canvas: np.ndarray, answer: Answer, opacity: float | None = None
) -> np.ndarray:
    """Lay the heatmap of a hand over a picture."""
    opacity = session.state.opacity if opacity is None else opacity
    options = {"opacity": opacity, "box": answer.box}
    return draw_heatmaps(canvas, answer.maps, session.state.channel, **options)


def _skeletons(canvas: np.ndarray, answers: Sequence[Answer], pen: Pen | None = None) -> np.ndarray:
    """Draw every keypoint that there is: what is below the threshold is missing already."""
    hands = [Hand(each.hand.xy, each.hand.found.astype(float)) for each in answers]
    return draw_hands(canvas, hands, threshold=0.0, pen=pen)


def window_of(session: Session, answers: Sequence[Answer]) -> Box:
    """Give the part of the image that is to be seen: all of it, or about the hand.

    Args:
        session: Says whether to go close.
        answers: All hands of the picture.

    Returns:
        (x, y, width, height) in pixels of the image, whole pixels inside it.
    """
    height, width = session.image.shape[:2]
    if not (session.state.close and answers):
        return 0.0, 0.0, float(width), float(height)
    x, y, side, _ = square_box(answers[session.state.hand].hand.box or session.mark.box, MARGIN)
    left, top = (int(max(np.floor(edge), 0)) for edge in (x, y))
    right = int(min(np.ceil(x + side), width))
    bottom = int(min(np.ceil(y + side), height))
    return float(left), float(top), float(max(right - left, 1)), float(max(bottom - top, 1))


def cut(image: np.ndarray, window: Box, scale: float) -> tuple[np.ndarray, Box]:
    """Cut a window of whole pixels out of an image and scale it.

    Args:
        image: (H, W, 3) uint8 RGB.
        window: (x, y, width, height), whole numbers, inside the image.
        scale: Pixels of the result per pixel of the image.

    Returns:
        The picture, at least one pixel, and the window.
    """
    x, y, width, height = map(int, window)
    part = image[y : y + height, x : x + width]
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(part), size, interpolation=way), window


def _to_screen(hand: Hand, window: Box, scale: tuple[float, float]) -> Hand:
    """Bring a hand to the pixels of the screen."""
    xy = (hand.xy + 0.5 - np.array(window[:2])) * np.array(scale) - 0.5
    return Hand(xy, hand.scores)
