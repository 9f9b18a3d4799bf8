"""Where tests find the training assets, which are not part of the repository."""

import os
from pathlib import Path

import pytest

from tests.helpers import ROOT

VARIABLE = "OPENPOSE_KERAS_ASSETS"


def assets_folder() -> Path:
    """Return the folder of the training assets, or skip the test that asks for it.

    The folder is that of the environment variable OPENPOSE_KERAS_ASSETS, or else `shared/assets`
    beside the repository.

    Returns:
        A folder that holds `rigged_hand`.
    """
    beside = ROOT.parent / "shared" / "assets"
    folder = Path(os.environ.get(VARIABLE, beside))
    if not (folder / "rigged_hand").is_dir():
        pytest.skip(f"no rigged_hand in {folder}; set {VARIABLE} to the folder of the assets")
    return folder


def mediapipe_file(name: str) -> Path:
    """Return the path of one of MediaPipe's tflite files, or skip the test that asks for it."""
    pytest.importorskip("tflite", reason="the PyPI package tflite reads MediaPipe's files")
    folders = [assets_folder() / folder for folder in ("teacher", "face_teacher")]
    path = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if path is None:
        pytest.skip(f"no {name} in {folders}; set {VARIABLE} to the folder of the assets")
    return path


def open_model_zoo_file(name: str) -> Path:
    """Return the path of a network of Open Model Zoo, or skip the test that asks for it."""
    path = assets_folder() / "body_teacher" / name
    if not path.is_file():
        pytest.skip(f"no {path}; set {VARIABLE} to the folder of the assets")
    return path


def people_folder() -> Path:
    """Return the folder `people` of the training assets, or skip the test that asks for it."""
    folder = assets_folder() / "people"
    if not folder.is_dir():
        pytest.skip(f"no {folder}; set {VARIABLE} to a folder with the assets of people")
    return folder
