"""Load the network of a preset into the requested engine."""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from openpose_keras.core.errors import WeightsError
from openpose_keras.core.version import __version__
from openpose_keras.engines.files import FileEngine, graph_path
from openpose_keras.engines.keras import is_model
from openpose_keras.engines.litert import LiteRtEngine
from openpose_keras.engines.onnx import OnnxEngine
from openpose_keras.engines.openvino import BFloat16OpenVinoEngine, OpenVinoEngine
from openpose_keras.networks.presets import (
    EngineName,
    Preset,
    check_dtype,
    get_preset,
    load_network,
    user_folder,
    verified_weights,
)

if TYPE_CHECKING:
    from openpose_keras.engines.keras import Network


def load_engine(
    preset: str,
    *,
    weights: str | Path | None = None,
    dtype: str = "float32",
    engine: EngineName = "auto",
) -> "Network":
    """Load the network of a preset.

    Args:
        preset: A key of `PRESETS`.
        weights: Another .weights.h5 file for the same network.
        dtype: The dtype of the computation, see `load_network`. ONNX Runtime and LiteRT support
            only "float32". OpenVINO also supports "mixed_bfloat16", if the processor does.
        engine: "keras" gives a `keras.Model`. "onnx" and "openvino" are ONNX Runtime and OpenVINO,
            which need neither Keras nor its backend. "litert" is LiteRT, for which Keras exports
            the network once, in about ten seconds, to the subfolder `litert` of the presets'
            folder. "auto" is ONNX Runtime, or Keras for networks without a graph, for another dtype
            and for weights that only Keras can read.

    Returns:
        A `keras.Model`, or a `FileEngine`.

    Raises:
        ValueError: There is no such preset, dtype or engine, or the engine lacks the dtype.
        WeightsError: The weights are missing, damaged or for another network.
        BackendError: The engine, or Keras's backend, is not installed, or this processor does not
            support the dtype.
    """
    check_dtype(dtype, engine)
    found = get_preset(preset)
    graph = graph_path(found.network)
    light = dtype == "float32" and graph.is_file() and find_spec("onnxruntime") is not None
    if engine == "keras" or (engine == "auto" and not light):
        return load_network(preset, weights=weights, dtype=dtype)
    path = verified_weights(found, weights)
    if engine == "openvino":
        kind = OpenVinoEngine if dtype == "float32" else BFloat16OpenVinoEngine
        return kind(graph, path)
    if engine == "litert":
        return LiteRtEngine(_litert_file(found, path))
    try:
        return OnnxEngine(graph, path)
    except WeightsError:
        if engine == "onnx":
            raise
        return load_network(preset, weights=weights, dtype=dtype)


def _litert_file(preset: Preset, weights: Path) -> Path:
    """Return the .tflite file of a preset's network, and export it if it does not exist.

    The result of the export depends on the network, the weights and the package, and so does the
    file's name.
    """
    data = graph_path(preset.network).read_bytes() + weights.read_bytes()
    digest = hashlib.sha256(data).hexdigest()[:16]
    path = user_folder() / "litert" / f"{preset.name}-{__version__}-{digest}.tflite"
    if not path.is_file():
        from openpose_keras.engines.export import export_network  # loaded for this alone

        path.parent.mkdir(parents=True, exist_ok=True)
        export_network(preset.name, path, form="litert", weights=weights, force=True)
    return path


def engine_name(network: object) -> str:
    """Return the engine of a network: "keras", "onnx", ..., or "function" for your own function."""
    if isinstance(network, FileEngine):
        return network.kind
    return "keras" if is_model(network) else "function"
