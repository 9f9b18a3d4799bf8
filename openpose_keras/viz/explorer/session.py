"""The explorer without its widgets: what was chosen, and what follows from it.

A `Session` holds the images, the hands in them and a `State`. `change`, `move_keypoint` and the
like change it; `result` and `results` return what follows, and `render.render` draws it.
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
    """One hand: where to search its keypoints, and which of them a person corrected.

    Or another part of a person, which was found there.

    Args:
        region: Its box and its side, which is None to leave it to the network.
        moved: Positions (x, y) in the image by the keypoint's index; None for a keypoint that is
            not visible. They stay when the box or anything else changes.
        person: Index of the person whose part it is, among people.
        part: "hand", or of people the name in `Person.parts`.
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
    """What is shown, and how.

    Args:
        image: Index of the image.
        hand: Index of the hand in it, or of the part of a person.
        channel: Index of the heatmap that is shown, the last one is the background; None for all
            keypoints.
        stage: Of the network, from 1; None for the last.
        scales: Factors of the recipe; None for its own.
        scale: The one factor whose maps are shown; None for the merged maps.
        recipe: Name of the recipe.
        against: What the recipe is compared with: the name of another one, or another stage of the
            network; None for nothing.
        peak: How peaks are found; None for the recipe's own method.
        threshold: A keypoint is missing unless its score is above it.
        opacity: Of the heatmap, from 0 to 1.
        close: Whether the surroundings of the hand are shown and not the whole image.
        zoom: (x, y, width, height) of the part of these that is looked at; None for all.
        preview: Index of a heatmap that is shown for a moment instead; None for `channel`.
        skeletons: Whether they are drawn.
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
    """Images, the hands in them, and how they are shown.

    Args:
        image_or_paths: As in `explore`.
        estimator: Finds the hands; its recipe is the first one.
        boxes: Of the hands of the first image; by default the estimator searches for them.

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
        """Collect the images, of which nothing is known yet."""
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
        """(H, W, 3) uint8 RGB, the image that is shown."""
        return self.read(self.state.image)

    @property
    def hands(self) -> Hands:
        """The hands of the image."""
        return self.annotations[self.state.image]

    @property
    def counted(self) -> str:
        """How many hands, or people, there are in the image."""
        return f"{self.finds}: {len(self.hands)}"

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of the active hand or part."""
        return self._skeleton_of(self.state)

    def _skeleton_of(self, state: State) -> Skeleton:
        """Return the skeleton of the hand or part that is active in a state."""
        hands = self.annotations[state.image]
        return hands[state.hand].skeleton if hands else HAND

    @property
    def corrected(self) -> set[int]:
        """Indices of the images whose hands a person changed."""
        pairs = self.annotations.items()
        return {index for index, hands in pairs if hands is not self._found[index]}

    @property
    def scales(self) -> tuple[float, ...]:
        """The factors of the recipe, as chosen."""
        return self.state.scales or self.recipes[self.state.recipe].scales

    @property
    def stages(self) -> range:
        """The numbers of the network's stages."""
        return range(1, self.network.count + 1)

    def result(self, index: int | None = None) -> Prediction:
        """Return the keypoints and heatmaps of one hand.

        Args:
            index: Of the hand; None for the active one.

        Raises:
            IndexError: The image has no such hand.
            OpenPoseKerasError: The box lies outside the image, or the network fails.
        """
        state = self.state
        hand = self.hands[state.hand if index is None else index]
        return correct(self._predicted(hand), hand.moved, state.threshold)

    def _predicted(self, hand: HandAnnotation) -> Prediction:
        """Return what the recipe predicts for a hand, with all that is chosen."""
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
        """Return the same hands as the other recipe or stage finds them, without corrections.

        Returns:
            A session to look at, not to change; None where nothing is compared, or there is no
            hand.
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
        """Return the keypoints and heatmaps of every hand of the image."""
        return [self.result(index) for index in range(len(self.hands))]

    # What changes it.

    def change(self, **changes: Any) -> None:  # noqa: ANN401 - of each field its own type
        """Choose: any field of `State`, by name.

        Raises:
            ValueError: There is no such image, hand, stage, recipe, scale, peak or channel, or a
                number is out of range. What is compared is one of the recipes or stages.
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
        """Raise unless the network and its maps can be used as a state says."""
        _require("recipe", state.recipe, self.recipes)
        _require("stage", state.stage, self.stages)
        _require("recipe or stage", state.against, (*self.recipes, *self.stages))
        _require("scale", state.scale, state.scales or self.recipes[state.recipe].scales)
        _require("peak", state.peak, PEAKS)

    def move_keypoint(self, index: int, point: Point | None) -> None:
        """Move a keypoint of the active hand.

        Args:
            index: Of the keypoint.
            point: (x, y) in pixels of the image, or None: it is not visible.
        """
        _require("keypoint", index, range(len(self.skeleton)))
        hand = self._active_hand()
        self._replace_hand(replace(hand, moved={**hand.moved, index: point}))

    def reset_keypoints(self) -> None:
        """Forget the corrections of the active hand."""
        self._replace_hand(replace(self._active_hand(), moved={}))

    def move_box(self, box: BoxLike) -> None:
        """Move the box of the active hand; its corrections stay."""
        hand = self._active_hand()
        self._replace_hand(replace(hand, region=Region(check_box(box), hand.region.side)))

    def set_side(self, side: Side | None) -> None:
        """Set the side of the active hand, or leave it to the network."""
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
        """Undo the last of these changes, where there is one."""
        self._travel(self._past, self._future)

    def redo(self) -> None:
        """Make the last change that was undone again, unless there was another one since."""
        self._travel(self._future, self._past)

    def _travel(self, source: list[Moment], target: list[Moment]) -> None:
        """Go to the last moment of one list, where there is one, and add this one to the other."""
        if source:
            target.append((self.annotations, self.state))
            annotations, state = source.pop()
            self._go(annotations, replace(self.state, image=state.image, hand=state.hand))

    def _go(self, annotations: dict[int, Hands], state: State) -> None:
        """Take a state over, without the heatmap of another skeleton."""
        before = self.skeleton
        self.annotations, self.state = annotations, state
        if self.skeleton != before:
            self.state = replace(state, channel=None, preview=None)

    def _active_hand(self) -> HandAnnotation:
        """Return the active hand, or raise where there is none."""
        if not self.hands:
            raise ValueError("there is no hand: draw a box first")
        return self.hands[self.state.hand]

    def _replace_hand(self, hand: HandAnnotation) -> None:
        """Replace the active hand."""
        replaced = self._active_hand()
        hands = tuple(hand if each is replaced else each for each in self.hands)
        self._set_hands(hands, active=self.state.hand)

    def _set_hands(self, hands: Hands, *, active: int) -> None:
        """Replace the image's hands if all can be predicted, and remember the former ones."""
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
        """Read an image and, once, search it for hands."""
        self.read(index)
        if index not in self.annotations:
            self.annotations[index] = self._found[index] = self._search(index)

    def _search(self, index: int) -> Hands:
        """Search an image for hands."""
        return tuple(map(HandAnnotation, self.network.search(self.read(index))))


