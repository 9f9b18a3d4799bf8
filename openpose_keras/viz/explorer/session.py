"""The explorer without its widgets: what was chosen, and what follows from it.

A `Session` holds the images, the hands in them and a `State`. `change`, `move_keypoint` and the
like change it; `result`, `results` and `table` return what follows, and `render.render`
draws it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from openpose_keras.core.boxes import BoxLike, check_box, check_boxes
from openpose_keras.core.keypoints import Side
from openpose_keras.core.skeletons import HAND
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.estimators.recipes import RECIPES, AnyRecipe
from openpose_keras.viz.explorer.images import Source, collect_images
from openpose_keras.viz.explorer.predictions import (
    DecodeOptions,
    KeypointRow,
    PredictionCache,
    Result,
    correct,
)
from openpose_keras.viz.explorer.state import HandAnnotation, Point, State

IMAGES = 4  # images that are kept
Hands = tuple[HandAnnotation, ...]


class Session:
    """Images, the hands in them, and how they are shown.

    Args:
        image_or_paths: As in `explore`.
        estimator: Finds the hands; its recipe is the first one.
        boxes: Of the hands of the first image; by default the estimator searches for them.

    Raises:
        ImageError: There is no image, or the first one cannot be read.
        ValueError: A box is not valid.
    """

    def __init__(
        self,
        image_or_paths: Source | Sequence[Source],
        estimator: HandEstimator,
        *,
        boxes: Iterable[BoxLike] | None = None,
    ) -> None:
        """Show the first image."""
        self.images = collect_images(image_or_paths)
        self.read = lru_cache(IMAGES)(lambda index: self.images[index].read())
        self.predictions = PredictionCache(estimator, self.read)
        self.recipes = _recipes(estimator.recipe)
        self.annotations: dict[int, Hands] = {}
        self.state = State(recipe=next(iter(self.recipes)))
        self._past: list[tuple[dict[int, Hands], State]] = []
        if boxes is not None:
            self.annotations[0] = tuple(map(HandAnnotation, check_boxes(boxes)))
        self._find_hands(0)

    # What is shown.

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB, the image that is shown."""
        return self.read(self.state.image)

    @property
    def hands(self) -> Hands:
        """The hands of the image."""
        return self.annotations[self.state.image]

    @property
    def hand(self) -> HandAnnotation | None:
        """The active hand, or None where the image has none."""
        return self.hands[self.state.hand] if self.hands else None

    @property
    def stages(self) -> int:
        """How many stages the network has."""
        return self.predictions.network.count

    @property
    def scales(self) -> tuple[float, ...]:
        """The factors of the recipe, as chosen."""
        return self.state.scales or self.recipes[self.state.recipe].scales

    # What follows from it.

    def result(self, index: int | None = None) -> Result:
        """Return the keypoints and heatmaps of one hand.

        Args:
            index: Of the hand; None for the active one.

        Raises:
            IndexError: The image has no such hand.
            OpenPoseKerasError: The box lies outside the image, or the network fails.
        """
        state, recipe = self.state, self.recipes[self.state.recipe]
        hand = self.hands[state.hand if index is None else index]
        scales = self.scales if state.scale is None else (state.scale,)
        options = DecodeOptions(
            replace(recipe, scales=scales), state.peak or recipe.peak, state.stage or self.stages
        )
        return correct(self.predictions.predict(state.image, hand, options), hand, state.threshold)

    def results(self) -> list[Result]:
        """Return the keypoints and heatmaps of every hand of the image."""
        return [self.result(index) for index in range(len(self.hands))]

    def table(self) -> list[KeypointRow]:
        """Return the keypoints of the active hand; no rows where there is no hand."""
        if not self.hands:
            return []
        result = self.result()
        columns = (HAND.keypoints, result.hand.xy, result.hand.scores, result.corrected)
        return [
            KeypointRow(name, float(x), float(y), float(score), bool(corrected))
            for name, (x, y), score, corrected in zip(*columns, strict=True)
        ]

    # What changes it.

    def change(self, **changes: Any) -> None:  # noqa: ANN401 - of each field its own type
        """Choose: any field of `State`, by name.

        Raises:
            ValueError: There is no such image, hand, stage, recipe, scale or peak.
            ImageError: The image cannot be read.
        """
        if changes.get("image", self.state.image) != self.state.image:
            changes = {"hand": 0, **changes}
        if {"recipe", "scales"} & set(changes):
            changes = {"scale": None, **changes}
        state = replace(self.state, **changes)
        self._check(state)
        self._find_hands(state.image)
        count = len(self.annotations[state.image])
        if not 0 <= state.hand < max(count, 1):
            raise ValueError(f"there is no hand {state.hand}: the image has {count}")
        self.state = state

    def _check(self, state: State) -> None:
        """Raise unless the images, the recipes and the network have what is chosen."""
        if state.image not in range(len(self.images)):
            raise ValueError(f"there is no image {state.image} of {len(self.images)}")
        if state.recipe not in self.recipes:
            raise ValueError(f"there is no recipe {state.recipe!r}: {', '.join(self.recipes)}")
        if state.stage is not None and not 1 <= state.stage <= self.stages:
            raise ValueError(f"there is no stage {state.stage}: the network has 1 to {self.stages}")
        scales = state.scales or self.recipes[state.recipe].scales
        if state.scale is not None and state.scale not in scales:
            raise ValueError(f"there is no scale {state.scale!r} among {scales}")

    def move_keypoint(self, index: int, point: Point | None) -> None:
        """Move a keypoint of the active hand.

        Args:
            index: Of the keypoint.
            point: (x, y) in pixels of the image, or None: it is not visible.
        """
        self._replace_hand(self._require_hand().move(index, point))

    def reset_keypoints(self) -> None:
        """Forget the corrections of the active hand."""
        self._replace_hand(replace(self._require_hand(), moved={}))

    def move_box(self, box: BoxLike) -> None:
        """Move the box of the active hand; its corrections stay."""
        self._replace_hand(replace(self._require_hand(), box=check_box(box)))

    def set_side(self, side: Side | None) -> None:
        """Set the side of the active hand, or leave it to the network."""
        if self._require_hand().side != side:
            self._replace_hand(replace(self._require_hand(), side=side))

    def add_hand(self, box: BoxLike) -> None:
        """Add a hand and make it the active one."""
        self._set_hands((*self.hands, HandAnnotation(check_box(box))), active=len(self.hands))

    def remove_hand(self) -> None:
        """Remove the active hand."""
        self._require_hand()
        rest = tuple(each for index, each in enumerate(self.hands) if index != self.state.hand)
        self._set_hands(rest, active=max(min(self.state.hand, len(rest) - 1), 0))

    def undo(self) -> bool:
        """Undo the last of these changes; return False where there is none."""
        if not self._past:
            return False
        self.annotations, state = self._past.pop()
        self.state = replace(self.state, image=state.image, hand=state.hand)
        return True

    def _require_hand(self) -> HandAnnotation:
        """Return the active hand, or raise where there is none."""
        if self.hand is None:
            raise ValueError("there is no hand: draw a box first")
        return self.hand

    def _replace_hand(self, hand: HandAnnotation) -> None:
        """Replace the active hand."""
        hands = list(self.hands)
        hands[self.state.hand] = hand
        self._set_hands(tuple(hands), active=self.state.hand)

    def _set_hands(self, hands: Hands, *, active: int) -> None:
        """Replace the image's hands if all can be predicted, and remember the former ones."""
        before = self.annotations, self.state
        self.annotations = {**self.annotations, self.state.image: hands}
        self.state = replace(self.state, hand=active)
        try:
            self.results()
        except Exception:
            self.annotations, self.state = before
            raise
        self._past.append(before)

    def _find_hands(self, image: int) -> None:
        """Search for the hands of an image, once."""
        if image not in self.annotations:
            self.annotations[image] = tuple(self.predictions.find(image))


def _recipes(own: AnyRecipe) -> dict[str, AnyRecipe]:
    """Return the recipes by name, the estimator's own first."""
    name = own.name if RECIPES.get(own.name, own) == own else f"{own.name} (yours)"
    return {name: own, **{key: recipe for key, recipe in RECIPES.items() if key != name}}
