"""Write labelled sets for evaluation: rendered hands, scenes of hands, held-out photos.

A set is a folder of images and an `annotations.json` in COCO's format, with 21 keypoints per hand,
which `openpose-keras evaluate` reads. The same seed gives the same set. The images are not
augmented: the effects of blur, noise and bad light are not part of these sets.
"""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openpose_keras.core.boxes import Box, box_from_points, box_iou, check_box
from openpose_keras.core.errors import TrainingError
from openpose_keras.core.keypoints import Hand, Side, label_scores
from openpose_keras.core.progress import show_progress
from openpose_keras.core.skeletons import HAND
from openpose_keras.io.coco import LabelledHand, write_labels
from openpose_keras.io.images import decode_image, write_image
from openpose_keras.training.backgrounds import HELD_OUT_STEP, load_backgrounds, sample_background
from openpose_keras.training.hands import photo_sets, photos
from openpose_keras.training.hands.compose import Placement, paste
from openpose_keras.training.hands.render_cache import LAYER_FRACTION
from openpose_keras.training.label_sets import new_label_file
from openpose_keras.training.synthesis.assets import load_assets
from openpose_keras.training.synthesis.render import HandLayer, render_hand

_WANTED: dict[str, dict[str, Any]] = {
    "bare": {"kind": "bare", "touching": "nothing"},
    "gloves": {"kind": "glove", "touching": "nothing"},
    "holding": {"kind": "bare", "touching": "object"},
    "contact": {"kind": "bare", "touching": "hand"},
    "scenes": {},
}
KINDS = (*_WANTED, "photos", "hand_photos", "marked_photos", "no_hands")
HAND_IMAGE_SIDE = 320
SCENE_SIDE = 640
_LARGEST_LAYER = 512
_FRACTIONS = {"contact": 0.3}  # of the layer that the hand takes: there is room for the second one
_PREVIEWS = 40
_GREY = 128
_SIDES: dict[float, Side] = {1.0: "right", 0.0: "left"}

_Sample = tuple[np.ndarray, list[LabelledHand], list[Box]]  # an image, its hands and its crowds


def write_dataset(
    kind: str,
    out: str | Path,
    *,
    assets: str | Path,
    backgrounds: str | Path | None = None,
    count: int = 500,
    seed: int = 0,
) -> Path:
    """Write a labelled set.

    Args:
        kind: "bare", "gloves", "holding" (bare, with an object) or "contact" (bare, touched by a
            second hand, which is also labelled if it lies in the image): one rendered hand per
            image, in any orientation, 320x320. "scenes": one to three hands, each 1/8 to 1/2 of the
            image, 640x640. "photos": the photos of the people held out from training, 100x100,
            labelled by a network. "hand_photos": whole photos of `photo_sets` held out from
            training, drawn at random, in which hands without a trusted label are COCO's crowds.
            "marked_photos": 60 of these photos, in which the box of every hand was marked manually.
            "no_hands": the backgrounds held out from training.
        out: Folder to write to. It must not contain a set yet.
        assets: Folder with `rigged_hand/`, `hand_photos/` or `hand_photos_2/`.
        backgrounds: Folder of images without hands, for the background of rendered hands or for
            "no_hands"; None for procedural backgrounds.
        count: The maximum number of images.
        seed: Seed of hands and backgrounds.

    Returns:
        The path of `annotations.json`.

    Raises:
        TrainingError: The kind is unknown, the folder already contains a set, or "no_hands" has no
            backgrounds.
        FileNotFoundError: An input is missing.
    """
    if kind not in KINDS:
        raise TrainingError(f"expected a kind among {', '.join(KINDS)}, got {kind!r}")
    out, labels = Path(out), new_label_file(out)
    if kind == "no_hands" and not backgrounds:
        raise TrainingError("expected a folder of backgrounds for no_hands, got none: name one")
    out.mkdir(parents=True, exist_ok=True)
    images = load_backgrounds(backgrounds) if backgrounds else []
    if kind == "photos":
        samples = _held_out_photos(Path(assets))
    elif kind == "hand_photos":
        samples = _held_out_whole_photos(Path(assets), seed)
    elif kind == "marked_photos":
        samples = _marked_photos(Path(assets))
    elif kind == "no_hands":
        samples = ((image, [], []) for image in images[::HELD_OUT_STEP])
    else:
        samples = _rendered(kind, assets, images, seed)
    hands: dict[str | Path, Sequence[Hand | LabelledHand]] = {}
    crowds: dict[str | Path, Sequence[Box]] = {}
    drawn = itertools.islice(samples, count)
    for number, (image, found, unsure) in enumerate(
        show_progress(drawn, total=count, unit="image")
    ):
        path = out / f"{number:05d}.png"
        write_image(path, image)
        hands[path], crowds[path] = found, unsure
    write_labels(labels, hands, crowds=crowds, description=f"openpose_keras {kind}")
    return labels


def _held_out_photos(assets: Path) -> Iterator[_Sample]:
    """Yield the photos held out from training."""
    _, held_out = photos.split_by_person(photos.load_photos(assets / "hand_photos"))
    for photo in held_out:
        yield photo.image, [LabelledHand.from_keypoints(photo.xy)], []


