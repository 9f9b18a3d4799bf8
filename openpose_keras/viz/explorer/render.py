"""Draw the explorer's view: the image or the surroundings of a hand, with the results.

A window is the visible part of the image, (x, y, width, height) in whole pixels of the image.
"""

import math
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes

from openpose_keras.core.boxes import Box, square_box
from openpose_keras.core.keypoints import Hand, Keypoints
from openpose_keras.core.skeletons import HAND
from openpose_keras.geometry import Resize
from openpose_keras.viz.drawing import Pen, draw, draw_hands, draw_heatmaps, hand_label
from openpose_keras.viz.explorer.session import HandAnnotation, Session
from openpose_keras.viz.figures.canvas import GREY, NotebookFigure

SIZE = 900  # pixels: the longer side of what is shown, at most
MARGIN = 1.25  # of a hand's box, where its surroundings are shown
PEN = Pen(line=2, radius=4, circle=-1)  # of hands: thin, so that the heatmap stays visible
FIGURE_SIZE = 500  # pixels: the longer side of an image in the static figure, at most
FIGURE_OPACITY = 0.8
FONT_SIZE = 7.5  # of the scores of a hand; of more keypoints it is less
Window = tuple[int, int, int, int]


def render(
    session: Session,
    *,
    size: int | None = SIZE,
    opacity: float | None = None,
    skeletons: bool | None = None,
) -> tuple[np.ndarray, Window]:
    """Draw the view of a session: the heatmap of the active hand, and all skeletons.

    Args:
        session: The session with the image, its hands and the selections.
        size: The maximum longer side in pixels; a part of the image is scaled to this size. None
            draws the whole image at its own size, with OpenPose's line thickness, to be saved.
        opacity: The opacity of the heatmap; None for that of the session.
        skeletons: Whether to draw the skeletons, on the screen with their labels; None for the
            session's setting.

    Returns:
        The image (h, w, 3) uint8 RGB and the window (x, y, width, height) that it shows.

    Raises:
        OpenPoseKerasError: A box lies outside the image, or the network fails.
    """
    results, state = session.results(), session.state
    whole = frame_of(session, close=False)
    x, y, width, height = window = whole if size is None else window_of(session)
    scale = 1.0 if size is None else size / max(width, height)
    if window == whole:
        scale = min(scale, 1.0)
    rows, columns = max(round(height * scale), 1), max(round(width * scale), 1)
    resize = Resize((height, width), (rows, columns), "area" if scale < 1 else "cubic")
    canvas = resize.apply_image(np.ascontiguousarray(session.image[y : y + height, x : x + width]))
    if results:
        _, maps, box = results[state.hand]
        opacity = state.opacity if opacity is None else opacity
        covered = (np.array(box) - (x, y, 0, 0)) * np.tile((columns / width, rows / height), 2)
        channel = state.channel if state.preview is None else state.preview
        options = {"opacity": opacity, "box": covered, "skeleton": session.skeleton}
        canvas = draw_heatmaps(canvas, maps, channel, **options)
    parts = [replace(each, xy=resize.apply_points(each.xy - (x, y))) for each, *_ in results]
    on_screen = size is not None
    pen: Pen | float = PEN if on_screen and session.finds == "hands" else 1.0
    if not (state.skeletons if skeletons is None else skeletons):
        return canvas, window
    hands = [each for each in parts if isinstance(each, Hand)]
    others = [each for each in parts if not isinstance(each, Hand)]
    # Keypoints below the session's threshold are missing already.
    thresholds = {each.skeleton.name: -math.inf for each in others}
    canvas = draw(canvas, others, thresholds=thresholds, pen=pen)
    labels = on_screen and session.finds == "hands"
    return draw_hands(canvas, hands, threshold=-math.inf, pen=pen, labels=labels), window


def part_label(keypoints: Keypoints) -> str:
    """Return the `hand_label` of a hand; empty for any other part."""
    return hand_label(keypoints) if isinstance(keypoints, Hand) else ""


def part_name(annotation: HandAnnotation) -> str:
    """Return the name of a part and its person, such as "left hand of person 2"."""
    return f"{annotation.part.replace('_', ' ')} of person {annotation.person + 1}"


def compared_names(session: Session) -> tuple[str, str]:
    """Return the names of the two compared recipes, or of stages: "stage 2" and "stage 1"."""
    state = session.state
    if isinstance(state.against, str):
        return state.recipe, state.against
    return f"stage {state.stage or session.network.count}", f"stage {state.against}"


