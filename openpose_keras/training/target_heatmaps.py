"""Target heatmaps: a Gaussian per keypoint, the background last.

The background is 1 minus the greatest keypoint map, as in the training of Convolutional Pose
Machines.
"""

from collections.abc import Sequence

import numpy as np

from openpose_keras.core.skeletons import HAND


def hand_size(xy: np.ndarray) -> float:
    """Give the longer side of the box around keypoints (21, 2), in their own pixels.

    NaN is left out; where nothing is left, the side is 0.
    """
    known = xy[np.isfinite(xy).all(axis=1)]
    return float(np.ptp(known, axis=0).max()) if len(known) else 0.0


def gaussian_heatmaps(
    hands: Sequence[np.ndarray], *, size: int, stride: int, sigma_share: float = 0.06
) -> np.ndarray:
    """Draw the heatmaps that a network should give for an input with these hands.

    Args:
        hands: keypoints (21, 2) of each hand in input pixels; they may lie outside the input; NaN
            is left out.
        size: side of the square input in pixels.
        stride: input pixels per heatmap cell; cell g's centre is input pixel stride * g + (stride -
            1) / 2.
        sigma_share: standard deviation as a share of the hand's size, kept within 0.9 and 1.9
            cells.

    Returns:
        (size / stride, size / stride, 22) float32; where hands meet, the greater value counts.
    """
    cells = size // stride
    heatmaps = np.zeros((cells, cells, len(HAND) + 1), np.float32)
    centres = np.arange(cells) * stride + (stride - 1) / 2
    for xy in hands:
        sigma = stride * np.clip(sigma_share * hand_size(xy) / stride, 0.9, 1.9)
        across, down = np.exp(-((centres - xy.T[..., None]) ** 2) / (2 * sigma**2))
        drawn = np.nan_to_num(down.T[:, None] * across.T[None])
        heatmaps[..., :-1] = np.maximum(heatmaps[..., :-1], drawn)
    heatmaps[..., -1] = 1 - heatmaps[..., :-1].max(-1)
    return heatmaps
