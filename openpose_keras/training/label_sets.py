"""Labelled sets on disk: a folder of images and an `annotations.json` in COCO's format."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from openpose_keras.core.errors import TrainingError
from openpose_keras.core.progress import show_progress
from openpose_keras.io.coco_people import LabelledPeople, LabelledPerson, write_people_labels
from openpose_keras.io.images import write_image

LABELS = "annotations.json"


def new_label_file(folder: str | Path) -> Path:
    """Return the path of the label file for a new set in a folder.

    Raises:
        TrainingError: The folder already contains a set.
    """
    path = Path(folder) / LABELS
    if path.exists():
        raise TrainingError(f"expected a new folder, but {path} exists: choose another folder")
    return path


def write_people_set(
    path: Path,
    draw: Callable[[int], tuple[np.ndarray, tuple[LabelledPerson, ...]]],
    count: int,
    *,
    description: str,
) -> Path:
    """Write images that a function draws, and their labels.

    Args:
        path: The path from `new_label_file`. Its folder is created.
        draw: A function of the image's number, from 0, that returns an image (h, w, 3) uint8 RGB
            and the people in it, or their faces.
        count: Number of images.
        description: The description to store in the label file.

    Returns:
        The path.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = []
    for number in show_progress(range(count), unit="image"):
        image, people = draw(number)
        file = path.parent / f"{number:05d}.jpg"
        write_image(file, image)
        samples.append(LabelledPeople(file, people, number, image.shape[:2]))
    write_people_labels(path, samples, description=description)
    return path
