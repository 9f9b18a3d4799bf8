"""The engine of OpenVINO on a CPU, for the included graphs, .onnx files and .xml files."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras.core.errors import BackendError
from openpose_keras.engines.files import FileEngine, cannot_open, import_library, read_weights
from openpose_keras.engines.maps import Maps

if TYPE_CHECKING:
    import openvino


class OpenVinoEngine(FileEngine):
    """A .onnx or .xml file in OpenVINO, which computes in float32."""

    kind = "openvino"
    _precision = "f32"

    def _open(self) -> None:
        """Read and compile the network to run one batch at a time on all cores."""
        core = import_openvino().Core()
        if self._precision == "bf16" and "BF16" not in core.get_property(
            "CPU", "OPTIMIZATION_CAPABILITIES"
        ):
            raise BackendError(
                "expected a processor that computes in bfloat16 for OpenVINO, this one does not: "
                'choose dtype="float32"'
            )
        options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": self._precision}
        with open_network(core, self.graph, self.weights) as network:
            self._compiled = core.compile_model(network, "CPU", options)
        # A layer's own name, with a "/", may stand beside the output's.
        self._outputs = [
            next(name for name in sorted(each.names) if "/" not in name)
            for each in self._compiled.outputs
        ]

    def _run(self, batch: np.ndarray) -> Maps:
        """Run the compiled network; the arrays are copies."""
        values = self._compiled(batch)
        return {name: values[index] for index, name in enumerate(self._outputs)}


class BFloat16OpenVinoEngine(OpenVinoEngine):
    """An `OpenVinoEngine` that computes in bfloat16, on a processor that supports it."""

    _precision = "bf16"


def import_openvino() -> ModuleType:
    """Import OpenVINO.

    Raises:
        BackendError: OpenVINO is not installed.
    """
    return import_library("openvino", "OpenVINO", "openvino")


@contextmanager
def open_network(
    core: "openvino.Core", graph: Path, weights: Path | None
) -> "Iterator[openvino.Model]":
    """Read a network, whose weights may be loaded only when it is compiled or saved.

    Args:
        core: OpenVINO's core. It reads ONNX files, but weights only from a file next to the graph.
        graph: A .onnx or .xml file.
        weights: The .weights.h5 file for an included graph.

    Yields:
        The network. The files from which it is read exist until the `with` block ends.

    Raises:
        BackendError: OpenVINO cannot read the file.
        WeightsError: The weights are damaged or for another network.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = graph
        if weights is not None:
            values = read_weights(weights, graph)
            path = Path(shutil.copy(graph, folder))
            with (Path(folder) / "weights").open("wb") as file:
                for each in values.values():
                    file.write(each.tobytes())
        core.set_property({"ENABLE_MMAP": False})  # Windows removes no file that is mapped
        try:
            network = core.read_model(path)
        except RuntimeError as error:
            raise cannot_open("OpenVINO", graph, error) from error
        yield network
