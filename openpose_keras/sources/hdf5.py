"""Weights in HDF5: of Keras 2 (names of layers in attributes) and of Keras 3 (.weights.h5, .keras).

Nothing but h5py is needed, no Keras. Links that lead out of the file, and data sets that are larger
than the file can hold, are refused.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from openpose_keras.errors import WeightsError

if TYPE_CHECKING:
    import h5py

Layers = dict[str, tuple[np.ndarray, ...]]

ARCHIVED_WEIGHTS = "model.weights.h5"
_MOST_INFLATION = 4  # compressed weights are never so much larger than their file
_DAMAGE = (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError, MemoryError)


def read_any(path: Path) -> tuple[str, Layers]:
    """Read a file of any of the three kinds. The HDF5 library may crash: see `sources.probe`.

    Args:
        path: The file.

    Returns:
        The kind, "keras2", "keras3" or "keras", and name to arrays of each layer that has any.

    Raises:
        WeightsError: It is damaged, or none of these.
    """
    if zipfile.is_zipfile(path):
        return "keras", read_keras_archive(path)
    with _open(path, path) as file:
        old = "model_weights" in file or _has_names(file)
        if not old and "layers" not in file:
            raise WeightsError("it is not of Keras's: it has no layers")
    return ("keras2", read_keras2(path)) if old else ("keras3", read_keras3(path))


def read_keras2(path: Path) -> Layers:
    """Read an HDF5 file of Keras 2: weights by layer name, or a whole saved model.

    Args:
        path: The file.

    Returns:
        Name to arrays of each layer that has any.

    Raises:
        WeightsError: It is damaged.
    """
    with _open(path, path) as file:
        budget = _Budget(path.stat().st_size)
        top = _child(file, "model_weights") if "model_weights" in file else file
        layers = {}
        for name in _names(top, "layer_names"):
            group = _child(top, name)
            arrays = [budget.read(_child(group, item)) for item in _names(group, "weight_names")]
            if arrays:
                layers[name] = tuple(arrays)
        return layers


def read_keras3(path: Path) -> Layers:
    """Read a .weights.h5 of Keras 3.

    Args:
        path: The file.

    Returns:
        Name to arrays of each layer that has any.

    Raises:
        WeightsError: It is damaged, or of a Keras that did not note the layers' names.
    """
    with _open(path, path) as file:
        return _read_keras3(file, _Budget(path.stat().st_size))


def read_keras_archive(path: Path) -> Layers:
    """Read the weights in a .keras file.

    Args:
        path: The file.

    Returns:
        Name to arrays of each layer that has any.

    Raises:
        WeightsError: It is damaged, or of a Keras that did not note the layers' names.
    """
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(ARCHIVED_WEIGHTS).file_size > _MOST_INFLATION * size:
                raise WeightsError(f"{path} is damaged: its weights are far larger than the file")
            with archive.open(ARCHIVED_WEIGHTS) as member, _open(path, member) as file:
                return _read_keras3(file, _Budget(size))
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, EOFError) as error:
        raise WeightsError(f"{path} is no .keras file, or damaged: {error}") from error


@contextmanager
def _open(path: Path, file: Path | BinaryIO) -> Iterator["h5py.File"]:
    """Open an HDF5 file; whatever fails while it is open is damage."""
    import h5py

    try:
        with h5py.File(file, "r") as opened:
            yield opened
    except WeightsError as error:
        raise WeightsError(f"{path} is damaged: {error}") from error
    except _DAMAGE as error:
        reason = " ".join(str(error).split())
        raise WeightsError(f"{path} is no HDF5 file of Keras's, or damaged: {reason}") from error


class _Budget:
    """What may be read from a file in all."""

    def __init__(self, file_size: int) -> None:
        """Start with what a file of this size can hold."""
        self.left = _MOST_INFLATION * file_size

    def read(self, dataset: "h5py.Dataset") -> np.ndarray:
        """Give a data set as an array."""
        import h5py

        if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind != "f":
            raise WeightsError(f"expected an array of floats at {dataset.name}")
        if dataset.is_virtual or dataset.external:
            raise WeightsError(f"{dataset.name} lies in another file")
        self.left -= dataset.size * dataset.dtype.itemsize
        if self.left < 0:
            raise WeightsError(f"{dataset.name} is larger than the file can hold")
        return np.asarray(dataset[()])


def _child(group: "h5py.Group", name: str) -> "h5py.Group | h5py.Dataset":
    """Give what lies under a name, through no link that leads elsewhere."""
    import h5py

    for part in name.split("/"):
        if not isinstance(group, h5py.Group):
            raise WeightsError(f"expected a group at {group.name}")
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise WeightsError(f"expected {part} in {group.name}")
        group = group[part]
    return group


def _has_names(group: "h5py.Group") -> bool:
    """Tell whether Keras 2 noted the layers' names here."""
    return any(name in group.attrs for name in ("layer_names", "layer_names0"))


def _names(group: "h5py.Group", attribute: str) -> list[str]:
    """Give a list of names that Keras 2 noted: in one attribute or, a long one, in several."""
    attributes = getattr(group, "attrs", {})
    keys = [attribute] if attribute in attributes else []
    keys = keys or list(takewhile(attributes.__contains__, (f"{attribute}{i}" for i in count())))
    if not keys:
        raise WeightsError(f"expected {attribute} among the attributes of {group.name}")
    names = [name for key in keys for name in np.ravel(attributes[key]).tolist()]
    return [name.decode("utf-8") if isinstance(name, bytes) else str(name) for name in names]


def _read_keras3(file: "h5py.File", budget: _Budget) -> Layers:
    """Read the layers of a .weights.h5; their names are noted beside their arrays."""
    layers: Layers = {}
    top = _child(file, "layers")
    for key in top:
        group = _child(top, key)
        if "vars" not in group or not len(_child(group, "vars")):
            continue
        variables = _child(group, "vars")
        name = variables.attrs.get("name")
        if not isinstance(name, str) or name in layers:
            raise WeightsError(
                f"expected the layer's own name at {variables.name}: save the file again with a "
                "newer Keras"
            )
        layers[name] = tuple(
            budget.read(_child(variables, key)) for key in sorted(variables, key=int)
        )
    return layers
