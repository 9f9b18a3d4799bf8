"""Figures for notebooks: people, images, heatmaps, fields and charts, each one call.

All but `add_limb_graph` return a Matplotlib figure that a notebook shows once, where a cell ends
with it, 100 pixels an inch: the default width of 7 inches is 700 pixels. It stores twice as many,
in true colour, as a PNG or, where it shows photos, as a JPEG, with an alternative text. No state of
pyplot is read or changed. The background is transparent, that of a JPEG white. Text and axes are a
grey that reads on white and on black, and the colours of lines and bars can be told apart by
colour-blind readers.

The axes of images and maps are in their pixels, an integer being the centre of a pixel, so that
`figure.axes[0].plot(x, y, "o")` marks keypoints.
"""

from openpose_keras.viz.figures.charts import plot_bars, plot_curves, plot_histograms
from openpose_keras.viz.figures.images import show_images, show_maps
from openpose_keras.viz.figures.limbs import add_limb_graph, show_fields
from openpose_keras.viz.figures.people import plot

__all__ = [
    "add_limb_graph",
    "plot",
    "plot_bars",
    "plot_curves",
    "plot_histograms",
    "show_fields",
    "show_images",
    "show_maps",
]
