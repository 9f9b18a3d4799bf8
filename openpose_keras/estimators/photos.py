"""Estimation of any number of photos, while the next ones are decoded.

For example:

    from openpose_keras import WholeBodyEstimator, photos

    estimator = WholeBodyEstimator.from_preset("lite")
    for photo, people in photos.process(Path("holiday").glob("*.jpg"), estimator):
        print(photo.path, len(people))
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from openpose_keras.core.errors import ImageError
from openpose_keras.estimators.video import read_ahead
from openpose_keras.io.images import Pixels, read_image

__all__ = ["Photo", "process", "write_behind"]

_Found = TypeVar("_Found")
_Item = TypeVar("_Item")


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo and its path.

    Args:
        path: The file.
        image: (H, W, 3) uint8, RGB.
    """

    path: Path
    image: Pixels


def process(
    paths: Iterable[str | os.PathLike[str]],
    estimator: Callable[[Pixels], _Found],
    *,
    on_error: Callable[[Path, Exception], object] | None = None,
) -> Iterator[tuple[Photo, _Found]]:
    """Estimate photos one after the other.

    Args:
        paths: The files. They are read and decoded in a separate thread, at most three ahead.
        estimator: An estimator of people, bodies, faces or hands, or any function of an image.
        on_error: Called with the path of a photo that can't be read or estimated, and the error;
            the other photos are still processed. None: the error is raised.

    Returns:
        An iterator over each photo with the estimator's result, in order.

    Raises:
        ImageError: `paths` is a single path; or a file is missing, damaged or not an image, and
            there is no `on_error`.

    Example:
        >>> list(process(["missing.jpg"], len, on_error=lambda path, error: print(error)))
        missing.jpg cannot be read: No such file or directory
        []
    """
    if isinstance(paths, str | os.PathLike):
        raise ImageError(f"expected several files, got one: write process([{str(paths)!r}], ...)")
    return _process(paths, estimator, on_error)


def _process(
    paths: Iterable[str | os.PathLike[str]],
    estimator: Callable[[Pixels], _Found],
    on_error: Callable[[Path, Exception], object] | None,
) -> Iterator[tuple[Photo, _Found]]:
    """Yield the pairs over which `process` iterates."""
    for path, image in read_ahead((Path(path), _try_to_read(path)) for path in paths):
        try:
            if isinstance(image, Exception):
                raise image
            found = estimator(image)
        except Exception as error:  # also an unforeseen one: the other photos still count
            if on_error is None:
                raise
            on_error(path, error)
        else:
            yield Photo(path, image), found


def _try_to_read(path: str | os.PathLike[str]) -> Pixels | Exception:
    """Return an image, or the error if it can't be read."""
    try:
        return read_image(path)
    except Exception as error:
        return error


def write_behind(
    function: Callable[[_Item], _Found], items: Iterable[_Item], *, count: int = 2
) -> Iterator[_Found]:
    """Yield a function's result for each item; a thread calls it while the next item is made.

    Args:
        function: The function, which for example writes the results of an item.
        items: The arguments of its calls, one after the other.
        count: Maximum number of waiting items.

    Example:
        >>> list(write_behind(str.upper, "abc"))
        ['A', 'B', 'C']
    """
    waiting: deque[Future[_Found]] = deque()
    with ThreadPoolExecutor(1) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
