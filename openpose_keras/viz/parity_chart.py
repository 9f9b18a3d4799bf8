"""A chart of the differences that a parity report lists."""

import numpy as np

from openpose_keras.conversion.parity import ParityReport


def draw_report(report: ParityReport) -> np.ndarray:
    """Draw the difference of each layer, on a logarithmic scale, and the tolerance.

    Args:
        report: From `compare` or `verify_file`.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [row.name for row in report.rows]
    floor, ceiling = report.tolerance * 1e-6, report.tolerance * 1e6  # a logarithm has no 0
    values = np.array([row.absolute / max(row.magnitude, 1.0) for row in report.rows])
    values = np.clip(np.nan_to_num(values, nan=ceiling), floor, ceiling)
    colours = ["#c0392b" if row.departs else "#2c7fb8" for row in report.rows]
    figure = Figure((8, 1 + 0.16 * len(names)), dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.scatter(values, range(len(names)), c=colours, s=18, zorder=3)
    axes.axvline(report.tolerance, color="#c0392b", linestyle="--", label="tolerance")
    axes.set(xscale="log", xlabel="greatest difference, in units of the greatest magnitude or of 1")
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_title(f"against {report.reference}", fontsize=9)
    axes.margins(y=0.01)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower right", fontsize=8)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
