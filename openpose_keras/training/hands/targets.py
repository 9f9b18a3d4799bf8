"""Target heatmaps with a Gaussian for each keypoint, and the background last.

The background is 1 minus the maximum of the keypoint maps, as in the training of Convolutional Pose
Machines.
"""

from typing import TYPE_CHECKING

import numpy as np

from openpose_keras.core.boxes import keypoint_extent

if TYPE_CHECKING:
    import keras

_NARROW, _WIDE = 0.9, 1.9  # cells: the range of standard deviations


def hand_size(xy: np.ndarray) -> float:
    """Return the longer side of the extent of keypoints (21, 2), in the same pixels.

    NaN is ignored; without any keypoint the size is 0.
    """
    return float(keypoint_extent(xy)[1].max())


def gaussian_heatmaps(
    hands: "keras.KerasTensor | np.ndarray",
    *,
    cells: int,
    stride: int,
    sigma_fraction: float = 0.06,
) -> "keras.KerasTensor":
    """Return the target heatmaps for inputs with these hands.

    Args:
        hands: (n, m, K, 2) keypoints of the m hands or faces of each input, in pixels. They may lie
            outside the input. NaN is ignored.
        cells: Number of cells along each side of the square heatmaps.
        stride: Input pixels per cell. The centre of cell g is input pixel
            stride * g + (stride - 1) / 2.
        sigma_fraction: Standard deviation as a fraction of the hand's size. It is clipped to the
            range from 0.9 to 1.9 cells.

    Returns:
        (n, cells, cells, K + 1) float32 tensor of Keras's backend. Where hands overlap, the maximum
        is taken.
    """
    from keras import ops

    hands = ops.cast(hands, "float32")
    known = ops.all(ops.isfinite(hands), axis=-1, keepdims=True)
    xy = ops.where(known, hands, 0.0)
    high = ops.max(ops.where(known, xy, -1e9), axis=2)
    low = ops.min(ops.where(known, xy, 1e9), axis=2)
    size = ops.max(high - low, axis=-1)[:, :, None, None]
    sigma = stride * ops.clip(sigma_fraction * size / stride, _NARROW, _WIDE)
    centres = ops.arange(cells, dtype="float32") * stride + (stride - 1) / 2
    across, down = (
        ops.exp(-ops.square(centres - xy[..., axis, None]) / (2 * sigma**2)) for axis in (0, 1)
    )
    across = ops.where(known, across, 0.0)
    maps = ops.max(down[..., :, None] * across[..., None, :], axis=1)
    maps = ops.transpose(maps, (0, 2, 3, 1))
    return ops.concatenate([maps, 1 - ops.max(maps, axis=-1, keepdims=True)], axis=-1)
