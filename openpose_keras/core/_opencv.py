"""One door to OpenCV, so that a failed import says what to install.

The wheels of opencv-python link to libraries that a bare server lacks, libGL first of all. Every
module of the package takes `cv2` from here: `from openpose_keras.core._opencv import cv2`.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LIBRARY_PACKAGES = {
    "libGL": "libgl1",
    "libgthread": "libglib2.0-0",
    "libglib": "libglib2.0-0",
    "libSM": "libsm6",
    "libXext": "libxext6",
    "libXrender": "libxrender1",
    "libX11": "libx11-6",
    "libxcb": "libxcb1",
}


def explain_import_failure(message: str) -> str:
    """Say what to install after `import cv2` failed.

    Args:
        message: The text of the ImportError.

    Returns:
        One line: what failed and how to mend it.

    Example:
        >>> "apt-get install libgl1" in explain_import_failure("libGL.so.1: cannot open it")
        True
        >>> explain_import_failure("No module named 'cv2'")
        "OpenCV is not installed (No module named 'cv2'): pip install opencv-python"
    """
    if "No module named 'cv2'" in message:
        return f"OpenCV is not installed ({message}): pip install opencv-python"
    library = re.search(r"\b(lib[A-Za-z0-9]+)[\w.+-]*\.so\b", message)
    if library is None:
        mend = "install it anew, pip install --force-reinstall opencv-python"
        return f"OpenCV could not be imported ({message}): {mend}"
    package = LIBRARY_PACKAGES.get(library[1], "libgl1")
    return (
        f"OpenCV could not be imported ({message}). Install the library that it misses, on Debian "
        f"or Ubuntu: apt-get install {package}; or take the build without windows: "
        "pip uninstall opencv-python, then pip install opencv-python-headless"
    )


try:
    import cv2 as cv2
except ImportError as error:
    raise ImportError(explain_import_failure(str(error))) from error


class _Quiet:
    """Silence for OpenCV's log while at least one thread asks for it; the level is a global one."""

    def __init__(self) -> None:
        """Start with no thread that asks."""
        self._lock, self._asking, self._level = threading.Lock(), 0, 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Be silent inside the block, and after the last block as before the first."""
        with self._lock:
            if not self._asking:
                self._level = cv2.utils.logging.setLogLevel(0)
            self._asking += 1
        try:
            yield
        finally:
            with self._lock:
                self._asking -= 1
                if not self._asking:
                    cv2.utils.logging.setLogLevel(self._level)


quiet_opencv = _Quiet()
"""Keeps OpenCV from logging in a `with quiet_opencv():`, where its failures are caught anyway."""
