"""What the explorer saves: the picture, OpenPose's JSON, and a label file for training."""

from pathlib import Path

import numpy as np

from openpose_keras.core.files import require_writable
from openpose_keras.io.coco import add_labels, load_labels
from openpose_keras.io.images import read_image, write_image
from openpose_keras.io.openpose_json import write_openpose
from openpose_keras.viz.explorer.images import Picture
from openpose_keras.viz.explorer.render import picture
from openpose_keras.viz.explorer.session import Session

KINDS = ("picture", "json", "labels")


def default_path(session: Session, kind: str) -> Path:
    """Give where something is saved if nobody says else: beside the picture.

    Args:
        session: Says the picture.
        kind: "picture", "json" or "labels".

    Returns:
        For a picture `photo.jpg`: `photo_explored.png`, `photo_keypoints.json`, or `labels.json`,
        one file for all pictures of the folder.

    Raises:
        ValueError: There is no such kind.
    """
    shown = session.pictures[session.state.picture]
    names = (f"{shown.name}_explored.png", f"{shown.name}_keypoints.json", "labels.json")
    if kind not in KINDS:
        raise ValueError(f"what is saved is one of {', '.join(KINDS)}, got {kind!r}")
    return shown.folder / names[KINDS.index(kind)]


def save(session: Session, kind: str, path: str | Path, *, overwrite: bool = False) -> Path:
    """Save what a session shows.

    Args:
        session: The pictures and what was found and corrected.
        kind: "picture": with heatmap and skeletons, at the picture's own size. "json": all hands
            of the picture in OpenPose's format. "labels": the same for `openpose-keras train` and
            `evaluate`, added to a label file that may hold other pictures already.
        path: The file. Its folder must exist.
        overwrite: Whether a file, or what a label file says of this picture, may be replaced.

    Returns:
        The path.

    Raises:
        FileExistsError: Something would be replaced, and `overwrite` is not set.
        FileNotFoundError: There is no such folder.
        OpenPoseKerasError: It cannot be made, or the file is no label file.
    """
    path = Path(path).expanduser()
    if kind == "labels":
        _save_labels(session, path, overwrite=overwrite)
    elif kind == "json":
        hands = [answer.hand for answer in session.answers()]
        write_openpose(path, hands, force=overwrite)
    elif kind == "picture":
        require_writable(path, force=overwrite)
        write_image(path, picture(session))
    else:
        raise ValueError(f"what is saved is one of {', '.join(KINDS)}, got {kind!r}")
    return path


def _save_labels(session: Session, path: Path, *, overwrite: bool) -> None:
    """Put the hands of the picture into a label file."""
    require_writable(path, force=True)  # the folder
    hands = [answer.hand for answer in session.answers()]
    shown = session.pictures[session.state.picture]
    source = shown.path or path.parent / f"{shown.name}.png"
    if path.exists() and not overwrite and _holds(path, source):
        raise FileExistsError(f"{path} has labels of {source.name} already")
    if shown.path is None:
        _keep_array(shown, source, overwrite=overwrite)
    add_labels(path, source, hands)


def _holds(path: Path, source: Path) -> bool:
    """Tell whether a label file has a picture already."""
    names = [entry.get("file_name", "") for entry in load_labels(path)["images"]]
    return any((path.parent / name).resolve() == source.resolve() for name in names)


def _keep_array(shown: Picture, source: Path, *, overwrite: bool) -> None:
    """Write a picture that came as an array, so that the labels have a file to speak of."""
    image = shown.read()
    if source.exists() and not overwrite:
        known = read_image(source)
        if not np.array_equal(known, image):
            raise FileExistsError(f"{source} exists and is another picture")
        return
    write_image(source, image)
