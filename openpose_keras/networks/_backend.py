"""The one way to import Keras that says what its backend lacks."""

import os
from types import ModuleType

from openpose_keras.core.errors import BackendError


def import_keras() -> ModuleType:
    """Import Keras, or say what its backend lacks.

    Returns:
        The module `keras`.

    Raises:
        BackendError: The backend that `KERAS_BACKEND` names is not installed, or is none.
    """
    try:
        import keras
    except (ImportError, ValueError) as error:
        backend = os.environ.get("KERAS_BACKEND", "tensorflow")
        raise BackendError(
            f"Keras cannot run on the backend {backend!r}: {error}. Install it, or set "
            "KERAS_BACKEND to one that is installed: tensorflow, jax or torch"
        ) from error
    return keras
