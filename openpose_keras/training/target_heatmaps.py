"""Target heatmaps: a Gaussian for each keypoint, the background last.

The background is 1 minus the greatest keypoint map, as in the training of Convolutional Pose
Machines.
"""

from collections.abc import Sequence

import numpy as np

from openpose_keras.core.boxes import keypoint_extent
from openpose_keras.core.skeletons import HAND


def hand_size(xy: np.ndarray) -> float:
    """Return the longer side of the extent of keypoints (21, 2), in their own pixels.

    NaN is left out; without any keypoint the size is 0.
    """
    return float(keypoint_extent(xy)[1].max())


def gaussian_heatmaps(
    hands: Sequence[np.ndarray], *, size: int, stride: int, sigma_fraction: float = 0.06
) -> np.ndarray:
    """Return the heatmaps that a network should compute for an input with these hands.

    Args:
        hands: Keypoints (21, 2) of each hand in input pixels. They may lie outside the input; NaN
            is left out.
        size: Side of the square input in pixels.
        stride: Input pixels per heatmap cell. The centre of cell g is input pixel
            stride * g + (stride - 1) / 2.
        sigma_fraction: Standard deviation as a fraction of the hand's size. It is clipped to the
            range from 0.9 to 1.9 cells.

    Returns:
        (size / stride, size / stride, 22) float32. Where hands overlap, the greater value counts.
    """
    cells = size // stride
    heatmaps = np.zeros((cells, cells, len(HAND) + 1), np.float32)
    centres = np.arange(cells) * stride + (stride - 1) / 2
    for xy in hands:
        sigma = stride * np.clip(sigma_fraction * hand_size(xy) / stride, 0.9, 1.9)
        across, down = np.exp(-((centres - xy.T[..., None]) ** 2) / (2 * sigma**2))
        gaussians = np.nan_to_num(down.T[:, None] * across.T[None])
        heatmaps[..., :-1] = np.maximum(heatmaps[..., :-1], gaussians)
    heatmaps[..., -1] = 1 - heatmaps[..., :-1].max(-1)
    return heatmaps
