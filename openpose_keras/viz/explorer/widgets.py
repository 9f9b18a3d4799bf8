"""The two widgets of our own: an image that can be clicked and dragged on, and the table.

Their JavaScript lies next to this module and reaches the browser through the kernel, so that
nothing is downloaded. What the user does comes back as messages, see `canvas.js` and `table.js`.
"""

from collections.abc import Sequence
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import Box
from openpose_keras.core.skeletons import HAND
from openpose_keras.viz.explorer.predictions import KeypointRow

_HERE = Path(__file__).parent
JPEG_QUALITY = 92


class Canvas(anywidget.AnyWidget):
    """The image, the boxes and the handles of the keypoints, all in pixels of the image.

    It sends `{"kind": ...}`: "select" and "point" (`index`, `at`), "absent" (`index`), "hand"
    (`index`), "box" and "new" (`box`).
    """

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

    def show(self, image: np.ndarray, window: Box) -> None:
        """Show an image.

        Args:
            image: (h, w, 3) uint8 RGB.
            window: (x, y, width, height), the part of the session's image that it shows.
        """
        options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        encoded, data = cv2.imencode(".jpg", image[..., ::-1], options)
        if not encoded:
            raise ValueError(f"the image {image.shape} cannot be encoded as JPEG")
        self.window = list(window)
        self.image = data.tobytes()


class Table(anywidget.AnyWidget):
    """The keypoints of a hand. It sends `{"kind": "select", "index": ...}`."""

    _esm = _HERE / "table.js"
    _css = _HERE / "style.css"
    rows = traitlets.List().tag(sync=True)
    selected = traitlets.Int(-1).tag(sync=True)

    def show(self, rows: Sequence[KeypointRow]) -> None:
        """Show the keypoints, or an empty table."""
        self.rows = [_cells(row, color) for row, color in zip(rows, HAND.colors, strict=False)]


def _cells(row: KeypointRow, color: tuple[int, int, int]) -> dict[str, str]:
    """Return a row as the browser shows it."""
    missing = bool(np.isnan(row.x))
    if row.corrected:
        note, score = "by hand", "not visible" if missing else "by hand"
    else:
        note, score = ("missing", "–") if missing else ("", f"{row.score:.2f}")
    return {
        "name": row.name,
        "x": "–" if missing else f"{row.x:.1f}",
        "y": "–" if missing else f"{row.y:.1f}",
        "score": score,
        "color": "rgb({}, {}, {})".format(*color),
        "note": note,
    }
