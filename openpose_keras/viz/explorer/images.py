"""The pictures that an explorer was given: arrays, files or folders, read when first looked at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openpose_keras.core.errors import ImageError
from openpose_keras.core.files import PHOTO_SUFFIXES
from openpose_keras.io.images import check_image, read_image

Source = np.ndarray | str | Path


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture with a name.

    Args:
        name: For people, and for the files that are written.
        source: (H, W, 3) uint8 RGB, or the file.
    """

    name: str
    source: np.ndarray | Path

    @property
    def path(self) -> Path | None:
        """The file, or None for an array."""
        return self.source if isinstance(self.source, Path) else None

    @property
    def folder(self) -> Path:
        """Where what is made of the picture is written: beside the file, or where we are."""
        return self.path.parent if self.path else Path()

    def read(self) -> np.ndarray:
        """Give the image.

        Returns:
            (H, W, 3) uint8 RGB.

        Raises:
            ImageError: The file is no picture.
            FileNotFoundError: It is gone.
        """
        return read_image(self.source) if isinstance(self.source, Path) else self.source


def collect(image_or_paths: Source | Sequence[Source]) -> list[Picture]:
    """Give the pictures that are meant.

    Args:
        image_or_paths: (H, W, 3) uint8 RGB, a file, a folder (its pictures in the order of their
            names), or a sequence of them.

    Returns:
        One or more pictures.

    Raises:
        ImageError: An array is no image, or there is no picture at all.
        FileNotFoundError: There is no such file or folder.
        TypeError: It is something else.

    Example:
        >>> [picture.name for picture in collect([np.zeros((8, 8, 3), np.uint8)] * 2)]
        ['image_1', 'image_2']
    """
    single = isinstance(image_or_paths, str | Path | np.ndarray)
    if isinstance(image_or_paths, np.ndarray) and image_or_paths.ndim == 4:
        single = False  # a batch
    if not single and not isinstance(image_or_paths, Iterable):
        raise TypeError(f"expected an image, a file, a folder or several, got {image_or_paths!r}")
    sources = [image_or_paths] if single else list(image_or_paths)
    pictures = []
    for source in sources:
        if isinstance(source, str | Path):
            pictures += [Picture(path.stem, path) for path in _files(Path(source))]
        else:
            name = "image" if len(sources) == 1 else f"image_{len(pictures) + 1}"
            pictures.append(Picture(name, check_image(source)))
    if not pictures:
        raise ImageError("there is no picture to explore: give an image, a file or a folder")
    return pictures


def _files(path: Path) -> list[Path]:
    """Give a file, or the pictures of a folder."""
    if path.is_dir():
        return sorted(each for each in path.iterdir() if each.suffix.lower() in PHOTO_SUFFIXES)
    if not path.exists():
        raise FileNotFoundError(f"there is no picture {path}")
    return [path]
