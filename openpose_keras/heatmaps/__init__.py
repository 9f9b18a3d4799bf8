"""Heatmaps: resized, merged and searched for their peaks.

Maps are channels last, (h, w, C) or (n, h, w, C), one map per keypoint and the background last.
Between frames positions go by the half-pixel rule, as `cv2.resize` has it: cell g of a network of
stride s lies at input pixel s * g + (s - 1) / 2. Cubic means the kernel with a = -0.75, as OpenCV
and OpenPose's CPU version use it. All functions return new arrays, but `foreground` returns a view.

Memory: 22 maps of a photo of 12 megapixels take 1.06 GB, one of them 48 MB. So enlarge and merge
one map at a time where the frame is that of a large image.
"""

from openpose_keras.heatmaps.merging import merge, pick_best
from openpose_keras.heatmaps.peaks import (
    argmax_peaks,
    blob_peaks,
    local_maxima,
    subpixel_peaks,
    to_input_frame,
)
from openpose_keras.heatmaps.resize import (
    foreground,
    resize_from_network,
    upsample,
    upsample_stride,
)
from openpose_keras.heatmaps.subpixel import blur_5x5, gaussian_blur, refine_peaks

__all__ = [
    "argmax_peaks",
    "blob_peaks",
    "blur_5x5",
    "foreground",
    "gaussian_blur",
    "local_maxima",
    "merge",
    "pick_best",
    "refine_peaks",
    "resize_from_network",
    "subpixel_peaks",
    "to_input_frame",
    "upsample",
    "upsample_stride",
]
