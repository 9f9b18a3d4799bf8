"""The explorer as one figure, where no widgets are: what was found, the heatmaps, the scores."""

from typing import TYPE_CHECKING

import numpy as np

from openpose_keras.core.skeletons import HAND
from openpose_keras.viz.explorer.render import show
from openpose_keras.viz.explorer.session import Session

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = 500  # pixels: the longer side of a picture in the figure, at most
OPACITY = 0.8
WIDE, TALL = 7.0, 3.2  # inches


def static_figure(session: Session) -> "Figure":
    """Draw the picture with its skeletons, the merged heatmaps, and the table of scores.

    Args:
        session: Says what is looked at.

    Returns:
        A figure of 7 inches, 700 pixels.
    """
    from openpose_keras.viz.figures.canvas import GREY, NotebookFigure

    figure = NotebookFigure(WIDE, TALL)
    screens = {
        "keypoints": show(session, size=SIZE, opacity=0.0),
        "heatmaps": show(session, size=SIZE, opacity=OPACITY, skeletons=False),
    }
    for index, (title, screen) in enumerate(screens.items()):
        axes = figure.add_axes((0.01 + 0.37 * index, 0.02, 0.355, 0.88))
        axes.imshow(screen.picture)
        axes.set_axis_off()
        axes.set_anchor("N")
        axes.set_title(title, color=GREY, fontsize=10, pad=4)
    table = figure.add_axes((0.76, 0.02, 0.235, 0.88))
    table.set_axis_off()
    table.set_title(_title(session), color=GREY, fontsize=10, pad=4)
    _write_table(table, session, GREY)
    return figure


def _title(session: Session) -> str:
    """Say whose scores they are."""
    if not session.hands:
        return "no hand found"
    several = f" of hand 1 of {len(session.hands)}" if len(session.hands) > 1 else ""
    return f"scores{several}"


def _write_table(axes: "Axes", session: Session, color: str) -> None:
    """Write the keypoints and their scores, one line each."""
    axes.set(xlim=(0, 1), ylim=(len(HAND), 0))
    for index, (row, dot) in enumerate(zip(session.table(), HAND.colors, strict=False)):
        line = index + 0.5
        axes.plot([0.04], [line], "o", color=np.array(dot) / 255, markersize=4)
        text = "missing" if np.isnan(row.x) else f"{row.score:.2f}"
        options = {"color": color, "fontsize": 7.5, "va": "center_baseline"}
        axes.text(0.1, line, row.name, **options)
        axes.text(1.0, line, text, ha="right", **options)
