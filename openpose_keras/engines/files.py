"""The base of engines that read a network from a file: the included graphs, and their weights.

The package includes the graph of each network, in `graphs`, without weights. The weights come from
the same .weights.h5 file that Keras reads, so that your own weights need no export.
`engines.onnx_graph` writes the graphs, and next to each a JSON file with the locations of its
weights.
"""

import json
from abc import ABC, abstractmethod
from importlib import import_module, resources
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar, Self, TypedDict

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.errors import BackendError
from openpose_keras.engines.maps import Maps
from openpose_keras.networks._backend import claim_process
from openpose_keras.networks.presets import unfit_weights

if TYPE_CHECKING:
    import h5py


class FileEngine(ABC):
    """A network that a library reads from a file.

    Args:
        graph: The file: an included graph, or a whole network such as `openpose-keras export`
            writes. Its input is (n, h, w, 3) float32, and its outputs are `Maps`.
        weights: The .weights.h5 file for a graph without weights.

    Raises:
        BackendError: The library is not installed or cannot read the file, or this process is a
            fork of one in which a network has run.
        WeightsError: The weights are missing, damaged or for another network.
    """

    kind: ClassVar[str]
    """The engine's name in `networks.presets.ENGINES`."""

    def __init__(self, graph: str | Path, weights: str | Path | None = None) -> None:
        """Open the graph and load the weights."""
        claim_process()
        self.graph = Path(graph)
        self.weights = None if weights is None else Path(weights)
        self._open()

    @abstractmethod
    def _open(self) -> None:
        """Open the files."""

    @abstractmethod
    def _run(self, batch: np.ndarray) -> Maps:
        """Compute the maps of (n, h, w, 3) float32 by name."""

    @property
    def name(self) -> str:
        """The network's name."""
        return self.graph.stem

    def __call__(self, batch: np.ndarray) -> Maps:
        """Return the maps of (n, h, w, 3) float32 by name."""
        claim_process()
        return self._run(batch)

    def __reduce__(self) -> tuple[type[Self], tuple[Path, Path | None]]:
        """Pickle the paths, so that the files are opened again when it is unpickled."""
        return type(self), (self.graph, self.weights)


class Place(TypedDict):
    """The location of a weight in a .weights.h5 file: its data set, shape and order of axes."""

    data: str
    shape: list[int]
    axes: list[int]


def import_library(
    module: str, library: str, package: str, *, other: str = ', or choose engine="keras"'
) -> ModuleType:
    """Import a module that an engine needs.

    Args:
        module: The name of the module in Python.
        library: The name of the library in prose.
        package: The name of its package for pip.
        other: An alternative for the user, which ends the error message.

    Raises:
        BackendError: The library is not installed. The message states how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise BackendError(
            f"expected {library}, it could not be imported: {error}; pip install {package}{other}"
        ) from error


def cannot_open(library: str, graph: Path, error: Exception) -> BackendError:
    """Return the error for a file that a library cannot read, in one line."""
    reason = " ".join(str(error).split())
    return BackendError(f"{library} could not open {graph}: {reason}")


def graph_path(network: str) -> Path:
    """Return the path of the graph of a function of `networks`, whether it exists or not."""
    return Path(str(resources.files("openpose_keras.engines"))) / "graphs" / f"{network}.onnx"


def read_weights(path: str | Path, graph: Path) -> dict[str, FloatArray]:
    """Read the weights of an included graph from a .weights.h5 file.

    Args:
        path: The file.
        graph: The graph, next to which the .json file with the location of each weight lies.

    Returns:
        The weights by their names in the graph, in float32, in the layout and order of the graph.

    Raises:
        WeightsError: The file is damaged, or it is for another network: a data set is missing, has
            another shape, or is left over.
    """
    import h5py

    places: dict[str, Place] = json.loads(graph.with_suffix(".json").read_text("utf8"))
    try:
        with h5py.File(path) as file:
            sets = data_sets(file["layers"])
            found = {name: each.shape for name, each in sets.items()}
            expected = {place["data"]: tuple(place["shape"]) for place in places.values()}
            if found != expected:
                raise ValueError("other layers or shapes")
            return {
                name: np.ascontiguousarray(
                    read_data_set(sets[place["data"]]).transpose(place["axes"])
                )
                for name, place in places.items()
            }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unfit_weights(graph.stem, path, error) from error


def data_sets(group: "h5py.Group") -> dict[str, "h5py.h5d.DatasetID"]:
    """Map paths in a .weights.h5 file to the data sets of a group.

    The objects of h5py's high-level interface, `h5py.Dataset`, take three times as long for the
    hundreds of data sets of a network.

    Args:
        group: A group, such as `file["layers"]`. The data sets can be read while its file is open.
    """
    import h5py

    names: list[bytes] = []

    def note(name: bytes, info: "h5py.h5o.ObjInfo") -> None:
        """Record the name of a data set."""
        if info.type == h5py.h5o.TYPE_DATASET:
            names.append(name)

    h5py.h5o.visit(group.id, note, info=True)
    start = str(group.name).strip("/")
    return {f"{start}/{name.decode()}": h5py.h5d.open(group.id, name) for name in names}


def read_data_set(data: "h5py.h5d.DatasetID") -> FloatArray:
    """Read a data set from `data_sets` as float32."""
    import h5py

    values = np.empty(data.shape, data.dtype)
    data.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return values.astype(np.float32, copy=False)
