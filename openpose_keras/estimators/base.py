"""The steps of one look at a hand, each public: views, the network, heatmaps, keypoints.

`estimator.HandEstimator` is what one uses: it has these steps, finds hands, and looks again.
"""

import copy
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from openpose_keras.core.boxes import Box, check_boxes, whole_box
from openpose_keras.core.keypoints import SIDES, Hand, Side
from openpose_keras.engines.keras import compile_call, is_model, run_batches
from openpose_keras.estimators.decode import pick_side, read_maps, read_peaks
from openpose_keras.estimators.recipes import InputSpec, Recipe, get_recipe
from openpose_keras.estimators.views import Look, View, make_views, region_box
from openpose_keras.geometry import Frame
from openpose_keras.io.images import check_image

if TYPE_CHECKING:
    from openpose_keras.engines.keras import Network


class Looker:
    """A network and a recipe, and the steps that they give.

    Args:
        network: A `keras.Model`, or any function (n, h, w, 3) float32 -> (n, h', w', 22) float32.
        recipe: A name of `recipes.RECIPES`, or a `Recipe` of your own.
        spec: How the network wants its input; by default as OpenPose's hand network does.
        batch_size: At most so many pictures go through the network at once.

    Raises:
        ValueError: There is no such recipe, or the batch size is below 1.
        TypeError: The network can't be called.
    """

    def __init__(
        self,
        network: "Network",
        *,
        recipe: str | Recipe = "refined",
        spec: InputSpec | None = None,
        batch_size: int = 8,
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
        self._forward = compile_call(network) if is_model(network) else network

    def with_recipe(self, recipe: str | Recipe) -> Self:
        """Give the same with another recipe, and the same compiled network."""
        other = copy.copy(self)
        other.recipe = get_recipe(recipe)
        return other

    def look(self, image: np.ndarray, targets: Iterable[tuple[Box, Side | None]]) -> list[Hand]:
        """Look once at each of the hands that `targets` gave, all in one run of the network."""
        looks = [self.looks(image, box, side) for box, side in targets]
        maps = self.run(view for some in looks for look in some for view in look.views)
        return [pick_side([self.read(look, maps) for look in some]) for some in looks]

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
            (h, w, 22) float32, of one look, never mirrored or turned, and where they lie in the
            image.
        """
        scales = self.views(check_image(image), box, side)
        maps = self.run(chain.from_iterable(scales))
        nested = [[maps[view] for view in views] for views in scales]
        return read_maps(scales, nested, self.recipe, self.spec.stride, frame=frame)

    @property
    def _mirrors(self) -> bool:
        """Whether a left hand is shown mirrored."""
        return self.recipe.mirror and self.spec.sides == "right"
