"""Weights in HDF5: of Keras 2 (names of layers in attributes) and of Keras 3 (.weights.h5, .keras).

Nothing but h5py is needed, no Keras. Links that lead out of the file, and whatever takes more than
about three times the file's memory, are refused.
"""

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from openpose_keras.core.errors import WeightsError
from openpose_keras.io._zip import open_archive
from openpose_keras.io.weight_record import read_text_attribute

if TYPE_CHECKING:
    import h5py

Layers = dict[str, tuple[np.ndarray, ...]]

ARCHIVED_WEIGHTS = "model.weights.h5"
_MOST_INFLATION = 3  # weights in memory are never so much larger than their file
_DEFLATE, _SHUFFLE, _CHECKSUM = 1, 2, 3  # HDF5's numbers of the filters that are undone here
_MOST_CHUNKS = 4096  # of a data set
_LONGEST_NAME, _MOST_NAMES = 1000, 4096
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
        with open_archive(path) as archive:
            if archive.getinfo(ARCHIVED_WEIGHTS).compress_type != zipfile.ZIP_STORED:
                raise WeightsError(
                    f"{path} has compressed weights, which no Keras writes: unzip it, and give "
                    f"the file {ARCHIVED_WEIGHTS} in it"
                )
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
    """What may be held of a file's content in all."""

    def __init__(self, file_size: int) -> None:
        """Start with what a file of this size can need."""
        self.left = _MOST_INFLATION * file_size

    def read(self, dataset: "h5py.Dataset") -> np.ndarray:
        """Give a data set as a float32 array."""
        import h5py

        if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind != "f":
            raise WeightsError(f"expected an array of floats at {dataset.name}")
        if dataset.is_virtual or dataset.external:
            raise WeightsError(f"{dataset.name} lies in another file")
        self.left -= 4 * dataset.size
        raw = dataset.size * dataset.dtype.itemsize if dataset.dtype.itemsize != 4 else 0
        if self.left < raw + 2 * _chunk_bytes(dataset):
            raise WeightsError(f"{dataset.name} is larger than the file can hold")
        _check_chunks(dataset)
        with np.errstate(over="ignore"):
            return np.asarray(dataset[()]).astype(np.float32, copy=False)


def _chunk_bytes(dataset: "h5py.Dataset") -> int:
    """Give the size of a chunk, which is read whole; 0 if there are none."""
    return math.prod(dataset.chunks or (0,)) * dataset.dtype.itemsize


def _check_chunks(dataset: "h5py.Dataset") -> None:
    """Raise if a compressed chunk is larger than it says; the HDF5 library would believe it."""
    if not dataset.chunks:
        return
    options, handle = dataset.id.get_create_plist(), dataset.id
    filters = {options.get_filter(index)[0] for index in range(options.get_nfilters())}
    if filters - {_DEFLATE, _SHUFFLE, _CHECKSUM} or handle.get_num_chunks() > _MOST_CHUNKS:
        raise WeightsError(f"{dataset.name} is compressed in a way, or cut up, as no Keras does")
    for index in range(handle.get_num_chunks()) if _DEFLATE in filters else ():
        place = handle.get_chunk_info(index).chunk_offset
        skipped, data = handle.read_direct_chunk(place)
        most = _chunk_bytes(dataset) + 64  # a checksum may be in it
        if not skipped and len(zlib.decompressobj().decompress(data, most)) == most:
            raise WeightsError(f"a compressed part of {dataset.name} is larger than it says")


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
    handles = [attributes.get_id(key) for key in keys]
    number = sum(math.prod(handle.shape or (0,)) for handle in handles)
    # An empty list is one of floats; names of any length may share their memory: see `probe`.
    if number > _MOST_NAMES or any(handle.dtype.kind not in "SOf" for handle in handles):
        raise WeightsError(f"expected a list of names as the attribute {attribute} of {group.name}")
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
        name = read_text_attribute(variables, "name")
        if not isinstance(name, str) or len(name) > _LONGEST_NAME or name in layers:
            raise WeightsError(
                f"expected the layer's own name at {variables.name}: save the file again with a "
                "newer Keras"
            )
        layers[name] = tuple(
            budget.read(_child(variables, key)) for key in sorted(variables, key=int)
        )
    return layers
