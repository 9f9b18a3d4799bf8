"""The engine of ONNX Runtime: networks of presets without Keras, which starts in a moment.

The graph of each network ships, in `graphs`, without weights. These come from the same .weights.h5
that Keras reads, so that weights of your own need no export. `conversion.onnx_graph` writes the
graphs, and next to each a JSON file that says where its weights lie.
"""

import json
import os
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.errors import BackendError, WeightsError
from openpose_keras.engines.maps import Maps
from openpose_keras.networks._backend import claim_process

if TYPE_CHECKING:
    import h5py
    import onnxruntime

# Others, such as TensorRT and CoreML, compile again for every size of input, or take fixed sizes.
_PROVIDERS = ("CUDAExecutionProvider", "ROCMExecutionProvider", "CPUExecutionProvider")


class Place(TypedDict):
    """Where a weight lies in a .weights.h5: its data set, shape, and the order of its axes."""

    data: str
    shape: list[int]
    axes: list[int]


def graph_path(network: str) -> Path:
    """Return the path of the graph of a function of `networks`, whether it ships or not."""
    return Path(str(resources.files("openpose_keras.engines"))) / "graphs" / f"{network}.onnx"


class OnnxEngine:
    """A network in ONNX Runtime, on a GPU where the installed ONNX Runtime finds one.

    Args:
        graph: A .onnx file: a graph that ships, or a whole network, such as `openpose-keras convert
            FILE --to NAME.onnx` writes. Its input is (n, h, w, 3) float32, its outputs are `Maps`.
        weights: The .weights.h5 file of a graph that has none.

    Raises:
        BackendError: ONNX Runtime is not installed or cannot read the graph, or this process is a
            fork of one in which a network has run.
        WeightsError: The weights are missing, damaged or for another network.
    """

    def __init__(self, graph: str | Path, weights: str | Path | None = None) -> None:
        """Open the graph and load the weights."""
        claim_process()
        self.graph = Path(graph)
        self.weights = None if weights is None else Path(weights)
        self._session = _open(self.graph, self.weights)
        [image] = self._session.get_inputs()
        self._input = image.name
        self._outputs = [each.name for each in self._session.get_outputs()]

    @property
    def name(self) -> str:
        """The network's name."""
        return self.graph.stem

    def __call__(self, batch: np.ndarray) -> Maps:
        """Return the maps of (n, h, w, 3) float32 by name."""
        claim_process()
        values = self._session.run(self._outputs, {self._input: batch})
        return dict(zip(self._outputs, values, strict=True))

    def __reduce__(self) -> tuple[type["OnnxEngine"], tuple[Path, Path | None]]:
        """Open the files again where it is unpickled."""
        return OnnxEngine, (self.graph, self.weights)


def _open(graph: Path, weights: Path | None) -> "onnxruntime.InferenceSession":
    """Open a session; its messages below errors are not printed."""
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendError(
            f"expected ONNX Runtime, it could not be imported: {error}; pip install onnxruntime, "
            'or choose engine="keras"'
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Else the threads of one network keep their cores busy while the next network runs.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # As other libraries have it; several processes that have the cores in common set it to 1.
    threads = os.environ.get("OMP_NUM_THREADS", "")
    options.intra_op_num_threads = int(threads) if threads.isdecimal() else 0
    if weights is not None:
        values = read_weights(weights, json.loads(graph.with_suffix(".json").read_text("utf8")))
        held = {
            name: onnxruntime.OrtValue.ortvalue_from_numpy(each) for name, each in values.items()
        }
        options.add_external_initializers(list(held), list(held.values()))
    available = onnxruntime.get_available_providers()
    providers = [each for each in _PROVIDERS if each in available]
    try:
        return onnxruntime.InferenceSession(graph, options, providers=providers)
    except Exception as error:  # it raises a dozen classes of its own
        reason = " ".join(str(error).split())
        raise BackendError(f"ONNX Runtime could not open {graph}: {reason}") from error


def read_weights(path: str | Path, places: dict[str, Place]) -> dict[str, FloatArray]:
    """Read the weights of a graph from a .weights.h5 file.

    Args:
        path: The file.
        places: Where each lies, by its name in the graph.

    Returns:
        The weights by name, float32, as the graph wants them.

    Raises:
        WeightsError: The file is damaged, or it is for another network: a data set is missing, has
            another shape, or is left over.
    """
    import h5py

    try:
        with h5py.File(path) as file:
            found = _shapes(file["layers"])
            expected = {place["data"]: tuple(place["shape"]) for place in places.values()}
            if found != expected:
                wrong = sorted(dict(found.items() ^ expected.items()))
                raise ValueError(f"other layers or shapes are {', '.join(wrong[:3])}")
            return {
                name: np.ascontiguousarray(
                    file[place["data"]][()].astype(np.float32).transpose(place["axes"])
                )
                for name, place in places.items()
            }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"expected the weights of this network in {path}: {error}") from error


def _shapes(group: "h5py.Group") -> dict[str, tuple[int, ...]]:
    """Return the shape of each data set of a group, by its path in the file."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note(_: str, item: "h5py.Group | h5py.Dataset") -> None:
        """Note the shape of a data set."""
        if hasattr(item, "shape"):
            shapes[str(item.name).lstrip("/")] = item.shape

    group.visititems(note)
    return shapes
