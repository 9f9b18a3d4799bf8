"""Skips what the environment lacks: a test marked `backend("torch")` needs PyTorch, and so on.

Processes that run tests beside one another divide the cores, and so do the kernels that they start.
"""

import importlib.util
import os
from collections import Counter

import pytest
from xdist.scheduler import LoadFileScheduling

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


def pytest_collection_modifyitems(items):
    """Begin with the files that have most slow tests, so that no process waits for another."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


class NotebooksApart(LoadFileScheduling):
    """Keep a file's tests in one process, which makes once what they share, but not notebooks."""

    def _split_scope(self, nodeid):
        return nodeid if "::test_notebook_runs" in nodeid else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)  # there are no such hooks with -p no:xdist
def pytest_xdist_setupnodes(specs):
    """Divide the cores among the processes: with all of them in each it takes a fifth longer."""
    count = max(1, (os.cpu_count() or 1) // len(specs))
    for threads in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ.setdefault(threads, str(count))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Let the notebooks, minutes each, run in several processes."""
    return NotebooksApart(config, log) if config.getvalue("dist") == "loadfile" else None
