"""The one way to import Keras, with a message that says why it failed."""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from openpose_keras.core.errors import BackendError, WeightsError

_BACKENDS = ("tensorflow", "jax", "torch")
_PROCESS: list[int] = []  # the one in which the backend runs


def import_keras() -> ModuleType:
    """Import Keras.

    Returns:
        The module `keras`.

    Raises:
        BackendError: Keras, or the backend that it should run on, cannot be imported. The message
            names the backend that was tried and where it was chosen.
    """
    try:
        import keras
    except (ImportError, ValueError, TypeError, AttributeError) as error:
        raise BackendError(_explain(" ".join(str(error).split()))) from error
    module: ModuleType = keras
    return module


def claim_process() -> None:
    """Note that Keras's backend runs in this process, and refuse to run in a fork of it.

    The threads of a backend do not survive a fork: whatever is computed there waits forever.

    Raises:
        BackendError: This process is a fork of one in which the backend has run.
    """
    if not _PROCESS:
        _PROCESS.append(os.getpid())
    if _PROCESS[0] != os.getpid():
        raise BackendError(
            "expected the process that loaded the first network, got a fork of it, where Keras's "
            'backend would wait forever: start workers with multiprocessing.get_context("spawn"), '
            "or load the first network in the workers"
        )


def keras_home() -> Path:
    """Return Keras's own folder, `KERAS_HOME` or `~/.keras`, without making it.

    Raises:
        WeightsError: The user has no home folder.
    """
    try:
        return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    except RuntimeError as error:
        raise WeightsError(
            "expected a home folder for weights and settings, and this user has none: set "
            "KERAS_HOME to a folder that it may write to"
        ) from error


def _explain(reason: str) -> str:
    """Return in one line why Keras could not be imported, and how to mend it."""
    if find_spec("keras") is None:
        return "Keras is not installed: pip install keras"
    backend, origin = _chosen_backend()
    mend = f"set KERAS_BACKEND to one that is installed: {', '.join(_BACKENDS)}"
    if backend not in _BACKENDS:
        return f"Keras has no backend {backend!r}, which {origin} names ({reason}): {mend}"
    if find_spec(backend) is None:
        return f"the backend {backend!r}, which {origin} names, is not installed: {mend}"
    return (
        f"Keras could not be imported: {reason}; check KERAS_BACKEND and keras.json. The backend "
        f"was {backend!r}, which {origin} names"
    )


def _chosen_backend() -> tuple[str, str]:
    """Return the name of the backend that Keras takes, and where it is chosen."""
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"], "KERAS_BACKEND"
    try:
        path = keras_home() / "keras.json"
        settings = json.loads(path.read_text())
    except (WeightsError, OSError, ValueError):
        settings = None
    if isinstance(settings, dict) and "backend" in settings:
        return str(settings["backend"]), str(path)
    return "tensorflow", "Keras's default"
