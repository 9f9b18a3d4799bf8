"""Weights in HDF5 files: of Keras 2 (.h5), of Keras 3 (.weights.h5), and inside .keras files.

The HDF5 library can crash, loop endlessly or allocate gigabytes on a damaged file. `read_hdf5`
therefore runs this module in a separate process with limits of time and memory. The process refuses
links that lead out of the file. It writes a line of JSON to stdout, [kind, record, [[layer, number
of arrays], ...]], then all arrays in this order, as .npy files.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import h5py
import numpy as np

from openpose_keras.conversion.layouts import Layers
from openpose_keras.core.errors import WeightsError
from openpose_keras.io.weight_record import open_archive, read_record, read_text_attribute

ARCHIVED_WEIGHTS = "model.weights.h5"
_SECONDS, _BYTES_A_SECOND = 30, 2_000_000  # for a slow disk and a busy machine
_REFUSED = 3  # exit status for a file with an error that stderr describes
_MOST_INFLATION = 2.5  # of a file of float16 to float32, and a little
_MEMORY_FACTOR, _MEMORY = 4, 8 << 20  # times the file's size, and bytes besides
Datasets = dict[str, list[h5py.Dataset]]


def read_hdf5(path: Path) -> tuple[str, Layers, dict[str, object] | None]:
    """Read an HDF5 file of Keras, or the one inside a .keras file.

    Args:
        path: The file.

    Returns:
        The kind, "keras2", "keras3" or "keras"; the arrays of each layer by name; and the record
        that this package stored in the file, if there is one.

    Raises:
        WeightsError: The file is damaged, or not of these three kinds.
    """
    seconds = _SECONDS + path.stat().st_size / _BYTES_A_SECOND
    command = [sys.executable, "-P", __file__, str(path)]
    # No plug-in of HDF5 is loaded because a file asks for it.
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "HDF5_PLUGIN_PRELOAD": "::"}
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(
                command,
                stdout=output,
                stderr=subprocess.PIPE,
                timeout=seconds,
                check=False,
                env=os.environ | environment,
            )
        except subprocess.TimeoutExpired as error:
            raise WeightsError(f"{path} is damaged: not read within {seconds:.0f} s") from error
        message = done.stderr.decode(errors="replace").strip()
        if done.returncode == _REFUSED:
            raise WeightsError(message)
        if done.returncode:
            last = message.splitlines()[-1:] or [f"status {done.returncode}"]
            raise WeightsError(f"{path} is damaged: the HDF5 library failed on it ({last[0]})")
        output.seek(0)
        kind, record, counts = json.loads(output.readline())
        layers = {name: tuple(np.load(output) for _ in range(count)) for name, count in counts}
    return kind, layers, record


def main(path: Path) -> int:
    """Read the file and write its content to stdout; return the exit status."""
    try:
        _limit_memory(path.stat().st_size)
        record = read_record(path)
        with _open(path) as file:
            kind, layers = _find_datasets(file)
            _check_size(layers, path.stat().st_size)
            kind = "keras" if zipfile.is_zipfile(path) else kind
            counts = [(name, len(items)) for name, items in layers.items()]
            sys.stdout.buffer.write(json.dumps([kind, record, counts]).encode() + b"\n")
            for item in (item for items in layers.values() for item in items):
                with np.errstate(over="ignore"):
                    array = np.ascontiguousarray(item[()], np.float32)
                np.save(sys.stdout.buffer, array)
    except WeightsError as error:
        print(error, file=sys.stderr)
        return _REFUSED
    except Exception as error:  # damage makes h5py raise nearly everything
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"{path} is not an HDF5 file of Keras's, or damaged: {reason}", file=sys.stderr)
        return _REFUSED
    return 0


def _limit_memory(size: int) -> None:
    """Limit memory so that excessive allocations fail, if the system supports such a limit."""
    try:
        import resource

        held = re.search(r"VmData:\s+(\d+)", Path("/proc/self/status").read_text())
    except (ImportError, OSError):
        return
    if held:
        limit = 1024 * int(held[1]) + _MEMORY_FACTOR * size + _MEMORY
        resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))


def _open(path: Path) -> h5py.File:
    """Open an HDF5 file, or the one inside a .keras file."""
    if zipfile.is_zipfile(path):
        return h5py.File(open_archive(path).open(ARCHIVED_WEIGHTS), "r")
    return h5py.File(path, "r")


def _find_datasets(file: h5py.File) -> tuple[str, Datasets]:
    """Find the kind of a file, and the data sets of each layer with weights."""
    if "layers" in file and "layer_names" not in file.attrs:
        return "keras3", _find_keras3(_follow(file, "layers"))
    return "keras2", _find_keras2(
        _follow(file, "model_weights") if "model_weights" in file else file
    )


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
    """Find the data sets of Keras 3, which stores a layer's name next to its variables."""
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
    """Read a list of names."""
    if attribute not in group.attrs:
        raise ValueError(f"expected {attribute} among the attributes of {group.name}")
    names = np.ravel(group.attrs[attribute]).tolist()
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _follow(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    """Return the item with a name; all links but hard ones are refused."""
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
    """Refuse more numbers than a file of this size can hold."""
    if sum(4 * item.size for items in layers.values() for item in items) > _MOST_INFLATION * size:
        raise ValueError("its arrays are larger than the file can hold")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
