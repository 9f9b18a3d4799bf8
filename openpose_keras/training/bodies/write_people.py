"""Rendered people over backgrounds, and sets of them on disk in the format of COCO-WholeBody.

A set is a folder of images and an `annotations.json`: COCO's 17 keypoints of each person,
`foot_kpts`, `lefthand_kpts` and `righthand_kpts`, from which all 25 of BODY_25 follow (the neck and
the middle of the hips lie between the shoulders and the hips); no points of the face; the mask as
run lengths.
"""

from pathlib import Path

import numpy as np

from openpose_keras.core.boxes import Box
from openpose_keras.core.keypoints import SIDES
from openpose_keras.core.skeletons import BODY_25, COCO_WHOLE_BODY, HAND
from openpose_keras.io.coco_masks import encode_mask
from openpose_keras.io.coco_people import LabelledPerson
from openpose_keras.training.augment import augment_photometric
from openpose_keras.training.backgrounds import before_background, load_backgrounds
from openpose_keras.training.label_sets import new_label_file, write_people_set
from openpose_keras.training.synthesis.people.assets import PeopleAssets, load_people_assets
from openpose_keras.training.synthesis.people.render import Labels, render_people

_AUGMENTED = 0.7  # fraction of the images


def draw_people(
    assets: PeopleAssets,
    rng: np.random.Generator,
    backgrounds: list[np.ndarray],
    *,
    size: tuple[int, int] = (480, 480),
    people: int | None = None,
) -> tuple[np.ndarray, Labels]:
    """Render people over a background, with the augmentation of a random camera.

    Args:
        assets: The assets from `load_people_assets`.
        rng: The random generator.
        backgrounds: (h, w, 3) uint8 RGB images without people. Without any, all backgrounds are
            procedural.
        size: (height, width) of the image in pixels.
        people: Number of people, 1 to 6; None draws the number.

    Returns:
        The image (h, w, 3) uint8 RGB, and the labels of its people.

    Raises:
        ValueError: The size or the number of people is not valid.
    """
    scene = render_people(assets, rng, size=size, people=people, photos=backgrounds)
    pixels = before_background(rng, scene.rgba, backgrounds)
    if rng.random() < _AUGMENTED:
        pixels = augment_photometric(rng, pixels)
    return pixels, scene.labels


def write_people(
    out: str | Path,
    *,
    assets: str | Path,
    backgrounds: str | Path | None = None,
    count: int = 500,
    seed: int = 0,
    size: tuple[int, int] = (480, 480),
) -> Path:
    """Write a labelled set of rendered people. The same seed gives the same set.

    Args:
        out: Folder to write to. It must not contain a set yet.
        assets: The assets of people, see `synthesis.people.assets`.
        backgrounds: Folder of images without people; None for procedural backgrounds.
        count: Number of images.
        seed: Seed of the scenes.
        size: (height, width) of an image in pixels.

    Returns:
        The path of `annotations.json`.

    Raises:
        TrainingError: The folder already contains a set.
        AssetError: The assets cannot be read.
        FileNotFoundError: The folder of backgrounds contains no images.
    """
    path = new_label_file(out)
    loaded = load_people_assets(assets)
    photos = load_backgrounds(backgrounds) if backgrounds else []

    def draw(number: int) -> tuple[np.ndarray, tuple[LabelledPerson, ...]]:
        """Render an image."""
        rng = np.random.default_rng((seed, number))
        image, labels = draw_people(loaded, rng, photos, size=size)
        return image, labelled_people(labels)

    return write_people_set(path, draw, count, description="openpose_keras people")


def labelled_people(labels: Labels) -> tuple[LabelledPerson, ...]:
    """Return the visible people of a scene in the form of COCO-WholeBody's labels.

    Args:
        labels: The labels of the scene.
    """
    return tuple(
        _labelled_person(*parts)
        for parts in zip(labels.keypoints, labels.hands, labels.masks, strict=True)
        if parts[2].any()
    )


def _labelled_person(keypoints: np.ndarray, hands: np.ndarray, mask: np.ndarray) -> LabelledPerson:
    """Return a person with keypoints (25, 3), hands (2, 21, 3) and mask (h, w)."""
    table = np.zeros((len(COCO_WHOLE_BODY), 3))
    for name, row in zip(BODY_25.keypoints, keypoints, strict=True):
        if name in COCO_WHOLE_BODY.keypoints:
            table[COCO_WHOLE_BODY.index(name)] = row
    boxes = {}
    for side, points in zip(SIDES, hands, strict=True):
        start = COCO_WHOLE_BODY.index(f"{side}_hand_{HAND.keypoints[0]}")
        table[start : start + len(HAND)] = points
        marked = points[points[:, 2] > 0, :2]
        if len(marked):
            boxes[f"{side}_hand"] = _box(marked)
    box = _box(np.argwhere(mask)[:, ::-1])
    return LabelledPerson(
        table[:, :2],
        table[:, 2],
        box,
        float(mask.sum()),
        segmentation=encode_mask(mask),
        part_boxes=boxes,
        skeleton=COCO_WHOLE_BODY,
    )


def _box(points: np.ndarray) -> Box:
    """Return the box of all pixels (n, 2), given by their centres."""
    x, y = points.min(axis=0) - 0.5
    width, height = points.max(axis=0) + 0.5 - (x, y)
    return float(x), float(y), float(width), float(height)
