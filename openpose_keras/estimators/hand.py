"""From an image to hands: search, mirroring, the side, and the upright pass."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from openpose_keras.core.boxes import (
    BOX_MARGIN,
    Box,
    box_centre,
    box_cover,
    keypoint_extent,
    square_box,
    whole_box,
)
from openpose_keras.core.checks import check_limits
from openpose_keras.core.keypoints import SIDES, Hand, Side
from openpose_keras.core.skeletons import HAND
from openpose_keras.engines.maps import Maps
from openpose_keras.estimators.base import Boxes, Corners, KeypointEstimator, one_of
from openpose_keras.estimators.decode import Decoder, decode_one_each
from openpose_keras.estimators.estimate import Estimate, MapFrame, mean_output
from openpose_keras.estimators.palms import HandFinder, PalmSearch
from openpose_keras.estimators.recipes import (
    AnyRecipe,
    InputSpec,
    Recipe,
    WholeImageRecipe,
    get_recipe,
)
from openpose_keras.estimators.search import LEAST_INSIDE, Search, find_hands, same_hand
from openpose_keras.estimators.views import (
    Region,
    View,
    nearly_same,
    upright_angle,
    upright_crop,
)
from openpose_keras.geometry import Frame, RotatedCrop
from openpose_keras.io.images import ImageLike, as_image
from openpose_keras.networks.presets import EngineName, get_preset

if TYPE_CHECKING:
    from openpose_keras.engines.keras import Network

__all__ = ["HandEstimate", "HandEstimator", "InputSpec"]

Sides = Side | Sequence[Side | None] | None

RegionSearch = Callable[[np.ndarray], list[Region]]
"""(H, W, 3) uint8 RGB -> the regions of its hands, with their keypoints or crops, if known."""

_FINDERS: dict[str, Callable[..., RegionSearch]] = {
    "hand_finder": HandFinder,
    "mediapipe_palm": PalmSearch,
}
_SURE, _CLEAR = 0.99, 0.5  # presence and mean score from which a hand need not be turned further
_OFF_CENTRE = 0.2  # standard deviation of a hand's centre from its box's, in sides of the box
_HOPELESS = 0.1  # fraction of `min_presence` below which a search drops a hand early

# The search redraws boxes from pass to pass, so that one view of one scale is enough.
_SEARCH = Recipe(name="search")


@dataclass(frozen=True, eq=False, repr=False)
class HandEstimate(Estimate):
    """The keypoints of one hand, with the views and maps that led to them.

    Args:
        side_scores: The mean score of each side if both were tried, else None. The other
            arguments are those of `Estimate`.
    """

    side_scores: dict[str, float] | None = None

    @property
    def confidence(self) -> float:
        """The presence, or the mean score if the network does not predict the presence."""
        return self.score if self.presence is None else self.presence

    @property
    def right(self) -> float | None:
        """The probability of a right hand; the output for a mirrored view is inverted."""
        told = [(view, maps["right"]) for view, maps in self.maps.items() if "right" in maps]
        return mean_output(1 - right if view.frame.mirrored else right for view, right in told)

    @property
    def side(self) -> Side | None:
        """The given side, or else the side that the network predicts."""
        if self.region.side is not None or self.right is None:
            return self.region.side
        return "right" if self.right >= 0.5 else "left"

    @cached_property
    def hand(self) -> Hand:
        """The hand in the image."""
        return Hand(
            self.peaks[:, :2],
            self.peaks[:, 2],
            self.region.box,
            self.side,
            self.side_scores,
            self.presence,
            self.right,
        )


class HandEstimator(KeypointEstimator):
    """Estimates the keypoints of hands in an image.

    Args:
        network: A `keras.Model`, or an engine: any function (n, h, w, 3) float32 -> `Maps`. A bare
            array (n, h', w', 22) is taken as the maps named `keypoints`.
        recipe: A name of `recipes.RECIPES`, or a recipe of your own.
        spec: The input that the network expects; by default that of OpenPose's hand network.
        batch_size: The maximum number of images in one batch.
        search: How hands are found if a call gives no boxes: with the network's own heatmaps, or
            with any function that returns the regions of the hands in an image.
        decoder: The function that turns merged maps into keypoints.

    Raises:
        ValueError: There is no such recipe, or the batch size is below 1.
        TypeError: The network cannot be called.

    Example:
        >>> def network(batch):
        ...     return np.ones((len(batch), 46, 46, 22), np.float32)
        >>> estimator = HandEstimator(network, recipe="openpose")
        >>> estimator(np.zeros((99, 99, 3), np.uint8), boxes=[(0, 0, 92)], sides="right")
        [Hand(side='right', score=1.000, found=21/21, box=(0.0, 0.0, 92.0, 92.0))]
    """

    finds: ClassVar[str] = "hand"
    least_side: ClassVar[float] = math.sqrt(10)

    def __init__(
        self,
        network: "Network",
        *,
        recipe: str | AnyRecipe = "refined",
        spec: InputSpec | None = None,
        batch_size: int = 8,
        search: Search | RegionSearch | None = None,
        decoder: Decoder = decode_one_each,
    ) -> None:
        """Keep the parts; a Keras model is compiled when it is first used."""
        super().__init__(
            network,
            skeleton=HAND,
            recipe=recipe,
            spec=spec,
            batch_size=batch_size,
            decoder=decoder,
        )
        self.search = search or Search()

    @classmethod
    def from_preset(
        cls,
        name: str,
        *,
        recipe: str | AnyRecipe | None = None,
        weights: str | Path | None = None,
        dtype: str | None = None,
        engine: EngineName = "auto",
        search: Search | RegionSearch | None = None,
        smallest: float | None = None,
    ) -> Self:
        """Load a network of `presets.PRESETS` with its weights.

        Args:
            name: Name of the preset, for example "hand_lite".
            recipe: A name or a recipe; None for "refined".
            weights: Another weight file of the same network; None for the preset's own.
            dtype: Data type of the computation; None for "float32". With the engine "auto", any
                other selects Keras, whose time "mixed_bfloat16" halves on a processor that supports
                bfloat16.
            engine: The engine that runs the networks: one of `presets.ENGINES`, see
                `engines.load_engine`.
            search: As for the constructor; None for the preset's own.
            smallest: Longer side of the smallest hands that the preset's own search looks for, as a
                fraction of the image's; None for 1 / 12. A smaller value takes more time.

        Returns:
            The estimator. It can be pickled: unpickling loads the preset again.

        Raises:
            ValueError: There is no such preset, recipe, dtype or engine; or the search has no
                `smallest`, or it is not between 0 and 1.
            WeightsError: The weights are missing or damaged.
        """
        detector = get_preset(name).detector
        if smallest is not None and (search or not detector):
            raise ValueError(f"smallest is of a search with a detector, got {smallest} for {name}")
        options = {} if smallest is None else {"smallest": smallest}
        if detector and not search:
            search = _FINDERS[detector](engine=engine, **options)
        checked = get_recipe(recipe or "refined")
        return cls._from_preset(name, weights, dtype, engine, recipe=checked, search=search)

    def __call__(
        self,
        image: ImageLike,
        boxes: Boxes = None,
        sides: Sides = None,
        *,
        xyxy: Corners = None,
        angles: Sequence[float] | None = None,
        min_presence: float = 0.5,
        max_hands: int | None = None,
    ) -> list[Hand]:
        """Estimate the hands of one image.

        Args:
            image: (H, W, 3) uint8 RGB, a file, or whatever else `as_image` takes.
            boxes: (x, y, width, height) or (x, y, width) of each hand in pixels. The crop is the
                square about the centre of a box. `body_boxes.hand_boxes` derives boxes from bodies,
                and `body_boxes.visible_boxes` leaves out those that are NaN. "whole": one box
                around the whole image. None: search for hands; a recipe for the whole image
                treats it as one hand instead.
            xyxy: Two corners (x1, y1, x2, y2) of each, instead of `boxes`.
            sides: "left", "right" or None for each box, or one for all. For None, a network that
                knows right hands only is shown both sides: the better mean score (over all
                keypoints, a missing one counts as 0) decides, and `side_scores` has both. A network
                that predicts the side decides itself.
            angles: For each box, the angle in radians that rotates its hand upright, as from
                `body_boxes.hand_angles`. A network that works best on upright hands then need not
                try several orientations. None if the angles are not known.
            min_presence: Minimum presence of a hand in a search, if the network predicts it.
            max_hands: Maximum number of hands in a search; None for all.

        Returns:
            One hand per box, in order; after a search, the hands that were found, best first.

        Raises:
            ImageError: The array is not an image, or a box lies outside it.
            ValueError: A box, a side or a limit is not valid, or the numbers of boxes and sides
                differ.
            NetworkError: The network's output is not finite maps of the 21 keypoints.
        """
        estimates = self.estimate(
            image,
            one_of(boxes, xyxy),
            sides,
            angles=angles,
            min_presence=min_presence,
            max_hands=max_hands,
        )
        return [each.hand for each in estimates]

    def estimate(
        self,
        image: ImageLike,
        boxes: Boxes = None,
        sides: Sides = None,
        *,
        angles: Sequence[float] | None = None,
        min_presence: float = 0.5,
        max_hands: int | None = None,
    ) -> list[HandEstimate]:
        """Estimate as a call does, and return the intermediate results as well."""
        check_limits(min_presence, max_hands)
        image = as_image(image)
        regions = self.regions(image, boxes, sides)
        searched = boxes is None and not isinstance(self.recipe, WholeImageRecipe)
        if angles is not None and self._turns:
            pairs = zip(regions, angles, strict=True)
            regions = [replace(each, crop=self._turned(each, angle)) for each, angle in pairs]
        if self.needs_upright_pass:
            least = _HOPELESS * min_presence if searched else 0.0
            regions = self.upright_regions(image, regions, least=least)
        estimates = self.estimate_regions(image, regions)
        if not searched:
            return estimates
        least = self.search.threshold if isinstance(self.search, Search) else 0.0
        hands = [
            each
            for each in estimates
            if each.confidence >= (least if each.presence is None else min_presence)
        ]
        return distinct_hands(hands)[:max_hands]

    def regions(self, image: np.ndarray, boxes: Boxes = None, sides: Sides = None) -> list[Region]:
        """Return the regions of the hands to estimate; the arguments are those of a call."""
        if boxes is not None or isinstance(self.recipe, WholeImageRecipe):
            regions = super().regions(image, boxes)
        elif sides is None or isinstance(sides, str):
            regions = self.find_regions(image)
        else:
            raise ValueError("a side for each hand needs boxes: give boxes, or one side for all")
        checked = check_sides(sides, len(regions))
        pairs = zip(regions, checked, strict=True)
        return [replace(region, side=side) for region, side in pairs]

    def find_regions(self, image: np.ndarray) -> list[Region]:
        """Search for hands with the network itself, or with `search` if it is a function.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            The square box and the keypoints of each hand that the search found, best first. The
            result of a function is returned unchanged.
        """
        search = self.search
        if not isinstance(search, Search):
            return search(image)

        def peaks_in(boxes: list[Box]) -> np.ndarray:
            """Return the keypoints in boxes."""
            regions = [Region(box) for box in boxes]
            return np.stack([each.peaks for each in self.estimate_regions(image, regions, _SEARCH)])

        def heatmaps_of(small: np.ndarray) -> np.ndarray:
            """Return the heatmaps of an image; left hands may need its mirror image."""
            flips = [small] if self.spec.sides == "both" else [small, small[:, ::-1]]
            maps = [each["keypoints"] for each in self.infer(flips)]
            return maps[0] if len(maps) == 1 else np.maximum(maps[0], maps[1][:, ::-1])

        size = self.spec.box_size
        found = find_hands(image, heatmaps_of, peaks_in, box_size=size, search=search)
        return [Region(self.region_box(image, hand.box), peaks=hand.peaks) for hand in found]

    def upright_regions(
        self, image: np.ndarray, regions: Sequence[Region], *, least: float = 0.0
    ) -> list[Region]:
        """Return the regions rotated so that the hands stand upright.

        Args:
            image: (H, W, 3) uint8 RGB.
            regions: The regions. Those without keypoints go through the network first.
            least: Minimum presence in that pass; regions below it are left out.

        Returns:
            The regions, each with its rotated crop and the keypoints from which it was drawn. If
            the crop that went through the network is `nearly_same`, it is kept, with the network's
            output.
        """
        if not isinstance(self.recipe, Recipe):
            raise ValueError(f"the recipe {self.recipe.name!r} has no crop that could be rotated")
        unseen = [region for region in regions if region.peaks is None]
        one_view = replace(self.recipe, flip_average=False)
        if self.spec.upright_margin is None:
            found = iter(self.estimate_regions(image, unseen, one_view))
        else:
            found = iter(self.turned_looks(image, unseen, one_view))
        rotated, frame = [], whole_box(image)
        for region in regions:
            peaks = region.peaks
            seen: Mapping[View, Maps] = {}
            if peaks is None:
                look = next(found)
                if look.presence is not None and look.presence < least:
                    continue
                peaks, seen = look.peaks, look.maps
                region = replace(region, peaks=peaks, crop=look.region.crop)
            xy = peaks[:, :2]
            crop = upright_crop(region.box, xy, upright_angle(xy), self.recipe, self.spec)
            if self.spec.upright_margin is None:
                rotated.append(replace(region, crop=crop))
                continue
            shown = region.crop or self._turned(region, 0)
            outside = box_cover(crop.box, frame) < LEAST_INSIDE  # where there is no hand
            if outside or (seen and nearly_same(shown, crop)):
                rotated.append(replace(region, box=shown.box, crop=shown, seen=seen))
            else:
                rotated.append(replace(region, box=crop.box, crop=crop))
        return rotated

    def turned_looks(
        self, image: np.ndarray, regions: Sequence[Region], recipe: Recipe
    ) -> list[HandEstimate]:
        """Estimate hands of any orientation with a network that works best on upright hands.

        Args:
            image: (H, W, 3) uint8 RGB.
            regions: The regions. One without a crop of its own is also rotated by quarter turns if
                the network is not sure of a hand in it, or if its heatmaps are not clear.
            recipe: The recipe for each estimate.

        Returns:
            For each region, the estimate that fits its box best, see `one_hand_each`.
        """
        turned = [replace(each, crop=each.crop or self._turned(each, 0)) for each in regions]
        looks = [[look] for look in self.estimate_regions(image, turned, recipe)]
        for region, [look, *_], tried in zip(regions, looks, looks, strict=True):
            if region.crop is not None or look.presence is None:
                continue
            if look.presence < _SURE or look.score < _CLEAR:
                crops = (self._turned(region, turn * math.pi / 2) for turn in (1, 2, 3))
                others = [replace(region, crop=crop) for crop in crops]
                tried += self.estimate_regions(image, others, recipe)
        return one_hand_each(looks)

    @property
    def _turns(self) -> bool:
        """Whether crops may be rotated: the network prefers upright hands, the recipe is ours."""
        ours = isinstance(self.recipe, Recipe) and self.recipe.convention == "half_pixel"
        return ours and self.spec.upright_margin is not None

    def _turned(self, region: Region, angle: float) -> RotatedCrop:
        """Return the crop of a region rotated by an angle in radians, with the spec's margin."""
        box = square_box(region.box, (self.spec.upright_margin or BOX_MARGIN) / BOX_MARGIN)
        return RotatedCrop(box, self.spec.box_size, angle)

    def estimate_regions(
        self, image: np.ndarray, regions: Sequence[Region], recipe: AnyRecipe | None = None
    ) -> list[HandEstimate]:
        """Estimate the hands of regions in one pass; of two sides, return the better one."""
        both = self.mirrors(recipe)
        hypotheses = [
            [replace(region, side=side) for side in SIDES[::-1]]
            if region.side is None and both
            else [region]
            for region in regions
        ]
        flat = [region for group in hypotheses for region in group]
        estimates = iter(super().estimate_regions(image, flat, recipe))
        return [better_side([next(estimates) for _ in group]) for group in hypotheses]

    def heatmaps(
        self,
        image: ImageLike,
        box: Box | None = None,
        side: Side | None = None,
        *,
        frame: MapFrame = "heatmap",
    ) -> tuple[np.ndarray, Frame]:
        """Return the heatmaps of one hand: `draw_heatmaps(image, maps, box=frame.box)` draws them.

        Args:
            image: (H, W, 3) uint8 RGB, a file, or whatever else `as_image` takes.
            box: (x, y, width, height) around the hand; None for the whole image.
            side: "left", "right", or None.
            frame: The resolution, see `Estimate.heatmaps`.

        Returns:
            (h, w, 22) float32, the heatmaps in which a call with this box finds the keypoints, and
            their frame in the image. They are never mirrored or rotated. A network that also
            predicts points, such as `hand_lite`, moves the keypoints away from the maxima.
        """
        [estimate] = self.estimate(image, "whole" if box is None else [box], side)
        return estimate.heatmaps(frame)