def window_of(session: Session) -> Window:
    """Return the visible part of the image: the zoomed region, or all of `frame_of`.

    Args:
        session: The session with the image, its hands and the selections.

    Returns:
        (x, y, width, height) inside the image.
    """
    frame = frame_of(session, close=session.state.close)
    return frame if session.state.zoom is None else _whole_pixels(session.state.zoom, frame)


def frame_of(session: Session, *, close: bool) -> Window:
    """Return the part of the image shown without zoom: all of it, or the surroundings of a hand.

    Args:
        session: The session with the image and its hands.
        close: Whether to return the surroundings of the active hand.

    Returns:
        (x, y, width, height) inside the image.
    """
    height, width = session.image.shape[:2]
    whole = 0, 0, width, height
    if not (close and session.hands):
        return whole
    return _whole_pixels(square_box(session.hands[session.state.hand].region.box, MARGIN), whole)


def _whole_pixels(box: Box, frame: Window) -> Window:
    """Return the pixels of a frame that a box touches, or the whole frame if it touches none."""
    x, y, width, height = box
    left, top = frame[:2]
    right, bottom = left + frame[2], top + frame[3]
    first, last = np.clip([math.floor(x), math.ceil(x + width)], left, right).tolist()
    upper, lower = np.clip([math.floor(y), math.ceil(y + height)], top, bottom).tolist()
    return (first, upper, last - first, lower - upper) if first < last and upper < lower else frame


def static_figure(session: Session) -> NotebookFigure:
    """Draw the explorer as one figure with the skeletons, the heatmaps and the table of scores.

    If two recipes or stages are compared, skeletons and heatmaps of both are shown side by side.

    Args:
        session: The session to show.

    Returns:
        A figure of 7 inches, 700 pixels.
    """
    figure = NotebookFigure(7.0, 3.2)
    if other := session.compared():
        titles = compared_names(session)
        images = [render(each, size=FIGURE_SIZE) for each in (session, other)]
    else:
        titles = "keypoints", "heatmaps"
        maps = render(session, size=FIGURE_SIZE, opacity=FIGURE_OPACITY, skeletons=False)
        images = [render(session, size=FIGURE_SIZE, opacity=0.0), maps]
    for index, (title, (image, _)) in enumerate(zip(titles, images, strict=True)):
        axes = figure.add_axes((0.01 + 0.37 * index, 0.02, 0.355, 0.88))
        axes.imshow(image)
        axes.set_axis_off()
        axes.set_anchor("N")
        axes.set_title(title, color=GREY, fontsize=10, pad=4)
    table = figure.add_axes((0.76, 0.02, 0.235, 0.88))
    table.set_axis_off()
    _write_scores(table, session)
    name = session.images[session.state.image].name
    figure.alt = f"Explorer, {name}, {session.counted}. {', '.join(titles).capitalize()}, scores."
    return figure


def _write_scores(axes: Axes, session: Session) -> None:
    """Write the keypoints of the active hand or part with their scores, one per line."""
    count, active, skeleton = len(session.hands), session.state.hand, session.skeleton
    title = f"hand {active + 1} of {count}" if count > 1 else "scores"
    axes.set(xlim=(0, 1), ylim=(len(skeleton), 0))
    if not count:
        axes.set_title(
            "no hand found" if session.finds == "hands" else "nobody found",
            color=GREY,
            fontsize=10,
            pad=4,
        )
        return
    found = session.result().keypoints
    title = ": ".join(filter(None, (title, part_label(found))))
    if session.finds == "people":
        title = part_name(session.hands[active])
    size = FONT_SIZE * min(len(HAND) / len(skeleton), 1)
    axes.set_title(title, color=GREY, fontsize=10, pad=4)
    for index, (name, color) in enumerate(zip(skeleton.keypoints, skeleton.colors, strict=True)):
        axes.plot([0.04], [index + 0.5], "o", color=np.array(color) / 255, markersize=size / 2)
        score = f"{found.scores[index]:.2f}" if found.found[index] else "missing"
        for x, text, side in ((0.1, name, "left"), (1.0, score, "right")):
            axes.text(
                x, index + 0.5, text, color=GREY, fontsize=size, ha=side, va="center_baseline"
            )