def _held_out_whole_photos(assets: Path, seed: int) -> Iterator[_Sample]:
    """Yield the whole photos held out from training, in random order."""
    _, held_out = photo_sets.split(photo_sets.load_photo_sets(assets / "hand_photos_2"))
    for index in np.random.default_rng(seed).permutation(len(held_out)):
        photo = held_out[index]
        hands = [
            LabelledHand.from_keypoints(hand.xy, _SIDES.get(hand.right)) for hand in photo.hands
        ]
        yield photo.image(), hands, [check_box(box) for box in photo.doubtful]


def _marked_photos(assets: Path) -> Iterator[_Sample]:
    """Yield the photos whose hands were marked manually."""
    unknown = np.full((len(HAND), 2), np.nan)
    for photo in photo_sets.load_marked_photos(assets / "hand_photos_2"):
        hands = [LabelledHand(unknown, box, _SIDES.get(right)) for box, right in photo.hands]
        yield decode_image(photo.data), hands, list(photo.crowds)


def _rendered(
    kind: str, assets: str | Path, backgrounds: list[np.ndarray], seed: int
) -> Iterator[_Sample]:
    """Render and compose images endlessly."""
    loaded = load_assets(assets)
    sample_placements = sample_scene if kind == "scenes" else _sample_single
    side = SCENE_SIDE if kind == "scenes" else HAND_IMAGE_SIDE
    fraction = _FRACTIONS.get(kind, LAYER_FRACTION)
    for number in itertools.count():
        rng = np.random.default_rng((seed, number))
        canvas = sample_background(rng, backgrounds, side).astype(np.float32)
        hands: list[LabelledHand] = []
        for placement in sample_placements(rng, side):
            size = int(np.clip(placement.size / fraction, 64, _LARGEST_LAYER))
            wanted = _WANTED[kind] or {"touching": "object" if rng.random() < 0.25 else "nothing"}
            layer = render_hand(loaded, rng, size=size, fraction=fraction, **wanted)
            canvas, xy = paste(canvas, layer.rgba, layer.xy, placement)
            hands += _labels(layer, xy, side)
        yield np.clip(np.round(canvas), 0, 255).astype(np.uint8), hands, []


def _labels(layer: HandLayer, xy: np.ndarray, side: int) -> list[LabelledHand]:
    """Label a layer's hand at its keypoints in the image, and its second hand if it is inside."""
    hands = [LabelledHand.from_keypoints(xy, layer.side)]
    if layer.second is not None:
        second, side_of_second = layer.second
        pasted, *_ = np.linalg.lstsq(np.insert(layer.xy, 2, 1.0, axis=1), xy)  # the layer's map
        xy = np.insert(second[:, :2], 2, 1.0, axis=1) @ pasted
        if (np.abs(xy - (side - 1) / 2) < side / 2).all():
            hands.append(LabelledHand.from_keypoints(xy, side_of_second))
    return hands


def _sample_single(rng: np.random.Generator, side: int) -> list[Placement]:
    """Place one hand so that its box, `BOX_MARGIN` times its size, lies almost or wholly inside."""
    size = rng.uniform(0.35, 0.6) * side
    x, y = (side - 1) / 2 + rng.uniform(-0.1, 0.1, 2) * side
    return [Placement((x, y), size, 0.0, False)]


def sample_scene(rng: np.random.Generator, side: int) -> list[Placement]:
    """Place one to three hands that do not overlap.

    Args:
        rng: The random generator.
        side: Side of the image in pixels.
    """
    placements: list[Placement] = []
    boxes: list[Box] = []
    wanted = int(rng.integers(1, 4))
    for _ in range(50):
        size = float(np.exp(rng.uniform(np.log(1 / 8), np.log(1 / 2)))) * side
        x, y = centre = rng.uniform(0.55 * size, side - 0.55 * size, 2)
        box = box_from_points(np.stack([centre - size / 2, centre + size / 2]), 1.1)
        if all(box_iou(box, other) == 0 for other in boxes):
            boxes.append(box)
            placements.append(Placement((x, y), size, 0.0, False))
        if len(placements) == wanted:
            break
    return placements


def preview_hands(
    assets: str | Path, *, seed: int = 0, size: int = 128
) -> list[tuple[np.ndarray, list[Hand]]]:
    """Render forty hands on a grey background.

    Args:
        assets: Folder with `rigged_hand/`.
        seed: Seed of the hands.
        size: Side of an image in pixels.

    Returns:
        For each hand, an image (size, size, 3) uint8 RGB and the hand, whose keypoints have the
        score 1.
    """
    loaded, hands = load_assets(assets), []
    for number in range(_PREVIEWS):
        layer = render_hand(loaded, np.random.default_rng((seed, number)), size=size)
        alpha = layer.rgba[..., 3:] / 255.0
        image = np.round(layer.rgba[..., :3] * alpha + _GREY * (1 - alpha))
        hands.append((image.astype(np.uint8), [Hand(layer.xy, label_scores(layer.xy))]))
    return hands
