"""The only import of Keras, with a message that says why it failed."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from types import ModuleType

from openpose_keras.core.errors import BackendError


def import_keras() -> ModuleType:
    """Import Keras, and hide what TensorFlow's C++ part prints on stderr.

    It prints lines about processors and missing graphics cards, some of which ignore its settings.
    Set TF_CPP_MIN_LOG_LEVEL to read them. A failed import raises an error in any case.

    Returns:
        The module `keras`.

    Raises:
        BackendError: Keras, or the backend that it should run on, cannot be imported. The message
            says where the backend is chosen.
    """
    hidden = "TF_CPP_MIN_LOG_LEVEL" not in os.environ
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with silent_stderr() if hidden else nullcontext():
            import keras
    except (ImportError, ValueError, TypeError, AttributeError) as error:
        if getattr(error, "name", None) == "keras":
            mend = "pip install keras tensorflow"
        elif isinstance(error, ImportError) or "import backend" in str(error):
            chosen = os.environ.get("KERAS_BACKEND") or "not set, so that keras.json decides"
            mend = "set KERAS_BACKEND to tensorflow, jax or torch, whichever is installed "
            mend += f"(it is {chosen})"
        else:
            mend = "mend keras.json in ~/.keras or KERAS_HOME, or the environment's settings, such "
            mend += "as KERAS_BACKEND and MPLBACKEND"
        reason = " ".join(str(error).split())
        raise BackendError(f"Keras could not be imported: {reason}; {mend}") from error
    module: ModuleType = keras
    return module


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Suppress what libraries log, and what they write to the file descriptor of stderr."""
    stderr, level = os.dup(2), logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        logging.disable(level)


def claim_process() -> None:
    """Record that networks run in this process, and raise an error in a fork of it.

    The threads of an engine do not survive a fork, where any computation would wait forever.

    Raises:
        BackendError: This process is a fork of one in which a network has run.
    """
    if _first_process() != os.getpid():
        raise BackendError(
            "expected the process that loaded the first network, got a fork of it, where networks "
            'would wait forever: start workers with multiprocessing.get_context("spawn"), or load '
            "the first network in the workers"
        )


@cache
def _first_process() -> int:
    """Return the id of the first process that called this; a fork inherits it."""
    return os.getpid()
