"""The data of hand_lite: sources of samples, also of negative ones, and sets for validation.

The most useful negative samples show objects that look like a hand but are not. They are found by
MediaPipe's palm detector in the photos and backgrounds.
"""

import functools
import hashlib
import json
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import box_from_points, box_iou, square_box
from openpose_keras.core.errors import TrainingError
from openpose_keras.core.files import write_json
from openpose_keras.core.progress import show_progress
from openpose_keras.core.skeletons import HAND
from openpose_keras.estimators.palms import PalmSearch
from openpose_keras.io.sample_hands import ShippedHands
from openpose_keras.training.backgrounds import HELD_OUT_STEP, load_backgrounds
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.hands import photo_sets, photos, render_cache
from openpose_keras.training.hands.compose import Composer, Sample, Source, Surroundings
from openpose_keras.training.hands.photo_sets import TrainingPhoto
from openpose_keras.training.hands.render_cache import DrawnHand

_VALIDATION_SEED = 1000  # added to the run's seed: training and validation have no hand in common
_CUT_OUT_FRACTION = 0.2  # of the photos, where there are photo sets
_MISLEADING_FRACTION = 0.7  # of the surroundings, at most: what looks like a hand and is not one
_MISLEADING_WEIGHT = 10  # of a photo with such a thing, against one without
SAMPLES_A_HAND = 8  # of validation: a labelled hand turned and lit in other ways
_SEARCH = PalmSearch(threshold=0.1)  # less sure than a search for hands is
_HAND = 1 / 1.6  # of a region's side that a hand takes


@dataclass(frozen=True, eq=False)
class DataSources:
    """The data from which samples are composed.

    Args:
        hands: Rendered hands from `render_cache.rendered_hands`, or None.
        backgrounds: Images without hands. Without any, all backgrounds are procedural.
        photos: Labelled photos of one hand each, which are cut out of their background if it is
            plain. May be empty.
        sets: Photos of people and rooms with labelled hands. May be empty.
        misleading: The backgrounds as photos in which objects that look like hands are marked. May
            be empty.
    """

    hands: Sequence[DrawnHand] | None
    backgrounds: list[np.ndarray]
    photos: list[photos.LabelledPhoto]
    sets: list[TrainingPhoto]
    misleading: list[TrainingPhoto] = field(default_factory=list)


def load_data_sources(config: TrainConfig) -> tuple[DataSources, DataSources]:
    """Render missing hands, load all other data, and split it.

    Args:
        config: The configuration, with the folders of the data and the numbers of hands to render.

    Returns:
        The sources for training and for validation, which have no hands, backgrounds or people in
        common (or no images, if the photos are your own).

    Raises:
        FileNotFoundError: An input is missing.
        DataError: The label file is not valid, or an image of it is missing.
        TrainingError: There is too little data to hold out a part, or the configuration lacks a
            folder that the run needs.
    """
    hands = [
        _load_hands(config, "hands", config.hands, config.seed),
        _load_hands(config, "validation", config.validation_hands, config.seed + _VALIDATION_SEED),
    ]
    pairs = zip(
        hands, _load_backgrounds(config), _load_photos(config), _load_sets(config), strict=True
    )
    shown, held_out = (_with_misleading(DataSources(*each), config) for each in pairs)
    return shown, held_out


def describe(shown: DataSources, held_out: DataSources) -> str:
    """Return a line with the numbers of labelled and rendered hands for training and held out."""
    counts = [
        (len(each.photos) + sum(len(photo.hands) for photo in each.sets), len(each.hands or ()))
        for each in (shown, held_out)
    ]
    words = [f"{labelled} labelled in photos, {rendered} rendered" for labelled, rendered in counts]
    return f"hands trained on: {words[0]}; held out: {words[1]}"


