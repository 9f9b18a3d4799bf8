"""The engine of ONNX Runtime, which runs presets without Keras and starts quickly."""

import os

import numpy as np

from openpose_keras.engines.files import FileEngine, cannot_open, import_library, read_weights
from openpose_keras.engines.maps import Maps

# Others, such as TensorRT and CoreML, compile again for every size of input, or take fixed sizes.
_PROVIDERS = ("CUDAExecutionProvider", "ROCMExecutionProvider", "CPUExecutionProvider")


class OnnxEngine(FileEngine):
    """A .onnx file in ONNX Runtime, on a GPU if the installed ONNX Runtime finds one."""

    kind = "onnx"

    def _open(self) -> None:
        """Open a session that prints errors but no other messages."""
        onnxruntime = import_library("onnxruntime", "ONNX Runtime", "onnxruntime")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Else the threads of one network keep their cores busy while the next network runs.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        # As other libraries have it; several processes that have the cores in common set it to 1.
        threads = os.environ.get("OMP_NUM_THREADS", "")
        options.intra_op_num_threads = int(threads) if threads.isdecimal() else 0
        if self.weights is not None:
            values = read_weights(self.weights, self.graph)
            held = [onnxruntime.OrtValue.ortvalue_from_numpy(each) for each in values.values()]
            options.add_external_initializers(list(values), held)
        available = onnxruntime.get_available_providers()
        providers = [each for each in _PROVIDERS if each in available]
        try:
            self._session = onnxruntime.InferenceSession(self.graph, options, providers=providers)
        except Exception as error:  # it raises a dozen classes of its own
            raise cannot_open("ONNX Runtime", self.graph, error) from error
        [image] = self._session.get_inputs()
        self._input = image.name
        self._outputs = [each.name for each in self._session.get_outputs()]

    def _run(self, batch: np.ndarray) -> Maps:
        """Run the session."""
        values = self._session.run(self._outputs, {self._input: batch})
        return dict(zip(self._outputs, values, strict=True))
