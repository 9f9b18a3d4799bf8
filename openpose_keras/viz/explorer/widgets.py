"""The two widgets of our own: an image that can be clicked and dragged on, and the table.

Their JavaScript lies next to this module and reaches the browser through the kernel, so that
nothing is downloaded. What the user does comes back as a method of the `Session` to call:
`{"method": "move_keypoint", "options": {"index": 8, "point": [x, y]}}`.
"""

from collections.abc import Container
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from openpose_keras.core._opencv import cv2
from openpose_keras.core.keypoints import Hand
from openpose_keras.core.skeletons import HAND
from openpose_keras.viz.explorer.render import Window

_HERE = Path(__file__).parent
JPEG_QUALITY = 92


class Canvas(anywidget.AnyWidget):
    """The image, the boxes and the handles of the keypoints, all in pixels of the image."""

    _esm = _HERE / "canvas.js"
    _css = _HERE / "style.css"
    image = traitlets.Bytes().tag(sync=True)
    window = traitlets.List([0, 0, 1, 1]).tag(sync=True)
    boxes = traitlets.List().tag(sync=True)
    active = traitlets.Int(0).tag(sync=True)
    points = traitlets.List().tag(sync=True)
    names = traitlets.List(list(HAND.keypoints)).tag(sync=True)
    selected = traitlets.Int(-1).tag(sync=True)
    tool = traitlets.Unicode("points").tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)

    def show(self, image: np.ndarray, window: Window) -> None:
        """Show an image.

        Args:
            image: (h, w, 3) uint8 RGB.
            window: (x, y, width, height), the part of the session's image that it shows.
        """
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        _, data = cv2.imencode(".jpg", image[..., ::-1], quality)
        self.window = list(window)
        self.image = data.tobytes()


class Table(anywidget.AnyWidget):
    """The keypoints of a hand, a row each."""

    _esm = _HERE / "table.js"
    _css = _HERE / "style.css"
    rows = traitlets.List().tag(sync=True)
    selected = traitlets.Int(-1).tag(sync=True)


def table_rows(hand: Hand, moved: Container[int]) -> list[dict[str, str]]:
    """Return the keypoints of a hand as the table shows them.

    Args:
        hand: The hand.
        moved: Indices of the keypoints that a person moved or marked as not visible.
    """
    rows = []
    for index, (name, color) in enumerate(zip(HAND.keypoints, HAND.colors, strict=True)):
        row = {"name": name, "color": "rgb({}, {}, {})".format(*color), "note": ""}
        if hand.found[index]:
            x, y = hand.xy[index]
            row |= {"x": f"{x:.1f}", "y": f"{y:.1f}", "score": f"{hand.scores[index]:.2f}"}
        else:
            row |= {"x": "–", "y": "–", "score": "–", "note": "missing"}
        if index in moved:
            row |= {"score": "by hand" if hand.found[index] else "not visible", "note": "by hand"}
        rows.append(row)
    return rows
