"""The explorer without its widgets: the selections and the results.

A `Session` holds the images, the hands in them and a `State`. Methods such as `change` and
`move_keypoint` change it, `result` and `results` return the results, and `render.render` draws it.
"""

import copy
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, ClassVar, get_args

import numpy as np

from openpose_keras.core.boxes import Box, BoxLike, check_box, check_boxes
from openpose_keras.core.keypoints import Person, Side
from openpose_keras.core.skeletons import HAND, Skeleton
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.estimators.recipes import RECIPES, AnyRecipe, Peak
from openpose_keras.estimators.views import Region
from openpose_keras.estimators.whole_body import WholeBodyEstimator
from openpose_keras.io.coco import keypoints_box
from openpose_keras.viz.drawing import BODY_STYLE, THRESHOLD
from openpose_keras.viz.explorer.images import Source, collect_images
from openpose_keras.viz.explorer.predictions import (
    Point,
    Prediction,
    StagedNetwork,
    correct,
    predict_people,
)

IMAGES = 4  # images that are kept
PREDICTIONS = 256  # predictions that are kept
OPACITY = 0.5  # so that the hand stays visible under the heatmap
PEAKS = get_args(Peak)


@dataclass(frozen=True, eq=False)
class HandAnnotation:
    """A hand, or another part of a person: the region of its keypoints, and manual corrections.

    Args:
        region: The box and the side. The side is None if the network is to determine it.
        moved: Corrected positions (x, y) in the image by the keypoint's index; None for a keypoint
            that is not visible. They are kept if the box or anything else changes.
        person: Index of the person to whom the part belongs, in sessions with people.
        part: "hand", or for people the name in `Person.parts`.
        skeleton: Names of the keypoints.
    """

    region: Region
    moved: Mapping[int, Point | None] = field(default_factory=dict)
    person: int = 0
    part: str = "hand"
    skeleton: Skeleton = HAND


Hands = tuple[HandAnnotation, ...]


@dataclass(frozen=True, kw_only=True)
class State:
    """The selections that determine what is shown.

    Args:
        image: Index of the image.
        hand: Index of the hand in the image, or of the part of a person.
        channel: Index of the heatmap to show, where the last one is the background; None for all
            keypoints.
        stage: Stage of the network, from 1; None for the last.
        scales: Scale factors of the recipe; None for its own.
        scale: The single factor whose maps are shown; None for the merged maps.
        recipe: Name of the recipe.
        against: The name of another recipe, or another stage of the network, for comparison; None
            for no comparison.
        peak: The method of finding peaks; None for that of the recipe.
        threshold: The score that a keypoint must exceed, or it is missing.
        opacity: Opacity of the heatmap, from 0 to 1.
        close: Whether to show the surroundings of the hand instead of the whole image.
        zoom: (x, y, width, height) of the visible region within this view; None for all of it.
        preview: Index of a heatmap to show temporarily; None for `channel`.
        skeletons: Whether to draw the skeletons.
    """

    image: int = 0
    hand: int = 0
    channel: int | None = None
    stage: int | None = None
    scales: tuple[float, ...] | None = None
    scale: float | None = None
    recipe: str = "refined"
    against: str | int | None = None
    peak: Peak | None = None
    threshold: float = THRESHOLD
    opacity: float = OPACITY
    close: bool = False
    zoom: Box | None = None
    preview: int | None = None
    skeletons: bool = True


Moment = tuple[dict[int, Hands], State]


