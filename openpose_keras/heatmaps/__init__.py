"""Heatmaps are resized and merged here; `heatmaps.peaks` finds their peaks.

Maps are channels last, (h, w, C) or (n, h, w, C), one map per keypoint and the background last.
Positions are mapped between frames by the half-pixel rule, as in `cv2.resize`: cell g of a network
of stride s lies at input pixel s * g + (s - 1) / 2. Cubic means the kernel with a = -0.75, as in
OpenCV and OpenPose's CPU version. All functions return new arrays, except `foreground`, which
returns a view.

Memory: 22 maps of a photo of 12 megapixels take 1.06 GB, one of them 48 MB. In the frame of a large
image, maps should therefore be upsampled and merged one at a time.
"""

from openpose_keras.heatmaps.merging import merge, pick_best
from openpose_keras.heatmaps.resize import (
    foreground,
    resize_from_network,
    upsample,
    upsample_stride,
)

__all__ = ["foreground", "merge", "pick_best", "resize_from_network", "upsample", "upsample_stride"]
