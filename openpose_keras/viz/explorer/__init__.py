"""The explorer: see inside the network with your own images, in a widget or in one figure.

`session` holds what was chosen and found, without widgets: `images` that were given, `predictions`
of the network. `render` draws it, `save` writes it. `app` is the widget, made of `controls` and of
the `widgets` of our own.
"""

import sys
from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from openpose_keras.core.boxes import BoxLike
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.viz.explorer.images import Source
from openpose_keras.viz.explorer.render import static_figure
from openpose_keras.viz.explorer.session import Session

if TYPE_CHECKING:
    from openpose_keras.viz.explorer.app import Explorer

__all__ = ["Session", "explore", "static_figure"]


def explore(
    image_or_paths: Source | Iterable[Source],
    estimator: HandEstimator | None = None,
    *,
    boxes: Iterable[BoxLike] | None = None,
) -> "Explorer | Figure":
    """Explore one image, or several: heatmaps, stages, scales, peaks, keypoints.

    In a notebook it is a widget: it follows each choice at once, boxes and keypoints can be
    dragged, and the image, OpenPose's JSON and a label file can be saved. In a plain script, and
    where ipywidgets or anywidget is not installed (`pip install "openpose-keras[notebooks]"`
    installs both), it is one figure.

    Args:
        image_or_paths: (H, W, 3) uint8 RGB, a file, a folder of images, or several of these.
        estimator: Finds the hands; by default that of the preset "hand_lite".
        boxes: (x, y, width, height) or (x, y, width) of the hands of the first image; by default
            the estimator searches for them.

    Returns:
        The widget, whose `session` can be read and changed from other cells; or the figure.

    Raises:
        ImageError: There is no image, or the first one cannot be read.
        TypeError: The estimator is no `HandEstimator`.
        ValueError: A box is not valid.

    Example:
        explore("photo.jpg", HandEstimator.from_preset("hand_lite"))
    """
    estimator = estimator or HandEstimator.from_preset("hand_lite")
    if not isinstance(estimator, HandEstimator):
        raise TypeError(f"expected a HandEstimator, got {type(estimator).__name__}")
    session = Session(image_or_paths, estimator, boxes=boxes)
    if not has_widgets():
        return static_figure(session)
    from openpose_keras.viz.explorer.app import Explorer

    return Explorer(session)


def has_widgets() -> bool:
    """Return whether this is a notebook's kernel, and the packages of the widgets are installed."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    packages = map(find_spec, ("anywidget", "ipywidgets"))
    return getattr(shell, "kernel", None) is not None and all(packages)