def _with_misleading(sources: DataSources, config: TrainConfig) -> DataSources:
    """Mark objects that look like hands in the photos of sets and in the backgrounds."""
    cache = Path(config.out) / "misleading.json"
    backgrounds = [
        photo_without_hands(image, f"background {index}")
        for index, image in enumerate(sources.backgrounds)
    ]
    return replace(
        sources,
        sets=mark_misleading(sources.sets, cache),
        misleading=mark_misleading(backgrounds, cache),
    )


def _load_backgrounds(config: TrainConfig) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Load the background images; every eighth one is held out for validation."""
    if config.backgrounds is None:
        return [], []
    images = load_backgrounds(config.backgrounds)
    if len(images) < 2:
        raise TrainingError(
            f"expected at least two images in {config.backgrounds}, one of them to hold out, "
            f"got {len(images)}: add some"
        )
    shown = [image for index, image in enumerate(images) if index % HELD_OUT_STEP]
    return shown, images[::HELD_OUT_STEP]


def _load_photos(
    config: TrainConfig,
) -> tuple[list[photos.LabelledPhoto], list[photos.LabelledPhoto]]:
    """Load and split the labelled photos: your own, or otherwise those of the assets."""
    if not config.photo_fraction:
        return [], []
    if config.labels:
        return photos.split_by_person(photos.load_labelled_photos(config.labels))
    if config.assets is None:
        raise TrainingError(
            "expected labelled photos, as photo_fraction is above 0, got none: set labels, or "
            "assets with hand_photos/, or set photo_fraction to 0"
        )
    return photos.split_by_person(photos.load_photos(Path(config.assets) / "hand_photos"))


def _load_sets(config: TrainConfig) -> tuple[list[TrainingPhoto], list[TrainingPhoto]]:
    """Load and split the photo sets of the assets, if they are used and present."""
    if not config.photo_fraction or config.labels or config.assets is None:
        return [], []
    folder = Path(config.assets) / "hand_photos_2"
    if not folder.exists():
        return [], []
    return photo_sets.split(photo_sets.load_photo_sets(folder))


def _load_hands(
    config: TrainConfig, name: str, count: int, seed: int
) -> Sequence[DrawnHand] | None:
    """Open the run's cache with a name and a seed, if the run uses rendered hands."""
    folder = Path(config.out) / f"{name}-{seed}"
    if not config.hands:
        return None
    return render_cache.rendered_hands(
        folder, count=count, seed=seed, assets=config.assets, processes=max(config.processes, 1)
    )


def make_composer(
    sources: DataSources, *, photo_fraction: float, size: int, processes: int = 0
) -> Composer:
    """Create a composer that draws from data sources.

    Args:
        sources: The sources for training or for validation.
        photo_fraction: Fraction of the hands that come from photos, if there are both.
        size: Side of a sample in pixels.
        processes: Number of processes that cut hands out of photos in advance; 0 cuts out each hand
            when it is first drawn.

    Raises:
        TrainingError: There are neither hands nor photos.
    """
    weighted: list[tuple[Source, float]] = []
    if sources.hands is not None:
        weighted.append((rendered_source(sources.hands), 1 - photo_fraction))
    alone = 1.0 if not sources.sets else _CUT_OUT_FRACTION
    if sources.photos:
        weighted.append((photo_source(sources.photos, processes), alone * photo_fraction))
    if sources.sets:
        share = 1 - alone if sources.photos else 1.0
        weighted.append((set_source(sources.sets), share * photo_fraction))
    if not weighted:
        raise TrainingError(
            "expected rendered hands or labelled photos, got neither: set hands above 0, or labels"
        )
    if sum(weight for _, weight in weighted) == 0:
        weighted = [(source, 1.0) for source, _ in weighted]
    known = sources.sets + sources.misleading
    around = photo_surroundings(known) if known else None
    return Composer(weighted, sources.backgrounds, size=size, surroundings=around)


def drawn_hands(shipped: ShippedHands) -> list[DrawnHand]:
    """Convert the hands of an included sheet for the composition of samples, without depth."""
    flat = np.full((len(HAND), 1), np.nan, np.float32)
    return [
        DrawnHand(rgba, np.hstack([xy, flat]), float(not left))
        for rgba, xy, left in zip(shipped.rgba, shipped.xy, shipped.left, strict=True)
    ]


