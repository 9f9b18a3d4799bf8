"""Zip files of weights, opened only if their list of members is a short one."""

import zipfile
from pathlib import Path

_MOST_MEMBERS = 2000  # a .pth of the hand network has 107
_MEMBER_START = b"PK\x01\x02"  # of each member's entry in the list at the end of a zip file
_CHUNK = 1 << 20


def open_archive(path: Path) -> zipfile.ZipFile:
    """Open a zip file.

    An entry of 46 bytes becomes an object of several hundred, so they are counted first.

    Args:
        path: The file.

    Returns:
        The archive, to be closed.

    Raises:
        BadZipFile: It is none, or lists far more members than weights need.
        OSError: It can't be read.
    """
    count, before = 0, b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            count += (before + chunk).count(_MEMBER_START)
            before = chunk[1 - len(_MEMBER_START) :]
    if count > _MOST_MEMBERS:
        raise zipfile.BadZipFile(f"it lists {count} members, more than weights need")
    return zipfile.ZipFile(path)
