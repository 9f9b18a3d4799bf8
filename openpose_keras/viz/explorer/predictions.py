"""What the network says of a hand, kept once it was asked; and what a person said instead."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from openpose_keras.core.boxes import Box
from openpose_keras.core.keypoints import Hand
from openpose_keras.core.skeletons import HAND
from openpose_keras.estimators.recipes import AnyRecipe
from openpose_keras.viz.explorer.stages import StagedNetwork
from openpose_keras.viz.explorer.state import Mark

KEPT = 256
FLOOR = 0.05  # the threshold of a blurred map where a recipe has none


class Way(NamedTuple):
    """How a hand is read: the recipe with its scales, the peaks, and the network's stage from 1."""

    recipe: AnyRecipe
    peak: str
    stage: int


class Reading(NamedTuple):
    """What the network says of one hand: keypoints, merged heatmaps (h, w, 22), and their box."""

    hand: Hand
    maps: np.ndarray
    box: Box


@dataclass(frozen=True, eq=False)
class Answer:
    """What there is to know about one hand.

    Args:
        hand: With corrections and the threshold.
        maps: (h, w, 22) merged heatmaps that the keypoints came from, never mirrored or turned.
        box: (x, y, width, height) that the maps cover, in the image.
        corrected: (21,) bool: True where a person put the keypoint.
    """

    hand: Hand
    maps: np.ndarray
    box: Box
    corrected: np.ndarray


class Row(NamedTuple):
    """One keypoint of the table: name, place in pixels (NaN if missing), score, whether by hand."""

    name: str
    x: float
    y: float
    score: float
    corrected: bool


class Readings:
    """Reads hands with a staged network, each way of reading one once.

    Args:
        network: Whose heatmaps are read.
    """

    def __init__(self, network: StagedNetwork) -> None:
        """Start with nothing read."""
        self.network = network
        self._kept: OrderedDict[tuple, Reading] = OrderedDict()

    def look(self, number: int, image: np.ndarray, mark: Mark, way: Way) -> Reading:
        """Run the network, or remember what it said.

        Args:
            number: Of the image: what is kept is kept under it.
            image: (H, W, 3) uint8 RGB.
            mark: Where to look. What was moved does not matter here.
            way: How.

        Raises:
            OpenPoseKerasError: The box lies outside the image, or the network fails.
        """
        key = (number, mark.box, mark.side, way)
        if key not in self._kept:
            self._kept[key] = self._read(image, mark, way)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _read(self, image: np.ndarray, mark: Mark, way: Way) -> Reading:
        """Read a hand as the estimator does, but without a threshold of scores: see `correct`.

        Where there is a second look, upright, the recipe's own first look at the last stage says
        which way is up, whatever is chosen: so stages and peaks are compared on the same pictures,
        and the network runs once for all of them.
        """
        threshold = None
        if way.peak in ("blob", "local_maxima"):  # of a blurred map
            threshold = FLOOR if way.recipe.threshold is None else way.recipe.threshold
        recipe = replace(way.recipe, peak=way.peak, threshold=threshold)
        estimator = self.network.estimator(recipe, way.stage)
        regions = estimator.regions(image, [mark.box], [mark.side])
        if estimator.needs_upright_pass:
            first = self.network.estimator(way.recipe, self.network.count)
            regions = first.upright_regions(image, regions)
        [estimate] = estimator.estimate_regions(image, regions)
        maps, frame = estimate.heatmaps()
        return Reading(estimate.hand, maps, frame.box)


def correct(reading: Reading, mark: Mark, threshold: float) -> Answer:
    """Drop keypoints of a low score, then put those where a person moved them.

    Args:
        reading: What the network says.
        mark: What was moved.
        threshold: A keypoint is missing unless its score is above it.

    Returns:
        A moved keypoint has the score 1, one that is not to be seen is missing.

    Example:
        >>> hand = Hand(np.zeros((21, 2)), np.full(21, 0.1))
        >>> reading = Reading(hand, np.zeros((4, 4, 22)), (0, 0, 4, 4))
        >>> correct(reading, Mark((0, 0, 4, 4)).move(8, (1, 2)), 0.2).hand
        Hand(side=None, score=0.048, found=1/21, box=None)
    """
    xy, scores = reading.hand.xy.astype(np.float64), reading.hand.scores.astype(np.float64)
    low = ~(scores > threshold)
    xy[low], scores[low] = np.nan, 0.0
    corrected = np.zeros(len(HAND), bool)
    for index, point in mark.moved.items():
        xy[index] = np.nan if point is None else point
        scores[index] = 0.0 if point is None else 1.0
        corrected[index] = True
    return Answer(replace(reading.hand, xy=xy, scores=scores), reading.maps, reading.box, corrected)


def rows_of(answer: Answer) -> list[Row]:
    """Give the keypoints of a hand as the rows of a table, in the order of the skeleton."""
    hand = answer.hand
    return [
        Row(name, float(x), float(y), float(score), bool(corrected))
        for name, (x, y), score, corrected in zip(
            HAND.keypoints, hand.xy, hand.scores, answer.corrected, strict=True
        )
    ]
