"""Heatmaps: resized and merged here, searched for their peaks in `heatmaps.peaks`.

Maps are channels last, (h, w, C) or (n, h, w, C), one map per keypoint and the background last.
Between frames positions go by the half-pixel rule, as `cv2.resize` has it: cell g of a network of
stride s lies at input pixel s * g + (s - 1) / 2. Cubic means the kernel with a = -0.75, as OpenCV
and OpenPose's CPU version use it. All functions return new arrays, but `foreground` returns a view.

Memory: 22 maps of a photo of 12 megapixels take 1.06 GB, one of them 48 MB. So enlarge and merge
one map at a time where the frame is that of a large image.
"""

from openpose_keras.heatmaps.merging import merge, pick_best
from openpose_keras.heatmaps.resize import (
    foreground,
    resize_from_network,
    upsample,
    upsample_stride,
)

__all__ = ["foreground", "merge", "pick_best", "resize_from_network", "upsample", "upsample_stride"]
