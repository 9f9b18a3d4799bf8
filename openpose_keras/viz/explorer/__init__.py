"""The explorer, which visualises a network on your own images, in a widget or in one figure.

`session` holds the selections and results, without widgets. `images` reads the given images, and
`predictions` holds the results of the network. `render` draws a session, and `save` writes it.
`app` is the widget, built from `controls` and the custom `widgets`.
"""

import html
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

# All else, NumPy too, is imported by `explore`, after it has said that it is loading.
if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from openpose_keras.core.boxes import BoxLike
    from openpose_keras.estimators.hand import HandEstimator
    from openpose_keras.estimators.whole_body import WholeBodyEstimator
    from openpose_keras.viz.explorer.app import Explorer
    from openpose_keras.viz.explorer.images import Source

__all__ = ["explore"]


def explore(
    image_or_paths: "Source | Iterable[Source]",
    estimator: "HandEstimator | WholeBodyEstimator | None" = None,
    *,
    preset: str | None = None,
    boxes: "Iterable[BoxLike] | None" = None,
) -> "Explorer | Figure":
    """Explore one or several images: heatmaps, stages, scales, peaks and keypoints.

    In a notebook the explorer is a widget. It responds to each selection immediately, boxes and
    keypoints can be dragged, and the image, OpenPose's JSON and a label file can be saved. In a
    plain script, or if ipywidgets or anywidget is not installed (`pip install ipywidgets anywidget`
    installs both), it is one figure.

    With an estimator of whole people it shows the body, the face and the hands of each person.
    Hands are computed again from their boxes when a recipe or stage is selected, so their scores
    may differ slightly from those that the estimator returns.

    Args:
        image_or_paths: (H, W, 3) uint8 RGB, a file, a folder of images, or several of these.
        estimator: The estimator of hands or whole people; by default that of the preset.
        preset: A key of `presets.PRESETS`, or of `presets.PRESET_SETS` such as "lite", which finds
            whole people. By default "hand_lite".
        boxes: (x, y, width, height) or (x, y, width) of each hand in the first image. By default
            the estimator searches for the hands.

    Returns:
        The widget, whose `session` can be read and changed from other cells, or the figure.

    Raises:
        ImageError: There is no image, or the first one cannot be read.
        TypeError: The estimator is neither a `HandEstimator` nor a `WholeBodyEstimator`.
        ValueError: A box is not valid, boxes are given with whole people, there is no such preset,
            or both a preset and an estimator are given.
        WeightsError: The preset's weights are missing or damaged.

    Example:
        explore("photo.jpg", preset="lite")
    """
    with _telling() as tell:
        from openpose_keras.estimators.hand import HandEstimator
        from openpose_keras.estimators.whole_body import WholeBodyEstimator
        from openpose_keras.viz.explorer.render import static_figure
        from openpose_keras.viz.explorer.session import PeopleSession, Session

        if estimator is not None and preset is not None:
            raise ValueError(f"expected an estimator or a preset, got both: leave out {preset!r}")
        if estimator is None:
            estimator = _load(preset or "hand_lite", tell)
        if isinstance(estimator, HandEstimator):
            tell("Searching the image for hands …" if boxes is None else "Running the network …")
            session = Session(image_or_paths, estimator, boxes=boxes)
        elif not isinstance(estimator, WholeBodyEstimator):
            kinds = "a HandEstimator or a WholeBodyEstimator"
            raise TypeError(
                f"expected {kinds}, got {type(estimator).__name__}: the image comes first, "
                "explore(image, estimator)"
            )
        elif boxes is not None:
            raise ValueError("expected boxes with hands only, got some with people: leave them out")
        else:
            tell("Searching the image for people …")
            session = PeopleSession(image_or_paths, estimator)
        if not has_widgets():
            return static_figure(session)
        from openpose_keras.viz.explorer.app import Explorer

        return Explorer(session)


def _load(preset: str, tell: Callable[[str], None]) -> "HandEstimator | WholeBodyEstimator":
    """Load the networks of a preset or of a set of presets, for hands or for whole people."""
    from openpose_keras.estimators.hand import HandEstimator
    from openpose_keras.estimators.whole_body import WholeBodyEstimator
    from openpose_keras.networks.presets import get_presets

    only_hands = list(get_presets(preset)) == ["hand"]
    tell(f"Loading the network{'' if only_hands else 's of'} {preset} …")
    if only_hands:
        return HandEstimator.from_preset(preset)
    return WholeBodyEstimator.from_preset(preset)


def has_widgets() -> bool:
    """Return whether this is a notebook kernel, and the packages of the widgets are installed."""
    packages = map(find_spec, ("anywidget", "ipywidgets"))
    return _is_notebook() and all(packages)


def _is_notebook() -> bool:
    """Return whether this is a notebook kernel."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


@contextmanager
def _telling() -> Iterator[Callable[[str], None]]:
    """Show what is being loaded, in a notebook only, until everything is loaded."""
    if not _is_notebook():
        yield lambda text: None
        return
    display = import_module("IPython.display").display

    def content(text: str) -> dict[str, str]:
        """Return a line of text in all formats that a notebook may display."""
        return {"text/html": f"<i>{html.escape(text)}</i>" if text else "", "text/plain": text}

    handle = display(content("Loading the explorer …"), raw=True, display_id=True)
    time.sleep(0.01)  # lets the kernel's other thread send it, before imports keep it waiting
    try:
        yield lambda text: handle.update(content(text), raw=True)
    finally:
        handle.update(content(""), raw=True)
