"""From an image to faces: 70 keypoints in each box."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from openpose_keras.core.boxes import box_cover, whole_box
from openpose_keras.core.checks import check_limits
from openpose_keras.core.keypoints import Face
from openpose_keras.core.skeletons import FACE
from openpose_keras.estimators.base import Boxes, Corners, KeypointEstimator, one_of
from openpose_keras.estimators.estimate import Estimate
from openpose_keras.estimators.recipes import AnyRecipe, InputSpec, get_face_recipe
from openpose_keras.estimators.search import LEAST_INSIDE
from openpose_keras.estimators.views import Region, nearly_same, upright_angle, upright_crop
from openpose_keras.geometry import RotatedCrop
from openpose_keras.io.images import ImageLike, as_image

if TYPE_CHECKING:
    from openpose_keras.engines.keras import Network

_EYES = [FACE.index(name) for name in ("right_eye_1", "left_eye_4")]  # their outer corners
_MOUTH = [FACE.index(name) for name in ("outer_lip_1", "outer_lip_7")]  # its corners


class FaceEstimator(KeypointEstimator):
    """Estimates the keypoints of faces in boxes of an image.

    `body_boxes.face_boxes` derives boxes from bodies, and `body_boxes.visible_boxes` selects those
    that overlap the image: `face_estimator(image, boxes[visible_boxes(boxes, image.shape)])`.

    Args:
        network: A `keras.Model` such as `networks.face()` with its weights, or an engine: any
            function (n, h, w, 3) float32 -> `Maps`, or heatmaps (n, h', w', 71).
        recipe: A name of `recipes.FACE_RECIPES`, or a recipe of your own. With "openpose", a face
            whose box has a side of at most 40 pixels has no keypoints, as in OpenPose
            (src/openpose/face/faceExtractorCaffe.cpp).
        spec: The input that the network expects; None for that of OpenPose's network.
        batch_size: The maximum number of images in one batch.

    Raises:
        ValueError: There is no such recipe, or the batch size is below 1.
        TypeError: The network cannot be called.

    Example:
        >>> def network(batch):
        ...     return np.ones((len(batch), 46, 46, 71), np.float32)
        >>> FaceEstimator(network)(np.zeros((99, 99, 3), np.uint8), [(10, 10, 60, 60)])
        [Face(score=1.000, found=70/70, box=(10.0, 10.0, 60.0, 60.0))]
    """

    finds: ClassVar[str] = "face"
    least_side: ClassVar[float] = 40.0

    def __init__(
        self,
        network: "Network",
        *,
        recipe: str | AnyRecipe = "refined",
        spec: InputSpec | None = None,
        batch_size: int = 8,
    ) -> None:
        """Keep the parts; a Keras model is compiled when it is first used."""
        super().__init__(
            network,
            skeleton=FACE,
            recipe=recipe,
            spec=spec or InputSpec(sides=None),
            batch_size=batch_size,
        )

    @staticmethod
    def named_recipe(recipe: str | AnyRecipe) -> AnyRecipe:
        """Return the recipe with a given name; a recipe is returned unchanged."""
        return get_face_recipe(recipe)

    def __call__(
        self,
        image: ImageLike,
        boxes: Boxes = None,
        *,
        xyxy: Corners = None,
        min_presence: float = 0.5,
    ) -> list[Face]:
        """Estimate the faces of one image; errors as in `KeypointEstimator`.

        Args:
            image: (H, W, 3) uint8 RGB, a file, or whatever else `as_image` takes.
            boxes: Boxes of the faces; None or "whole": one box around the whole image.
            xyxy: Two corners (x1, y1, x2, y2) of each, instead of `boxes`.
            min_presence: Presence below which all keypoints of a face are missing, if the network
                predicts it.

        Returns:
            A face for each box, in order.
        """
        check_limits(min_presence)
        faces = []
        for each in self.estimate(image, one_of(boxes, xyxy)):
            presence = each.presence
            absent = presence is not None and presence < min_presence
            peaks = np.full_like(each.peaks, (np.nan, np.nan, 0.0)) if absent else each.peaks
            faces.append(Face(peaks[:, :2], peaks[:, 2], each.region.box, presence))
        return faces

    def estimate(self, image: ImageLike, boxes: Boxes = None) -> Sequence[Estimate]:
        """Estimate as a call does, and return the intermediate results as well."""
        image = as_image(image)
        if not self.needs_upright_pass:
            return super().estimate(image, boxes)
        one_view = replace(self.recipe, flip_average=False)
        looks = self.estimate_regions(image, self.regions(image, boxes), one_view)
        return self.estimate_regions(image, [self.upright_region(image, look) for look in looks])

    def upright_region(self, image: np.ndarray, look: Estimate) -> Region:
        """Return the region of a face rotated so that its eyes lie above its mouth.

        Args:
            image: (H, W, 3) uint8 RGB.
            look: The estimate of an earlier pass.

        Returns:
            The rotated region, its box drawn around the keypoints. If that box lies outside the
            image, or if the earlier pass showed the face nearly the same, it is the earlier region
            with the network's output.
        """
        xy, region = look.peaks[:, :2], look.region
        angle = upright_angle(xy, top=_EYES, base=_MOUTH)
        crop = upright_crop(region.box, xy, angle, self.recipe, self.spec)
        outside = box_cover(crop.box, whole_box(image)) < LEAST_INSIDE
        if outside or nearly_same(RotatedCrop(region.box, crop.size, 0.0), crop):
            return replace(region, seen=look.maps)
        return replace(region, box=crop.box, crop=crop)