def rendered_source(hands: Sequence[DrawnHand]) -> Source:
    """Return a source of rendered hands with equal probabilities."""
    return lambda rng: hands[int(rng.integers(len(hands)))]


def photo_source(labelled: list[photos.LabelledPhoto], processes: int = 0) -> Source:
    """Return a source of photos with equal probabilities; 70 % are cut out, if that is possible.

    Args:
        labelled: The labelled photos.
        processes: As for `make_composer`.
    """
    cut_out: Callable[[photos.LabelledPhoto], DrawnHand | None] = functools.cache(photos.cut_out)
    if processes:
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            cut_out = dict(zip(labelled, pool.map(photos.cut_out, labelled), strict=True)).get

    def draw(rng: np.random.Generator) -> DrawnHand:
        """Draw a hand, with or without its background."""
        photo = labelled[int(rng.integers(len(labelled)))]
        cut = cut_out(photo)
        return photos.opaque(photo) if cut is None or rng.random() < 0.3 else cut

    return draw


def set_source(sets: list[TrainingPhoto]) -> Source:
    """Return a source of hands of photo sets with their surroundings, with equal probabilities."""
    hands = [
        photos.crop_hand(image, hand.xy, hand.right, photo.file)
        for photo in sets
        if photo.hands
        for image in [photo.image()]
        for hand in photo.hands
    ]
    return lambda rng: photos.opaque(hands[int(rng.integers(len(hands)))])


def photo_surroundings(sets: list[TrainingPhoto]) -> Surroundings:
    """Return a function that draws parts of photos without a hand: faces, clothes, furniture.

    Args:
        sets: Photos whose hands are known. Objects that a network mistook for a hand are drawn more
            often.
    """
    images = [photo.image() for photo in sets]
    hands = [
        [box_from_points(hand.xy, 1.2) for hand in photo.hands] + [*map(tuple, photo.doubtful)]
        for photo in sets
    ]
    misleading = [index for index, photo in enumerate(sets) if len(photo.not_hands)]
    often = min(_MISLEADING_WEIGHT * len(misleading) / len(sets), _MISLEADING_FRACTION)

    def draw(rng: np.random.Generator, size: int) -> np.ndarray:
        """Draw a square without a hand, (size, size, 3) uint8 RGB."""
        while True:
            if rng.random() < often:
                index = misleading[int(rng.integers(len(misleading)))]
                boxes = sets[index].not_hands
                x, y, side = _near(rng, boxes[int(rng.integers(len(boxes)))])
            else:
                index = int(rng.integers(len(sets)))
                x, y, side = _anywhere(rng, *images[index].shape[:2])
            angle = rng.uniform(-180, 180) if rng.random() < 0.5 else rng.normal(0, 8)
            reach = np.abs([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))]).sum()
            shown = square_box((x, y, side, side), reach)  # around the rotated square
            if all(box_iou(shown, box) == 0 for box in hands[index]):
                part = _square(images[index], (x, y, side), angle, size)
                return part[:, :: rng.choice((-1, 1))]

    return draw


def _near(rng: np.random.Generator, box: np.ndarray) -> tuple[float, float, float]:
    """Draw a square around a box: x and y of its corner, and its side."""
    longer = float(max(box[2:]))
    side = longer * rng.uniform(1.0, 2.4)
    x, y = box[:2] + box[2:] / 2 + rng.normal(0, 0.08 * longer, 2) - side / 2
    return float(x), float(y), side


def _anywhere(rng: np.random.Generator, height: int, width: int) -> tuple[float, float, float]:
    """Draw a square of any size that lies mostly inside an image, in the form of `_near`."""
    side = float(np.exp(rng.uniform(np.log(0.12), 0))) * min(height, width)
    x, y = rng.uniform(-0.2 * side, np.array([width, height]) - 0.8 * side)
    return float(x), float(y), side


