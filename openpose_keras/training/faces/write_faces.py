"""Write sets of labelled faces: rendered heads, and photos labelled by MediaPipe's networks.

A set is a folder of images and an `annotations.json` in COCO's format, whose people have the 70
keypoints of `FACE`, including hidden ones. `area` is the square of the distance in space between
the outer corners of the eyes, in pixels, which is the unit of errors. A crowd is a face with
doubtful keypoints.
"""

from pathlib import Path

import numpy as np

from openpose_keras.core.skeletons import FACE
from openpose_keras.io.coco_people import LabelledPerson
from openpose_keras.io.images import read_image
from openpose_keras.training.backgrounds import before_background, image_files, load_backgrounds
from openpose_keras.training.faces.teacher import FaceTeacher
from openpose_keras.training.label_sets import new_label_file, write_people_set
from openpose_keras.training.synthesis.people.assets import load_people_assets
from openpose_keras.training.synthesis.people.heads import render_head

_LEAST_PRESENCE, _MOST_SPREAD, _LEAST_UNIT = 0.9, 0.06, 16.0  # of a face whose keypoints count


def write_heads(
    out: str | Path,
    *,
    assets: str | Path,
    backgrounds: str | Path | None = None,
    count: int = 500,
    seed: int = 0,
) -> Path:
    """Write a set of rendered heads. The same seed gives the same set.

    Args:
        out: Folder to write to. It must not contain a set yet.
        assets: The assets of people, see `synthesis.people.assets`.
        backgrounds: Folder of images without people; None for procedural backgrounds.
        count: Number of heads.
        seed: Seed of the heads.

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
        """Render a head."""
        rng = np.random.default_rng((seed, number))
        head = render_head(loaded, rng, photos=photos)
        image = before_background(rng, head.rgba, photos)
        return image, (_labelled_face(head.xy, head.unit),)

    return write_people_set(path, draw, count, description="openpose_keras heads")


def write_face_photos(out: str | Path, *, photos: str | Path) -> Path:
    """Write a set of photos with the faces that MediaPipe's networks find in them.

    Args:
        out: Folder to write to. It must not contain a set yet.
        photos: Folder of photos with or without faces.

    Returns:
        The path of `annotations.json`.

    Raises:
        TrainingError: The folder already contains a set.
        WeightsError: A network is missing, see `FaceTeacher`.
        FileNotFoundError: The folder contains no photos.
    """
    path = new_label_file(out)
    files, teacher = image_files(photos), FaceTeacher()

    def label(number: int) -> tuple[np.ndarray, tuple[LabelledPerson, ...]]:
        """Label a photo."""
        image = read_image(files[number])
        return image, tuple(
            _labelled_face(
                face.xy,
                face.unit,
                doubtful=face.presence < _LEAST_PRESENCE
                or face.spread > _MOST_SPREAD
                or face.unit < _LEAST_UNIT,
            )
            for face in teacher(image)
        )

    description = "photos with faces as MediaPipe's networks see them"
    return write_people_set(path, label, len(files), description=description)


def _labelled_face(xy: np.ndarray, unit: float, *, doubtful: bool = False) -> LabelledPerson:
    """Return a face with keypoints (70, 2), or a crowd if they are doubtful."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    box = (*low.tolist(), *(high - low).tolist())
    visibility = np.full(len(FACE), 0.0 if doubtful else 2.0)
    return LabelledPerson(xy, visibility, box, unit**2, crowd=doubtful, skeleton=FACE)