def fit_to_box(look: Estimate) -> float:
    """Return a score from 0 to 1 for how clear a hand is, and how close to the centre of its box.

    Heatmaps are high near their points only if a hand is oriented as the network expects. Two hands
    that hold each other lie in one box; the intended one is at its centre.

    Args:
        look: An estimate, whose mean score is multiplied by a Gaussian of the distance between the
            centres of hand and box.
    """
    middle, _ = keypoint_extent(look.peaks[:, :2])
    box = look.region.box
    away = math.dist(middle, box_centre(box)) / max(box[2:])
    return look.score * math.exp(-((away / _OFF_CENTRE) ** 2) / 2) if math.isfinite(away) else 0.0


def one_hand_each(looks: Sequence[Sequence[HandEstimate]]) -> list[HandEstimate]:
    """Return the estimate that fits each box best, and avoid the same hand for two boxes.

    Boxes are assigned one after the other, best fit first. If the best hand of a box is already
    assigned, another estimate is taken, provided that it fits at least half as well.

    Args:
        looks: At least one estimate for each box, see `fit_to_box`.

    Returns:
        One estimate for each box, in the order of the boxes.
    """
    ranked = [sorted(tried, key=fit_to_box, reverse=True) for tried in looks]
    chosen: dict[int, HandEstimate] = {}
    for box in sorted(range(len(ranked)), key=lambda box: -fit_to_box(ranked[box][0])):
        best, taken = ranked[box][0], [each.peaks[:, :2] for each in chosen.values()]
        free = (
            look
            for look in ranked[box]
            if fit_to_box(look) >= fit_to_box(best) / 2
            and not any(same_hand(xy, look.peaks[:, :2]) for xy in taken)
        )
        chosen[box] = next(free, best)
    return [chosen[box] for box in range(len(ranked))]


