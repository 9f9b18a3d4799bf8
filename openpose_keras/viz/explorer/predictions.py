"""What the network predicts for each hand, calculated once, and what a person corrected in it.

A Keras network of this package returns the heatmaps of all of its stages in one run. They are kept
by the content of the network's input, so that controls follow at once: another stage, recipe or
method of finding peaks needs no second run.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from openpose_keras.core.boxes import Box
from openpose_keras.core.keypoints import Hand, Side
from openpose_keras.core.skeletons import HAND
from openpose_keras.engines.keras import as_engine, is_model
from openpose_keras.engines.maps import named_maps
from openpose_keras.engines.stages import stages_model
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.estimators.recipes import AnyRecipe, Peak
from openpose_keras.viz.explorer.state import HandAnnotation

MEMORY = 1 << 28  # bytes of heatmaps that are kept: 256 MiB
PREDICTIONS = 256  # predictions that are kept
BLUR_THRESHOLD = 0.05  # of a blurred map where a recipe has no threshold
MAPS = len(HAND) + 1


class DecodeOptions(NamedTuple):
    """How a hand is decoded.

    Args:
        recipe: With the scales that are shown.
        peak: How peaks are found.
        stage: Of the network, from 1.
    """

    recipe: AnyRecipe
    peak: Peak
    stage: int


class Prediction(NamedTuple):
    """What the network predicts for one hand.

    Args:
        hand: The keypoints, however low their scores.
        maps: (h, w, K + 1) merged heatmaps that they came from, never mirrored or rotated.
        box: (x, y, width, height) that the maps cover, in the image.
    """

    hand: Hand
    maps: np.ndarray
    box: Box


@dataclass(frozen=True, eq=False)
class Result:
    """A prediction with a threshold and a person's corrections.

    Args:
        hand: The keypoints.
        maps: As in the prediction.
        box: As in the prediction.
        corrected: (K,) bool: True where a person moved the keypoint.
    """

    hand: Hand
    maps: np.ndarray
    box: Box
    corrected: np.ndarray


class KeypointRow(NamedTuple):
    """One keypoint of the table.

    Args:
        name: The keypoint's name.
        x: In pixels of the image; NaN where missing.
        y: The same.
        score: Value of the heatmap at the peak.
        corrected: Whether a person moved it.
    """

    name: str
    x: float
    y: float
    score: float
    corrected: bool


class StagedNetwork:
    """A network whose stages can be used one by one, and which keeps its heatmaps.

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
        """Build the model of all stages; nothing is calculated yet."""
        self._estimator, self.memory = estimator, memory
        model = stages_model(estimator.network) if is_model(estimator.network) else None
        self._forward = as_engine(estimator.network if model is None else model)
        self.count = 1 if model is None else model.output_shape[-1] // MAPS
        self._kept: OrderedDict[bytes, np.ndarray] = OrderedDict()

    def estimator(self, recipe: AnyRecipe, stage: int) -> HandEstimator:
        """Return an estimator that decodes the heatmaps of one stage.

        Args:
            recipe: Its recipe.
            stage: From 1 to `count`.
        """
        channels = slice((stage - 1) * MAPS, stage * MAPS)

        def network(batch: np.ndarray) -> np.ndarray:
            """Return the maps of the stage."""
            maps = self.heatmaps(batch)
            return maps if self.count == 1 else maps[..., channels]

        given = self._estimator
        return HandEstimator(
            network,
            recipe=recipe,
            spec=given.spec,
            batch_size=given.batch_size,
            search=given.search,
            decoder=given.decoder,
        )

    def heatmaps(self, batch: np.ndarray) -> np.ndarray:
        """Return the heatmaps of all stages, one after the other.

        Args:
            batch: (n, h, w, 3) float32, the network's input.

        Returns:
            (n, h', w', (K + 1) * `count`) float32.
        """
        keys = [_content_key(each) for each in batch]
        found = {key: self._kept[key] for key in keys if key in self._kept}
        new = {key: index for index, key in enumerate(keys) if key not in found}
        if new:
            maps = named_maps(self._forward(batch[list(new.values())]))["keypoints"]
            found |= zip(new, maps, strict=True)
        for key in keys:
            self._kept[key] = found[key]
            self._kept.move_to_end(key)
        while sum(each.nbytes for each in self._kept.values()) > self.memory:
            self._kept.popitem(last=False)
        return np.stack([found[key] for key in keys])


