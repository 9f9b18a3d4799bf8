"""A lock between processes. The system frees it when its owner ends, however that ends."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

_PAUSE = 0.2  # seconds between two looks at a lock that another process holds


@contextlib.contextmanager
def locked(path: Path, *, when_waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock; wait for it if another process does.

    A lock file that a killed process left behind is no hindrance: it is the lock that counts, not
    the file.

    Args:
        path: The lock's file. Its folder must exist. It is removed at the end.
        when_waiting: Called once if there is a wait.

    Yields:
        Nothing.
    """
    file = _acquire(path, when_waiting)
    try:
        yield
    finally:
        with contextlib.suppress(PermissionError):  # Windows removes no open file
            path.unlink(missing_ok=True)
        file.close()


def _acquire(path: Path, when_waiting: Callable[[], None]) -> BinaryIO:
    """Give the lock's file, open and locked."""
    told = False
    while True:
        file = open(path, "a+b")  # noqa: SIM115
        try:
            if _try_lock(file) and _is_at(file, path):
                return file
        except BaseException:
            file.close()
            raise
        file.close()
        if not told:
            when_waiting()
            told = True
        time.sleep(_PAUSE)


def _try_lock(file: BinaryIO) -> bool:
    """Lock an open file, unless another process has."""
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Tell whether an open file is still the one of its name; its last owner removes it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
