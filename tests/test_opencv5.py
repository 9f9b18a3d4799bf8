"""The pipeline's tests pass on OpenCV 5 too; the environment of the tests has 4, for its importer.

OpenCV 5 is installed once into a folder of its own beside pip's cache, and put before OpenCV 4 on
the path of a process that runs the tests again.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from openpose_keras.core._opencv import cv2
from tests.helpers import ROOT

REQUIREMENT = "opencv-python>=5,<6"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "openpose_keras_ci"
MODULES = (
    "opencv geometry crops heatmaps refinement peaks preprocessing drawing views readout finder "
    "estimator caffemodel cli"
)
# OpenCV 5 resizes and blurs at most 128 channels at once, and these two give it 200 and 400.
NOT_ON_5 = (
    "test_peaks.py::test_blurred_refinement_stays_near_on_clean_gaussians",
    "test_peaks.py::test_error_on_noisy_gaussians_is_what_the_docstring_says[blurred-0.25]",
)


def install():
    """Give the folder with OpenCV 5, made at the first time; or skip."""
    tag = f"{sys.implementation.cache_tag}-{sys.platform}"
    folder = CACHE / f"opencv5-{tag}"
    if (folder / "complete").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries", "1"]
    command = [*pip, "install", "-q", "--no-deps", "--target", str(folder), REQUIREMENT]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        last = result.stderr.strip().splitlines()[-1:] or ["no reason given"]
        pytest.skip(f"{REQUIREMENT} can't be installed: {last[0]}")
    (folder / "complete").touch()
    return folder


@pytest.mark.skipif(cv2.__version__ >= "5", reason="the tests run on OpenCV 5 already")
def test_the_pipelines_tests_pass_on_opencv_5():
    path = os.pathsep.join([str(install()), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": path}
    files = [f"tests/test_{name}.py" for name in MODULES.split()]
    left_out = [f"--deselect=tests/{test}" for test in NOT_ON_5]
    which = [sys.executable, "-c", "import cv2; print(cv2.__version__)"]
    version = subprocess.check_output(which, env=environment, text=True)
    assert version.startswith("5."), version
    pytest_command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    result = subprocess.run(
        [*pytest_command, *files, *left_out],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-4000:]
    print(f"OpenCV {version.strip()}: {result.stdout.strip().splitlines()[-1]}")
