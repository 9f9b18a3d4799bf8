"""From an image to hands: `HandEstimator` puts the steps together, and each step is public."""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from openpose_keras.boxes import Box
from openpose_keras.finder import Search, find_boxes
from openpose_keras.inference import NetworkError, compile_call, is_model, run_batches
from openpose_keras.keypoints import SIDES, Hand, Side
from openpose_keras.preprocessing import check_image
from openpose_keras.readout import pick_side, read_maps, read_peaks
from openpose_keras.recipes import RECIPES, InputSpec, Recipe, get_recipe
from openpose_keras.targets import Boxes, Sides, check_boxes, check_sides, whole_box
from openpose_keras.views import Frame, Look, View, make_views, region_box

if TYPE_CHECKING:
    import keras

__all__ = ["HandEstimator", "InputSpec", "Look", "NetworkError", "compile_call"]

# The finder draws boxes anew from look to look, so one scale and one view will do.
_SEARCH = replace(RECIPES["refined"], name="search", average_views=False)


class HandEstimator:
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
        network: "keras.Model | Callable[[np.ndarray], np.ndarray]",
        *,
        recipe: str | Recipe = "refined",
        spec: InputSpec | None = None,
        batch_size: int = 8,
        search: Search | None = None,
    ) -> None:
        """Keep the parts; a Keras model's call is compiled when it is first used."""
        if not callable(network):
            raise TypeError(f"a network is a Keras model or a function, got {network!r}")
        if batch_size < 1:
            raise ValueError(f"batch_size is at least 1, got {batch_size}")
        self.network = network
        self.recipe = get_recipe(recipe)
        self.spec = spec or InputSpec()
        self.batch_size = batch_size
        self.search = search or Search()
        self._forward = compile_call(network) if is_model(network) else network

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
        from openpose_keras.presets import input_spec, load_network

        recipe = get_recipe("refined" if recipe is None else recipe)
        network = load_network(name, weights=weights, dtype=dtype or "float32")
        spec = input_spec(name, weights=weights)
        return cls(network, recipe=recipe, spec=spec, batch_size=batch_size, search=search)

    def with_recipe(self, recipe: str | Recipe) -> "HandEstimator":
        """Give an estimator with another recipe and the same compiled network."""
        other = copy.copy(self)
        other.recipe = get_recipe(recipe)
        return other

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
        looks = [self.looks(image, box, side) for box, side in targets]
        maps = self.run(view for some in looks for look in some for view in look.views)
        return [pick_side([self.read(look, maps) for look in some]) for some in looks]

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

    def looks(self, image: np.ndarray, box: Box, side: Side | None = None) -> list[Look]:
        """Give the ways to look at one hand: one, or two if its side is to be found out.

        Args:
            image: (H, W, 3) uint8 RGB.
            box: (x, y, width, height) around the hand.
            side: "left", "right" or None.

        Returns:
            One look; or two, as a right and as a left hand.
        """
        tried = SIDES[::-1] if side is None and self._mirrors else (side,)
        box = region_box(image, box, self.recipe)
        return [Look(box, each, self.views(image, box, each)) for each in tried]

    def views(
        self, image: np.ndarray, box: Box | None = None, side: Side | None = None
    ) -> list[list[View]]:
        """Give what the network is shown of one hand.

        Args:
            image: (H, W, 3) uint8 RGB.
            box: (x, y, width, height) around the hand; None for the whole image.
            side: "left", "right", or None to show it as it is.

        Returns:
            One list of views per scale, each with its `image` (h, w, 3) uint8 and its `frame`.
        """
        [box] = [whole_box(image)] if box is None else check_boxes([box])
        box = region_box(image, box, self.recipe)
        mirrored = side == "left" and self._mirrors
        return make_views(image, box, self.recipe, self.spec, mirrored=mirrored)

    def run(self, views: Iterable[View]) -> dict[View, np.ndarray]:
        """Give the network's heatmaps (h, w, 22) for each view."""
        views = list(views)
        return dict(zip(views, self.infer([view.image for view in views]), strict=True))

    def infer(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Give the network's heatmaps (h, w, 22) for pictures (h, w, 3), see `run_batches`."""
        order = self.spec.channel_order
        if self.recipe.channel_order == "swapped":
            order = "bgr" if order == "rgb" else "rgb"
        return run_batches(
            self._forward, images, spec=self.spec, channel_order=order, batch_size=self.batch_size
        )

    def read(self, look: Look, maps: dict[View, np.ndarray]) -> Hand:
        """Find the keypoints of a hand in the heatmaps of its views, which `run` gave."""
        nested = [[maps[view] for view in views] for views in look.scales]
        peaks = read_peaks(look.scales, nested, self.recipe, self.spec.stride)
        return Hand(peaks[:, :2], peaks[:, 2], box=look.box, side=look.side)

    def heatmaps(
        self,
        image: np.ndarray,
        box: Box | None = None,
        side: Side | None = None,
        *,
        frame: Literal["heatmap", "input", "image"] = "heatmap",
    ) -> tuple[np.ndarray, Frame]:
        """Give the merged heatmaps of one hand: `draw_heatmaps(image, maps, box=frame.box)`.

        Args:
            image: (H, W, 3) uint8 RGB.
            box: (x, y, width, height) around the hand; None for the whole image.
            side: "left", "right", or None to show it as it is.
            frame: The resolution. "image" takes 88 bytes for each pixel of the image under it.

        Returns:
            (h, w, 22) float32, never mirrored, and where they lie in the image.
        """
        scales = self.views(check_image(image), box, side)
        maps = self.run(chain.from_iterable(scales))
        nested = [[maps[view] for view in views] for views in scales]
        return read_maps(scales, nested, self.recipe, self.spec.stride, frame=frame)

    @property
    def _mirrors(self) -> bool:
        """Whether a left hand is shown mirrored."""
        return self.recipe.mirror and self.spec.sides == "right"
