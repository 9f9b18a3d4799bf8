"""Every stage of a network, each picture calculated once: what makes the explorer's sliders fast.

A Keras network of this package gives the heatmaps of all of its stages in one run. The answers are
kept by the picture's content, so that an estimator may ask in any order and as often as it likes.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from openpose_keras.engines.keras import as_engine, is_model
from openpose_keras.engines.maps import named_maps
from openpose_keras.engines.stages import stages_model
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.estimators.recipes import AnyRecipe
from openpose_keras.networks import HAND_CHANNELS

ArrayFunction = Callable[[np.ndarray], np.ndarray]
MEMORY = 1 << 28  # bytes of heatmaps that are kept: 256 MiB


class StagedNetwork:
    """A network whose stages can be asked for one by one, and which remembers its answers.

    Args:
        estimator: Whose network, and how it is fed. A Keras network of `networks` has all of its
            stages, a model of several outputs of heatmaps has these; anything else has one stage.
        memory: At most so many bytes of heatmaps are kept; the longest unused go first.

    Example:
        >>> def network(batch):
        ...     return np.zeros((len(batch), 46, 46, 22), np.float32)
        >>> StagedNetwork(HandEstimator(network)).count
        1
    """

    def __init__(self, estimator: HandEstimator, *, memory: int = MEMORY) -> None:
        """Build what gives all stages; nothing is calculated yet."""
        self._options = {
            "spec": estimator.spec,
            "batch_size": estimator.batch_size,
            "search": estimator.search,
        }
        self.memory = memory
        model = stages_model(estimator.network) if is_model(estimator.network) else None
        self._forward = as_engine(estimator.network if model is None else model)
        self.count = model.output_shape[-1] // HAND_CHANNELS if model is not None else 1
        self._kept: OrderedDict[bytes, np.ndarray] = OrderedDict()
        self._held = 0

    def estimator(self, recipe: AnyRecipe, stage: int) -> HandEstimator:
        """Give an estimator that reads the heatmaps of one stage.

        Args:
            recipe: How.
            stage: From 1 to `count`.

        Raises:
            ValueError: There is no such stage.
        """
        if not 1 <= stage <= self.count:
            raise ValueError(f"there is no stage {stage}: the network has 1 to {self.count}")
        channels = slice((stage - 1) * HAND_CHANNELS, stage * HAND_CHANNELS)

        def network(batch: np.ndarray) -> np.ndarray:
            """Give the maps of the stage."""
            maps = self.answers(batch)
            return maps if self.count == 1 else maps[..., channels]

        return HandEstimator(network, recipe=recipe, **self._options)

    def answers(self, batch: np.ndarray) -> np.ndarray:
        """Give the heatmaps of all stages, beside each other.

        Args:
            batch: (n, h, w, 3) float32, as a network takes it.

        Returns:
            (n, h', w', 22 * `count`) float32.
        """
        keys = [_key(picture) for picture in batch]
        found = {key: self._kept[key] for key in keys if key in self._kept}
        new = {key: index for index, key in enumerate(keys) if key not in found}
        if new:
            indices = list(new.values())
            found |= zip(new, named_maps(self._forward(batch[indices]))["keypoints"], strict=True)
        for key in keys:
            self._keep(key, found[key])
        return np.stack([found[key] for key in keys])

    def _keep(self, key: bytes, maps: np.ndarray) -> None:
        """Remember an answer as the latest one, and forget the oldest ones beyond the memory."""
        if key not in self._kept:
            self._held += maps.nbytes
        self._kept[key] = maps
        self._kept.move_to_end(key)
        while self._held > self.memory and len(self._kept) > 1:
            self._held -= self._kept.popitem(last=False)[1].nbytes


def _key(picture: np.ndarray) -> bytes:
    """Name a picture by its content."""
    digest = hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=16)
    digest.update(repr(picture.shape).encode())
    return digest.digest()
