"""The engine of LiteRT, formerly TensorFlow Lite: .tflite files on a CPU."""

import os

import numpy as np

from openpose_keras.engines.files import FileEngine, cannot_open, import_library
from openpose_keras.engines.maps import Maps
from openpose_keras.networks._backend import silent_stderr


class LiteRtEngine(FileEngine):
    """A .tflite file with one signature in LiteRT."""

    kind = "litert"

    def _open(self) -> None:
        """Open the file, and suppress the line that LiteRT prints about its kernels."""
        library = import_library("ai_edge_litert.interpreter", "LiteRT", "ai-edge-litert")
        try:
            with silent_stderr():
                interpreter = library.Interpreter(str(self.graph), num_threads=os.cpu_count())
                interpreter.allocate_tensors()
                self._runner = interpreter.get_signature_runner()
        except (ValueError, RuntimeError) as error:
            raise cannot_open("LiteRT", self.graph, error) from error
        [self._input] = self._runner.get_input_details()

    def _run(self, batch: np.ndarray) -> Maps:
        """Run the signature, which takes any number and size of images; the arrays are copies."""
        maps: Maps = self._runner(**{self._input: batch})
        return maps
