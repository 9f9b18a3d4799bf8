"""The network's predictions for each hand, and their manual corrections.

A Keras network of this package returns the heatmaps of all its stages in one run. They are cached
with its other outputs by the content of the network's input, so that the controls respond
immediately: another stage, recipe or method of finding peaks needs no second run.
"""

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from openpose_keras.core.boxes import BOX_MARGIN, Box, square_box
from openpose_keras.core.keypoints import Keypoints
from openpose_keras.core.skeletons import HAND
from openpose_keras.engines.keras import as_engine, stages_model
from openpose_keras.engines.maps import Maps, named_maps
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.estimators.recipes import AnyRecipe, Peak
from openpose_keras.estimators.views import Region
from openpose_keras.estimators.whole_body import WholeBodyEstimator

MEMORY = 1 << 28  # bytes of maps that are kept: 256 MiB
BLUR_THRESHOLD = 0.05  # of a blurred map where a recipe has no threshold
Point = tuple[float, float]


class Prediction(NamedTuple):
    """The prediction for one hand, or for another part of a person.

    Args:
        keypoints: The keypoints without a score threshold; a `Hand` for a hand.
        maps: (h, w, K + 1) merged heatmaps of these keypoints, never mirrored or rotated.
        box: (x, y, width, height) that the maps cover, in the image.
    """

    keypoints: Keypoints
    maps: np.ndarray
    box: Box


