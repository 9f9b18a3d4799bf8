"""The one way to import Keras, with a message that says why it failed."""

import os
from functools import cache
from types import ModuleType

from openpose_keras.core.errors import BackendError


def import_keras() -> ModuleType:
    """Import Keras.

    Returns:
        The module `keras`.

    Raises:
        BackendError: Keras, or the backend that it should run on, cannot be imported. The message
            says where the backend is chosen.
    """
    try:
        import keras
    except (ImportError, ValueError, TypeError, AttributeError) as error:
        chosen = os.environ.get("KERAS_BACKEND") or "not set, so that keras.json decides"
        raise BackendError(
            f"Keras could not be imported: {' '.join(str(error).split())}; set KERAS_BACKEND "
            f"to tensorflow, jax or torch, whichever is installed (it is {chosen})"
        ) from error
    module: ModuleType = keras
    return module


def claim_process() -> None:
    """Note that Keras's backend runs in this process, and refuse to run in a fork of it.

    The threads of a backend do not survive a fork: whatever is computed there waits forever.

    Raises:
        BackendError: This process is a fork of one in which the backend has run.
    """
    if _first_process() != os.getpid():
        raise BackendError(
            "expected the process that loaded the first network, got a fork of it, where Keras's "
            'backend would wait forever: start workers with multiprocessing.get_context("spawn"), '
            "or load the first network in the workers"
        )


@cache
def _first_process() -> int:
    """Return the id of the first process that asked; a fork knows it too."""
    return os.getpid()