def _square(
    image: np.ndarray, square: tuple[float, float, float], angle: float, size: int
) -> np.ndarray:
    """Crop a rotated square from an image, with black outside the image."""
    x, y, side = square
    if side > 1.5 * size:  # shrink with areas first: a warp alone would skip pixels
        factor = size / side
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        x, y, side = x * factor, y * factor, side * factor
    middle = (x + side / 2, y + side / 2)
    matrix = cv2.getRotationMatrix2D(middle, angle, size / side)
    matrix[:, 2] = matrix[:, 2] + size / 2 - np.array(middle)
    return np.asarray(cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR))


def validation_sets(sources: DataSources, config: TrainConfig) -> dict[str, list[Sample]]:
    """Compose validation samples: centered ones of held-out hands, and samples without a hand.

    Args:
        sources: The sources for validation.
        config: The configuration, with the size, number and seed of the samples.

    Returns:
        "rendered" and "photos", if there are any, with one hand per sample, and "negative". Without
        rendered hands there are at most `SAMPLES_A_HAND` samples of each labelled hand, since more
        would give no more information.
    """
    count = config.validation_samples
    if sources.hands is None:
        labelled = len(sources.photos) + sum(len(photo.hands) for photo in sources.sets)
        count = min(count, SAMPLES_A_HAND * labelled)
    kinds = {
        "rendered": replace(sources, photos=[], sets=[]) if sources.hands is not None else None,
        "photos": replace(sources, hands=None) if sources.photos or sources.sets else None,
        "negative": sources,
    }
    found = {}
    for name, some in kinds.items():
        if some:
            composer = make_composer(some, photo_fraction=1.0, size=config.size)
            rng = np.random.default_rng((config.seed, _VALIDATION_SEED))
            kind = "negative" if name == "negative" else "centered"
            found[name] = [composer(rng, kind=kind) for _ in range(count)]
    return found


def photo_without_hands(image: np.ndarray, name: str) -> TrainingPhoto:
    """Convert an image (h, w, 3) uint8 RGB without hands to a photo of a set."""
    none = np.zeros((0, 4), np.float32)
    data = cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    return TrainingPhoto(name, name, data, (), none, none)


def mark_misleading(photos: Sequence[TrainingPhoto], cache: Path) -> list[TrainingPhoto]:
    """Add false detections of MediaPipe's palm detector to the `not_hands` of photos.

    Args:
        photos: Photos whose hands are known.
        cache: JSON file of earlier detections. Photos that it lacks are searched and added to it.

    Returns:
        The same photos. Detections where there is or may be a hand are not marked.
    """
    known = json.loads(cache.read_text(encoding="utf8")) if cache.exists() else {}
    keys = [hashlib.sha256(photo.data).hexdigest() for photo in photos]
    missing = {key: photo for key, photo in zip(keys, photos, strict=True) if key not in known}
    searched = show_progress(
        missing.items(), unit="photo", desc="what looks like a hand", shown=bool(missing)
    )
    for key, photo in searched:
        boxes = [square_box(region.box, _HAND) for region in _SEARCH(photo.image())]
        known[key] = np.round(boxes, 1).tolist()
    if missing:
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_json(cache, known, force=True)
    return [_with_boxes(photo, known[key]) for key, photo in zip(keys, photos, strict=True)]


def _with_boxes(photo: TrainingPhoto, found: list[list[float]]) -> TrainingPhoto:
    """Add those boxes to a photo's `not_hands` that do not touch its hands."""
    hands = [box_from_points(hand.xy, 1.2) for hand in photo.hands] + [*map(tuple, photo.doubtful)]
    clear = [box for box in found if all(box_iou(box, hand) == 0 for hand in hands)]
    boxes = np.reshape(np.array(clear, np.float32), (-1, 4))
    return photo._replace(not_hands=np.concatenate([photo.not_hands, boxes]))