class Session:
    """Images, the hands in them, and the state of their view.

    Args:
        image_or_paths: As in `explore`.
        estimator: The estimator that finds the hands. Its recipe is the first one.
        boxes: Boxes of the hands in the first image. By default the estimator searches for them.

    Raises:
        ImageError: There is no image, or the first one cannot be read.
        ValueError: A box is not valid.
    """

    finds: ClassVar[str] = "hands"

    def __init__(
        self,
        image_or_paths: Source | Iterable[Source],
        estimator: HandEstimator,
        *,
        boxes: Iterable[BoxLike] | None = None,
    ) -> None:
        """Show the first image."""
        self.network = StagedNetwork(estimator)
        self._predict = lru_cache(PREDICTIONS)(
            lambda image, *options: self.network.predict(self.read(image), *options)
        )
        self.recipes = _recipes(estimator.recipe)
        self._begin(image_or_paths, State(recipe=next(iter(self.recipes))))
        if boxes is not None:
            given = tuple(HandAnnotation(Region(box)) for box in check_boxes(boxes))
            self.annotations[0] = self._found[0] = given
        self._find_hands(0)

    def _begin(self, image_or_paths: Source | Iterable[Source], state: State) -> None:
        """Collect the images, without any results."""
        self.images = collect_images(image_or_paths)
        self.read = lru_cache(IMAGES)(lambda index: self.images[index].read())
        self.state = state
        self.annotations: dict[int, Hands] = {}
        self._found: dict[int, Hands] = {}
        self._past: list[Moment] = []
        self._future: list[Moment] = []

    # What is shown.

    @property
    def image(self) -> np.ndarray:
        """The displayed image, (H, W, 3) uint8 RGB."""
        return self.read(self.state.image)

    @property
    def hands(self) -> Hands:
        """The hands of the image."""
        return self.annotations[self.state.image]

    @property
    def counted(self) -> str:
        """The number of hands or people in the image."""
        return f"{self.finds}: {len(self.hands)}"

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of the active hand or part."""
        return self._skeleton_of(self.state)

    def _skeleton_of(self, state: State) -> Skeleton:
        """Return the skeleton of the active hand or part of a state."""
        hands = self.annotations[state.image]
        return hands[state.hand].skeleton if hands else HAND

    @property
    def corrected(self) -> set[int]:
        """Indices of the images whose hands were changed manually."""
        pairs = self.annotations.items()
        return {index for index, hands in pairs if hands is not self._found[index]}

    @property
    def scales(self) -> tuple[float, ...]:
        """The selected scale factors of the recipe."""
        return self.state.scales or self.recipes[self.state.recipe].scales

    @property
    def stages(self) -> range:
        """The numbers of the network's stages."""
        return range(1, self.network.count + 1)

    def result(self, index: int | None = None) -> Prediction:
        """Return the keypoints and heatmaps of one hand.

        Args:
            index: Index of the hand; None for the active one.

        Raises:
            IndexError: The image has no such hand.
            OpenPoseKerasError: The box lies outside the image, or the network fails.
        """
        state = self.state
        hand = self.hands[state.hand if index is None else index]
        return correct(self._predicted(hand), hand.moved, state.threshold)

    def _predicted(self, hand: HandAnnotation) -> Prediction:
        """Return the prediction for a hand with the selected recipe and options."""
        state, recipe = self.state, self.recipes[self.state.recipe]
        scales = state.scales or recipe.scales
        return self._predict(
            state.image,
            hand.region,
            replace(recipe, scales=scales if state.scale is None else (state.scale,)),
            state.peak or recipe.peak,
            state.stage or self.network.count,
        )

    def compared(self) -> "Session | None":
        """Return the same hands as predicted by the other recipe or stage, without corrections.

        Returns:
            A read-only session; None if there is no comparison or no hand.
        """
        state, against = self.state, self.state.against
        if against is None or not self.hands:
            return None
        chosen: dict[str, Any] = {"recipe" if isinstance(against, str) else "stage": against}
        other = copy.copy(self)
        other.state = replace(state, against=None, **chosen)
        other.annotations = {state.image: tuple(replace(each, moved={}) for each in self.hands)}
        return other

    def results(self) -> list[Prediction]:
        """Return the keypoints and heatmaps of each hand in the image."""
        return [self.result(index) for index in range(len(self.hands))]

    # Methods that change it.

    def change(self, **changes: Any) -> None:  # noqa: ANN401 - of each field its own type
        """Change fields of `State`, given by name.

        Raises:
            ValueError: There is no such image, hand, stage, recipe, scale, peak or channel, a
                number is out of range, or the comparison is not with a recipe or stage.
            ImageError: The image cannot be read.
        """
        if changes.get("image", self.state.image) != self.state.image:
            changes = {"hand": 0, **changes}
        if changes.get("close", self.state.close) != self.state.close:
            changes = {"zoom": None, **changes}
        if {"recipe", "scales"} & set(changes):
            changes = {"scale": None, **changes}
        state = replace(self.state, **changes)
        _require("image", state.image, range(len(self.images)))
        self._check_network(state)
        self._find_hands(state.image)
        _require("hand", state.hand, range(max(len(self.annotations[state.image]), 1)))
        skeleton = self._skeleton_of(state)
        if skeleton != self.skeleton:
            state = replace(state, **({"channel": None, "preview": None} | changes))
        _require("channel", state.channel, range(len(skeleton) + 1))
        _require("preview", state.preview, range(len(skeleton) + 1))
        if not 0 <= state.opacity <= 1:
            raise ValueError(f"expected an opacity from 0 to 1, got {state.opacity!r}")
        if state.zoom is not None:
            state = replace(state, zoom=check_box(state.zoom))
        self.state = state

    def _check_network(self, state: State) -> None:
        """Raise an error unless the network and its maps allow the selections of a state."""
        _require("recipe", state.recipe, self.recipes)
        _require("stage", state.stage, self.stages)
        _require("recipe or stage", state.against, (*self.recipes, *self.stages))
        _require("scale", state.scale, state.scales or self.recipes[state.recipe].scales)
        _require("peak", state.peak, PEAKS)

    def move_keypoint(self, index: int, point: Point | None) -> None:
        """Move a keypoint of the active hand.

        Args:
            index: Index of the keypoint.
            point: (x, y) in pixels of the image, or None if the keypoint is not visible.
        """
        _require("keypoint", index, range(len(self.skeleton)))
        hand = self._active_hand()
        self._replace_hand(replace(hand, moved={**hand.moved, index: point}))

    def reset_keypoints(self) -> None:
        """Discard the corrections of the active hand."""
        self._replace_hand(replace(self._active_hand(), moved={}))

    def move_box(self, box: BoxLike) -> None:
        """Move the box of the active hand; its corrections are kept."""
        hand = self._active_hand()
        self._replace_hand(replace(hand, region=Region(check_box(box), hand.region.side)))

    def set_side(self, side: Side | None) -> None:
        """Set the side of the active hand; None leaves it to the network."""
        hand = self._active_hand()
        self._replace_hand(replace(hand, region=replace(hand.region, side=side)))

    def add_hand(self, box: BoxLike) -> None:
        """Add a hand and make it the active one."""
        added = HandAnnotation(Region(check_box(box)))
        self._set_hands((*self.hands, added), active=len(self.hands))

    def remove_hand(self) -> None:
        """Remove the active hand."""
        removed = self._active_hand()
        rest = tuple(each for each in self.hands if each is not removed)
        self._set_hands(rest, active=max(min(self.state.hand, len(rest) - 1), 0))

    def undo(self) -> None:
        """Undo the last of these changes, if there is one."""
        self._travel(self._past, self._future)

    def redo(self) -> None:
        """Repeat the last undone change, unless there was another change since."""
        self._travel(self._future, self._past)

    def _travel(self, source: list[Moment], target: list[Moment]) -> None:
        """Restore the last moment of one list, if any, and add the current one to the other."""
        if source:
            target.append((self.annotations, self.state))
            annotations, state = source.pop()
            self._go(annotations, replace(self.state, image=state.image, hand=state.hand))

    def _go(self, annotations: dict[int, Hands], state: State) -> None:
        """Set the annotations and the state, and reset the heatmap if the skeleton changes."""
        before = self.skeleton
        self.annotations, self.state = annotations, state
        if self.skeleton != before:
            self.state = replace(state, channel=None, preview=None)

    def _active_hand(self) -> HandAnnotation:
        """Return the active hand, or raise an error if there is no hand."""
        if not self.hands:
            raise ValueError("there is no hand: draw a box first")
        return self.hands[self.state.hand]

    def _replace_hand(self, hand: HandAnnotation) -> None:
        """Replace the active hand."""
        replaced = self._active_hand()
        hands = tuple(hand if each is replaced else each for each in self.hands)
        self._set_hands(hands, active=self.state.hand)

    def _set_hands(self, hands: Hands, *, active: int) -> None:
        """Replace the image's hands if all can be predicted, and keep the old ones for undo."""
        before = self.annotations, self.state
        annotations = {**self.annotations, self.state.image: hands}
        self._go(annotations, replace(self.state, hand=active))
        try:
            self.results()
        except Exception:
            self.annotations, self.state = before
            raise
        self._past.append(before)
        self._future.clear()

    def _find_hands(self, index: int) -> None:
        """Read an image and search it for hands the first time."""
        self.read(index)
        if index not in self.annotations:
            self.annotations[index] = self._found[index] = self._search(index)

    def _search(self, index: int) -> Hands:
        """Search an image for hands."""
        return tuple(map(HandAnnotation, self.network.search(self.read(index))))