class PredictionCache:
    """Predicts hands with a staged network, each with the same options once.

    Args:
        estimator: Whose network, and how it is fed.
        read: Returns an image (H, W, 3) uint8 RGB by its index.
    """

    def __init__(self, estimator: HandEstimator, read: Callable[[int], np.ndarray]) -> None:
        """Start with nothing predicted."""
        self.network = StagedNetwork(estimator)
        self._recipe, self._read = estimator.recipe, read
        self._searched: dict[tuple[int, Box], np.ndarray | None] = {}
        self._cached = lru_cache(PREDICTIONS)(self._predict)

    def find(self, image: int) -> list[HandAnnotation]:
        """Search for the hands of an image, as the estimator does.

        Args:
            image: Its index.
        """
        estimator = self.network.estimator(self._recipe, self.network.count)
        estimates = estimator.estimate(self._read(image))
        for region in (each.region for each in estimates):
            self._searched[image, region.box] = region.peaks
        return [HandAnnotation(each.region.box) for each in estimates]

    def predict(self, image: int, annotation: HandAnnotation, options: DecodeOptions) -> Prediction:
        """Return the prediction for a hand, calculated or kept.

        Args:
            image: The image's index.
            annotation: The hand; its corrections are not considered here.
            options: How it is decoded.

        Raises:
            OpenPoseKerasError: The box lies outside the image, or the network fails.
        """
        return self._cached(image, annotation.box, annotation.side, options)

    def _predict(
        self, index: int, box: Box, side: Side | None, options: DecodeOptions
    ) -> Prediction:
        """Decode a hand as the estimator does, but without a threshold of scores: see `correct`.

        Where the recipe has an upright pass, the crop is rotated by the keypoints of the recipe's
        own first pass at the last stage, whatever is chosen: so stages and peaks are compared on
        the same input, and the network runs once for all of them.
        """
        threshold = None
        if options.peak in ("blob", "local_maxima"):  # of a blurred map
            own = options.recipe.threshold
            threshold = BLUR_THRESHOLD if own is None else own
        recipe = replace(options.recipe, peak=options.peak, threshold=threshold)
        estimator, image = self.network.estimator(recipe, options.stage), self._read(index)
        regions = estimator.regions(image, [box], [side])
        if estimator.needs_upright_pass:
            peaks = self._searched.get((index, box))
            first = self.network.estimator(options.recipe, self.network.count)
            regions = [replace(region, peaks=peaks) for region in regions]
            regions = first.upright_regions(image, regions)
        [estimate] = estimator.estimate_regions(image, regions)
        maps, frame = estimate.heatmaps()
        return Prediction(estimate.hand, maps, frame.box)


def correct(prediction: Prediction, annotation: HandAnnotation, threshold: float) -> Result:
    """Drop keypoints of a low score, then put those that a person moved where they belong.

    Args:
        prediction: What the network predicts.
        annotation: The person's corrections.
        threshold: A keypoint is missing unless its score is above it.

    Returns:
        The result. A moved keypoint has the score 1, one that is not visible is missing.

    Example:
        >>> hand = Hand(np.zeros((21, 2)), np.full(21, 0.1))
        >>> prediction = Prediction(hand, np.zeros((4, 4, 22)), (0, 0, 4, 4))
        >>> correct(prediction, HandAnnotation((0, 0, 4, 4)).move(8, (1, 2)), 0.2).hand
        Hand(side=None, score=0.048, found=1/21, box=None)
    """
    hand = prediction.hand
    xy, scores = hand.xy.astype(np.float64), hand.scores.astype(np.float64)
    low = ~(scores > threshold)
    xy[low], scores[low] = np.nan, 0.0
    corrected = np.zeros(len(HAND), bool)
    for index, point in annotation.moved.items():
        xy[index] = np.nan if point is None else point
        scores[index] = 0.0 if point is None else 1.0
        corrected[index] = True
    moved = replace(hand, xy=xy, scores=scores)
    return Result(moved, prediction.maps, prediction.box, corrected)


def _content_key(array: np.ndarray) -> bytes:
    """Return a key of an array's content."""
    digest = hashlib.blake2b(np.ascontiguousarray(array).data, digest_size=16)
    digest.update(repr(array.shape).encode())
    return digest.digest()