class StagedNetwork:
    """A network whose stages can be used separately, and which caches its maps.

    Args:
        estimator: The estimator whose network and preprocessing are used. A Keras network of
            `networks` has all its stages, a model with several heatmap outputs has these as stages,
            and any other network has one stage.
        memory: The maximum size of the cached maps in bytes; the oldest are removed first.

    Example:
        >>> def network(batch):
        ...     return np.zeros((len(batch), 46, 46, 22), np.float32)
        >>> StagedNetwork(HandEstimator(network)).count
        1
    """

    def __init__(self, estimator: HandEstimator, *, memory: int = MEMORY) -> None:
        """Build the model with all stages; nothing is computed yet."""
        self._estimator, self.memory = estimator, memory
        network = estimator.keras_model()
        model = None if network is None else stages_model(network)
        self._forward = as_engine(estimator.network if model is None else model)
        channels = 0 if model is None else model.output["keypoints"].shape[-1]
        self.count = max(channels // (len(HAND) + 1), 1)
        self._kept: dict[tuple[tuple[int, ...], bytes], Maps] = {}

    def estimator(self, recipe: AnyRecipe | None = None, stage: int | None = None) -> HandEstimator:
        """Return an estimator that decodes the maps of one stage.

        Args:
            recipe: The recipe; None for that of the given estimator.
            stage: The stage, from 1 to `count`; None for the last.
        """
        given = self._estimator
        return HandEstimator(
            partial(self.maps, stage=stage or self.count),
            recipe=recipe or given.recipe,
            spec=given.spec,
            batch_size=given.batch_size,
            search=given.search,
            decoder=given.decoder,
        )

    def maps(self, batch: np.ndarray, stage: int) -> Maps:
        """Return the network's maps, computed or cached, with the heatmaps of one stage.

        Args:
            batch: (n, h, w, 3) float32, the network's input.
            stage: The stage, from 1 to `count`.

        Returns:
            The maps by name; `keypoints` is (n, h', w', K + 1) float32.
        """
        keys = [(each.shape, hashlib.blake2b(each.tobytes()).digest()) for each in batch]
        new = {key: row for row, key in enumerate(keys) if key not in self._kept}
        if new:
            maps = named_maps(self._forward(batch[list(new.values())]))
            for row, key in enumerate(new):
                self._kept[key] = {name: each[row] for name, each in maps.items()}
        found = [self._kept[key] for key in keys]
        while sum(map(_size, self._kept.values())) > self.memory:
            del self._kept[next(iter(self._kept))]
        stacked = {name: np.stack([maps[name] for maps in found]) for name in found[0]}
        if "keypoints" in stacked:
            stages = np.split(stacked["keypoints"], self.count, axis=-1)
            stacked["keypoints"] = stages[stage - 1]
        return stacked

    def search(self, image: np.ndarray) -> list[Region]:
        """Search for hands as the given estimator does, and return their boxes and keypoints."""
        estimates = self.estimator().estimate(image)
        margin = self._estimator.spec.upright_margin
        # Such a region's box is that of its upright crop: other recipes want the usual margin.
        factor = BOX_MARGIN / margin if margin else 1.0
        return [
            Region(square_box(each.region.box, factor), peaks=each.region.peaks)
            for each in estimates
        ]

    def predict(
        self, image: np.ndarray, region: Region, recipe: AnyRecipe, peak: Peak, stage: int
    ) -> Prediction:
        """Decode a hand as the estimator does, but without a score threshold, see `correct`.

        If the recipe has an upright pass, the crop is always rotated by the keypoints of the
        recipe's own first pass at the last stage. Stages and peaks are thus compared on the same
        input, and the network runs once for all of them.

        Args:
            image: (H, W, 3) uint8 RGB.
            region: The hand's box, its side, and its keypoints if a search has found them.
            recipe: The recipe, with the scales to show.
            peak: The method of finding peaks.
            stage: The stage of the network, from 1.

        Raises:
            OpenPoseKerasError: The box lies outside the image, or the network fails.
            ValueError: The box or the side is not valid.
        """
        threshold = None
        if peak in ("blob", "local_maxima"):  # of a blurred map
            threshold = BLUR_THRESHOLD if recipe.threshold is None else recipe.threshold
        estimator = self.estimator(replace(recipe, peak=peak, threshold=threshold), stage)
        regions = estimator.regions(image, [region.box], [region.side])
        if estimator.needs_upright_pass:
            regions = [replace(each, peaks=region.peaks) for each in regions]
            regions = self.estimator(recipe).upright_regions(image, regions)
            regions = [replace(each, seen={}) for each in regions]  # of the last stage
        [estimate] = estimator.estimate_regions(image, regions)
        maps, frame = estimate.heatmaps()
        return Prediction(estimate.hand, maps, frame.box)


def predict_people(
    estimator: WholeBodyEstimator, image: np.ndarray
) -> dict[tuple[int, str], Prediction]:
    """Estimate the people in an image, and keep the maps of their keypoints.

    Args:
        estimator: An estimator of whole people.
        image: (H, W, 3) uint8 RGB.

    Returns:
        A mapping from the person's index and the part's name in `Person.parts` to the prediction of
        each found part. The keypoints are those that the estimator returns.

    Raises:
        OpenPoseKerasError: A network fails.
        ValueError: A network returns points without heatmaps.
    """
    merged: list[np.ndarray] = []
    estimates: list[list[Any]] = []
    seen = copy.copy(estimator)
    seen.body = _keeping(estimator.body, "merge", merged)
    seen.face = _keeping(estimator.face, "estimate", estimates)
    seen.hand = _keeping(estimator.hand, "estimate", estimates)
    people = seen(image)
    # A person's parts are new objects with the same keypoints.
    by_keypoints = {each.peaks[:, :2].tobytes(): each for group in estimates for each in group}
    predictions = {}
    for number, person in enumerate(people):
        for part, keypoints in person.parts.items():
            if part == "body":
                maps = merged[0][..., : len(keypoints.skeleton) + 1].copy()
                frame = seen.body.views(image)[0].frame
            else:
                maps, frame = by_keypoints[keypoints.xy.tobytes()].heatmaps()
            predictions[number, part] = Prediction(keypoints, maps, frame.box)
    return predictions


def _keeping(estimator: Any, method: str, kept: list[Any]) -> Any:  # noqa: ANN401 - of any part
    """Return a copy of an estimator that records the results of a method; None stays None."""
    if estimator is None:
        return None
    own = getattr(estimator, method)

    def call(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - of the method
        """Call the method and record its result."""
        kept.append(own(*args, **options))
        return kept[-1]

    other = copy.copy(estimator)
    setattr(other, method, call)
    return other


def _size(maps: Maps) -> int:
    """Return the size of maps in bytes."""
    return sum(each.nbytes for each in maps.values())


def correct(
    prediction: Prediction, moved: Mapping[int, Point | None], threshold: float
) -> Prediction:
    """Drop keypoints with a low score, then apply the manual corrections.

    Args:
        prediction: The prediction of the network.
        moved: Corrected positions (x, y) by the keypoint's index; None for one that is not visible.
        threshold: The score that a keypoint must exceed, or it is missing.

    Returns:
        The corrected prediction. A moved keypoint has the score 1, and one that is not visible is
        missing.

    Example:
        >>> hand = Keypoints(np.zeros((21, 2)), np.full(21, 0.1), skeleton=HAND)
        >>> prediction = Prediction(hand, np.zeros((4, 4, 22)), (0, 0, 4, 4))
        >>> correct(prediction, {8: (1, 2)}, 0.2).keypoints
        Keypoints(score=0.048, found=1/21, box=None)
    """
    found = prediction.keypoints
    xy, scores = found.xy.astype(np.float64), found.scores.astype(np.float64)
    low = ~(scores > threshold)
    xy[low], scores[low] = np.nan, 0.0
    for index, point in moved.items():
        xy[index] = np.nan if point is None else point
        scores[index] = float(point is not None)
    return prediction._replace(keypoints=replace(found, xy=xy, scores=scores))
