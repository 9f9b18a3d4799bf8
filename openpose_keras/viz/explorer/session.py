"""The explorer without its widgets: what was chosen, and what follows from it.

A `Session` holds the pictures, the hands in them and a `State`. `change` and the verbs beside it
give it another state; `answer`, `answers`, `table` and `openpose` say what follows, and
`drawing.show` draws it.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from openpose_keras.core.boxes import BoxLike, check_boxes
from openpose_keras.core.keypoints import Side
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.estimators.recipes import RECIPES, AnyRecipe
from openpose_keras.io.openpose_json import to_openpose
from openpose_keras.viz.explorer.images import Source, collect
from openpose_keras.viz.explorer.predictions import Answer, Readings, Row, Way, correct, rows_of
from openpose_keras.viz.explorer.stages import StagedNetwork
from openpose_keras.viz.explorer.state import Mark, Point, State

KEPT_IMAGES = 4


class Session:
    """Pictures, the hands in them, and how they are looked at.

    Args:
        image_or_paths: As in `explore`.
        estimator: Finds the hands; its recipe is the first one.
        boxes: Of the hands of the first picture; by default they are looked for.

    Raises:
        ImageError: There is no picture, or the first one cannot be read.
        ValueError: A box is none.
    """

    def __init__(
        self,
        image_or_paths: Source | Sequence[Source],
        estimator: HandEstimator,
        *,
        boxes: Iterable[BoxLike] | None = None,
    ) -> None:
        """Look at the first picture."""
        self.pictures = collect(image_or_paths)
        self.estimator = estimator
        self.readings = Readings(StagedNetwork(estimator))
        self.recipes = _recipes(estimator.recipe)
        self._images: OrderedDict[int, np.ndarray] = OrderedDict()
        self.marks: dict[int, tuple[Mark, ...]] = {}
        self.state = State(recipe=next(iter(self.recipes)))
        self._past: list[tuple[dict[int, tuple[Mark, ...]], State]] = []
        if boxes is not None:
            self.marks[0] = tuple(Mark(box) for box in check_boxes(boxes))
        self._find_hands(0)

    # What is looked at.

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB, the picture that is looked at."""
        return self.read(self.state.picture)

    def read(self, picture: int) -> np.ndarray:
        """Give a picture by its index; the last few are kept."""
        if picture not in self._images:
            self._images[picture] = self.pictures[picture].read()
            while len(self._images) > KEPT_IMAGES:
                self._images.popitem(last=False)
        self._images.move_to_end(picture)
        return self._images[picture]

    @property
    def hands(self) -> tuple[Mark, ...]:
        """The hands of the picture."""
        return self.marks[self.state.picture]

    @property
    def numbers(self) -> range:
        """The indices of the hands."""
        return range(len(self.hands))

    @property
    def mark(self) -> Mark | None:
        """The hand that is looked at, or None where the picture has none."""
        return self.hands[self.state.hand] if self.hands else None

    @property
    def stages(self) -> int:
        """How many stages the network has."""
        return self.readings.network.count

    @property
    def scales(self) -> tuple[float, ...]:
        """The factors of the recipe, as chosen."""
        return self.state.scales or self.recipes[self.state.recipe].scales

    # What follows from it.

    def answer(self, hand: int | None = None) -> Answer:
        """Give what there is to know about one hand.

        Args:
            hand: Its index; None for the one that is looked at.

        Raises:
            IndexError: The picture has no such hand.
            OpenPoseKerasError: The box lies outside the image, or the network fails.
        """
        state, recipe = self.state, self.recipes[self.state.recipe]
        mark = self.hands[state.hand if hand is None else hand]
        scales = self.scales if state.scale is None else (state.scale,)
        way = Way(
            replace(recipe, scales=scales), state.peak or recipe.peak, state.stage or self.stages
        )
        reading = self.readings.look(state.picture, self.image, mark, way)
        return correct(reading, mark, state.threshold)

    def answers(self) -> list[Answer]:
        """Give what there is to know about every hand of the picture."""
        return [self.answer(index) for index in self.numbers]

    def table(self) -> list[Row]:
        """Give the keypoints of the hand that is looked at; no rows where there is no hand."""
        return [] if self.mark is None else rows_of(self.answer())

    def openpose(self) -> dict[str, object]:
        """Give the hands of the picture as OpenPose's JSON has them."""
        return to_openpose([answer.hand for answer in self.answers()])

    # What changes it.

    def change(self, **changes: object) -> None:
        """Choose: any field of `State`, by name.

        Raises:
            ValueError: There is no such picture, hand, stage, recipe, scale or peak.
            ImageError: The picture cannot be read.
        """
        if changes.get("picture", self.state.picture) != self.state.picture:
            changes = {"hand": 0, **changes}
        if {"recipe", "scales"} & set(changes):
            changes = {"scale": None, **changes}
        state = replace(self.state, **changes)
        self._check(state)
        self._find_hands(state.picture)
        count = len(self.marks[state.picture])
        if not 0 <= state.hand < max(count, 1):
            raise ValueError(f"there is no hand {state.hand}: the picture has {count}")
        self.state = state

    def _check(self, state: State) -> None:
        """Refuse what the pictures, the recipes or the network do not have."""
        if state.picture not in range(len(self.pictures)):
            raise ValueError(f"there is no picture {state.picture} of {len(self.pictures)}")
        if state.recipe not in self.recipes:
            raise ValueError(f"there is no recipe {state.recipe!r}: {', '.join(self.recipes)}")
        if state.stage is not None and not 1 <= state.stage <= self.stages:
            raise ValueError(f"there is no stage {state.stage}: the network has 1 to {self.stages}")
        scales = state.scales or self.recipes[state.recipe].scales
        if state.scale is not None and state.scale not in scales:
            raise ValueError(f"there is no scale {state.scale!r} among {scales}")

    def move_keypoint(self, index: int, point: Point | None) -> None:
        """Put a keypoint of the hand elsewhere.

        Args:
            index: Of the keypoint.
            point: (x, y) in pixels of the image, or None: it is not to be seen.
        """
        self._replace_mark(self._mark_or_refuse().move(index, point))

    def reset_keypoints(self) -> None:
        """Forget the corrections of the hand."""
        self._replace_mark(replace(self._mark_or_refuse(), moved={}))

    def move_box(self, box: BoxLike) -> None:
        """Look for the hand elsewhere; its corrections stay."""
        self._replace_mark(replace(self._mark_or_refuse(), box=tuple(box)))

    def set_side(self, side: Side | None) -> None:
        """Say which hand it is, or leave it to the network."""
        if self._mark_or_refuse().side != side:
            self._replace_mark(replace(self._mark_or_refuse(), side=side))

    def add_hand(self, box: BoxLike) -> None:
        """Add a hand and look at it."""
        self._set_marks((*self.hands, Mark(tuple(box))), hand=len(self.hands))

    def remove_hand(self) -> None:
        """Take away the hand that is looked at."""
        self._mark_or_refuse()
        rest = tuple(each for index, each in enumerate(self.hands) if index != self.state.hand)
        self._set_marks(rest, hand=max(min(self.state.hand, len(rest) - 1), 0))

    def undo(self) -> bool:
        """Take back the last of these changes; False where there is none."""
        if not self._past:
            return False
        marks, state = self._past.pop()
        self.marks = marks
        self.state = replace(self.state, picture=state.picture, hand=state.hand)
        return True

    def _mark_or_refuse(self) -> Mark:
        """Give the hand that is looked at."""
        if self.mark is None:
            raise ValueError("there is no hand: draw a box first")
        return self.mark

    def _replace_mark(self, mark: Mark) -> None:
        """Put another in the place of the hand that is looked at."""
        marks = list(self.hands)
        marks[self.state.hand] = mark
        self._set_marks(tuple(marks), hand=self.state.hand)

    def _set_marks(self, marks: tuple[Mark, ...], *, hand: int) -> None:
        """Replace the picture's hands if all can be looked at, and remember what was before."""
        before = dict(self.marks), self.state
        self.marks = {**self.marks, self.state.picture: marks}
        self.state = replace(self.state, hand=hand)
        try:
            self.answers()
        except Exception:
            self.marks, self.state = before
            raise
        self._past.append(before)

    def _find_hands(self, picture: int) -> None:
        """Look for the hands of a picture, once."""
        if picture not in self.marks:
            network = self.readings.network
            estimator = network.estimator(self.estimator.recipe, network.count)
            hands = estimator(self.read(picture))
            self.marks[picture] = tuple(Mark(hand.box) for hand in hands if hand.box)


def _recipes(own: AnyRecipe) -> dict[str, AnyRecipe]:
    """Give the recipes by name, the estimator's own first."""
    name = own.name if RECIPES.get(own.name, own) == own else f"{own.name} (yours)"
    return {name: own, **{key: recipe for key, recipe in RECIPES.items() if key != name}}
