"""Weights in HDF5 files: of Keras 2 (.h5), of Keras 3 (.weights.h5), and inside .keras files.

The HDF5 library can crash, loop for ever or take gigabytes on a damaged file. So the file is read
once, by `hdf5_process.py` in a process of its own with limits of time and memory. What that process
writes is simple: a line of JSON, then the numbers.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from openpose_keras.conversion.layouts import Layers
from openpose_keras.conversion.readers import hdf5_process
from openpose_keras.core.errors import WeightsError

_SECONDS, _BYTES_A_SECOND = 30, 2_000_000  # for a slow disk and a busy machine


def read_hdf5(path: Path) -> tuple[str, Layers, dict[str, object] | None]:
    """Read an HDF5 file of Keras's, or the one inside a .keras file.

    Args:
        path: The file.

    Returns:
        The kind, "keras2", "keras3" or "keras"; the arrays of each layer by name; and the record
        that this package stored in the file, if there is one.

    Raises:
        WeightsError: The file is damaged, or not of these three kinds.
    """
    seconds = _SECONDS + path.stat().st_size / _BYTES_A_SECOND
    command = [sys.executable, "-P", hdf5_process.__file__, str(path)]
    # No plug-in of HDF5 is loaded because a file asks for it.
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "HDF5_PLUGIN_PRELOAD": "::"}
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(
                command,
                stdout=output,
                stderr=subprocess.PIPE,
                timeout=seconds,
                check=False,
                env=os.environ | environment,
            )
        except subprocess.TimeoutExpired as error:
            raise WeightsError(f"{path} is damaged: not read within {seconds:.0f} s") from error
        message = done.stderr.decode(errors="replace").strip()
        if done.returncode == hdf5_process.REFUSED:
            raise WeightsError(message)
        if done.returncode:
            last = message.splitlines()[-1:] or [f"status {done.returncode}"]
            raise WeightsError(f"{path} is damaged: the HDF5 library failed on it ({last[0]})")
        output.seek(0)
        kind, record, shapes = json.loads(output.readline())
        layers = {
            name: tuple(
                np.fromfile(output, np.float32, math.prod(shape)).reshape(shape) for shape in each
            )
            for name, each in shapes
        }
    return kind, layers, record
