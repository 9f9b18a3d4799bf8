"""From an image to keypoints: the steps that estimators share, each public."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from openpose_keras.core.boxes import Box, boxes_of_corners, check_boxes, square_box, whole_box
from openpose_keras.core.checks import brief, check_whole
from openpose_keras.core.errors import ImageError
from openpose_keras.core.keypoints import Keypoints
from openpose_keras.core.skeletons import Skeleton
from openpose_keras.engines.keras import as_engine, is_model
from openpose_keras.engines.load import engine_name, load_engine
from openpose_keras.engines.maps import Maps, run_batches
from openpose_keras.engines.together import call_together
from openpose_keras.estimators import emulations
from openpose_keras.estimators.decode import (
    Decoder,
    decode_keypoints,
    decode_one_each,
    decode_points,
)
from openpose_keras.estimators.estimate import Estimate
from openpose_keras.estimators.recipes import (
    AnyRecipe,
    InputSpec,
    WholeImageRecipe,
    get_recipe,
)
from openpose_keras.estimators.views import Region, View, exchange_sides, inner_box, make_views
from openpose_keras.geometry.crop import check_overlap
from openpose_keras.io.images import ImageLike, as_image
from openpose_keras.networks.presets import (
    PRESETS,
    EngineName,
    get_preset,
    input_spec,
)

if TYPE_CHECKING:
    from openpose_keras.engines.keras import Model, Network

Boxes = Literal["whole"] | Iterable[Sequence[float]] | None
Corners = Iterable[Sequence[float]] | None


def one_of(boxes: Boxes, xyxy: Corners) -> Boxes:
    """Return the boxes of a call, which may be given as two corners each.

    Args:
        boxes: (x, y, width, height) of each, "whole" or None.
        xyxy: (x1, y1, x2, y2) of each, or None.

    Raises:
        ValueError: Both are given, or the corners are not valid.
    """
    if xyxy is None:
        return boxes
    if boxes is not None:
        raise ValueError("expected boxes or xyxy, got both: leave one out")
    return boxes_of_corners(xyxy)


class Mappable:
    """Base class of estimators: a call takes one image, and `map` takes many."""

    __call__: Callable[..., Any]

    def map(
        self,
        images: Iterable[ImageLike],
        *,
        together: int = 1,
        **options: Any,  # noqa: ANN401 - those of a call
    ) -> Iterator[Any]:
        """Estimate any number of images, lazily and in order.

        An image is taken only when its results are requested. A generator of thousands of images
        therefore needs no more memory than two images, or than the `together` images of a group.
        `photos.process` decodes files ahead, and continues after a file that cannot be read.

        Args:
            images: A list, a generator or a batch (n, H, W, C) of images that a call takes: arrays,
                files, Pillow images or tensors of any sizes.
            together: How many images are estimated at once, each in a thread. Crops of one size go
                through the network in one batch, which pays off on a GPU.
            **options: Options of a call, the same for each image.

        Yields:
            The result of a call for each image, in order.

        Raises:
            ImageError: `images` is a single image, or one image is not valid; the message has its
                index.
            ValueError: `together` is below 1.

        Example:
            >>> from openpose_keras.core.skeletons import FACE
            >>> def network(batch):
            ...     return np.ones((len(batch), 46, 46, 71), np.float32)
            >>> estimator = KeypointEstimator(network, skeleton=FACE)
            >>> [len(found) for found in estimator.map(np.zeros((2, 99, 99, 3), np.uint8))]
            [1, 1]
        """
        axes = getattr(images, "ndim", 4)
        if isinstance(images, str) or not isinstance(images, Iterable) or axes != 4:
            got = f"of {axes} axes" if axes != 4 else f"{brief(images)}"
            raise ImageError(
                f"expected several images, got one {type(images).__name__} {got}: call "
                "estimator(image), or write estimator.map([image])"
            )
        check_whole(together, "together")
        return self._map(images, together, options)

    def _map(
        self, images: Iterable[ImageLike], together: int, options: dict[str, Any]
    ) -> Iterator[Any]:
        """Yield the results of images, `together` of them at a time."""
        calls, index = (partial(self, image, **options) for image in images), count()
        while several := list(islice(calls, together)):
            results: Sequence[Callable[[], Any]] = several
            if len(several) > 1:
                results = [call.result for call in call_together(several)]
            for result in results:
                at = next(index)
                try:
                    found = result()
                except ImageError as error:
                    raise ImageError(f"images[{at}]: {error}") from error
                yield found


class Estimator(Mappable):
    """A network and how it is used: the base of the estimators of hands, faces and bodies.

    Args:
        network: A `keras.Model`, or an engine: any function (n, h, w, 3) float32 -> `Maps`.
        skeleton: The keypoints, in the order of the network's heatmaps.
        recipe: The steps, as data.
        spec: The input that the network expects.
        batch_size: The maximum number of images in one batch.

    Raises:
        ValueError: The batch size is below 1.
        TypeError: The network cannot be called.
    """

    finds: ClassVar[str] = "keypoints"  # as presets say it
    default_recipe: ClassVar[str] = "refined"

    def __init__(
        self,
        network: "Network",
        *,
        skeleton: Skeleton,
        recipe: Any,  # noqa: ANN401 - each kind of estimator has its own
        spec: InputSpec,
        batch_size: int,
    ) -> None:
        """Keep the parts; a Keras model is compiled when it is first used."""
        if batch_size < 1:
            raise ValueError(f"expected a batch_size of at least 1, got {batch_size}")
        self.network = network
        self.skeleton = skeleton
        self.recipe = recipe
        self.spec = spec
        self.batch_size = batch_size
        self._engine = as_engine(network)
        self._load: partial[Network] | None = None  # of the network of a preset

    @classmethod
    def _from_preset(
        cls,
        name: str,
        weights: str | Path | None,
        dtype: str | None,
        engine: EngineName,
        **options: Any,  # noqa: ANN401 - those of the subclass's constructor
    ) -> Self:
        """Load the network of a preset, and note where it came from."""
        if get_preset(name).finds != cls.finds:
            known = " or ".join(key for key, each in PRESETS.items() if each.finds == cls.finds)
            raise ValueError(f"expected a preset that finds a {cls.finds}, {known}, got {name!r}")
        load = partial(load_engine, name, weights=weights, dtype=dtype or "float32", engine=engine)
        estimator = cls(load(), spec=input_spec(name, weights=weights), **options)
        estimator._load = load
        return estimator

    @staticmethod
    def named_recipe(recipe: Any) -> Any:  # noqa: ANN401 - each kind of estimator has its own
        """Return the recipe with a given name; a recipe is returned unchanged."""
        return get_recipe(recipe)

    @classmethod
    def from_preset(
        cls,
        name: str,
        *,
        recipe: Any = None,  # noqa: ANN401 - as in the constructor
        weights: str | Path | None = None,
        dtype: str | None = None,
        engine: EngineName = "auto",
    ) -> Self:
        """Load a network of `presets.PRESETS` with its weights.

        Args:
            name: Name of a preset for this kind of estimator, for example "body_25" or "face".
            recipe: A name or a recipe; None for the preset's own, or the default if it has none.
            weights: Another weight file of the same network; None for the preset's own.
            dtype: Data type of the computation; None for "float32". With the engine "auto", any
                other selects Keras.
            engine: The engine that runs the network: one of `presets.ENGINES`, see
                `engines.load_engine`.

        Returns:
            The estimator. It can be pickled: unpickling loads the preset again.

        Raises:
            ValueError: There is no such preset, recipe, dtype or engine.
            WeightsError: The weights are missing or damaged.
        """
        checked = cls.named_recipe(recipe or get_preset(name).recipe or cls.default_recipe)
        return cls._from_preset(name, weights, dtype, engine, recipe=checked)

    def with_recipe(self, recipe: Any) -> Self:  # noqa: ANN401 - as in the constructor
        """Return the same estimator with another recipe; the compiled network is shared."""
        other = copy.copy(self)
        other.recipe = self.named_recipe(recipe)
        return other

    def infer(self, images: Sequence[np.ndarray]) -> list[Maps]:
        """Return the network's maps for images (h, w, 3) uint8 RGB, see `run_batches`."""
        order = self.spec.channel_order
        if self.recipe.channel_order == "swapped":
            order = "bgr" if order == "rgb" else "rgb"
        return run_batches(
            self._engine,
            images,
            spec=self.spec,
            skeleton=self.skeleton,
            channel_order=order,
            batch_size=self.batch_size,
        )

    def keras_model(self) -> "Model | None":
        """Return the network as a Keras model for inspection, or None for a function of your own.

        If another engine runs the preset, the Keras model is loaded separately, and changes to it
        do not affect this estimator. Load the preset with `engine="keras"` if they should.
        """
        if is_model(self.network):
            return self.network
        return self._load(engine="keras") if self._load else None

    def __repr__(self) -> str:
        """Return one line: where the network comes from, and the recipe."""
        load = self._load
        source = f"preset={load.args[0]!r}" if load else f"network={self._name()}"
        engine = engine_name(self.network)
        return f"{type(self).__name__}({source}, recipe={self.recipe.name!r}, engine={engine!r})"

    def _name(self) -> str:
        """Return the network's own name."""
        own = getattr(self.network, "name", None) or getattr(self.network, "__name__", None)
        return str(own or type(self.network).__name__)

    def __copy__(self) -> Self:
        """Copy the estimator without compiling the network again."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __getstate__(self) -> dict[str, Any]:
        """Leave out compiled functions and the network of a preset, which is loaded again."""
        state = {name: value for name, value in self.__dict__.items() if name != "_engine"}
        return state | {"network": None} if self._load else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Load the network of a preset again, and compile it."""
        self.__dict__.update(state)
        if self._load:
            self.network = self._load()
        self._engine = as_engine(self.network)


