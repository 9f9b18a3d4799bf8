"""Skips what the environment lacks: a test marked `backend("torch")` needs PyTorch, and so on."""

import importlib.util

import pytest

from openpose_keras.core._opencv import cv2


def is_installed(backend):
    """Return whether a package is there; "opencv4" is one with an importer of Caffe networks."""
    if backend == "opencv4":
        return hasattr(cv2.dnn, "readNetFromCaffe")
    return importlib.util.find_spec(backend) is not None


def pytest_runtest_setup(item):
    for mark in item.iter_markers("backend"):
        for backend in mark.args:
            if not is_installed(backend):
                pytest.skip(f"{backend} is not installed: .ci/run tests it, see CONTRIBUTING.md")
