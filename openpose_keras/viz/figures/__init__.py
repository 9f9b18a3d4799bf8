"""Figures for notebooks: people, images, heatmaps, fields and charts, with one call each.

All functions except `add_limb_graph` return a Matplotlib figure, which a notebook displays once if
a cell ends with it. It is displayed with 100 pixels per inch: the default width of 7 inches is 700
pixels. Twice this resolution is stored, in true colour, as a PNG or, for photos, as a JPEG, with an
alternative text. The state of pyplot is neither read nor changed. The background is transparent, or
white in a JPEG. Text and axes are in a grey that is readable on white and on black, and
colour-blind readers can distinguish the colours of lines and bars.

The axes of images and maps are in pixels, where an integer is the centre of a pixel, so that
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