class KeypointEstimator(Estimator):
    """Estimates the keypoints of one skeleton in boxes of an image, one peak per heatmap.

    Args:
        network: A `keras.Model`, or an engine: any function (n, h, w, 3) float32 -> `Maps`. A bare
            array (n, h', w', K + 1) is taken as the maps named `keypoints`.
        skeleton: The keypoints, in the order of the network's heatmaps.
        recipe: A name of `recipes.RECIPES`, or a recipe of your own.
        spec: The input that the network expects; by default that of OpenPose's hand network.
        batch_size: The maximum number of images in one batch.
        decoder: The function that turns merged maps into keypoints.

    Raises:
        ValueError: There is no such recipe, or the batch size is below 1.
        TypeError: The network cannot be called.

    Example:
        >>> from openpose_keras.core.skeletons import FACE
        >>> def network(batch):
        ...     return np.ones((len(batch), 46, 46, 71), np.float32)
        >>> estimator = KeypointEstimator(network, skeleton=FACE)
        >>> estimator(np.zeros((99, 99, 3), np.uint8))
        [Keypoints(score=1.000, found=70/70, box=(0.0, 0.0, 99.0, 99.0))]
    """

    least_side: ClassVar[float] = 0.0  # pixels; OpenPose finds nothing in boxes of this or below

    def __init__(
        self,
        network: "Network",
        *,
        skeleton: Skeleton,
        recipe: str | AnyRecipe = "refined",
        spec: InputSpec | None = None,
        batch_size: int = 8,
        decoder: Decoder = decode_one_each,
    ) -> None:
        """Keep the parts; a Keras model is compiled when it is first used."""
        super().__init__(
            network,
            skeleton=skeleton,
            recipe=self.named_recipe(recipe),
            spec=spec or InputSpec(),
            batch_size=batch_size,
        )
        self.decoder = decoder

    def __call__(
        self, image: ImageLike, boxes: Boxes = None, *, xyxy: Corners = None
    ) -> Sequence[Keypoints]:
        """Estimate the keypoints of one image.

        Args:
            image: (H, W, 3) uint8 RGB, a file, or whatever else `as_image` takes.
            boxes: (x, y, width, height) or (x, y, width) of each in pixels. The crop is the square
                about the centre of a box. None or "whole": one box around the whole image.
            xyxy: Two corners (x1, y1, x2, y2) of each, instead of `boxes`.

        Returns:
            Keypoints for each box, in order.

        Raises:
            ImageError: The array is not an image, or a box lies outside it.
            ValueError: A box is not valid.
            NetworkError: The network's output is not finite maps of the skeleton.
        """
        return [each.keypoints for each in self.estimate(image, one_of(boxes, xyxy))]

    def estimate(self, image: ImageLike, boxes: Boxes = None) -> Sequence[Estimate]:
        """Estimate as a call does, and return the intermediate results as well."""
        image = as_image(image)
        return self.estimate_regions(image, self.regions(image, boxes))

    def regions(self, image: np.ndarray, boxes: Boxes = None) -> list[Region]:
        """Return the regions of an image to estimate; the arguments are those of a call."""
        if boxes is None or (isinstance(boxes, str) and boxes == "whole"):
            boxes = [whole_box(image)]
        return [Region(self.region_box(image, box)) for box in check_boxes(boxes)]

    def region_box(self, image: np.ndarray, box: Box) -> Box:
        """Return the box that the recipe actually uses: a square, or whole pixels of the image."""
        if isinstance(self.recipe, WholeImageRecipe):
            return emulations.whole_region(image, box)
        square = square_box(box)
        check_overlap(square, image, told=box)
        return square

    def estimate_regions(
        self, image: np.ndarray, regions: Sequence[Region], recipe: AnyRecipe | None = None
    ) -> Sequence[Estimate]:
        """Estimate the keypoints of regions in one pass through the network.

        Args:
            image: (H, W, 3) uint8 RGB.
            regions: As `regions` returns them.
            recipe: A recipe to use instead of the estimator's.

        Returns:
            An estimate for each region, in order.
        """
        recipe = recipe or self.recipe
        scales = [self.views(image, region, recipe) for region in regions]
        maps = {view: each for region in regions for view, each in region.seen.items()}
        views = chain.from_iterable(chain.from_iterable(scales))
        maps |= self.run(view for view in views if view not in maps)
        pairs = zip(regions, scales, strict=True)
        return [self.decode(region, views, maps, recipe) for region, views in pairs]

    def views(
        self, image: np.ndarray, region: Region, recipe: AnyRecipe | None = None
    ) -> list[list[View]]:
        """Return the network inputs of a region.

        Args:
            image: (H, W, 3) uint8 RGB.
            region: As `regions` returns it.
            recipe: A recipe to use instead of the estimator's.

        Returns:
            One list of views per scale, each view with its `image` (h, w, 3) uint8 and its `frame`.
        """
        recipe = recipe or self.recipe
        if isinstance(recipe, WholeImageRecipe):
            return emulations.whole_views(image, region.box, recipe, self.spec)
        mirrored = region.side == "left" and self.mirrors(recipe)
        box = region.box
        if region.crop is not None:
            image, box = region.crop.apply_image(image), inner_box(region.crop.size, recipe)
        views = make_views(image, box, recipe, self.spec, mirrored=mirrored)
        seen = {view.frame: view for view in region.seen}
        return [[seen.get(view.frame, view) for view in scale] for scale in views]

    def run(self, views: Iterable[View]) -> dict[View, Maps]:
        """Return the network's maps for each view, in batches of equal size.

        In the maps of a mirrored view, left and right keypoints are exchanged again.
        """
        views = list(views)
        pairs = zip(views, self.infer([view.image for view in views]), strict=True)
        return {
            view: exchange_sides(maps, self.skeleton) if view.frame.mirrored else maps
            for view, maps in pairs
        }

    def decode(
        self,
        region: Region,
        scales: list[list[View]],
        maps: dict[View, Maps],
        recipe: AnyRecipe | None = None,
    ) -> Estimate:
        """Find the keypoints of a region in the maps of its views.

        Args:
            region: The region.
            scales: Its views, from `views`.
            maps: What `run` returned.
            recipe: A recipe to use instead of the estimator's.

        Returns:
            The estimate.
        """
        recipe = recipe or self.recipe
        kept = {view: maps[view] for view in chain.from_iterable(scales)}
        if any("keypoints" not in each for each in kept.values()):
            peaks, chosen = decode_points(kept), list(kept)
        elif isinstance(recipe, WholeImageRecipe):
            chosen = list(kept)
            peaks = emulations.decode_whole(kept, recipe, self.spec.stride)
        else:
            stride = self.spec.stride
            peaks, chosen = decode_keypoints(scales, kept, recipe, stride, self.decoder)
            if recipe.convention == "openpose" and region.box[2] <= self.least_side:
                peaks[:] = np.nan, np.nan, 0.0
        if region.crop is not None:
            peaks[:, :2] = region.crop.invert_points(peaks[:, :2])
        return Estimate(region, peaks, kept, chosen, recipe, self.spec, self.skeleton)

    @property
    def needs_upright_pass(self) -> bool:
        """Whether the recipe has an upright pass and this network benefits from it."""
        return self.recipe.upright_pass and self.spec.upright

    def mirrors(self, recipe: AnyRecipe | None = None) -> bool:
        """Return whether the network is shown left hands mirrored."""
        return (recipe or self.recipe).mirror and self.spec.sides == "right"
