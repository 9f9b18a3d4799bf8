"""What figures are drawn on. This module imports Matplotlib; its users import it late."""

import io
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

DPI = 100
GREY = "#777777"  # 4.5 to 1 on white, 4.2 to 1 on #111
# Hues of Okabe and Ito, and an ochre, that keep 3 to 1 on white and on #111.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#A67C00", "#777777")
MARKERS = ("o", "s", "^", "D", "v", "P")
GAP = 0.08  # inches between the pictures of a grid
TITLE = 0.27  # inches above a picture for its title
BAR = 0.75  # inches at the right for the colour bar and its numbers
LETTER = 0.085  # inches that a letter of a title takes at 10 points, about


class Look(NamedTuple):
    """How values become colours: the name of a colormap, and the values at its ends."""

    colormap: str = "gray"
    low: float | None = None
    high: float | None = None


class NotebookFigure(Figure):
    """A figure with a transparent ground that no pyplot knows, shown where a cell ends with it.

    Args:
        width: In inches; 7 are 700 pixels.
        height: In inches.
        layout: Matplotlib's way to place the axes; None to place them by hand.
    """

    def __init__(self, width: float, height: float, layout: str | None = None) -> None:
        """Make an empty figure."""
        super().__init__((width, height), DPI, facecolor="none", edgecolor="none", layout=layout)

    def _repr_png_(self) -> bytes:
        """Give the PNG that Jupyter shows, in 256 colours so that a notebook stays small."""
        data = io.BytesIO()
        self.savefig(data, format="png", dpi=DPI, metadata={"Software": None})
        picture = Image.open(data).quantize(256, method=Image.Quantize.FASTOCTREE)
        small = io.BytesIO()
        picture.save(small, "PNG", optimize=True)
        return small.getvalue()


def grid(
    sizes: Sequence[tuple[int, int]],
    titles: Sequence[str],
    columns: int,
    width: float,
    *,
    right: float = 0.0,
) -> NotebookFigure:
    """Make a figure with axes for pictures in rows, each axes as large as its cell lets it be.

    Args:
        sizes: (height, width) of each picture in its own pixels.
        titles: One for each, or none at all.
        columns: Pictures a row.
        width: Of the figure in inches.
        right: Inches kept free at the right.

    Returns:
        The figure with its axes, row by row; nothing is drawn yet.
    """
    cell = (width - right - GAP * (columns - 1)) / columns
    rows = [sizes[start : start + columns] for start in range(0, len(sizes), columns)]
    heights = [max(cell * high / wide for high, wide in row) for row in rows]
    above = TITLE if titles else 0.0
    total = sum(heights) + above * len(rows) + GAP * (len(rows) - 1)
    figure = NotebookFigure(width, math.ceil(total * DPI) / DPI)
    total, top = figure.get_figheight(), 0.0
    for index, (high, wide) in enumerate(sizes):
        row, column = divmod(index, columns)
        top = top if column else sum(heights[:row]) + (above + GAP) * row + above
        low, tall = total - top - cell * high / wide, cell * high / wide
        place = (column * (cell + GAP) / width, low / total, cell / width, tall / total)
        axes = figure.add_axes(place)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set(color=GREY, linewidth=0.6)
        if titles:
            points = min(10.0, 10.0 * cell / (LETTER * max(map(len, titles)) or 1))
            axes.set_title(titles[index], color=GREY, fontsize=max(points, 6), pad=4)
    return figure


def draw_picture(axes: Axes, picture: np.ndarray, look: Look) -> None:
    """Draw a picture (h, w) or (h, w, 3): enlarged by whole pixels, or shrunk with a filter."""
    shown = axes.get_position().width * axes.figure.get_figwidth() * DPI
    way = "nearest" if picture.shape[1] <= shown else "hanning"
    axes.imshow(picture, interpolation=way, cmap=look.colormap, vmin=look.low, vmax=look.high)
    axes.autoscale(False)  # points drawn later, outside, leave the picture's size alone


def lay_over(axes: Axes, image: np.ndarray, plane: np.ndarray, look: Look) -> None:
    """Draw a map (h, w) over the image (H, W, 3) that it covers, the clearer the nearer to 0."""
    draw_picture(axes, image, Look())
    span = max(abs(look.low), abs(look.high)) or 1.0
    colors = colormaps[look.colormap](Normalize(look.low, look.high)(plane))
    colors[..., 3] = np.nan_to_num(np.clip(np.abs(plane) / span, 0, 1)) ** 0.5 * 0.85
    height, width = image.shape[:2]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    axes.imshow(colors, extent=extent, interpolation="bilinear")


def color_bar(figure: NotebookFigure, look: Look) -> None:
    """Put a bar of the colours at the right, with a few numbers."""
    width, height = figure.get_size_inches()
    tall = min(height - 0.3, 3.0)
    place = ((width - BAR + 0.1) / width, 0.5 - tall / height / 2, 0.14 / width, tall / height)
    axes = figure.add_axes(place)
    colors = ScalarMappable(Normalize(look.low, look.high), look.colormap)
    bar = figure.colorbar(colors, cax=axes, ticks=MaxNLocator(4 if tall > 1 else 2))
    bar.outline.set_edgecolor(GREY)
    axes.tick_params(color=GREY, labelcolor=GREY, labelsize=9)


def chart(xlabel: str, ylabel: str, title: str | None, *, height: float = 3.6) -> Axes:
    """Make a figure, 7 inches wide, with one plot in grey lines, and give its axes."""
    axes = NotebookFigure(7.0, height, "constrained").add_subplot()
    axes.set_facecolor("none")
    axes.set_xlabel(xlabel, color=GREY)
    axes.set_ylabel(ylabel, color=GREY)
    if title:
        axes.set_title(title, color=GREY, fontsize=11)
    axes.tick_params(which="both", color=GREY, labelcolor=GREY)
    for side, spine in axes.spines.items():
        spine.set_color(GREY)
        spine.set_visible(side in ("left", "bottom"))
    axes.grid(color=GREY, alpha=0.25, linewidth=0.8)
    axes.set_axisbelow(True)
    return axes


def legend(axes: Axes, names: Sequence[str]) -> None:
    """Tell the names below the plot where there are more than one."""
    if len(names) > 1:
        fit = max(1, int(6.5 / (0.6 + LETTER * max(map(len, names)))))
        columns = math.ceil(len(names) / math.ceil(len(names) / fit))
        axes.figure.legend(
            loc="outside lower center", ncols=columns, frameon=False, labelcolor=GREY
        )
