"""The images given to an explorer: arrays, files or folders, read when they are first shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openpose_keras.core.errors import ImageError
from openpose_keras.core.files import require_photos
from openpose_keras.io.images import as_image, read_image, refuse_address

Source = np.ndarray | str | Path


@dataclass(frozen=True, eq=False)
class NamedImage:
    """An image with a name.

    Args:
        name: The name to display, and to use for files that are written.
        source: (H, W, 3) uint8 RGB, or the file.
    """

    name: str
    source: np.ndarray | Path

    @property
    def path(self) -> Path | None:
        """The file, or None for an array."""
        return self.source if isinstance(self.source, Path) else None

    def read(self) -> np.ndarray:
        """Return the image, (H, W, 3) uint8 RGB.

        Raises:
            ImageError: The file is not an image, or no longer exists.
        """
        return read_image(self.source) if isinstance(self.source, Path) else self.source


def collect_images(image_or_paths: Source | Iterable[Source]) -> list[NamedImage]:
    """Collect the given images.

    Args:
        image_or_paths: (H, W, 3) uint8 RGB, a file, a folder (its images are sorted by name), or
            several of these. An array (n, H, W, 3) counts as n images.

    Returns:
        One or more images.

    Raises:
        ImageError: An array is not an image, or there is no image in a folder or at all.

    Example:
        >>> [image.name for image in collect_images([np.zeros((8, 8, 3), np.uint8)] * 2)]
        ['image_1', 'image_2']
    """
    images: list[NamedImage] = []
    sources = _sources(image_or_paths)
    for source in sources:
        if isinstance(source, str | Path):
            refuse_address(source)
            images += [NamedImage(path.stem, path) for path in _files(Path(source))]
        else:
            name = "image" if len(sources) == 1 else f"image_{len(images) + 1}"
            images.append(NamedImage(name, as_image(source)))
    if not images:
        raise ImageError("there is no image to explore: pass an image, a file or a folder")
    return images


def _sources(given: Source | Iterable[Source]) -> list[Source]:
    """Return the given sources one by one."""
    if isinstance(given, np.ndarray):
        return list(given) if given.ndim == 4 else [given]
    if isinstance(given, str | Path) or not isinstance(given, Iterable):
        return [given]
    return list(given)


def _files(path: Path) -> list[Path]:
    """Return a file, or the images in a folder."""
    if not path.is_dir():
        return [path]
    return sorted(require_photos(path, path.iterdir(), ImageError))
