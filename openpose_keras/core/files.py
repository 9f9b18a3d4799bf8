"""Files: written whole or not at all, never over others unasked; and how photos' names end."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PHOTO_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


@contextmanager
def new_file(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """Give a temporary name to write to; when the block ends well the file takes its own name.

    Args:
        path: The file. Its folder must exist.
        force: Replace a file that is there.

    Yields:
        A path in the same folder with the same ending, for writers that look at it.

    Raises:
        FileExistsError: The file is there, and `force` is not set.
        FileNotFoundError: There is no such folder.
    """
    path = Path(path)
    check_free(path, force=force)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        check_free(path, force=force)  # the writing may have taken long
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_free(path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Raise, before the long part, when a file can't be written where it is wanted.

    Args:
        path: The file.
        force: One that is there may be replaced.

    Raises:
        FileExistsError: The file is there, and `force` is not set.
        FileNotFoundError: There is no such folder.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} into")
    if path.exists() and not force:
        raise FileExistsError(f"{path} exists: choose another name, or allow it with force")


def write_json(
    path: str | os.PathLike[str], data: object, *, indent: int | None = None, force: bool = False
) -> None:
    """Write data as JSON, whole or not at all.

    Args:
        path: The file. Its folder must exist.
        data: Plain data; NaN and infinities, which JSON does not have, are refused.
        indent: Spaces a level. By default everything stands in one line.
        force: Replace a file that is there.

    Raises:
        FileExistsError: The file is there, and `force` is not set.
        FileNotFoundError: There is no such folder.
        ValueError: The data holds NaN or an infinity.
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(data, allow_nan=False, indent=indent, separators=separators)
    with new_file(path, force=force) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
