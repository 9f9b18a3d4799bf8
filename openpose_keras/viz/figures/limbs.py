"""Part affinity fields as colours and arrows, and the graph of candidates that they connect."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, hsv_to_rgb
from matplotlib.figure import Figure

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.skeletons import Skeleton
from openpose_keras.heatmaps.connectors import MISSING, People
from openpose_keras.heatmaps.part_affinity import Limbs
from openpose_keras.viz.figures.canvas import BAR, COLORS, GREY, KEY, draw_image, grid
from openpose_keras.viz.figures.words import say_images

DIM = 0.5  # of the image's brightness is seen below a field
SHORT = 0.25  # fields below this length get no arrow
WHEEL = 0.6  # inches
THINNEST = 0.25  # score of the thinnest edges


def show_fields(
    fields: np.ndarray | Sequence[np.ndarray],
    titles: str | Sequence[str] | None = None,
    *,
    columns: int = 4,
    image: np.ndarray | None = None,
    arrows: int = 0,
    subject: str | None = None,
) -> Figure:
    """Show part affinity fields: the hue is the direction, the brightness is the length.

    A colour wheel at the right explains the colours: each stands for the direction from the centre
    of the wheel.

    Args:
        fields: (h, w, 2) x and y of one field, y down, or a sequence of such fields. Lengths are
            clipped at 1.
        titles: One title per field, or an empty sequence.
        columns: Maximum number of fields in a row.
        image: (H, W, 3) uint8 RGB that all fields cover. It is shown grey and dark.
        arrows: Number of cells between arrows; 0 for no arrows.
        subject: What the fields show, as for `show_images`.

    Returns:
        The figure, 7 inches wide. `figure.axes` has one entry per field, in their order, and then
        the wheel. With an image the axes are in pixels of the image.

    Raises:
        ValueError: There is no field, a field has another shape, or the numbers of fields and
            titles do not match.

    Example:
        >>> len(show_fields(np.zeros((46, 46, 2)), "forearm").axes)
        2
    """
    single = isinstance(fields, np.ndarray) and fields.ndim == 3
    shown = [np.asarray(each, np.float64) for each in ([fields] if single else fields)]
    for field in shown:
        if field.ndim != 3 or field.shape[2] != 2 or not field.size:
            raise ValueError(f"expected fields (h, w, 2), got {field.shape}")
    sizes = [(field if image is None else image).shape[:2] for field in shown]
    figure = grid(sizes, titles, columns, 7.0, right=BAR)
    for axes, field, (height, width) in zip(figure.axes, shown, sizes, strict=True):
        below = np.zeros((height, width)) if image is None else image.mean(axis=2) * DIM
        draw_image(axes, below, ScalarMappable(Normalize(0, 255), "gray"))
        extent = (-0.5, width - 0.5, height - 0.5, -0.5)
        axes.imshow(_wheel_colors(field), extent=extent, interpolation="bilinear")
        if arrows:
            _add_arrows(axes, field, width / field.shape[1], arrows)
    inches = figure.get_size_inches()
    corner = ((inches[0] - WHEEL) / inches[0], 1 - WHEEL / inches[1])
    bounds = (*corner, *(WHEEL / inches))
    wheel = figure.add_axes(bounds, xticks=[], yticks=[], frameon=False, label=KEY)
    x, y = np.meshgrid(*[np.linspace(-1, 1, 121)] * 2)
    wheel.imshow(_wheel_colors(np.dstack([x, y]) * (np.hypot(x, y) <= 1)[..., None]))
    figure.alt = say_images("part affinity field", titles, len(shown), subject=subject)
    return figure


def _wheel_colors(field: FloatArray) -> FloatArray:
    """Return colours (h, w, 4) of a field (h, w, 2): hue by direction, opacity by length."""
    x, y = np.moveaxis(np.nan_to_num(field), 2, 0)
    hue, one = np.arctan2(y, x) / (2 * np.pi) % 1, np.ones_like(x)
    colors = hsv_to_rgb(np.dstack([hue, one * 0.85, one]))
    return np.dstack([colors, np.hypot(x, y).clip(0, 1)])


def _add_arrows(axes: Axes, field: FloatArray, cell: float, step: int) -> None:
    """Draw an arrow every few cells, scaled so that unit vectors nearly touch the next one."""
    rows, columns = np.mgrid[step // 2 : len(field) : step, step // 2 : field.shape[1] : step]
    vectors = field[rows, columns]
    long = np.hypot(*np.moveaxis(vectors, 2, 0)) > SHORT
    x, y = ((each[long] + 0.5) * cell - 0.5 for each in (columns, rows))
    across, down = vectors[long].T
    axes.quiver(
        x, y, across, down, color="white", pivot="mid", angles="xy",
        scale_units="xy", scale=1 / (step * cell), width=0.006, headwidth=4,
    )  # fmt: skip


def add_limb_graph(
    axes: Axes,
    candidates: Sequence[FloatArray],
    skeleton: Skeleton,
    limbs: Sequence[Limbs] = (),
    people: People | None = None,
) -> None:
    """Draw candidates as nodes, scored pairs as grey edges, and the limbs of people over them.

    Args:
        axes: The axes of an image, in whose pixels the candidates are given.
        candidates: For each keypoint of the skeleton, (n, 3) x, y, score.
        skeleton: The names of keypoints and limbs.
        limbs: For each limb of the skeleton, its pairs, drawn thicker for higher scores. By default
            no pairs are drawn.
        people: The people to whom the candidates belong. Their limbs are bold, with one colour per
            person.

    Example:
        >>> from openpose_keras.core.skeletons import Skeleton
        >>> from openpose_keras.viz.figures import show_images
        >>> names, colors = ("elbow", "wrist"), ((255, 0, 0), (0, 255, 0))
        >>> arm = Skeleton("arm", names, (names,), colors, limbs=(names,), fields=(0,))
        >>> peaks = [np.array([[2.0, 2, 1]]), np.array([[2.0, 7, 1]])]
        >>> axes = show_images(np.zeros((9, 9, 3), np.uint8)).axes[0]
        >>> add_limb_graph(axes, peaks, arm, [Limbs(np.array([[0, 0]]), np.ones(1))])
        >>> len(axes.lines)  # an edge, and the nodes of either keypoint
        3
    """
    points = [np.asarray(peaks, np.float64).reshape(-1, 3)[:, :2] for peaks in candidates]
    for (one, other), limb in zip(skeleton.limb_indices, limbs, strict=False):
        for (a, b), score in zip(limb.pairs, limb.scores, strict=True):
            width = 1.5 * max(float(score), THINNEST)
            axes.plot(*np.stack([points[one][a], points[other][b]]).T, color=GREY, lw=width)
    for color, members in zip(cycle(COLORS[:-1]), () if people is None else people.members):
        for one, other in skeleton.limb_indices:
            a, b = members[one], members[other]
            if MISSING not in (a, b):
                axes.plot(*np.stack([points[one][a], points[other][b]]).T, color=color, lw=3)
    for each in points:
        axes.plot(*each.T, "o", ms=3.5, mfc="white", mec="black", mew=0.7)
