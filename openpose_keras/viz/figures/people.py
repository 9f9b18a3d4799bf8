"""Plot people and hands as lines and points with Matplotlib."""

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure, SubFigure

from openpose_keras.core.keypoints import Keypoints, Person, as_people
from openpose_keras.io.images import ImageLike, as_image
from openpose_keras.viz.drawing import (
    Thresholds,
    drawn_parts,
    enlarge_keypoints,
    finer_lines,
    pen_of,
)
from openpose_keras.viz.figures.images import show_images

POINTS = 72  # an inch
FINEST = 0.7  # points, of lines


def plot(
    image: ImageLike,
    people: Iterable[Person | Keypoints],
    *,
    axes: Axes | None = None,
    thresholds: Thresholds = None,
) -> Figure | SubFigure:
    """Plot people over their image with Matplotlib, as vector graphics for SVG or PDF.

    `draw` returns pixels instead.

    Args:
        image: (H, W, 3) uint8 RGB, a file, or any other input of `as_image`.
        people: The people, or only their bodies, faces or hands, in pixels of the image.
        axes: The axes to plot on; None for a new figure, 7 inches wide.
        thresholds: As for `draw`.

    Returns:
        The figure of the axes, which are in pixels of the image. `figure.axes[0].plot(x, y, "o")`
        adds to them, and `figure.savefig("people.pdf")` writes a file.

    Raises:
        ImageError: The image is not (H, W, 3) uint8.
        TypeError: The people are not a list of people.
        ValueError: A threshold belongs to a skeleton that no person has.

    Example:
        >>> from openpose_keras import Hand
        >>> hand = Hand(np.full((21, 2), 30.0), np.ones(21))
        >>> plot(np.zeros((80, 60, 3), np.uint8), [hand])
        An image of people or hands with their keypoints.
    """
    image, parts = as_image(image), drawn_parts(as_people(people), thresholds)
    if axes is None:
        axes = show_images(image, subject="people or hands with their keypoints").axes[0]
    else:
        axes.imshow(image)
        axes.autoscale(False)
    for part, visible in parts:
        _add_part(axes, part, visible, image.shape[:2])
    return axes.figure


def _add_part(axes: Axes, part: Keypoints, visible: np.ndarray, size: tuple[int, int]) -> None:
    """Add the edges and keypoints of one skeleton over an image of the size (height, width)."""
    fine = finer_lines(size)
    pen = pen_of(enlarge_keypoints(part, fine), (fine * size[0], fine * size[1]))
    points = axes.bbox.width / axes.figure.dpi * POINTS / size[1]  # that a pixel is wide
    line = max(pen.line / fine * points, FINEST)
    colors = np.array(part.skeleton.colors) / 255
    edges = [edge for edge in part.skeleton.edge_indices if visible[list(edge)].all()]
    segments, ends = [part.xy[list(edge)] for edge in edges], [end for _, end in edges]
    axes.add_collection(LineCollection(segments, colors=colors[ends], linewidths=line))
    x, y = part.xy[visible].T
    axes.scatter(x, y, s=(2 * line) ** 2, c=colors[visible], lw=0, zorder=3)
