"""Figures for notebooks: images, heatmaps, curves, bars and histograms, each one call.

Every function returns a Matplotlib figure that a notebook shows once, where a cell ends with it, as
a PNG of 100 pixels an inch: the default width of 7 inches is 700 pixels. No state of pyplot is read
or changed. The background is transparent, text and axes are a grey that reads on white and on
black, and the colours of lines and bars can be told apart by colour-blind readers.

The axes of images and maps are in their pixels, an integer being the centre of a pixel, so that
`figure.axes[0].plot(x, y, "o")` marks keypoints.
"""

from openpose_keras.viz.figures.charts import plot_bars, plot_curves, plot_histograms
from openpose_keras.viz.figures.images import show_images, show_maps

__all__ = ["plot_bars", "plot_curves", "plot_histograms", "show_images", "show_maps"]
