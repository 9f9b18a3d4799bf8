"""Heatmaps from the network's resolution to other frames, and several of them into one.

Maps are channels last, (h, w, C) or (n, h, w, C), one map per keypoint and the background last.
Between frames positions go by the half-pixel rule, as `cv2.resize` has it: cell g of a network of
stride s lies at input pixel s * g + (s - 1) / 2. Cubic means the kernel with a = -0.75, as OpenCV
and OpenPose's CPU version use it. All functions give new arrays, but `foreground` gives a view.

Memory: 22 maps of a photo of 12 megapixels take 1.06 GB. `merged_planes` makes one of them at a
time, and never holds more than three planes of the photo's size, here 144 MB.
"""

from openpose_keras.heatmaps.merging import MERGES, merge, merged_planes, pick_best
from openpose_keras.heatmaps.peaks import (
    argmax_peaks,
    blob_peaks,
    local_maxima,
    subpixel_peaks,
    to_input_frame,
)
from openpose_keras.heatmaps.resize import (
    INTERPOLATIONS,
    FloatArray,
    as_maps,
    foreground,
    resize_from_network,
    upsample,
    upsample_stride,
)
from openpose_keras.heatmaps.subpixel import blur_5x5, gaussian_blur, refine_peaks

__all__ = [
    "INTERPOLATIONS",
    "MERGES",
    "FloatArray",
    "argmax_peaks",
    "as_maps",
    "blob_peaks",
    "blur_5x5",
    "foreground",
    "gaussian_blur",
    "local_maxima",
    "merge",
    "merged_planes",
    "pick_best",
    "refine_peaks",
    "resize_from_network",
    "subpixel_peaks",
    "to_input_frame",
    "upsample",
    "upsample_stride",
]
