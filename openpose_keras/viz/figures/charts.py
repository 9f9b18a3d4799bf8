"""Curves, bars and histograms."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES_FIT = 60  # letters of all names together that fit below upright bars
MARKED = 25  # markers a curve, at most about


def plot_curves(
    x: ArrayLike,
    curves: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    ylabel: str,
    title: str | None = None,
    logx: bool = False,
) -> "Figure":
    """Plot curves over common places, each with its own colour and marker.

    Args:
        x: (n,) places.
        curves: Names and values (n,); NaN leaves a gap. Of more than one a legend tells the names.
        xlabel: What the places are, with the unit.
        ylabel: What the values are, with the unit.
        title: Above the plot.
        logx: Whether the x axis is logarithmic.

    Returns:
        The figure, 7 x 3.6 inches.

    Raises:
        ValueError: There is no curve, or one has another length than `x`.
    """
    from openpose_keras.viz.figures.canvas import COLORS, MARKERS, chart, legend

    x = np.asarray(x, np.float64)
    _check_groups(curves, len(x), "a curve")
    axes = chart(xlabel, ylabel, title)
    for index, (name, values) in enumerate(curves.items()):
        color, marker = COLORS[index % len(COLORS)], MARKERS[index % len(MARKERS)]
        every = max(1, len(x) // MARKED)
        axes.plot(x, values, color=color, marker=marker, ms=5, markevery=every, label=name)
    if logx:
        axes.set_xscale("log")
    legend(axes, list(curves))
    return axes.figure


def plot_bars(
    names: Sequence[str],
    groups: Mapping[str, Sequence[float]],
    *,
    ylabel: str,
    title: str | None = None,
) -> "Figure":
    """Plot bars, one for each name and group; they lie where the names would not fit below them.

    Args:
        names: (n,) of the places.
        groups: Names and values (n,) of the groups. Of more than one a legend tells the names.
        ylabel: What the values are, with the unit.
        title: Above the plot.

    Returns:
        The figure, 7 inches wide.

    Raises:
        ValueError: There is no name or group, or the numbers differ.
    """
    from openpose_keras.viz.figures.canvas import COLORS, chart, legend

    names = list(names)
    _check_groups(groups, len(names), "a group of bars")
    places, thick = np.arange(len(names)), 0.8 / len(groups)
    offsets = (np.arange(len(groups)) - (len(groups) - 1) / 2) * thick
    if sum(map(len, names)) > NAMES_FIT:
        height = 1.2 + max(0.2, 0.12 * len(groups) + 0.06) * len(names)
        axes = chart(ylabel, "", title, height=height)
        draw, across = axes.barh, "y"
        axes.set_yticks(places, names)
        axes.invert_yaxis()
    else:
        axes = chart("", ylabel, title)
        draw, across = axes.bar, "x"
        axes.set_xticks(places, names)
    for index, (group, values) in enumerate(groups.items()):
        color = COLORS[index % len(COLORS)]
        draw(places + offsets[index], values, thick * 0.92, color=color, label=group)
    axes.grid(False, axis=across)
    legend(axes, list(groups))
    return axes.figure


def plot_histograms(
    groups: Mapping[str, ArrayLike], *, xlabel: str, bins: int = 40, title: str | None = None
) -> "Figure":
    """Plot how values are spread: the share of each group's values in each of common bins.

    Args:
        groups: Names and values, of any shape; NaN and infinity are left out. Of more than one a
            legend tells the names.
        xlabel: What the values are, with the unit.
        bins: How many, from the least to the greatest of all values.
        title: Above the plot.

    Returns:
        The figure, 7 x 3.6 inches.

    Raises:
        ValueError: There is no group, or one has no finite value.
    """
    from openpose_keras.viz.figures.canvas import COLORS, chart, legend

    values = {name: _finite(each) for name, each in groups.items()}
    if not values or not all(each.size for each in values.values()):
        raise ValueError("a histogram needs groups, each with at least one finite value")
    edges = np.histogram_bin_edges(np.concatenate(list(values.values())), bins)
    axes = chart(xlabel, "share of the values", title)
    for index, (name, each) in enumerate(values.items()):
        shares = np.histogram(each, edges)[0] / each.size
        color = COLORS[index % len(COLORS)]
        axes.stairs(shares, edges, color=color, fill=True, alpha=0.25)
        axes.stairs(shares, edges, color=color, linewidth=1.6, label=name)
    legend(axes, list(groups))
    return axes.figure


def _check_groups(groups: Mapping[str, Sequence[float]], count: int, what: str) -> None:
    """Raise unless there is a group and each has as many values as there are places."""
    if not groups or not count:
        raise ValueError(f"expected at least one place and {what}")
    for name, values in groups.items():
        if np.shape(values) != (count,):
            raise ValueError(f"{name!r} needs {count} values, one a place; not {np.shape(values)}")


def _finite(values: ArrayLike) -> np.ndarray:
    """Give the finite ones of values in one row."""
    flat = np.asarray(values, np.float64).ravel()
    return flat[np.isfinite(flat)]
