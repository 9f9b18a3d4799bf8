"""The result of an estimator for one region, with the maps that led to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from openpose_keras.core.keypoints import Keypoints
from openpose_keras.core.skeletons import Skeleton
from openpose_keras.engines.maps import Maps
from openpose_keras.estimators import emulations
from openpose_keras.estimators.decode import merge_views
from openpose_keras.estimators.recipes import AnyRecipe, InputSpec, WholeImageRecipe
from openpose_keras.estimators.views import Region, View, rotate_back
from openpose_keras.geometry import Crop, Frame

MapFrame = Literal["heatmap", "input", "image"]


@dataclass(frozen=True, eq=False, repr=False)
class Estimate:
    """The keypoints of one region, with the views and maps that led to them.

    Args:
        region: The part of the image.
        peaks: (K, 3) x, y in pixels of the image and score; (nan, nan, 0) where missing.
        maps: The network's output for each view, scale by scale.
        chosen: The views in whose merged heatmaps the keypoints were found: those of the best
            scale, or all.
        recipe: How the views were made and the maps decoded.
        spec: The input of the network, which relates the maps to the views.
        skeleton: The names of the keypoints.
    """

    region: Region
    peaks: np.ndarray
    maps: dict[View, Maps]
    chosen: list[View]
    recipe: AnyRecipe
    spec: InputSpec
    skeleton: Skeleton

    def __repr__(self) -> str:
        """Return one line without the arrays."""
        return f"{type(self).__name__}({self.keypoints!r}, views={len(self.maps)})"

    @property
    def score(self) -> float:
        """The mean score of all keypoints; a missing keypoint counts as 0."""
        return float(self.peaks[:, 2].mean())

    @property
    def presence(self) -> float | None:
        """The mean probability of a hand or face; None if the network does not predict it."""
        return mean_output(maps["presence"] for maps in self.outputs if "presence" in maps)

    @cached_property
    def keypoints(self) -> Keypoints:
        """The keypoints in the image."""
        xy, scores = self.peaks[:, :2], self.peaks[:, 2]
        return Keypoints(xy, scores, self.region.box, skeleton=self.skeleton)

    @property
    def views(self) -> list[View]:
        """The views of all scales, in order."""
        return list(self.maps)

    @property
    def outputs(self) -> list[Maps]:
        """All outputs of the network by name, for each view in order."""
        return list(self.maps.values())

    def heatmaps(self, frame: MapFrame = "heatmap") -> tuple[np.ndarray, Frame]:
        """Return the merged heatmaps in which the keypoints were found.

        Args:
            frame: The resolution. "heatmap": the network's cells. "input": the network's input.
                "image": the image's pixels, at 4 * (K + 1) bytes each.

        Returns:
            (h, w, K + 1) float32, the background last, and their frame in the image. They are never
            mirrored or rotated, and cover the square box of the region, or of its chosen scales.

        Raises:
            ValueError: The network returns points but no heatmaps.
        """
        if any("keypoints" not in maps for maps in self.maps.values()):
            raise ValueError(
                "expected a network with heatmaps, got one that finds points only: take another "
                "preset, such as 'hand_lite'"
            )
        stride, upsampling = self.spec.stride, self.recipe.upsampling
        if isinstance(self.recipe, WholeImageRecipe) and frame == "image":
            return emulations.whole_heatmaps(self.maps, self.recipe, stride)
        heatmaps = [self.maps[view]["keypoints"] for view in self.chosen]
        resolution = "input" if frame == "input" else "heatmap"
        merged, place = merge_views(self.chosen, heatmaps, stride, resolution, upsampling)
        return self._in_image(merged, place, frame)

    def _in_image(
        self, merged: np.ndarray, place: Frame, frame: MapFrame
    ) -> tuple[np.ndarray, Frame]:
        """Resample merged maps to an upright, unmirrored frame of the image."""
        if place.mirrored:
            merged, place = merged[:, ::-1], place.flip()
        if self.region.crop is not None:
            place = self._upright_frame(frame)
            return rotate_back(merged, self.region.crop, place), place
        if frame != "image":
            return merged, place
        return place.invert_heatmaps(merged), _pixels(place.window)

    def _upright_frame(self, frame: MapFrame) -> Frame:
        """Return the frame of an axis-aligned view of the region."""
        crop = Crop(self.region.box, self.spec.box_size)
        if frame == "image":
            return _pixels(crop.window)
        pixels = Frame(crop.output_size, *crop.axes)
        return pixels if frame == "input" else pixels.cells(self.spec.stride)


def mean_output(values: Iterable[np.ndarray]) -> float | None:
    """Return the mean of numbers as a float, or None if there are none."""
    numbers = [float(value.mean()) for value in values]
    return sum(numbers) / len(numbers) if numbers else None


def _pixels(window: tuple[int, int, int, int]) -> Frame:
    """Return the frame of a window (x, y, width, height) of the image at its own resolution."""
    x, y, width, height = window
    return Frame((height, width), (1.0, x), (1.0, y))
