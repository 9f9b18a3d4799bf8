"""Save the explorer's image, OpenPose's JSON, or a label file for training."""

from pathlib import Path

import numpy as np

from openpose_keras.core.files import require_writable
from openpose_keras.core.keypoints import Hand
from openpose_keras.io.coco import add_labels, has_labels
from openpose_keras.io.coco_people import add_people_labels
from openpose_keras.io.coco_results import label_people
from openpose_keras.io.images import read_image, write_image
from openpose_keras.io.openpose_json import write_openpose, write_people
from openpose_keras.viz.explorer.render import render
from openpose_keras.viz.explorer.session import PeopleSession, Session

KINDS = {
    "image": "{name}_explored.png",
    "json": "{name}_keypoints.json",
    "labels": "labels.json",  # one file for all images of the folder
}


def default_path(session: Session, kind: str) -> Path:
    """Return the default path to save to, which is next to the image.

    Args:
        session: The session with the image.
        kind: "image", "json" or "labels".

    Returns:
        For an image `photo.jpg`: `photo_explored.png`, `photo_keypoints.json` or `labels.json`. For
        an array, the file is in the current folder.
    """
    shown = session.images[session.state.image]
    return Path(shown.path or "").parent / KINDS[kind].format(name=shown.name)


def save(session: Session, kind: str, path: str | Path, *, overwrite: bool = False) -> Path:
    """Save the image or the results of a session.

    Args:
        session: The session with the images, the results and the corrections.
        kind: "image" saves the image with heatmap and skeletons, at its own size. "json" saves all
            hands or people of the image in OpenPose's format. "labels" saves them for
            `openpose-keras train` and `evaluate`, with people as in COCO-WholeBody, and adds them
            to a label file that may already contain other images.
        path: The file. Its folder must exist.
        overwrite: Whether to replace an existing file, or this image's entry in a label file.

    Returns:
        The path.

    Raises:
        FileExistsError: A file or entry would be replaced, and `overwrite` is not set.
        FileNotFoundError: There is no such folder.
        ValueError: There is no such kind, or the file is not a label file.
        OpenPoseKerasError: The results cannot be computed.
    """
    path = Path(path).expanduser()
    _check_path(session, kind, path, overwrite)
    people = session.people() if isinstance(session, PeopleSession) else None
    found = [result.keypoints for result in session.results()]
    hands = [each for each in found if isinstance(each, Hand)]
    if kind == "image":
        write_image(path, render(session, size=None)[0])
    elif kind == "json" and people is not None:
        write_people(path, people, force=overwrite)
    elif kind == "json":
        write_openpose(path, hands, force=overwrite)
    else:
        shown = session.images[session.state.image]
        source = shown.path or path.parent / f"{shown.name}.png"
        if path.exists() and not overwrite and has_labels(path, source):
            raise FileExistsError(f"{path} has labels of {source.name} already")
        if shown.path is None:
            _write_array(source, session.image, overwrite=overwrite)
        if people is None:
            add_labels(path, source, hands)
        else:
            add_people_labels(path, source, [label for _, _, label in label_people(people)])
    return path


def _check_path(session: Session, kind: str, path: Path, overwrite: bool) -> None:
    """Raise an error if nothing may be saved under a path."""
    if kind not in KINDS:
        raise ValueError(f"expected a kind of {', '.join(KINDS)}, got {kind!r}")
    if path.exists() and not overwrite and kind != "labels":
        raise FileExistsError(f"{path} exists")
    if path.resolve() in {each.path.resolve() for each in session.images if each.path}:
        raise FileExistsError(f"{path} is one of the images themselves: choose another name")
    if kind != "image" and path.suffix.lower() != ".json":
        raise ValueError(f"expected a name that ends in .json, got {path.name}")
    require_writable(path, force=True)


def _write_array(path: Path, image: np.ndarray, *, overwrite: bool) -> None:
    """Write an image that was given as an array, so that the labels can refer to a file."""
    if overwrite or not path.exists():
        write_image(path, image)
    elif not np.array_equal(read_image(path), image):
        raise FileExistsError(f"{path} exists and is another image")