class PeopleSession(Session):
    """Images and the people in them, part by part, as an estimator finds them.

    Each part stands where a hand does in a `Session`: its keypoints can be moved and its heatmaps
    looked at. Recipes, stages, scales and boxes cannot be chosen.

    Args:
        image_or_paths: As in `explore`.
        estimator: Finds the people.

    Raises:
        ImageError: There is no image, or the first one cannot be read.
    """

    finds: ClassVar[str] = "people"

    @property
    def counted(self) -> str:
        """How many people there are in the image."""
        return f"{self.finds}: {len({each.person for each in self.hands})}"

    def __init__(
        self, image_or_paths: Source | Iterable[Source], estimator: WholeBodyEstimator
    ) -> None:
        """Show the first image."""
        self._people = lru_cache(IMAGES)(lambda index: predict_people(estimator, self.read(index)))
        self._begin(image_or_paths, State(threshold=BODY_STYLE.threshold))
        self._find_hands(0)

    def people(self) -> list[Person]:
        """Return the people of the image, with what was corrected and without what was removed."""
        people: defaultdict[int, dict[str, Any]] = defaultdict(dict)
        for each, result in zip(self.hands, self.results(), strict=True):
            people[each.person][each.part] = result.keypoints
        return [Person(**people[number]) for number in sorted(people)]

    def _predicted(self, hand: HandAnnotation) -> Prediction:
        """Return what was found of a part."""
        found = self._people(self.state.image).get((hand.person, hand.part))
        if found is None:
            raise ValueError("expected a part that was found in the image: none can be added")
        return found

    def _check_network(self, state: State) -> None:
        """Raise if something is chosen that people have not."""
        names = ("recipe", "stage", "against", "scales", "scale", "peak")
        if chosen := [name for name in names if getattr(state, name) != getattr(State(), name)]:
            raise ValueError(
                f"people are shown as their estimator finds them, got another {chosen[0]}: change "
                "the estimator"
            )

    def _search(self, index: int) -> Hands:
        """Estimate the people of an image."""
        return tuple(
            HandAnnotation(
                Region(keypoints_box(found.keypoints.xy)), {}, *key, found.keypoints.skeleton
            )
            for key, found in self._people(index).items()
        )


def _require(kind: str, chosen: object, known: Collection[object]) -> None:
    """Raise unless what was chosen is there, or nothing was."""
    if chosen is not None and chosen not in known:
        options = ", ".join(map(str, known))
        raise ValueError(f"there is no {kind} {chosen!r}: use one of {options}")


def _recipes(own: AnyRecipe) -> dict[str, AnyRecipe]:
    """Return the recipes by name, the estimator's own first."""
    name = own.name if RECIPES.get(own.name, own) == own else f"{own.name} (yours)"
    return {name: own, **{key: recipe for key, recipe in RECIPES.items() if key != name}}
