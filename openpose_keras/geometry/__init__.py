"""Frames and the transforms between them: crop, resize and pad, each with its inverse.

A transform maps an image and points from its input frame to its output frame, and points and
heatmaps back: `apply_image`, `apply_points`, `invert_points`, `invert_heatmaps`.

Convention: points are (x, y) in pixels, x to the right and y down; an integer is the centre of a
pixel. Between frames, x becomes `(x + 0.5) * s - 0.5`. A missing point is NaN and stays NaN.
Heatmaps are (h, w, C) of any resolution: w cells cover a width W, and the centre of cell g is at
`(g + 0.5) * W / w - 0.5`.
"""

from openpose_keras.geometry.crop import Crop
from openpose_keras.geometry.frame import Frame
from openpose_keras.geometry.rotated_crop import RotatedCrop
from openpose_keras.geometry.transforms import Pad, Resize

__all__ = ["Crop", "Frame", "Pad", "Resize", "RotatedCrop"]
