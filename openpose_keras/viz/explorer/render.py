"""Draw what the explorer shows: the image, or the surroundings of a hand, with all that was found.

A window is the part of the image that is shown, (x, y, width, height) in its pixels as for a box.
At `scale` screen pixels per image pixel the image's point x lies at (x + 0.5 - x0) * scale - 0.5.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import Box, square_box
from openpose_keras.core.keypoints import Hand
from openpose_keras.core.skeletons import HAND
from openpose_keras.viz.drawing import Pen, draw_hands, draw_heatmaps
from openpose_keras.viz.explorer.predictions import Result
from openpose_keras.viz.explorer.session import Session
from openpose_keras.viz.figures.canvas import GREY, NotebookFigure

SIZE = 900  # pixels: the longer side of what is shown, at most
MARGIN = 1.25  # of a hand's box, where its surroundings are shown
PEN = Pen(line=2, radius=4, circle=-1)  # thin, so that the heatmap under it stays visible
FIGURE_SIZE = 500  # pixels: the longer side of an image in the static figure, at most
FIGURE_OPACITY = 0.8


@dataclass(frozen=True, eq=False)
class Rendering:
    """What is shown.

    Args:
        image: (h, w, 3) uint8 RGB.
        window: (x, y, width, height), the part of the session's image that it shows.
    """

    image: np.ndarray
    window: Box


def render(
    session: Session, *, size: int = SIZE, opacity: float | None = None, skeletons: bool = True
) -> Rendering:
    """Draw what a session shows: the heatmap of the active hand, and all skeletons.

    Args:
        session: The image, its hands, and what is chosen.
        size: The longer side in pixels, at most; the surroundings of a hand fill it.
        opacity: Of the heatmap; None for the session's.
        skeletons: Whether they are drawn.

    Returns:
        The image and the window that it shows.

    Raises:
        OpenPoseKerasError: A box lies outside the image, or the network fails.
    """
    results = session.results()
    window = window_of(session, results)
    scale = size / max(window[2:])
    canvas = crop_window(session.image, window, scale if session.state.close else min(scale, 1.0))
    shown = [_to_screen(each, window, canvas.shape) for each in results]
    return Rendering(_draw(session, canvas, shown, opacity, PEN, skeletons=skeletons), window)


def render_full_size(session: Session) -> np.ndarray:
    """Draw the whole image at its own size, to be saved: the lines are as thick as OpenPose's.

    Args:
        session: As in `render`.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    return _draw(session, session.image, session.results())


def _draw(
    session: Session,
    canvas: np.ndarray,
    results: Sequence[Result],
    opacity: float | None = None,
    pen: Pen | None = None,
    *,
    skeletons: bool = True,
) -> np.ndarray:
    """Draw the heatmap of the active hand and every keypoint that is not missing."""
    if results:
        state, active = session.state, results[session.state.hand]
        opacity = state.opacity if opacity is None else opacity
        canvas = draw_heatmaps(canvas, active.maps, state.channel, opacity=opacity, box=active.box)
    # Keypoints below the session's threshold are missing already.
    hands = [Hand(each.hand.xy, each.hand.found.astype(float)) for each in results]
    return draw_hands(canvas, hands, threshold=0.0, pen=pen) if skeletons else canvas


def window_of(session: Session, results: Sequence[Result]) -> Box:
    """Return the part of the image that is shown: all of it, or the surroundings of the hand.

    Args:
        session: Which of the two is chosen.
        results: Those of all hands of the image.

    Returns:
        (x, y, width, height) in pixels of the image, whole pixels inside it.
    """
    height, width = session.image.shape[:2]
    if not (session.state.close and results):
        return 0.0, 0.0, float(width), float(height)
    box = results[session.state.hand].hand.box or session.hands[session.state.hand].box
    x, y, side, _ = square_box(box, MARGIN)
    left, top = (int(max(np.floor(edge), 0)) for edge in (x, y))
    right = int(min(np.ceil(x + side), width))
    bottom = int(min(np.ceil(y + side), height))
    return float(left), float(top), float(max(right - left, 1)), float(max(bottom - top, 1))


def crop_window(image: np.ndarray, window: Box, scale: float) -> np.ndarray:
    """Crop a window of whole pixels out of an image and scale it.

    Args:
        image: (H, W, 3) uint8 RGB.
        window: (x, y, width, height), whole numbers, inside the image.
        scale: Pixels of the result per pixel of the image.

    Returns:
        (h, w, 3) uint8 RGB, at least one pixel.
    """
    x, y, width, height = map(int, window)
    part = np.ascontiguousarray(image[y : y + height, x : x + width])
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, size, interpolation=interpolation))


def _to_screen(result: Result, window: Box, shape: tuple[int, ...]) -> Result:
    """Return a result in the pixels of the screen, which shows the window at (h, w, 3)."""
    scale = np.array([shape[1] / window[2], shape[0] / window[3]])
    xy = (result.hand.xy + 0.5 - np.array(window[:2])) * scale - 0.5
    x, y = (np.array(result.box[:2]) - window[:2]) * scale
    width, height = np.array(result.box[2:]) * scale
    return replace(result, hand=Hand(xy, result.hand.scores), box=(x, y, width, height))


def static_figure(session: Session) -> NotebookFigure:
    """Draw the explorer as one figure: the skeletons, the heatmaps, the table of scores.

    Args:
        session: What is shown.

    Returns:
        A figure of 7 inches, 700 pixels.
    """
    figure = NotebookFigure(7.0, 3.2)
    images = {
        "keypoints": render(session, size=FIGURE_SIZE, opacity=0.0),
        "heatmaps": render(session, size=FIGURE_SIZE, opacity=FIGURE_OPACITY, skeletons=False),
    }
    for index, (title, rendering) in enumerate(images.items()):
        axes = figure.add_axes((0.01 + 0.37 * index, 0.02, 0.355, 0.88))
        axes.imshow(rendering.image)
        axes.set_axis_off()
        axes.set_anchor("N")
        axes.set_title(title, color=GREY, fontsize=10, pad=4)
    table = figure.add_axes((0.76, 0.02, 0.235, 0.88))
    table.set_axis_off()
    _write_table(table, session)
    return figure


def _write_table(axes: Axes, session: Session) -> None:
    """Write the keypoints of the active hand and their scores, one line each."""
    count, active = len(session.hands), session.state.hand + 1
    title = f"scores of hand {active} of {count}" if count > 1 else "scores"
    axes.set_title(title if count else "no hand found", color=GREY, fontsize=10, pad=4)
    axes.set(xlim=(0, 1), ylim=(len(HAND), 0))
    for index, (row, color) in enumerate(zip(session.table(), HAND.colors, strict=False)):
        axes.plot([0.04], [index + 0.5], "o", color=np.array(color) / 255, markersize=4)
        score = "missing" if np.isnan(row.x) else f"{row.score:.2f}"
        for x, text, side in ((0.1, row.name, "left"), (1.0, score, "right")):
            axes.text(x, index + 0.5, text, color=GREY, fontsize=7.5, ha=side, va="center_baseline")
