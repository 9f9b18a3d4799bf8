"""Custom widgets: an image with mouse interaction, tables, and a line of messages.

Their JavaScript lies next to this module and is sent to the browser by the kernel, so that nothing
is downloaded. An action of the user is sent back as a method of the `Session` to call: `{"method":
"move_keypoint", "options": {"index": 8, "point": [x, y]}}`.
"""

from collections.abc import Container
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from openpose_keras.core._opencv import cv2
from openpose_keras.core.keypoints import Keypoints
from openpose_keras.core.skeletons import Skeleton
from openpose_keras.viz.drawing import SKELETONS
from openpose_keras.viz.explorer.render import Window
from openpose_keras.viz.explorer.session import HandAnnotation

_HERE = Path(__file__).parent
JPEG_QUALITY = 92
_SCORES = [["presence", "presence"], ["score", "score"]]
HAND_COLUMNS = [["name", "hand"], ["side", "side"], *_SCORES]
PART_COLUMNS = [["name", "person"], ["part", "part"], *_SCORES]
KEYPOINT_COLUMNS = [["name", "keypoint"], ["x", "x"], ["y", "y"], ["score", "score"]]
DISTANCE = ["distance", "distance"]  # the column that is added where two recipes are compared


def _colors(skeleton: Skeleton) -> list[str]:
    """Return the colours of a skeleton's keypoints in CSS notation."""
    return ["rgb({}, {}, {})".format(*color) for color in skeleton.colors]


_LAYOUTS = {
    each.name: {
        "names": list(each.keypoints),
        "edges": list(map(list, each.edge_indices)),
        "colors": _colors(each),
    }
    for each in SKELETONS
}


class Canvas(anywidget.AnyWidget):
    """The image, the boxes and the skeletons, all in pixels of the session's image.

    Canvases of one explorer are zoomed and panned together.
    """

    _esm = _HERE / "canvas.js"
    _css = _HERE / "style.css"
    image = traitlets.Bytes().tag(sync=True)
    window = traitlets.List([0, 0, 1, 1]).tag(sync=True)  # the part of the image that this is
    frame = traitlets.List([0, 0, 1, 1]).tag(sync=True)  # the part that is shown without a zoom
    boxes = traitlets.List().tag(sync=True)
    active = traitlets.Int(0).tag(sync=True)
    hands = traitlets.List().tag(sync=True)  # of each points, text and layout
    editable = traitlets.Bool(True).tag(sync=True)  # else it is a second one, to look at
    caption = traitlets.Unicode("").tag(sync=True)  # stands above the image
    layouts = traitlets.Dict(_LAYOUTS).tag(sync=True)  # names, edges and colours of each skeleton
    selected = traitlets.Int(-1).tag(sync=True)
    skeletons = traitlets.Bool(True).tag(sync=True)
    tool = traitlets.Unicode("points").tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)

    def show(self, image: np.ndarray, window: Window) -> None:
        """Show an image.

        Args:
            image: (h, w, 3) uint8 RGB.
            window: (x, y, width, height), the visible part of the session's image.
        """
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        _, data = cv2.imencode(".jpg", image[..., ::-1], quality)
        self.window = list(window)
        self.image = data.tobytes()


class Table(anywidget.AnyWidget):
    """A table with selectable rows; `field` of the `State` is set to the selected row's number."""

    _esm = _HERE / "table.js"
    _css = _HERE / "style.css"
    field = traitlets.Unicode().tag(sync=True)
    columns = traitlets.List().tag(sync=True)  # [the key in a row, the heading]
    rows = traitlets.List().tag(sync=True)
    selected = traitlets.Int(-1).tag(sync=True)
    caption = traitlets.Unicode("").tag(sync=True)


class Status(anywidget.AnyWidget):
    """A status line with the last action, an error or the current work, for screen readers too.

    It also names the controls of the explorer, for users without a mouse.
    """

    _esm = _HERE / "status.js"
    _css = _HERE / "style.css"
    text = traitlets.Unicode("").tag(sync=True)
    is_error = traitlets.Bool(False).tag(sync=True)
    busy = traitlets.Unicode("").tag(sync=True)  # shown instead, if it stays for a moment


def hand_row(index: int, annotation: HandAnnotation, found: Keypoints) -> dict[str, str]:
    """Return the row of one hand or part in the table of hands, or of people's parts.

    Args:
        index: Index of the hand.
        annotation: The hand or part.
        found: Its keypoints.
    """
    presence, side = getattr(found, "presence", None), getattr(found, "side", None)
    row = {"name": str(index + 1), "side": side or "unknown"}
    if annotation.part != "hand":
        row = {"name": str(annotation.person + 1), "part": annotation.part.replace("_", " ")}
    row["presence"] = "–" if presence is None else f"{100 * presence:.0f} %"
    return row | {"score": f"{found.score:.2f}"}


def table_rows(
    found: Keypoints, moved: Container[int], other: Keypoints | None = None
) -> list[dict[str, str]]:
    """Return the table rows for the keypoints of a hand or of another part.

    Args:
        found: The keypoints.
        moved: Indices of the keypoints that were manually moved or marked as not visible.
        other: The keypoints of another recipe or stage, to show the distances in pixels.
    """
    rows = []
    distances = distances_between(found, other or found)
    names, colors = found.skeleton.keypoints, _colors(found.skeleton)
    for index, (name, color) in enumerate(zip(names, colors, strict=True)):
        row = {"name": name, "color": color, "note": ""}
        row["distance"] = f"{distances[index]:.1f}" if np.isfinite(distances[index]) else "–"
        if found.found[index]:
            x, y = found.xy[index]
            row |= {"x": f"{x:.1f}", "y": f"{y:.1f}", "score": f"{found.scores[index]:.2f}"}
        else:
            row |= {"x": "–", "y": "–", "score": "missing", "note": "missing"}
        if index in moved:
            row |= {"score": "by hand" if found.found[index] else "not visible", "note": "by hand"}
        rows.append(row)
    return rows


def distances_between(first: Keypoints, second: Keypoints) -> np.ndarray:
    """Return the distances between the same keypoints, (K,) pixels; NaN where one is missing."""
    distances: np.ndarray = np.linalg.norm(first.xy - second.xy, axis=1)
    return distances


def summary(first: Keypoints, second: Keypoints) -> str:
    """Return the mean and the maximum of the distances of two skeletons, as a sentence."""
    distances = distances_between(first, second)
    if np.isnan(distances).all():
        return "No keypoint was found by both."
    worst = first.skeleton.keypoints[int(np.nanargmax(distances))]
    greatest = f"at most {np.nanmax(distances):.1f} ({worst})"
    return f"Distance: {np.nanmean(distances):.1f} pixels on average, {greatest}."
