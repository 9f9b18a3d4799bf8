"""From an image to the people in it: one pass of a body network, then limbs are assembled.

The steps are public, so that each can be replaced: `views`, `run`, `merge`, `decode`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from openpose_keras.core.arrays import FloatArray, IntArray
from openpose_keras.core.keypoints import Body
from openpose_keras.core.skeletons import BODY_25, BODY_COCO, BODY_MPI, Skeleton
from openpose_keras.engines.maps import Maps
from openpose_keras.estimators.base import Estimator
from openpose_keras.estimators.recipes import BodyRecipe, get_body_recipe
from openpose_keras.estimators.views import View, exchange_sides
from openpose_keras.geometry import Frame
from openpose_keras.geometry.axis_aligned import Size
from openpose_keras.geometry.network_size import factor_to_image, network_sizes
from openpose_keras.geometry.transforms import Fit
from openpose_keras.heatmaps.merging import merge
from openpose_keras.heatmaps.people import Thresholds, best_people, find_people
from openpose_keras.heatmaps.resize import upsample_apart
from openpose_keras.io.images import ImageLike, as_image
from openpose_keras.networks.input_spec import InputSpec

if TYPE_CHECKING:
    from openpose_keras.engines.keras import Network

_SPEC = InputSpec(box_size=368, stride=8, multiple=16, sides=None)
BODY_NETWORKS: dict[str, tuple[Skeleton, float | None]] = {
    "body_25": (BODY_25, None),
    "body_coco": (BODY_COCO, None),
    "body_mpi": (BODY_MPI, None),
    "body_mpi_4": (BODY_MPI, 0.3),
    "body_mobilenet": (BODY_COCO, None),
    "body_lite": (BODY_25, None),
    "body_tiny": (BODY_MPI, 0.3),
}
"""The skeleton of each body network, and its own threshold for peaks, or None."""


class BodyEstimator(Estimator):
    """Estimates the bodies of all people in an image.

    Args:
        network: A `keras.Model` such as `networks.body_25()` with its weights, or an engine: any
            function (n, h, w, 3) float32 -> `Maps` with `keypoints` and `affinity`.
        skeleton: The keypoints and limbs; None for the skeleton that belongs to the network's name,
            or BODY_25 if there is none.
        recipe: A name of `BODY_RECIPES`, or a recipe of your own.
        thresholds: What counts as a peak, a limb and a person; None for OpenPose's own, with the
            recipe's `reach` and `keypoints`.
        spec: The input that the network expects; None for that of OpenPose's network.
        batch_size: The maximum number of images in one batch.

    Raises:
        ValueError: There is no such recipe.
        TypeError: The network cannot be called.

    Example:
        >>> def network(batch):
        ...     n, h, w, _ = batch.shape
        ...     size = n, h // 8, w // 8
        ...     return {"keypoints": np.zeros((*size, 26)), "affinity": np.zeros((*size, 52))}
        >>> BodyEstimator(network)(np.zeros((120, 160, 3), np.uint8))
        []
    """

    finds: ClassVar[str] = "body"
    default_recipe: ClassVar[str] = "openpose"

    def __init__(
        self,
        network: "Network",
        *,
        skeleton: Skeleton | None = None,
        recipe: str | BodyRecipe = "openpose",
        thresholds: Thresholds | None = None,
        spec: InputSpec | None = None,
        batch_size: int = 8,
    ) -> None:
        """Keep the parts; a Keras model is compiled when it is first used."""
        own, peak = BODY_NETWORKS.get(getattr(network, "name", ""), (BODY_25, None))
        super().__init__(
            network,
            skeleton=skeleton or own,
            recipe=get_body_recipe(recipe),
            spec=spec or _SPEC,
            batch_size=batch_size,
        )
        self._peak = peak
        self._thresholds = thresholds

    @property
    def thresholds(self) -> Thresholds:
        """What counts as a peak, a limb and a person."""
        if self._thresholds:
            return self._thresholds
        limits = Thresholds.of_openpose(
            self.skeleton, maximize_positives=self.recipe.maximize_positives, peak=self._peak
        )
        least = self.recipe.keypoints or limits.keypoints
        return replace(limits, reach=self.recipe.reach, weak=self.recipe.weak, keypoints=least)

    @staticmethod
    def named_recipe(recipe: str | BodyRecipe) -> BodyRecipe:
        """Return the recipe with a given name; a recipe is returned unchanged."""
        return get_body_recipe(recipe)

    def __call__(self, image: ImageLike, *, max_people: int | None = None) -> list[Body]:
        """Estimate the bodies of one image.

        Args:
            image: (H, W, 3) uint8 RGB, a file, or whatever else `as_image` takes.
            max_people: The maximum number of people, OpenPose's number_people_max; those with the
                greatest score and size are kept. None for all.

        Returns:
            The bodies in OpenPose's order. A keypoint that was not found is missing.

        Raises:
            ImageError: The array is not an image.
            ValueError: `max_people` is not a positive whole number.
            NetworkError: The network's output is not finite maps of the skeleton.
        """
        image = as_image(image)
        maps = self.run(self.views(image))
        merged = self.merge(maps)
        return self.decode(merged, image.shape[:2], max_people=max_people, scales=maps)

    def heatmaps(self, image: ImageLike) -> tuple[FloatArray, Frame]:
        """Return the merged maps in which a call finds the people.

        `draw_heatmaps(image, maps, "right_wrist", box=frame.box)` draws one of them.

        Args:
            image: (H, W, 3) uint8 RGB, a file, or whatever else `as_image` takes.

        Returns:
            (h, w, K + 1 + 2 L), see `merge`, and their frame in the image.
        """
        views = self.views(as_image(image))
        return self.merge(self.run(views)), views[0].frame

    def views(self, image: np.ndarray) -> list[View]:
        """Return the network inputs of an image (H, W, 3) uint8 RGB, one per scale."""
        recipe, shape = self.recipe, image.shape[:2]
        resolution = recipe.resolution or (self.spec.box_size, None)
        sizes = network_sizes(
            shape, resolution, widest=recipe.widest, scales=recipe.scales, gap=recipe.gap
        )
        fits = [Fit(shape, size) for size in sizes]
        return [View(fit.apply_image(image), Frame(fit.output_size, *fit.axes)) for fit in fits]

    def run(self, views: Sequence[View]) -> list[Maps]:
        """Return the network's maps for each view, with `flip_average` averaged over two passes."""
        images = [view.image for view in views]
        if not self.recipe.flip_average:
            return self.infer(images)
        answers = self.infer([*images, *(image[:, ::-1] for image in images)])
        pairs = zip(answers[: len(images)], answers[len(images) :], strict=True)
        return [self._mean(maps, mirrored) for maps, mirrored in pairs]

    def _mean(self, maps: Maps, mirrored: Maps) -> Maps:
        """Return the mean of the maps of an input and of its mirror image."""
        flipped = {name: each[:, ::-1] for name, each in mirrored.items() if each.ndim == 3}
        flipped = exchange_sides(flipped, self.skeleton)
        return {name: (maps[name] + each) / 2 for name, each in flipped.items()}

    def merge(self, maps: Sequence[Maps]) -> FloatArray:
        """Average the maps of all scales, upsampled to the size of the first input.

        With a refined recipe they have the size of the first input's maps instead.

        Args:
            maps: Maps from `run`, the largest first.

        Returns:
            (H, W, K + 1 + 2 L): heatmaps, background, part affinity fields.
        """
        height, width, _ = maps[0]["keypoints"].shape
        pixels = 1 if self.recipe.refined else self._ratio
        size = pixels * height, pixels * width
        joined = (np.dstack([each["keypoints"], each["affinity"]]) for each in maps)
        return merge(
            each if each.shape[:2] == size else upsample_apart(each, size) for each in joined
        )

    @property
    def _ratio(self) -> int:
        """Pixels per cell, in the frame in which people are found."""
        return self.recipe.ratio or self.spec.stride

    def decode(
        self,
        maps: FloatArray,
        image_size: Size,
        *,
        max_people: int | None = None,
        scales: Sequence[Maps] = (),
    ) -> list[Body]:
        """Find the people in merged maps.

        Args:
            maps: Merged maps from `merge`.
            image_size: (height, width) of the image; its whole shape will do.
            max_people: As for a call.
            scales: The maps that were merged. A refined recipe with several scales needs them to
                find keypoints where OpenPose does; without them, some are one pixel off.

        Returns:
            The bodies, in pixels of the image. An image one pixel wide or high has none.
        """
        stride, ratio = self.spec.stride, self._ratio
        pixels = 1 if self.recipe.refined else ratio  # of the maps, for each cell
        height, width, _ = maps.shape
        network_size = stride * height // pixels, stride * width // pixels
        factor = factor_to_image(image_size[:2], network_size) * stride / ratio
        if not factor:
            return []
        keypoints, scores = find_people(
            maps,
            self.skeleton,
            connector=self.recipe.connector,
            thresholds=self.thresholds,
            offset=0.5 / factor,
            stride=ratio // pixels,
            scales=[each["keypoints"][..., :-1] for each in scales],
        )
        keypoints = keypoints * np.array([factor, factor, 1], np.float32)
        kept: IntArray = np.arange(len(scores))
        if max_people is not None:
            kept = best_people(keypoints, scores, max_people)
        return [
            Body(
                keypoints[index, :, :2],
                keypoints[index, :, 2],
                skeleton=self.skeleton,
                person_score=float(scores[index]),
            )
            for index in kept
        ]
