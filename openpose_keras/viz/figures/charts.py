"""Curves, bars and histograms, and the chart of a parity report."""

import io
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike
from PIL import Image

from openpose_keras.core.arrays import FloatArray
from openpose_keras.evaluation.reports import Interval
from openpose_keras.viz.figures.canvas import COLORS, GREY, add_legend, chart
from openpose_keras.viz.figures.words import say_bars, say_curves, say_histograms

if TYPE_CHECKING:
    from openpose_keras.conversion.parity import ParityReport

NAMES_FIT = 60  # letters of all names together that fit below upright bars
MARKED = 25  # markers a curve, at most about


def plot_curves(
    x: ArrayLike,
    curves: Mapping[str, Sequence[float | Interval]],
    *,
    xlabel: str,
    ylabel: str,
    title: str | None = None,
    logx: bool = False,
) -> Figure:
    """Plot curves over common x values, each with its own colour and marker.

    Args:
        x: (n,) values.
        curves: A mapping from names to values (n,). NaN leaves a gap. Each value is a number, or an
            `Interval`, whose ends bound a pale band. A legend is shown for more than one curve.
        xlabel: The label of the x axis, with the unit.
        ylabel: The label of the y axis, with the unit.
        title: The title above the plot.
        logx: Whether the x axis is logarithmic.

    Returns:
        The figure, 7 x 3.6 inches. The y axis begins at 0, or lower if there are values below 0.

    Raises:
        ValueError: There is no curve, or the length of a curve differs from that of `x`.
    """
    x = np.asarray(x, np.float64)
    _check_groups(curves, len(x), "a curve")
    figure, axes = chart(xlabel, ylabel, title)
    for name, points in curves.items():
        values, low, high = _ends(points)
        (line,) = axes.plot(x, values, ms=5, markevery=max(1, len(x) // MARKED), label=name)
        if (high > low).any():
            axes.fill_between(x, low, high, color=line.get_color(), alpha=0.18, linewidth=0)
    if axes.dataLim.y0 >= 0:
        axes.set_ylim(0, axes.dataLim.y1 * 1.05 or 1)
    if logx:
        axes.set_xscale("log")
    add_legend(figure, list(curves))
    figure.alt = say_curves(xlabel, ylabel, x, curves)
    return figure


def plot_bars(
    names: Sequence[str],
    groups: Mapping[str, Sequence[float | Interval]],
    *,
    ylabel: str,
    title: str | None = None,
) -> Figure:
    """Plot a bar for each name and group; the bars are horizontal if the names would not fit below.

    Args:
        names: (n,) names of the bars.
        groups: A mapping from names of groups to values (n,), which are numbers or `Interval`s,
            whose ends are drawn. A legend is shown for more than one group.
        ylabel: The label of the values, with the unit.
        title: The title above the plot.

    Returns:
        The figure, 7 inches wide.

    Raises:
        ValueError: There is no name or group, or the numbers of names and values differ.
    """
    _check_groups(groups, len(names), "a group of bars")
    positions, thick = np.arange(len(names)), 0.8 / len(groups)
    offsets = (np.arange(len(groups)) - (len(groups) - 1) / 2) * thick
    lying = sum(map(len, names)) > NAMES_FIT
    if lying:
        height = 1.2 + max(0.2, 0.12 * len(groups) + 0.06) * len(names)
        figure, axes = chart(ylabel, "", title, height=height)
        axes.set_yticks(positions, names)
        axes.invert_yaxis()
    else:
        figure, axes = chart("", ylabel, title)
        axes.set_xticks(positions, names)
    draw: Callable[..., BarContainer] = axes.barh if lying else axes.bar
    along = "xerr" if lying else "yerr"
    for offset, (group, points) in zip(offsets, groups.items(), strict=True):
        values, low, high = _ends(points)
        ends = {along: [values - low, high - values]} if (high > low).any() else {}
        style = {"ecolor": GREY, "capsize": 3} if ends else {}
        bars = draw(positions + offset, values, thick * 0.92, label=group, **ends, **style)
        if bars.errorbar:
            for line in itertools.chain(*bars.errorbar.lines[1:]):  # the caps and the lines
                line.set_path_effects([withStroke(linewidth=2.6, foreground="white")])
    axes.grid(False, axis="y" if lying else "x")
    add_legend(figure, list(groups))
    figure.alt = say_bars(ylabel, names, groups)
    return figure


def plot_histograms(
    groups: Mapping[str, ArrayLike], *, xlabel: str, bins: int = 40, title: str | None = None
) -> Figure:
    """Plot distributions of values: the fraction of each group's values in common bins.

    Args:
        groups: A mapping from names to values of any shape. NaN and infinity are left out. A legend
            is shown for more than one group.
        xlabel: The label of the values, with the unit.
        bins: Number of bins between the minimum and the maximum of all values.
        title: The title above the plot.

    Returns:
        The figure, 7 x 3.6 inches.

    Raises:
        ValueError: There is no group, or a group has no finite value.
    """
    arrays = [np.asarray(each, np.float64) for each in groups.values()]
    finite = [each[np.isfinite(each)] for each in arrays]
    if not finite or not all(each.size for each in finite):
        raise ValueError("expected groups with at least one finite value each")
    edges = np.histogram_bin_edges(np.concatenate(finite), bins)
    figure, axes = chart(xlabel, "fraction of the values", title)
    fractions = [np.histogram(each, edges)[0] / each.size for each in finite]
    named = dict(zip(groups, fractions, strict=True))
    for (name, each), color in zip(named.items(), itertools.cycle(COLORS)):
        axes.stairs(each, edges, color=color, fill=True, alpha=0.25)
        axes.stairs(each, edges, color=color, linewidth=1.6, label=name)
    add_legend(figure, list(groups))
    figure.alt = say_histograms(xlabel, edges, named)
    return figure


def draw_parity(report: "ParityReport") -> np.ndarray:
    """Draw the difference of each layer, on a logarithmic scale, and the tolerance.

    Args:
        report: The report, from `conversion.parity.compare` or `conversion.parity.verify_file`.

    Returns:
        (h, w, 3) uint8 RGB, on a white background.
    """
    names = [row.name for row in report.rows]
    floor, ceiling = report.tolerance * 1e-6, report.tolerance * 1e6  # a logarithm has no 0
    values = np.array([row.absolute / max(row.magnitude, 1.0) for row in report.rows])
    values = np.clip(np.nan_to_num(values, nan=ceiling), floor, ceiling)
    colors = ["#c0392b" if row.exceeds_tolerance else "#2c7fb8" for row in report.rows]
    figure = Figure((8, 1 + 0.16 * len(names)), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.scatter(values, range(len(names)), c=colors, s=18, zorder=3)
    axes.axvline(report.tolerance, color="#c0392b", linestyle="--", label="tolerance")
    axes.set(xscale="log", xlabel="greatest difference, in units of the greatest magnitude or of 1")
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_title(f"against {report.reference}", fontsize=9)
    axes.margins(y=0.01)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower right", fontsize=8)
    data = io.BytesIO()
    figure.savefig(data, format="png")
    return np.array(Image.open(data).convert("RGB"))


def _ends(points: Sequence[float | Interval]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return values and the ends of their intervals; both ends of a number are the number."""
    rows = [
        (each.value, each.low, each.high) if isinstance(each, Interval) else (each,) * 3
        for each in points
    ]
    values, low, high = np.array(rows, np.float64).T
    return values, low, high


def _check_groups(groups: Mapping[str, Sequence[float | Interval]], count: int, what: str) -> None:
    """Raise an error unless there are groups, each with the given number of values."""
    if not groups or not count:
        raise ValueError(f"expected at least one value and {what}, got none")
    for name, values in groups.items():
        if len(values) != count:
            raise ValueError(f"expected {count} values of {name!r}, got {len(values)}")
