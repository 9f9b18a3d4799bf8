"""Maps from a batch of images: one small module an engine."""

from openpose_keras.engines.batches import run_batches
from openpose_keras.engines.keras import as_engine, compile_model
from openpose_keras.engines.maps import Engine, Maps, named_maps

__all__ = ["Engine", "Maps", "as_engine", "compile_model", "named_maps", "run_batches"]
