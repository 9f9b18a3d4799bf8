"""The network of a preset, in the engine that is asked for."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from openpose_keras.core.errors import WeightsError
from openpose_keras.engines.keras import is_model
from openpose_keras.engines.onnx import OnnxEngine, graph_path
from openpose_keras.networks.presets import (
    ENGINES,
    EngineName,
    get_preset,
    load_network,
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
        dtype: What the network computes in, see `load_network`; ONNX Runtime: "float32" only.
        engine: "keras": a `keras.Model`. "onnx": ONNX Runtime, which needs neither Keras nor its
            backend. "auto": ONNX Runtime, and Keras for what that has no graph for, for another
            dtype and for weights that only Keras can read.

    Returns:
        A `keras.Model`, or an `OnnxEngine`.

    Raises:
        ValueError: There is no such preset, dtype or engine.
        WeightsError: The weights are missing, damaged or for another network.
        BackendError: The engine, or Keras's backend, is not installed.
    """
    if engine not in ENGINES:
        raise ValueError(f"expected an engine among {', '.join(ENGINES)}, got {engine!r}")
    if engine == "onnx" and dtype != "float32":
        raise ValueError(f'expected the dtype float32 with engine="onnx", got {dtype!r}')
    found = get_preset(preset)
    graph = graph_path(found.network)
    light = dtype == "float32" and graph.is_file() and find_spec("onnxruntime") is not None
    if engine == "onnx" or (engine == "auto" and light):
        path = verified_weights(found, weights)
        try:
            return OnnxEngine(graph, path)
        except WeightsError:
            if engine == "onnx":
                raise
    return load_network(preset, weights=weights, dtype=dtype)


def engine_name(network: object) -> str:
    """Return what computes a network: "keras", "onnx", or "function" for a function of yours."""
    if isinstance(network, OnnxEngine):
        return "onnx"
    return "keras" if is_model(network) else "function"
