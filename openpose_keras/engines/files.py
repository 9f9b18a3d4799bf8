"""What engines have in common whose network lies in a file: the graphs that ship, and weights.

The graph of each network ships, in `graphs`, without weights. These come from the same .weights.h5
that Keras reads, so that weights of your own need no export. `engines.onnx_graph` writes the
graphs, and next to each a JSON file that says where its weights lie.
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
        graph: The file: a graph that ships, or a whole network, such as `openpose-keras export`
            writes. Its input is (n, h, w, 3) float32, its outputs are `Maps`.
        weights: The .weights.h5 file of a graph that has none.

    Raises:
        BackendError: The library is not installed or cannot read the file, or this process is a
            fork of one in which a network has run.
        WeightsError: The weights are missing, damaged or for another network.
    """

    kind: ClassVar[str]
    """Its name among `networks.presets.ENGINES`."""

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
        """Open the files again where it is unpickled."""
        return type(self), (self.graph, self.weights)


class Place(TypedDict):
    """Where a weight lies in a .weights.h5: its data set, shape, and the order of its axes."""

    data: str
    shape: list[int]
    axes: list[int]


def import_library(
    module: str, library: str, package: str, *, other: str = ', or choose engine="keras"'
) -> ModuleType:
    """Import what an engine needs.

    Args:
        module: Its name in Python.
        library: Its name in prose.
        package: What pip installs it by.
        other: What else to do, as the end of the message.

    Raises:
        BackendError: It is not installed; the message says how to.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise BackendError(
            f"expected {library}, it could not be imported: {error}; pip install {package}{other}"
        ) from error


def cannot_open(library: str, graph: Path, error: Exception) -> BackendError:
    """Return the error of a file that a library cannot read, in one line."""
    reason = " ".join(str(error).split())
    return BackendError(f"{library} could not open {graph}: {reason}")


def graph_path(network: str) -> Path:
    """Return the path of the graph of a function of `networks`, whether it ships or not."""
    return Path(str(resources.files("openpose_keras.engines"))) / "graphs" / f"{network}.onnx"


def read_weights(path: str | Path, graph: Path) -> dict[str, FloatArray]:
    """Read the weights of a graph that ships from a .weights.h5 file.

    Args:
        path: The file.
        graph: The graph, next to which lies the .json file that says where each weight is.

    Returns:
        The weights by their names in the graph, float32, as the graph wants them, in its order.

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
    """Return the data sets of a group of a .weights.h5 file by their paths in the file.

    h5py's other objects, `h5py.Dataset`, take three times as long for the hundreds of a network.

    Args:
        group: Such as `file["layers"]`; the data sets can be read while its file is open.
    """
    import h5py

    names: list[bytes] = []

    def note(name: bytes, info: "h5py.h5o.ObjInfo") -> None:
        """Note the name of a data set."""
        if info.type == h5py.h5o.TYPE_DATASET:
            names.append(name)

    h5py.h5o.visit(group.id, note, info=True)
    start = str(group.name).strip("/")
    return {f"{start}/{name.decode()}": h5py.h5d.open(group.id, name) for name in names}


def read_data_set(data: "h5py.h5d.DatasetID") -> FloatArray:
    """Read a data set, from `data_sets`, as float32."""
    import h5py

    values = np.empty(data.shape, data.dtype)
    data.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return values.astype(np.float32, copy=False)
