"""Files: written completely or not at all, and never overwritten unless requested."""

import json
import os
import re
import secrets
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# fmt: off
PHOTO_SUFFIXES = (
    ".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".ppm",
    ".tif", ".tiff", ".webp",
)
# fmt: on
"""Endings of the files that `io.images.read_image` reads without further packages."""

HEIC_SUFFIXES = (".heic", ".heif", ".hif")
"""Endings of the photos of iPhones, which `read_image` reads if pillow-heif is installed."""

# fmt: off
RAW_SUFFIXES = (".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2")
# fmt: on

_UNREAD = {
    **dict.fromkeys(HEIC_SUFFIXES, ("HEIC photo", "pip install pillow-heif")),
    ".jxl": ("JPEG XL photo", "save as JPEG first"),
    **dict.fromkeys(RAW_SUFFIXES, ("raw photo", "save as JPEG first")),
}

# fmt: off
VIDEO_SUFFIXES = (
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts",
    ".ogv", ".webm", ".wmv",
)
# fmt: on
"""Usual endings of videos; `io.video.VideoReader` relies on the content of a file instead."""

EXPORT_SUFFIXES = {
    "onnx": ".onnx",
    "openvino": ".xml",
    "litert": ".tflite",
    "saved_model": "_saved_model",
}
"""Endings of the names of exported networks by kind; a SavedModel is a folder of any name."""


def photo_suffixes() -> tuple[str, ...]:
    """Return the endings of the files that `io.images.read_image` reads on this machine."""
    return PHOTO_SUFFIXES + (HEIC_SUFFIXES if find_spec("pillow_heif") else ())


def select_photos(files: Iterable[Path]) -> tuple[list[Path], str]:
    """Return the photos among the files of a folder, by name, and a note on those not read.

    Hidden files are ignored: macOS writes ._NAME.jpg next to each photo on foreign disks.

    Args:
        files: The files in the folder.

    Returns:
        The photos, and a note on photos that cannot be read and how to solve this, such as "2 raw
        photos (save as JPEG first)"; it is empty if there are none.

    Example:
        >>> photos, unread = select_photos(map(Path, ("a.JPG", "._a.JPG", "b.dng", "c.txt")))
        >>> [photo.name for photo in photos], unread
        (['a.JPG'], '1 raw photo (save as JPEG first)')
    """
    suffixes, photos, others = photo_suffixes(), [], Counter[tuple[str, str]]()
    for file in files:
        suffix = file.suffix.lower()
        if file.name.startswith("."):
            continue
        if suffix in suffixes:
            photos.append(file)
        elif suffix in _UNREAD:
            others[_UNREAD[suffix]] += 1
    told = (f"{n} {kind}{'s' * (n > 1)} ({mend})" for (kind, mend), n in sorted(others.items()))
    return photos, ", ".join(told)


def require_photos(
    folder: Path, files: Iterable[Path], error: type[Exception] = FileNotFoundError
) -> list[Path]:
    """Return the photos of a folder, and warn about those that are not read.

    Args:
        folder: The folder.
        files: The files in it, or in its subfolders too.
        error: The error to raise if there is no photo.
    """
    photos, unread = select_photos(files)
    left_out = f"left out: {unread}" if unread else ""
    if not photos:
        expected = f"expected images ({' '.join(photo_suffixes())}) in {folder}, got no image"
        raise error("; ".join(filter(None, (expected, left_out))))
    if left_out:
        warnings.warn(f"{folder}: {left_out}", stacklevel=3)
    return photos


@contextmanager
def atomic_write(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """Yield a temporary path to write to, which becomes the file if the block succeeds.

    Args:
        path: The file. Its folder must exist.
        force: Whether to replace an existing file.

    Yields:
        A path in the same folder, with the file's ending, on which some writers rely.

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
    except OSError as error:
        if error.filename in (str(temporary), temporary):
            error.filename, error.filename2 = str(path), None  # what the user asked for
        raise
    finally:
        temporary.unlink(missing_ok=True)


def find_temporaries(folder: str | os.PathLike[str]) -> list[tuple[Path, str]]:
    """Return the temporary files of `atomic_write` in a folder, of killed or running processes.

    Args:
        folder: The folder.

    Returns:
        Each temporary path with the last 50 characters of the name of its file.
    """
    with os.scandir(folder) as entries:  # there may be a million
        matches = (re.fullmatch(r"\.[0-9a-f]{8}\.(.+)", entry.name) for entry in entries)
        return [(Path(folder, match[0]), match[1]) for match in matches if match]


def require_writable(path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Raise an error if a file can't be written; call this before long work.

    Args:
        path: The file.
        force: Whether an existing file may be replaced.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
        FileNotFoundError: The folder does not exist.
        PermissionError: The folder can't be written into.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} into")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(
            f"{path} can't be written, its folder is read-only: choose another folder"
        )
    if path.exists() and not force:
        raise FileExistsError(
            f"{path} exists: choose another name, or overwrite it with force=True"
        )


def read_json(path: str | os.PathLike[str]) -> Any:  # noqa: ANN401 - JSON may hold anything
    """Return the content of a JSON file.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not JSON; the message says why, and does not name the file.
    """
    try:
        return json.loads(Path(path).read_bytes())
    except UnicodeDecodeError as error:
        raise ValueError("it is no text") from error
    except json.JSONDecodeError as error:
        before, end = error.doc[: error.pos].rstrip(), error.doc[error.pos : error.pos + 1]
        if before.endswith(",") and end in ("]", "}"):  # as Python 3.13 says it
            raise ValueError(f"a comma too many before {end!r} in line {error.lineno}") from error
        raise
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def write_json(
    path: str | os.PathLike[str], data: object, *, indent: int | None = None, force: bool = False
) -> None:
    """Write data as JSON, completely or not at all.

    Args:
        path: The file. Its folder must exist.
        data: Plain data. NaN and infinities, which JSON does not have, raise an error.
        indent: Spaces per level. By default everything is on one line.
        force: Whether to replace an existing file.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
        FileNotFoundError: The folder does not exist.
        ValueError: The data holds NaN or an infinity.
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(data, allow_nan=False, indent=indent, separators=separators)
    with atomic_write(path, force=force) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
