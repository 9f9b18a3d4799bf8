"""The process that reads an HDF5 file; `hdf5.py` starts it with the file's path.

It writes a line of JSON to stdout, [kind, record, [[layer, [shape, ...]], ...]], then all numbers
as float32 in this order. It refuses links that lead out of the file. The system's limit of memory
stops whatever else a file may claim.
"""

import json
import re
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, takewhile
from pathlib import Path

import h5py
import numpy as np

from openpose_keras.core.errors import WeightsError
from openpose_keras.io.weight_record import open_archive, read_record, read_text_attribute

REFUSED = 3  # exit status for a file with an error that stderr describes
ARCHIVED_WEIGHTS = "model.weights.h5"
_MOST_INFLATION = 2.5  # of a file of float16 to float32, and a little
_MEMORY_FACTOR, _MEMORY = 4, 8 << 20  # times the file's size, and bytes besides
Datasets = dict[str, list[h5py.Dataset]]


def main(path: Path) -> int:
    """Read the file and write its content to stdout; return the exit status."""
    try:
        _limit_memory(path.stat().st_size)
        record = read_record(path)
        with _open(path) as file:
            kind, layers = _find_datasets(file)
            _check_size(layers, path.stat().st_size)
            shapes = [[name, [item.shape for item in items]] for name, items in layers.items()]
            kind = "keras" if zipfile.is_zipfile(path) else kind
            sys.stdout.buffer.write(json.dumps([kind, record, shapes]).encode() + b"\n")
            for item in (item for items in layers.values() for item in items):
                with np.errstate(over="ignore"):
                    array = np.ascontiguousarray(item[()], np.float32)
                sys.stdout.buffer.write(array.data.cast("B") if array.size else b"")
    except WeightsError as error:
        print(error, file=sys.stderr)
        return REFUSED
    except Exception as error:  # damage makes h5py raise nearly everything
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"{path} is not an HDF5 file of Keras's, or damaged: {reason}", file=sys.stderr)
        return REFUSED
    return 0


def _limit_memory(size: int) -> None:
    """Let an allocation that is out of proportion fail, where the system has such a limit."""
    try:
        import resource

        held = re.search(r"VmData:\s+(\d+)", Path("/proc/self/status").read_text())
    except (ImportError, OSError):
        return
    if held:
        limit = 1024 * int(held[1]) + _MEMORY_FACTOR * size + _MEMORY
        resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))


@contextmanager
def _open(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file, or the one inside a .keras file."""
    if not zipfile.is_zipfile(path):
        with h5py.File(path, "r") as file:
            yield file
        return
    with (
        open_archive(path) as archive,
        archive.open(ARCHIVED_WEIGHTS) as member,
        h5py.File(member, "r") as file,
    ):
        yield file


def _find_datasets(file: h5py.File) -> tuple[str, Datasets]:
    """Find the kind of a file and the data sets of each layer that has any."""
    if "model_weights" in file:
        return "keras2", _find_keras2(_follow(file, "model_weights"))
    if "layer_names" in file.attrs or "layer_names0" in file.attrs:
        return "keras2", _find_keras2(file)
    if "layers" in file:
        return "keras3", _find_keras3(_follow(file, "layers"))
    raise ValueError("it has no layers")


def _find_keras2(top: h5py.Group) -> Datasets:
    """Find the data sets of Keras 2, which lists layers and weights in attributes."""
    layers = {}
    for name in _names(top, "layer_names"):
        group = _follow(top, name)
        items = [_dataset(group, item) for item in _names(group, "weight_names")]
        if items:
            layers[name] = items
    return layers


def _find_keras3(top: h5py.Group) -> Datasets:
    """Find the data sets of Keras 3, which notes a layer's name beside its variables."""
    layers: Datasets = {}
    for key in top:
        group = _follow(top, key)
        if "vars" not in group or not len(_follow(group, "vars")):
            continue
        variables = _follow(group, "vars")
        name = read_text_attribute(variables, "name")
        if not isinstance(name, str) or name in layers:
            raise ValueError(
                f"expected the layer's own name at {variables.name}: save the file again with a "
                "newer Keras"
            )
        layers[name] = [_dataset(variables, index) for index in sorted(variables, key=int)]
    return layers


def _names(group: h5py.Group, attribute: str) -> list[str]:
    """Read a list of names: in one attribute or, if it is long, in several."""
    numbered = takewhile(group.attrs.__contains__, (f"{attribute}{i}" for i in count()))
    keys = [attribute] if attribute in group.attrs else list(numbered)
    if not keys:
        raise ValueError(f"expected {attribute} among the attributes of {group.name}")
    names = [name for key in keys for name in np.ravel(group.attrs[key]).tolist()]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _follow(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    """Return what stands under a name, through no link that leads elsewhere."""
    for part in name.split("/"):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"expected {part} in {group.name}")
        group = group[part]
    return group


def _dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    """Return a data set of floats that lies in this file."""
    item = _follow(group, name)
    if not isinstance(item, h5py.Dataset) or item.dtype.kind != "f":
        raise ValueError(f"expected an array of floats at {item.name}")
    if item.is_virtual or item.external:
        raise ValueError(f"{item.name} lies in another file")
    return item


def _check_size(layers: Datasets, size: int) -> None:
    """Refuse more numbers than a file of this size holds."""
    if sum(4 * item.size for items in layers.values() for item in items) > _MOST_INFLATION * size:
        raise ValueError("its arrays are larger than the file can hold")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