class PeopleSession(Session):
    """Images and the parts of the people in them, as found by an estimator.

    Each part takes the role of a hand in a `Session`: its keypoints can be moved and its heatmaps
    can be viewed. Recipes, stages, scales and boxes cannot be selected.

    Args:
        image_or_paths: As in `explore`.
        estimator: The estimator that finds the people.

    Raises:
        ImageError: There is no image, or the first one cannot be read.
    """

    finds: ClassVar[str] = "people"

    @property
    def counted(self) -> str:
        """The number of people in the image."""
        return f"{self.finds}: {len({each.person for each in self.hands})}"

    def __init__(
        self, image_or_paths: Source | Iterable[Source], estimator: WholeBodyEstimator
    ) -> None:
        """Show the first image."""
        self._people = lru_cache(IMAGES)(lambda index: predict_people(estimator, self.read(index)))
        self._begin(image_or_paths, State(threshold=BODY_STYLE.threshold))
        self._find_hands(0)

    def people(self) -> list[Person]:
        """Return the people in the image, with corrected keypoints and without removed parts."""
        people: defaultdict[int, dict[str, Any]] = defaultdict(dict)
        for each, result in zip(self.hands, self.results(), strict=True):
            people[each.person][each.part] = result.keypoints
        return [Person(**people[number]) for number in sorted(people)]

    def _predicted(self, hand: HandAnnotation) -> Prediction:
        """Return the prediction for a part."""
        found = self._people(self.state.image).get((hand.person, hand.part))
        if found is None:
            raise ValueError("expected a part that was found in the image: none can be added")
        return found

    def _check_network(self, state: State) -> None:
        """Raise an error if an option is selected that people do not have."""
        names = ("recipe", "stage", "against", "scales", "scale", "peak")
        if chosen := [name for name in names if getattr(state, name) != getattr(State(), name)]:
            raise ValueError(
                f"people are shown as their estimator finds them, got another {chosen[0]}: change "
                "the estimator"
            )

    def _search(self, index: int) -> Hands:
        """Estimate the people in an image."""
        return tuple(
            HandAnnotation(
                Region(keypoints_box(found.keypoints.xy)), {}, *key, found.keypoints.skeleton
            )
            for key, found in self._people(index).items()
        )


def _require(kind: str, chosen: object, known: Collection[object]) -> None:
    """Raise an error unless the selected value is None or one of the known ones."""
    if chosen is not None and chosen not in known:
        options = ", ".join(map(str, known))
        raise ValueError(f"there is no {kind} {chosen!r}: use one of {options}")


def _recipes(own: AnyRecipe) -> dict[str, AnyRecipe]:
    """Return the recipes by name, with the estimator's own recipe first."""
    name = own.name if RECIPES.get(own.name, own) == own else f"{own.name} (yours)"
    return {name: own, **{key: recipe for key, recipe in RECIPES.items() if key != name}}
