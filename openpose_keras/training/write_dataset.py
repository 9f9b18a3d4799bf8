"""Labelled sets on disk, to measure with: rendered hands, scenes of hands, photos held back.

A set is a folder of pictures and an `annotations.json` in COCO's form, with 21 keypoints a hand,
which `openpose-keras evaluate` reads. The same seed gives the same set. Cameras do no damage here:
what blur, noise and bad light cost is another question.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from openpose_keras.core.boxes import box_from_points, box_iou
from openpose_keras.core.errors import TrainingError
from openpose_keras.io.coco import LabelledHand, write_labels
from openpose_keras.io.images import write_image
from openpose_keras.training import backgrounds as grounds
from openpose_keras.training import photos, scenes
from openpose_keras.training.synthesis import render

KINDS = ("bare", "gloves", "scenes", "photos")
HAND_IMAGE_SIDE = 320
SCENE_SIDE = 640
_LAYER_SHARE = 0.45
_LARGEST_LAYER = 512

Labelled = tuple[np.ndarray, list[tuple[np.ndarray, str | None]]]
"""An image (h, w, 3) uint8 RGB, and (keypoints (21, 2), side) of each hand in it."""


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
        kind: "bare" or "gloves": one rendered hand an image, any orientation, 320x320; "scenes":
            one to three, each 1/8 to 1/2 of the image, 640x640; "photos": the photos of the people
            that training holds back, 100x100, labelled by a network.
        out: folder to write into; it must not hold a set yet.
        assets: folder with `rigged_hand/` or `hand_photos/`.
        backgrounds: folder of pictures to stand behind rendered hands; None for made-up grounds.
        count: how many images at the most.
        seed: of hands and grounds.

    Returns:
        The path of `annotations.json`.

    Raises:
        TrainingError: The kind is unknown, or the folder holds a set already.
        FileNotFoundError: An input is missing.
    """
    if kind not in KINDS:
        raise TrainingError(f"expected a kind among {', '.join(KINDS)}, got {kind!r}")
    target = Path(out) / "annotations.json"
    if target.exists():
        raise TrainingError(f"{target} exists already: give another folder")
    Path(out).mkdir(parents=True, exist_ok=True)
    if kind == "photos":
        samples = _held_photos(Path(assets))
    else:
        pictures = grounds.load_backgrounds(backgrounds) if backgrounds else []
        samples = _rendered(kind, assets, pictures, seed)
    hands = _write_images(samples, Path(out), count)
    write_labels(target, hands, description=f"openpose_keras {kind}")
    return target


def _held_photos(assets: Path) -> Iterator[Labelled]:
    """Give the photos that training never shows."""
    _, held = photos.split_by_person(photos.load_photos(assets / "hand_photos"))
    for photo in held:
        yield photo.image, [(photo.xy, None)]


def _rendered(
    kind: str, assets: str | Path, backgrounds: list[np.ndarray], seed: int
) -> Iterator[Labelled]:
    """Render and compose, endlessly."""
    loaded = render.load_assets(assets)
    place = _place_scene if kind == "scenes" else _place_one
    side = SCENE_SIDE if kind == "scenes" else HAND_IMAGE_SIDE
    looks = {"bare": "bare", "gloves": "glove", "scenes": None}[kind]
    number = 0
    while True:
        rng = np.random.default_rng((seed, number))
        canvas = grounds.sample_ground(rng, backgrounds, side).astype(np.float32)
        hands = []
        for placement in place(rng, side):
            layer = _layer(loaded, rng, looks, placement.size)
            canvas, xy = scenes.paste(canvas, layer.rgba, layer.xy, placement)
            hands.append((xy, layer.side))
        yield np.clip(np.round(canvas), 0, 255).astype(np.uint8), hands
        number += 1


def _layer(
    assets: render.Assets, rng: np.random.Generator, kind: str | None, size: float
) -> render.HandLayer:
    """Render a hand about as large as it will be shown."""
    side = int(np.clip(size / _LAYER_SHARE, 64, _LARGEST_LAYER))
    return render.render_hand(assets, rng, size=side, kind=kind, share=_LAYER_SHARE)


def _place_one(rng: np.random.Generator, side: int) -> list[scenes.Placement]:
    """Place one hand so that its box, `BOX_MARGIN` times its size, lies inside or nearly so."""
    size = rng.uniform(0.35, 0.6) * side
    centre = (side - 1) / 2 + rng.uniform(-0.1, 0.1, 2) * side
    return [scenes.Placement(tuple(centre), size, 0.0, False)]


def _place_scene(rng: np.random.Generator, side: int) -> list[scenes.Placement]:
    """Place one to three hands that do not cover each other."""
    placements: list[scenes.Placement] = []
    boxes = []
    wanted = int(rng.integers(1, 4))
    for _ in range(50):
        size = float(np.exp(rng.uniform(np.log(1 / 8), np.log(1 / 2)))) * side
        centre = rng.uniform(0.55 * size, side - 0.55 * size, 2)
        box = box_from_points(np.stack([centre - size / 2, centre + size / 2]), 1.1)
        if all(box_iou(box, other) == 0 for other in boxes):
            boxes.append(box)
            placements.append(scenes.Placement(tuple(centre), size, 0.0, False))
        if len(placements) == wanted:
            break
    return placements


def _write_images(
    samples: Iterator[Labelled], out: Path, count: int
) -> dict[Path, list[LabelledHand]]:
    """Write the pictures, and give the hands in each."""
    hands = {}
    progress = tqdm(samples, total=count, unit="image")
    for number, (image, found) in zip(range(count), progress, strict=False):
        path = out / f"{number:05d}.png"
        write_image(path, image)
        hands[path] = [LabelledHand.from_keypoints(xy, side) for xy, side in found]
    return hands
