"""Verify a weight file: compare our network's outputs with those of another reader."""

import os
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openpose_keras.conversion.caffe.caffemodel import write_caffemodel
from openpose_keras.conversion.caffe.graph import to_caffe
from openpose_keras.conversion.caffe.prototxt import write_prototxt
from openpose_keras.conversion.convert import load_converted
from openpose_keras.conversion.parity import (
    TOLERANCE,
    ParityReport,
    compare,
    layer_outputs,
    opencv_outputs,
    random_batch,
)
from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import WeightsError
from openpose_keras.core.files import atomic_write

if TYPE_CHECKING:
    import keras

    from openpose_keras.io.weight_record import WeightRecord


_INPUT = "input"


def verify_file(
    path: str | os.PathLike[str],
    *,
    prototxt: str | os.PathLike[str] | None = None,
    golden: str | os.PathLike[str] | None = None,
    size: tuple[int, int] = (368, 368),
    tolerance: float = TOLERANCE,
) -> ParityReport:
    """Convert a weight file, and compare the network layer by layer with a reference.

    Args:
        path: A weight file of any known kind. OpenCV reads a .caffemodel itself; the
            weights of another kind are written back to Caffe's first.
        prototxt: OpenPose's own description for OpenCV. Without it, ours is used, which proves the
            weights but not the wiring.
        golden: Outputs that `write_golden` stored. OpenCV is not needed then.
        size: Height and width of the input, which is noise; a golden brings its own.
        tolerance: See `ParityReport`.

    Returns:
        The report.

    Raises:
        WeightsError: A file is damaged or does not fit, or OpenCV can't read Caffe's files.
    """
    model, record = load_converted(path)
    if golden is not None:
        batch, expected = read_golden(golden)
        reference = f"the golden {Path(golden).name}"
    else:
        batch = random_batch(size)
        expected = _opencv_outputs(Path(path), model, record, prototxt, batch)
        whose = f"{Path(prototxt).name}" if prototxt else "a description of our own"
        reference = f"OpenCV {cv2.__version__} with {whose}"
    found = layer_outputs(model, batch)
    return compare(found, expected, reference=reference, tolerance=tolerance)


def _opencv_outputs(
    path: Path,
    model: "keras.Model",
    record: "WeightRecord",
    prototxt: str | os.PathLike[str] | None,
    batch: np.ndarray,
) -> dict[str, np.ndarray]:
    """Let OpenCV run the file itself, or the weights written back to Caffe's format."""
    with tempfile.TemporaryDirectory() as folder:
        if prototxt is None or record.kind != "caffemodel":
            network = to_caffe(model, size=batch.shape[1:3])
        if prototxt is None:
            prototxt = Path(folder) / "network.prototxt"
            write_prototxt(prototxt, network)
        if record.kind != "caffemodel":
            path = Path(folder) / "network.caffemodel"
            write_caffemodel(path, network)
        return opencv_outputs(prototxt, path, batch[..., ::-1])


def write_golden(
    path: str | os.PathLike[str],
    model: "keras.Model",
    batch: np.ndarray,
    *,
    layers: tuple[str, ...] = (),
    force: bool = False,
) -> None:
    """Store the outputs of a network's layers for a batch, for later comparisons.

    Args:
        path: The file, .npz.
        model: The network.
        batch: (n, h, w, 3) float32, RGB.
        layers: Names of the layers to store; by default all.
        force: Whether a file that exists may be replaced.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
    """
    outputs = layer_outputs(model, batch)
    arrays: dict[str, Any] = {_INPUT: batch, **{name: outputs[name] for name in layers or outputs}}
    with atomic_write(path, force=force) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_golden(path: str | os.PathLike[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Read what `write_golden` stored.

    Args:
        path: The file.

    Returns:
        The batch, and the layers' outputs by name.

    Raises:
        WeightsError: The file is missing, damaged, or not a golden.
    """
    try:
        with Path(path).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return arrays.pop(_INPUT), arrays
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path} is not a golden, or damaged: {error}") from error
