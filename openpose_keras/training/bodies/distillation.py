"""Knowledge distillation from another body network: its weights and its outputs for photos.

A teacher may have other keypoints and limbs than the student network. Those that both have, by
name, are transferred and compared. The others are learned from labels alone.
"""

from typing import TYPE_CHECKING

import numpy as np

from openpose_keras.core.arrays import IntArray
from openpose_keras.core.skeletons import Skeleton

if TYPE_CHECKING:
    import keras

NONE = -1


def matching_channels(teacher: Skeleton, skeleton: Skeleton) -> dict[str, IntArray]:
    """Match the channels of a skeleton's maps to those of a teacher.

    Args:
        teacher: Keypoints and limbs of the teacher network.
        skeleton: Keypoints and limbs of the student network.

    Returns:
        `keypoints` (K + 1,) and `affinity` (2 L,): for each channel that of the teacher, or `NONE`.

    Example:
        >>> from openpose_keras.core.skeletons import BODY_25, BODY_COCO
        >>> matching_channels(BODY_COCO, BODY_25)["keypoints"][6:10].tolist()
        [6, 7, -1, 8]
    """
    sources = teacher.sources_of(skeleton)
    keypoints = [each[0] if len(each) == 1 else NONE for each in sources] + [len(teacher)]
    fields = dict(zip(teacher.limbs, teacher.fields, strict=True))
    affinity = np.full(2 * len(skeleton.limbs), NONE)
    for limb, channel in zip(skeleton.limbs, skeleton.fields, strict=True):
        if limb in fields:
            affinity[channel : channel + 2] = fields[limb], fields[limb] + 1
    return {"keypoints": np.array(keypoints), "affinity": affinity}


def transfer_weights(
    teacher: "keras.Model", network: "keras.Model", channels: dict[str, IntArray]
) -> dict[str, np.ndarray]:
    """Copy the weights of a teacher with the same architecture to a network, in place.

    The weights of maps that the teacher lacks become 0.

    Args:
        teacher: A body network. Layers that it lacks are not changed in the network.
        network: The student network.
        channels: The channels from `matching_channels`.

    Returns:
        A mapping from the path of each variable of the network to which of its weights came from
        the teacher.
    """
    copied = {}
    points, fields = channels["keypoints"], channels["affinity"]
    sizes = {kind: maps.shape[-1] for kind, maps in teacher.output.items()}
    both = np.where(points == NONE, NONE, points + sizes["affinity"])
    sources = {sizes["keypoints"]: points, sizes["affinity"]: fields}
    shared = {layer.name for layer in teacher.layers}
    for layer in (each for each in network.layers if each.weights and each.name in shared):
        for variable, array in zip(
            layer.weights, teacher.get_layer(layer.name).get_weights(), strict=True
        ):
            known = np.ones(array.shape, bool)
            for axis, (old, new) in enumerate(zip(array.shape, variable.shape, strict=True)):
                if old in sources:  # of a head, which may lack the last maps, the feet
                    chosen = sources[old][:new]
                elif old != new:  # a stage's maps, and what is beside
                    rest = np.arange(sum(sizes.values()), old)
                    chosen = np.concatenate([fields, both, rest])
                else:
                    continue
                array, known = _take(array, chosen, axis), _take(known, chosen, axis)
            variable.assign(array)
            copied[variable.path] = known
    return copied


def _take(array: np.ndarray, chosen: IntArray, axis: int) -> np.ndarray:
    """Return slices along an axis, zeros for `NONE`."""
    zeros = np.zeros_like(np.take(array, [0], axis))
    return np.take(np.concatenate([array, zeros], axis), chosen, axis)


def differences(
    maps: "keras.KerasTensor", taught: "keras.KerasTensor", channels: IntArray
) -> "keras.KerasTensor":
    """Return the differences between maps and those of a teacher, for common channels.

    Args:
        maps: (n, h, w, C) maps of the student network.
        taught: (n, h, w, D) maps of the teacher.
        channels: (C,) the teacher's channel for each, or `NONE`.

    Returns:
        (n, h, w, m) differences.
    """
    from keras import ops

    shared = np.flatnonzero(channels != NONE)
    return ops.take(maps, shared, axis=-1) - ops.take(taught, channels[shared], axis=-1)


def taught_loss(_: "keras.KerasTensor", apart: "keras.KerasTensor") -> "keras.KerasTensor":
    """Return the squared differences from a teacher's maps.

    Args:
        _: Not used, since the teacher's maps are the targets.
        apart: (n, h, w, C), the result of `differences`.

    Returns:
        (n, h, w) loss, a sum over the channels.
    """
    from keras import ops

    return ops.sum(ops.square(apart), axis=-1)
