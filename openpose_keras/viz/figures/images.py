"""Images and heatmaps side by side."""

from collections.abc import Sequence

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from openpose_keras.viz.figures.canvas import BAR, color_bar, draw_image, grid, overlay_map
from openpose_keras.viz.figures.words import say_images

NOISE = 0.05  # of the greatest value: values further below zero ask for two colours


def show_images(
    images: np.ndarray | Sequence[np.ndarray],
    titles: str | Sequence[str] | None = None,
    *,
    columns: int = 4,
    width: float = 7.0,
    subject: str | None = None,
) -> Figure:
    """Show images side by side; small images are enlarged without smoothing.

    Args:
        images: One image, a sequence of images, or an array (n, h, w, 3). An image is (h, w, 3)
            uint8 RGB, or (h, w). A uint8 grey image ranges from black, 0, to white, 255; a grey
            image of another type from its minimum to its maximum.
        titles: One title per image, or an empty sequence.
        columns: Maximum number of images in a row.
        width: Width of the figure in inches, of 100 pixels each.
        subject: What the images show, for the alternative text: "rendered hands" gives "8 images of
            rendered hands."

    Returns:
        The figure. `figure.axes` has one entry per image, in their order.

    Raises:
        ValueError: There is no image, an image has another shape, or the numbers of images and
            titles do not match.

    Example:
        >>> figure = show_images([np.zeros((8, 8, 3), np.uint8)] * 2, ["left", "right"])
        >>> [axes.get_title() for axes in figure.axes]
        ['left', 'right']
    """
    single = isinstance(images, np.ndarray) and images.ndim < 4
    shown = [np.asarray(each) for each in ([images] if single else images)]
    for image in shown:
        if image.ndim not in (2, 3) or not image.size or image.shape[2:] not in ((), (3,)):
            raise ValueError(f"expected images (h, w, 3) RGB or (h, w), got {image.shape}")
    figure = grid([image.shape[:2] for image in shown], titles, columns, width)
    for axes, image in zip(figure.axes, shown, strict=True):
        limits = (0, 255) if image.dtype == np.uint8 else (None, None)
        draw_image(axes, image, ScalarMappable(Normalize(*limits), "gray"))
    figure.alt = say_images("image", titles, len(shown), subject=subject)
    return figure


def show_maps(
    maps: np.ndarray | Sequence[np.ndarray],
    titles: str | Sequence[str] | None = None,
    *,
    columns: int = 6,
    limits: tuple[float, float] | None = None,
    image: np.ndarray | None = None,
    colormap: str | None = None,
    subject: str | None = None,
) -> Figure:
    """Show heatmaps side by side with a common colour scale and a colour bar.

    Args:
        maps: (h, w, K), one map (h, w), or a sequence of maps (h, w).
        titles: One title per map, or an empty sequence.
        columns: Maximum number of maps in a row.
        limits: (lowest, highest) value of the colour scale. Values beyond have the first or last
            colour. By default the limits are 0 and the maximum, or symmetric about 0 if values lie
            below 0 by more than 5 % of the maximum.
        image: (H, W, 3) uint8 RGB that all maps cover, visible where a map is near 0.
        colormap: The name of a Matplotlib colormap. By default "inferno", or "RdBu_r" if the limits
            are on both sides of 0.
        subject: What the maps show, as for `show_images`.

    Returns:
        The figure, 7 inches wide. `figure.axes` has one entry per map, in their order, and then the
        colour bar. With an image the axes are in pixels of the image.

    Raises:
        ValueError: There is no map, a map has another shape or no finite value, or the numbers of
            maps and titles do not match.

    Example:
        >>> figure = show_maps(np.zeros((46, 46, 3)), ["wrist", "thumb_cmc", "thumb_mcp"])
        >>> len(figure.axes)
        4
    """
    planes = _planes(maps)
    low, high = limits or _limits(planes)
    colormap = colormap or ("RdBu_r" if low < 0 < high else "inferno")
    colors = ScalarMappable(Normalize(low, high), colormap)
    sizes = [(plane if image is None else image).shape[:2] for plane in planes]
    figure = grid(sizes, titles, columns, 7.0, right=BAR)
    for axes, plane in zip(figure.axes, planes, strict=True):
        if image is None:
            draw_image(axes, plane, colors)
        else:
            overlay_map(axes, image, plane, colors)
    color_bar(figure, colors)
    figure.alt = say_images("map", titles, len(planes), subject=subject, limits=(low, high))
    return figure


def _planes(maps: np.ndarray | Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the maps one by one, as float64."""
    if isinstance(maps, np.ndarray):
        maps = maps[None] if maps.ndim == 2 else np.moveaxis(maps, -1, 0)
    planes = [np.asarray(each, np.float64) for each in maps]
    for plane in planes:
        if plane.ndim != 2 or not plane.size:
            raise ValueError(f"expected maps (h, w, K), or a list of (h, w), got {plane.shape}")
    return planes


def _limits(planes: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return 0 and the maximum, or limits symmetric about 0 if values lie well below 0."""
    values = np.concatenate([plane[np.isfinite(plane)] for plane in planes] or [np.empty(0)])
    if not values.size:
        raise ValueError("the maps have no finite value to show")
    low, high = float(values.min()), float(values.max())
    largest = max(abs(low), abs(high)) or 1.0
    return (-largest, largest) if low < -NOISE * largest else (0.0, largest)
