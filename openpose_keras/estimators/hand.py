"""From an image to hands: `HandEstimator` puts the steps together, and each step is public."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras.core.boxes import Box, check_boxes, whole_box
from openpose_keras.core.errors import NetworkError
from openpose_keras.core.keypoints import Hand, Side
from openpose_keras.engines.keras import compile_call
from openpose_keras.estimators.base import Looker
from openpose_keras.estimators.recipes import RECIPES, InputSpec, Recipe, get_recipe
from openpose_keras.estimators.search import Search, find_boxes
from openpose_keras.estimators.targets import Boxes, Sides, check_sides
from openpose_keras.estimators.upright import inner_box, turn_back, turned_crop
from openpose_keras.estimators.views import Look
from openpose_keras.io.images import check_image

if TYPE_CHECKING:
    from openpose_keras.engines.keras import Network

__all__ = ["HandEstimator", "InputSpec", "Look", "NetworkError", "compile_call"]

# The finder draws boxes anew from look to look, so one scale and one view will do.
_SEARCH = replace(RECIPES["refined"], name="search", average_views=False, look_again=False)


class HandEstimator(Looker):
    """Estimates the keypoints of hands in an image.

    Args:
        network: A `keras.Model`, or any function (n, h, w, 3) float32 -> (n, h', w', 22) float32.
        recipe: A name of `recipes.RECIPES`, or a `Recipe` of your own.
        spec: How the network wants its input; by default as OpenPose's hand network does.
        batch_size: At most so many pictures go through the network at once.
        search: How hands are looked for where a call gives no boxes.

    Raises:
        ValueError: There is no such recipe, or the batch size is below 1.
        TypeError: The network can't be called.

    Example:
        >>> def network(batch):
        ...     return np.ones((len(batch), 46, 46, 22), np.float32)
        >>> estimator = HandEstimator(network, recipe="openpose")
        >>> estimator(np.zeros((99, 99, 3), np.uint8), boxes=[(0, 0, 92)], sides="right")
        [Hand(side='right', score=1.000, found=21/21, box=(0.0, 0.0, 92.0, 92.0))]
    """

    def __init__(
        self,
        network: "Network",
        *,
        recipe: str | Recipe = "refined",
        spec: InputSpec | None = None,
        batch_size: int = 8,
        search: Search | None = None,
    ) -> None:
        """Keep the parts; a Keras model's call is compiled when it is first used."""
        super().__init__(network, recipe=recipe, spec=spec, batch_size=batch_size)
        self.search = search or Search()

    @classmethod
    def from_preset(
        cls,
        name: str,
        *,
        recipe: str | Recipe | None = None,
        weights: str | Path | None = None,
        dtype: str | None = None,
        batch_size: int = 8,
        search: Search | None = None,
    ) -> "HandEstimator":
        """Build a network of `presets.PRESETS`, with its weights.

        Args:
            name: Of the preset, for example "hand_lite".
            recipe: As above; None for "refined".
            weights: Another weight file of the same network; None for the preset's own.
            dtype: What the network calculates in; None for "float32". "mixed_bfloat16" takes half
                the time on a processor that knows bfloat16.
            batch_size: As above.
            search: As above.

        Raises:
            ValueError: There is no such preset, recipe or dtype.
            WeightsError: The weights are missing or damaged.
        """
        from openpose_keras.networks.presets import input_spec, load_network

        recipe = get_recipe("refined" if recipe is None else recipe)
        network = load_network(name, weights=weights, dtype=dtype or "float32")
        spec = input_spec(name, weights=weights)
        return cls(network, recipe=recipe, spec=spec, batch_size=batch_size, search=search)

    def __call__(self, image: np.ndarray, boxes: Boxes = None, sides: Sides = None) -> list[Hand]:
        """Estimate the hands of one image.

        Args:
            image: (H, W, 3) uint8 RGB.
            boxes: (x, y, width, height) or (x, y, width) in pixels for each hand; a crop takes the
                square about the box's centre. "whole": the image is one hand. None: look for hands;
                a recipe of the whole image takes it as one hand instead, as its system does.
            sides: "left", "right" or None for each box, or one for all. A network that knows right
                hands only, and a recipe that mirrors, try both for None: the better mean score (of
                all keypoints, a missing one counts 0) decides, and `side_scores` tells both.

        Returns:
            One hand per box, in order.

        Raises:
            ImageError: The image is none, or a box lies outside it.
            ValueError: A box or a side is none, or their numbers differ.
            NetworkError: The network's output is not finite heatmaps of 22 channels.
        """
        image = check_image(image)
        targets = self.targets(image, boxes, sides)
        if not self.looks_again:
            return self.look(image, targets)
        return self.look_again(image, self.first_look(image, targets))

    @property
    def looks_again(self) -> bool:
        """Whether a second look follows: the recipe wants it, and with this network it pays."""
        return self.recipe.look_again and self.spec.upright

    def first_look(
        self, image: np.ndarray, targets: Iterable[tuple[Box, Side | None]]
    ) -> list[Hand]:
        """Look at hands as `look` does, but only well enough to tell which way is up."""
        return self.with_recipe(replace(self.recipe, average_views=False)).look(image, targets)

    def look_again(self, image: np.ndarray, hands: Iterable[Hand]) -> list[Hand]:
        """Look at hands that were found, each turned upright, see `upright`.

        Args:
            image: (H, W, 3) uint8 RGB.
            hands: Of this image, with their boxes.

        Returns:
            As many hands, with new keypoints and scores; boxes and sides stay.
        """
        hands = list(hands)
        crops = [turned_crop(hand, self.recipe, self.spec) for hand in hands]
        looks = []
        for hand, crop in zip(hands, crops, strict=True):
            box = inner_box(crop.size, self.recipe)
            looks.append(Look(box, hand.side, self.views(crop.apply_image(image), box, hand.side)))
        maps = self.run(view for look in looks for view in look.views)
        found = [self.read(look, maps) for look in looks]
        return [turn_back(*each) for each in zip(found, crops, hands, strict=True)]

    def targets(
        self, image: np.ndarray, boxes: Boxes = None, sides: Sides = None
    ) -> list[tuple[Box, Side | None]]:
        """Give the box and the side, or None, of each hand to look at; arguments as in a call."""
        whole = isinstance(boxes, str) and boxes == "whole"
        if whole or (boxes is None and self.recipe.region == "whole"):
            checked = [whole_box(image)]
        elif boxes is not None:
            checked = check_boxes(boxes)
        elif sides is None or isinstance(sides, str):
            checked = self.find_boxes(image)
        else:
            raise ValueError("a side for each hand needs boxes: give boxes, or one side for all")
        return list(zip(checked, check_sides(sides, len(checked)), strict=True))

    def find_boxes(self, image: np.ndarray) -> list[Box]:
        """Look for hands with the network itself, see `finder`.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            A square box (x, y, width, height) for each hand, best first.
        """
        look = self.with_recipe(_SEARCH)

        def peaks_in(boxes: list[Box]) -> np.ndarray:
            """Look into boxes."""
            hands = look(image, boxes)
            return np.stack([np.column_stack([hand.xy, hand.scores]) for hand in hands])

        def heatmaps_of(pictures: np.ndarray) -> np.ndarray:
            """Look at whole pictures, and at their mirror images where left hands need it."""
            maps = np.stack(look.infer(pictures))
            if self.spec.sides == "both":
                return maps
            flipped = np.stack(look.infer(pictures[:, :, ::-1]))
            return np.maximum(maps, flipped[:, :, ::-1])

        options = {"box_size": self.spec.box_size, "search": self.search}
        return [box for box, _ in find_boxes(image, heatmaps_of, peaks_in, **options)]
