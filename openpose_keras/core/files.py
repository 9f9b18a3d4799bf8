"""Files: written whole or not at all, and never over others unasked."""

import json
import os
import re
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

# fmt: off
PHOTO_SUFFIXES = (
    ".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".ppm",
    ".tif", ".tiff", ".webp",
)
# fmt: on
"""Endings of the files that `io.images.read_image` reads."""

# fmt: off
VIDEO_SUFFIXES = (
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts",
    ".ogv", ".webm", ".wmv",
)
# fmt: on
"""Usual endings of videos; `io.video.VideoReader` goes by what is in a file."""


@contextmanager
def atomic_write(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """Yield a temporary path to write to, which becomes the file when the block ends well.

    Args:
        path: The file. Its folder must exist.
        force: Whether a file that exists is replaced.

    Yields:
        A path in the same folder. It ends as the file does, for writers that go by the ending.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
        FileNotFoundError: The folder does not exist.
    """
    path = Path(path)
    require_writable(path, force=force)
    # A file name has 255 bytes at most, and a character up to four of them.
    temporary = path.with_name(f".{secrets.token_hex(4)}.{path.name[-50:]}")
    try:
        yield temporary
        require_writable(path, force=force)  # the writing may have taken long
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def find_temporaries(folder: str | os.PathLike[str], names: Collection[str]) -> list[Path]:
    """Return what `atomic_write` left in a folder when a process was killed.

    Args:
        folder: The folder.
        names: The files that were written.
    """
    ends = {name[-50:] for name in names}
    paths = list(Path(folder).iterdir())
    matches = (re.fullmatch(r"\.[0-9a-f]{8}\.(.+)", path.name) for path in paths)
    return [path for path, m in zip(paths, matches, strict=True) if m and m[1] in ends]


def require_writable(path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Raise an error if a file can't be written where it is wanted; call it before long work.

    Args:
        path: The file.
        force: Whether a file that exists may be replaced.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
        FileNotFoundError: The folder does not exist.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} into")
    if path.exists() and not force:
        raise FileExistsError(
            f"{path} exists: choose another name, or overwrite it with force=True (--force)"
        )


def write_json(
    path: str | os.PathLike[str], data: object, *, indent: int | None = None, force: bool = False
) -> None:
    """Write data as JSON, whole or not at all.

    Args:
        path: The file. Its folder must exist.
        data: Plain data; NaN and infinities, which JSON does not have, are refused.
        indent: Spaces a level. By default everything stands in one line.
        force: Whether a file that exists is replaced.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
        FileNotFoundError: The folder does not exist.
        ValueError: The data holds NaN or an infinity.
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(data, allow_nan=False, indent=indent, separators=separators)
    with atomic_write(path, force=force) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
