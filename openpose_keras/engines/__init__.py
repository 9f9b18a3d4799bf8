"""Engines, which compute maps from a batch of images: one small module per engine."""

from openpose_keras.engines.files import FileEngine
from openpose_keras.engines.keras import as_engine, compile_model
from openpose_keras.engines.litert import LiteRtEngine
from openpose_keras.engines.load import load_engine
from openpose_keras.engines.maps import Maps, named_maps, run_batches
from openpose_keras.engines.onnx import OnnxEngine
from openpose_keras.engines.openvino import OpenVinoEngine
from openpose_keras.engines.together import Engine, call_together, run_engine

__all__ = [
    "Engine",
    "FileEngine",
    "LiteRtEngine",
    "Maps",
    "OnnxEngine",
    "OpenVinoEngine",
    "as_engine",
    "call_together",
    "compile_model",
    "load_engine",
    "named_maps",
    "run_batches",
    "run_engine",
]
