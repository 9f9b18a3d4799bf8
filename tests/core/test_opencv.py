import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("libGL.so.1: cannot open shared object file", "apt-get install libgl1"),
        ("libGL.so.1: cannot open shared object file", "--force-reinstall opencv-python-headless;"),
        ("No module named 'cv2'", "pip install --force-reinstall opencv-python"),
        ("numpy.core.multiarray failed to import", "pip uninstall opencv-python opencv-python-"),
    ],
)
def test_a_failed_import_says_how_to_mend_it(tmp_path, message, advice):
    (tmp_path / "cv2.py").write_text(f"raise ImportError({message!r})\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, "-c", "from openpose_keras.core._opencv import cv2"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: OpenCV could not be imported")
    assert message in last
    assert advice in last
