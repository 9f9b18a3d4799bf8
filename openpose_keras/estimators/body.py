"""From an image to the people in it: a body network once over all of it, and its limbs.

The steps are public, so that one can be changed: `views`, `run`, `merge`, `decode`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras.core.arrays import FloatArray, IntArray
from openpose_keras.core.keypoints import Body
from openpose_keras.core.skeletons import BODY_25, BODY_COCO, BODY_MPI, Skeleton
from openpose_keras.engines.batches import run_batches
from openpose_keras.engines.keras import as_engine
from openpose_keras.engines.maps import Maps
from openpose_keras.estimators.views import View
from openpose_keras.geometry import Frame
from openpose_keras.geometry.axis_aligned import Size
from openpose_keras.geometry.network_size import factor_to_image, network_sizes
from openpose_keras.geometry.transforms import Fit
from openpose_keras.heatmaps.merging import merge
from openpose_keras.heatmaps.people import CONNECTORS, Thresholds, best_people, find_people
from openpose_keras.heatmaps.resize import upsample_apart
from openpose_keras.io.images import check_image
from openpose_keras.networks.input_spec import InputSpec

if TYPE_CHECKING:
    from openpose_keras.engines.keras import Network

_SPEC = InputSpec(box_size=368, stride=8, multiple=16, sides="both")
# The skeleton of each network of `networks`, and its threshold for peaks where it has its own.
_NETWORKS: dict[str, tuple[Skeleton, float | None]] = {
    "body_25": (BODY_25, None),
    "body_coco": (BODY_COCO, None),
    "body_mpi": (BODY_MPI, None),
    "body_mpi_4": (BODY_MPI, 0.3),
}


@dataclass(frozen=True, kw_only=True)
class BodyRecipe:
    """How to get from an image to people, by the names of OpenPose's flags.

    Args:
        name: For people; nothing depends on it.
        resolution: (height, width) of the network's input, see `network_sizes`: net_resolution.
        widest: net_resolution_dynamic.
        scales: scale_number: how many inputs of different sizes there are.
        gap: scale_gap: how much smaller each is than the one before.
        connector: A key of `heatmaps.people.CONNECTORS`.
        maximize_positives: Whether more keypoints are to be found, and more false ones.
        ratio: upsampling_ratio: pixels of the enlarged maps for each cell; 0 for the stride.

    Raises:
        ValueError: There is no such connector, or the ratio is below 0.
    """

    name: str = "custom"
    resolution: tuple[int | None, int | None] = (368, None)
    widest: float = 1.0
    scales: int = 1
    gap: float = 0.25
    connector: str = "openpose"
    maximize_positives: bool = False
    ratio: int = 0

    def __post_init__(self) -> None:
        """Check what no later step checks."""
        if self.connector not in CONNECTORS:
            known = ", ".join(CONNECTORS)
            raise ValueError(f"expected a connector among {known}, got {self.connector!r}")
        if self.ratio < 0:
            raise ValueError(f"expected a ratio of at least 0, got {self.ratio}")


BODY_RECIPES = {
    recipe.name: recipe
    for recipe in (
        BodyRecipe(name="openpose"),
        BodyRecipe(name="openpose_cpu", connector="openpose_cpu"),
    )
}
"""Recipes by name: what OpenPose's program for CUDA does by default, and that for CPUs."""


class BodyEstimator:
    """Estimates the bodies of all people in an image.

    Args:
        network: A `keras.Model` such as `networks.body_25()` with its weights, or an engine: any
            function (n, h, w, 3) float32 -> `Maps` with `keypoints` and `affinity`.
        skeleton: Names keypoints and limbs; None for that of the network's name, or else BODY_25.
        recipe: A name of `BODY_RECIPES`, or a recipe of your own.
        thresholds: What counts as a peak, a limb and a person; None for OpenPose's own.
        spec: How the network wants its input; None for OpenPose's.
        batch_size: The greatest number of images that go through the network at once.

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
        if isinstance(recipe, str) and recipe not in BODY_RECIPES:
            raise ValueError(f"there is no recipe {recipe!r}: take {' or '.join(BODY_RECIPES)}")
        own, peak = _NETWORKS.get(getattr(network, "name", ""), (BODY_25, None))
        self.network = network
        self.recipe = BODY_RECIPES[recipe] if isinstance(recipe, str) else recipe
        self.skeleton = skeleton or own
        self.thresholds = thresholds or Thresholds.of_openpose(
            self.skeleton, maximize_positives=self.recipe.maximize_positives, peak=peak
        )
        self.spec = spec or _SPEC
        self.batch_size = batch_size
        self._engine = as_engine(network)

    def __call__(self, image: np.ndarray, *, max_people: int | None = None) -> list[Body]:
        """Estimate the bodies of one image.

        Args:
            image: (H, W, 3) uint8 RGB.
            max_people: How many are kept at most, those of the greatest score and size: OpenPose's
                number_people_max. None for all.

        Returns:
            The bodies in OpenPose's order. A keypoint that was not found is missing.

        Raises:
            ImageError: The array is not an image.
            NetworkError: The network's output is not finite maps of the skeleton.
        """
        image = check_image(image)
        views = self.views(image)
        return self.decode(self.merge(self.run(views)), image.shape[:2], max_people=max_people)

    def views(self, image: np.ndarray) -> list[View]:
        """Return what the network is shown of an image (H, W, 3) uint8 RGB: an input a scale."""
        recipe, shape = self.recipe, image.shape[:2]
        sizes = network_sizes(
            shape, recipe.resolution, widest=recipe.widest, scales=recipe.scales, gap=recipe.gap
        )
        fits = [Fit(shape, size) for size in sizes]
        return [View(fit.apply_image(image), Frame(fit.output_size, *fit.axes)) for fit in fits]

    def run(self, views: Sequence[View]) -> list[Maps]:
        """Return the network's maps for each view."""
        return run_batches(
            self._engine,
            [view.image for view in views],
            spec=self.spec,
            skeleton=self.skeleton,
            channel_order=self.spec.channel_order,
            batch_size=self.batch_size,
        )

    def merge(self, maps: Sequence[Maps]) -> FloatArray:
        """Enlarge the maps of all scales to the size of the first input, and average them.

        Args:
            maps: As `run` returns them, the largest first.

        Returns:
            (H, W, K + 1 + 2 L): heatmaps, background, part affinity fields.
        """
        height, width, _ = maps[0]["keypoints"].shape
        ratio = self.recipe.ratio or self.spec.stride
        joined = (np.dstack([each["keypoints"], each["affinity"]]) for each in maps)
        return merge(upsample_apart(each, (ratio * height, ratio * width)) for each in joined)

    def decode(
        self, maps: FloatArray, image_size: Size, *, max_people: int | None = None
    ) -> list[Body]:
        """Find the people in merged maps.

        Args:
            maps: As `merge` returns them.
            image_size: (height, width) of the image.
            max_people: As for a call.

        Returns:
            The bodies, in pixels of the image.
        """
        stride = self.spec.stride
        ratio = self.recipe.ratio or stride
        height, width, _ = maps.shape
        network_size = stride * height // ratio, stride * width // ratio
        factor = factor_to_image(image_size, network_size) * stride / ratio
        keypoints, scores = find_people(
            maps,
            self.skeleton,
            connector=self.recipe.connector,
            thresholds=self.thresholds,
            offset=0.5 / factor,
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