def distinct_hands(estimates: Sequence[HandEstimate]) -> list[HandEstimate]:
    """Return the estimates of different hands, see `same_hand`, best first.

    Args:
        estimates: Any number of estimates, ranked by presence, or by score without a presence.
    """
    kept: list[HandEstimate] = []
    for each in sorted(estimates, key=lambda each: -each.confidence):
        if not any(same_hand(other.peaks[:, :2], each.peaks[:, :2]) for other in kept):
            kept.append(each)
    return kept


def better_side(estimates: Sequence[Estimate]) -> HandEstimate:
    """Return the estimate whose side fits best, with the scores of all sides that were tried.

    Args:
        estimates: One per side, or a single one.

    Returns:
        The estimate with the best mean score; the first in a tie.
    """
    best = max(estimates, key=lambda estimate: estimate.score)
    scores = {str(each.region.side): each.score for each in estimates}
    values = {each.name: getattr(best, each.name) for each in fields(Estimate)}
    return HandEstimate(**values, side_scores=scores if len(estimates) > 1 else None)


def check_sides(sides: Sides, count: int) -> list[Side | None]:
    """Return one side, or None, per box.

    Args:
        sides: "left", "right" or None for all boxes, or one of them for each.
        count: Number of boxes.

    Returns:
        A list of `count` sides.

    Raises:
        ValueError: A side is not one of these, or their number is not `count`.

    Example:
        >>> check_sides("left", 2)
        ['left', 'left']
    """
    every = [sides] * count if sides is None or isinstance(sides, str) else list(sides)
    for side in every:
        if side is not None and side not in SIDES:
            raise ValueError(f"a side is 'left', 'right' or None, got {side!r}")
    if len(every) != count:
        raise ValueError(f"expected one side per box, got {len(every)} for {count} boxes")
    return every
