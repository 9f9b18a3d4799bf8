"""Common parts of all figures: the figure itself, grids of axes, colour bars and legends."""

import base64
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

DPI = 100  # pixels that are shown for each inch
DENSITY = 2  # pixels that are stored for each pixel shown, sharp on dense screens
PHOTO = 60_000  # bytes: a figure that takes more as a PNG has photos in it, and becomes a JPEG
QUALITY = 80  # of a JPEG
GREY = "#777777"  # 4.5 to 1 on white, 4.2 to 1 on #111
# Hues of Okabe and Ito, and an ochre, that keep 3 to 1 on white and on #111.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#A67C00", "#777777")
MARKERS = ("o", "s", "^", "D", "v", "P")
KEY = "<colorbar>"  # what Matplotlib calls axes that explain the colours of others
EDGE = 0.02  # inches about a grid, room for the frames of its images
GAP = 0.08  # inches between the images of a grid
TITLE = 0.27  # inches above an image for its title
BAR = 0.75  # inches at the right for the colour bar and its numbers
LETTER = 0.085  # inches that a letter of a title takes at 10 points, about


class NotebookFigure(Figure):
    """A figure with a transparent background, independent of pyplot, that notebooks display.

    Args:
        width: Width in inches; 7 inches are 700 pixels.
        height: Height in inches.

    Attributes:
        alt: The alternative text of the image, which describes it in one or two sentences.
    """

    def __init__(self, width: float, height: float) -> None:
        """Make an empty figure."""
        super().__init__((width, height), DPI, facecolor="none", edgecolor="none")
        self.alt = "An empty figure."

    def __repr__(self) -> str:
        """Return a description of the figure."""
        return self.alt

    def _repr_png_(self) -> bytes:
        """Return a PNG with 100 pixels per inch."""
        return _as_png(self._pixels(DPI))

    def _ipython_display_(self) -> None:
        """Show the figure in a notebook, with its size and its alternative text."""
        from IPython.display import publish_display_data

        publish_display_data(*self.mime_bundle())

    def mime_bundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the data that a notebook stores by MIME type, and the metadata of each type.

        The image has twice the displayed resolution. It is a transparent PNG, or a JPEG on white if
        photos would make the PNG large. The text describes the figure.
        """
        image, kind = self._pixels(DPI * DENSITY), "image/png"
        has_images = any(axes.images for axes in self.axes)
        data = _as_png(image if has_images else image.quantize(method=Image.Quantize.FASTOCTREE))
        if len(data) > PHOTO:
            data, kind = min((data, kind), (_as_jpeg(image), "image/jpeg"), key=lambda d: len(d[0]))
        width, height = (round(inches * DPI) for inches in self.get_size_inches())
        shown = {"width": width, "height": height, "alt": self.alt}
        bundle = {kind: base64.b64encode(data).decode(), "text/plain": self.alt}
        return bundle, {kind: shown}

    def _pixels(self, dpi: int) -> Image.Image:
        """Draw the figure and return RGBA pixels."""
        data = io.BytesIO()
        self.savefig(data, format="rgba", dpi=dpi)
        width, height = (int(inches * dpi + 1e-6) for inches in self.get_size_inches())
        return Image.frombytes("RGBA", (width, height), data.getvalue())


def _as_png(image: Image.Image) -> bytes:
    """Encode an image as PNG."""
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def _as_jpeg(image: Image.Image) -> bytes:
    """Encode a transparent image as JPEG on white."""
    data, white = io.BytesIO(), Image.new("RGBA", image.size, "white")
    opaque = Image.alpha_composite(white, image).convert("RGB")
    opaque.save(data, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return data.getvalue()


def grid(
    sizes: Sequence[tuple[int, ...]],
    titles: str | Sequence[str] | None,
    columns: int,
    width: float,
    *,
    right: float = 0.0,
) -> NotebookFigure:
    """Create a figure with axes for rows of images, each as large as its cell allows.

    Args:
        sizes: (height, width) of each image in its own pixels.
        titles: One title per image, or an empty sequence.
        columns: Maximum number of images in a row.
        width: Width of the figure in inches.
        right: Free space at the right in inches.

    Returns:
        The figure with its axes, row by row; nothing is drawn yet.

    Raises:
        ValueError: There is no image or no column, or the number of titles is wrong.
    """
    titles = [titles] if isinstance(titles, str) else list(titles or ())
    if not sizes:
        raise ValueError("there is nothing to show: pass at least one image or map")
    if columns < 1:
        raise ValueError(f"expected at least 1 for columns, got {columns}")
    if titles and len(titles) != len(sizes):
        raise ValueError(f"expected {len(sizes)} titles, one an image, or none: got {len(titles)}")
    columns = min(columns, len(sizes))
    cell = (width - right - GAP * (columns - 1) - 2 * EDGE) / columns
    rows = [sizes[start : start + columns] for start in range(0, len(sizes), columns)]
    heights = [max(cell * high / wide for high, wide in row) for row in rows]
    above = TITLE if titles else 0.0
    total = sum(heights) + above * len(rows) + GAP * (len(rows) - 1) + 2 * EDGE
    figure = NotebookFigure(width, math.ceil(total * DPI) / DPI)
    total = figure.get_figheight()
    for index, (high, wide) in enumerate(sizes):
        row, column = divmod(index, columns)
        tall = cell * high / wide
        low = total - EDGE - (sum(heights[:row]) + (above + GAP) * row + above) - tall
        left = EDGE + column * (cell + GAP)
        bounds = (left / width, low / total, cell / width, tall / total)
        axes = figure.add_axes(bounds, xticks=[], yticks=[])
        axes.spines[:].set(color=GREY, linewidth=0.6)
        if titles:
            points = min(10.0, 10.0 * cell / (LETTER * max(map(len, titles)) or 1))
            axes.set_title(titles[index], color=GREY, fontsize=max(points, 6), pad=4)
    return figure


def draw_image(axes: Axes, image: np.ndarray, colors: ScalarMappable) -> None:
    """Draw an image (h, w) or (h, w, 3), without interpolation if it is small."""
    width = axes.get_position().width * axes.figure.bbox.width * DENSITY
    interpolation = "nearest" if 3 * image.shape[1] <= width else "hanning"
    low, high = colors.get_clim()
    axes.imshow(image, interpolation=interpolation, cmap=colors.cmap, vmin=low, vmax=high)
    axes.autoscale(False)  # points drawn later, outside, leave the axes' limits alone


def overlay_map(axes: Axes, image: np.ndarray, plane: np.ndarray, colors: ScalarMappable) -> None:
    """Draw a map (h, w) over the image (H, W, 3) that it covers, more transparent near 0.

    Values are clipped to the limits of the colours. If the limits start at 0, lower values are
    therefore transparent.
    """
    draw_image(axes, image, colors)
    plane = np.clip(plane, *colors.get_clim())
    rgba = colors.to_rgba(plane)
    span = np.abs(colors.get_clim()).max() or 1.0
    rgba[..., 3] = np.nan_to_num(np.clip(np.abs(plane) / span, 0, 1)) ** 0.5 * 0.85
    height, width = image.shape[:2]
    axes.imshow(rgba, extent=(-0.5, width - 0.5, height - 0.5, -0.5), interpolation="bilinear")


def color_bar(figure: NotebookFigure, colors: ScalarMappable) -> None:
    """Add a colour bar with a few numbers at the right."""
    width, height = figure.get_size_inches()
    tall = min(height - 0.3, 3.0)
    axes = figure.add_axes(
        ((width - BAR + 0.1) / width, 0.5 - tall / height / 2, 0.14 / width, tall / height)
    )
    bar = figure.colorbar(colors, cax=axes, ticks=MaxNLocator(4 if tall > 1 else 2))
    bar.outline.set_edgecolor(GREY)
    axes.tick_params(color=GREY, labelcolor=GREY, labelsize=9)


def chart(
    xlabel: str, ylabel: str, title: str | None, *, height: float = 3.6
) -> tuple[NotebookFigure, Axes]:
    """Create a figure, 7 inches wide, with one plot with grey axes."""
    figure = NotebookFigure(7.0, height)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    axes.set_facecolor("none")
    axes.set_prop_cycle(color=COLORS, marker=MARKERS)
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
    return figure, axes


def add_legend(figure: NotebookFigure, names: Sequence[str]) -> None:
    """Add a legend below the plot if there is more than one name."""
    if len(names) > 1:
        fit = max(1, int(6.5 / (0.6 + LETTER * max(map(len, names)))))
        columns = math.ceil(len(names) / math.ceil(len(names) / fit))
        figure.legend(loc="outside lower center", ncols=columns, frameon=False, labelcolor=GREY)
