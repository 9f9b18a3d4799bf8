"""Compare the outputs of a network with a reference, layer by layer.

The reference is OpenCV 4's importer of Caffe's files, which shares no code with this package
(OpenCV 5 has no importer), or a golden: outputs that were stored earlier.
"""

import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openpose_keras.conversion.caffe.caffemodel import write_caffemodel
from openpose_keras.conversion.caffe.graph import to_caffe
from openpose_keras.conversion.caffe.network import CaffeNetwork
from openpose_keras.conversion.caffe.prototxt import read_prototxt, write_prototxt
from openpose_keras.conversion.catalogue import SOURCES
from openpose_keras.conversion.convert import candidates, load_converted
from openpose_keras.conversion.readers import WeightFile, read_weights
from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import WeightsError
from openpose_keras.core.files import atomic_write

if TYPE_CHECKING:
    import keras

TOLERANCE = 1e-4
_INPUT = "input"  # in a golden


@dataclass(frozen=True)
class LayerParity:
    """The difference of one layer's output from the reference.

    Args:
        name: The layer's name.
        shape: (n, h, w, channels) of the reference output.
        absolute: The maximum absolute difference; infinite if the shapes differ or a value is NaN.
        magnitude: The maximum magnitude of the reference output.
        exceeds_tolerance: Whether the difference is more than the tolerance allows.
    """

    name: str
    shape: tuple[int, ...]
    absolute: float
    magnitude: float
    exceeds_tolerance: bool

    @property
    def relative(self) -> float:
        """The maximum absolute difference, relative to the maximum magnitude of the reference."""
        return self.absolute / (self.magnitude or 1.0)


@dataclass(frozen=True)
class ParityReport:
    """The result of a comparison, which prints as a table.

    Args:
        rows: One row for each layer, in the order of the network.
        reference: The name of the reference.
        tolerance: The maximum allowed difference, relative to the maximum magnitude of the
            reference or to 1, whichever is greater.
    """

    rows: tuple[LayerParity, ...]
    reference: str
    tolerance: float

    @property
    def first_failing_layer(self) -> str | None:
        """Name of the first layer that exceeds the tolerance, or None."""
        return next((row.name for row in self.rows if row.exceeds_tolerance), None)

    @property
    def greatest(self) -> float:
        """The maximum absolute difference of all layers."""
        return max(row.absolute for row in self.rows)

    def to_dict(self) -> dict[str, object]:
        """Return plain data for JSON; a difference that is not finite becomes None."""
        layers = [asdict(row) | {"relative": row.relative} for row in self.rows]
        for layer in layers:
            for name in ("absolute", "magnitude", "relative"):
                layer[name] = layer[name] if np.isfinite(layer[name]) else None
        return {
            "reference": self.reference,
            "tolerance": self.tolerance,
            "first_failing_layer": self.first_failing_layer,
            "layers": layers,
        }

    def __str__(self) -> str:
        """Return the table."""
        width = max(len(row.name) for row in self.rows)
        lines = [f"{'layer':<{width}}  {'output':<18}{'absolute':>10}{'relative':>10}"]
        for row in self.rows:
            shape = "x".join(map(str, row.shape))
            mark = "  exceeds the tolerance" if row.exceeds_tolerance else ""
            figures = f"{row.absolute:>10.1e}{row.relative:>10.1e}"
            lines.append(f"{row.name:<{width}}  {shape:<18}{figures}{mark}")
        first = self.first_failing_layer
        verdict = f"the first layer to exceed it is {first}" if first else "no layer exceeds it"
        lines.append(
            f"{len(self.rows)} layers against {self.reference}: greatest difference "
            f"{self.greatest:.1e}, tolerance {self.tolerance:g}: {verdict}"
        )
        return "\n".join(lines)


def random_batch(size: tuple[int, int] = (368, 368)) -> np.ndarray:
    """Create an input of fixed noise, normalised like images.

    Args:
        size: Height and width in pixels.

    Returns:
        (1, h, w, 3) float32, RGB in [-0.5, 0.5).
    """
    pixels = np.random.default_rng(0).integers(0, 256, (1, *size, 3))
    return (pixels / 256 - 0.5).astype(np.float32)


def layer_outputs(model: "keras.Model", batch: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the output of each layer of a network.

    Args:
        model: The network.
        batch: (n, h, w, 3) float32, in the channel order of the network's input.

    Returns:
        A mapping from the name of each layer except the input to its output (n, h', w', channels).
    """
    import keras

    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    probe = keras.Model(model.input, [layer.output for layer in layers])
    outputs = probe(batch, training=False)
    return {
        layer.name: keras.ops.convert_to_numpy(output)
        for layer, output in zip(layers, outputs, strict=True)
    }


def opencv_outputs(
    prototxt: str | os.PathLike[str], caffemodel: str | os.PathLike[str], batch: np.ndarray
) -> dict[str, np.ndarray]:
    """Compute the outputs of a Caffe network with OpenCV 4.

    Args:
        prototxt: The network's description.
        caffemodel: Its weights.
        batch: (n, h, w, 3) float32, BGR.

    Returns:
        A mapping from the name of each layer that is not in place to its output (n, h', w',
        channels), after the in-place layers that follow it (its ReLU). A PReLU has weights, and
        therefore a separate output.

    Raises:
        WeightsError: OpenCV has no importer for these files, or it can't read them.
    """
    read_net = _importer()
    last = _last_writers(read_prototxt(prototxt))
    try:
        net = read_net(os.fspath(prototxt), os.fspath(caffemodel))
        net.enableFusion(False)  # or a layer's output would be that of the next layer
        net.enableWinograd(False)  # it rounds more
        net.setInput(np.ascontiguousarray(batch.transpose(0, 3, 1, 2)))
        outputs = net.forward(list(last.values()))
    except cv2.error as error:
        raise WeightsError(
            f"OpenCV can't run {caffemodel} with {prototxt}: {' '.join(str(error).split())}"
        ) from error
    return {name: out.transpose(0, 2, 3, 1) for name, out in zip(last, outputs, strict=True)}


def _importer() -> Callable[..., Any]:
    """Return the function that reads Caffe's files in this version of OpenCV."""
    read_net: Callable[..., Any] | None = getattr(cv2.dnn, "readNetFromCaffe", None)
    if read_net is None:
        raise WeightsError(
            f"OpenCV {cv2.__version__} can't read Caffe's files any more: pip install "
            "'opencv-python<5', or compare with a golden"
        )
    return read_net


def require_caffe(weights: WeightFile) -> None:
    """Raise an error if OpenCV can't run the network of the weights; Keras is not needed.

    Args:
        weights: The weights, from `read_weights`.

    Raises:
        WeightsError: OpenCV has no importer, or Caffe can't describe the network.
    """
    _importer()
    names = candidates(weights)
    if not set(names) & set(SOURCES):
        raise WeightsError(
            f"expected weights of {', '.join(SOURCES)}, which Caffe describes, got those of "
            f"{' or '.join(names)} in {weights.path}: compare with a golden (--golden)"
        )


def _last_writers(network: CaffeNetwork) -> dict[str, str]:
    """Map each layer with a separate output to the last layer that writes to it."""
    owners: dict[str, str] = {}
    last: dict[str, str] = {}
    for layer in network.layers:
        for top in layer.tops if layer.type != "Input" else ():
            in_place = top in layer.bottoms and top in owners and layer.type != "PReLU"
            owner = owners[top] if in_place else layer.name
            owners[top], last[owner] = owner, layer.name
    return last


def compare(
    found: Mapping[str, np.ndarray],
    expected: Mapping[str, np.ndarray],
    *,
    reference: str = "the reference",
    tolerance: float = TOLERANCE,
) -> ParityReport:
    """Compare the output of each layer with the reference.

    Args:
        found: The outputs of our network by layer, in the order of the network.
        expected: The outputs of the reference. Layers that only one of the two has are left out.
        reference: The name of the reference in the report.
        tolerance: See `ParityReport`.

    Returns:
        The report.

    Raises:
        ValueError: The two have no layer in common.

    Example:
        >>> report = compare({"a": np.ones(3)}, {"a": np.full(3, 1.5)})
        >>> report.first_failing_layer, report.greatest
        ('a', 0.5)
    """
    rows = [
        _compare_layer(name, found[name], expected[name], tolerance)
        for name in found
        if name in expected
    ]
    if not rows:
        raise ValueError("expected outputs of the same layers, got none in common")
    return ParityReport(tuple(rows), reference, tolerance)


def _compare_layer(
    name: str, found: np.ndarray, expected: np.ndarray, tolerance: float
) -> LayerParity:
    """Compare one layer."""
    magnitude = float(np.abs(expected).max(initial=0))
    absolute = np.inf
    if found.shape == expected.shape:
        difference = float(np.abs(found - expected).max(initial=0))
        absolute = np.inf if np.isnan(difference) else difference
    exceeds = absolute == np.inf or absolute > tolerance * max(magnitude, 1.0)
    return LayerParity(name, expected.shape, absolute, magnitude, exceeds)


def verify_file(
    path: str | os.PathLike[str] | WeightFile,
    *,
    prototxt: str | os.PathLike[str] | None = None,
    golden: str | os.PathLike[str] | None = None,
    size: tuple[int, int] = (368, 368),
    tolerance: float = TOLERANCE,
) -> ParityReport:
    """Convert a weight file, and compare the network layer by layer with a reference.

    Args:
        path: A weight file of any known kind, or the result of `read_weights`. OpenCV reads a
            .caffemodel directly. Weights of another kind are first converted back to Caffe's
            format.
        prototxt: OpenPose's own description of the network, for OpenCV. Without it, our description
            is used, which verifies the weights but not the wiring.
        golden: Outputs that `write_golden` stored. OpenCV is then not needed.
        size: Height and width of the input, which is noise. A golden contains its own input.
        tolerance: See `ParityReport`.

    Returns:
        The report.

    Raises:
        WeightsError: A file is damaged or does not fit, or OpenCV can't read Caffe's files.
    """
    weights = path if isinstance(path, WeightFile) else read_weights(path)
    if golden is None:
        require_caffe(weights)
    model, _ = load_converted(weights)
    if golden is not None:
        batch, expected = read_golden(golden)
        reference = f"the golden {Path(golden).name}"
    else:
        batch = random_batch(size)
        caffemodel = weights.path if weights.kind == "caffemodel" else None
        expected = _opencv_outputs(model, batch, prototxt, caffemodel)
        whose = Path(prototxt).name if prototxt else "a description of our own"
        reference = f"OpenCV {cv2.__version__} with {whose}"
    found = layer_outputs(model, batch)
    return compare(found, expected, reference=reference, tolerance=tolerance)


def _opencv_outputs(
    model: "keras.Model",
    batch: np.ndarray,
    prototxt: str | os.PathLike[str] | None,
    caffemodel: str | os.PathLike[str] | None,
) -> dict[str, np.ndarray]:
    """Run Caffe's files with OpenCV; a missing file is created from the network."""
    with tempfile.TemporaryDirectory() as folder:
        network = to_caffe(model, size=batch.shape[1:3])
        if prototxt is None:
            prototxt = Path(folder) / "network.prototxt"
            write_prototxt(prototxt, network)
        if caffemodel is None:
            caffemodel = Path(folder) / "network.caffemodel"
            write_caffemodel(caffemodel, network)
        return opencv_outputs(prototxt, caffemodel, batch[..., ::-1])


def write_golden(
    path: str | os.PathLike[str],
    model: "keras.Model",
    batch: np.ndarray,
    *,
    force: bool = False,
) -> None:
    """Store the outputs of a network's layers for a batch, for later comparisons.

    Args:
        path: The file, .npz.
        model: The network.
        batch: (n, h, w, 3) float32, RGB.
        force: Whether to replace an existing file.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
    """
    arrays: dict[str, Any] = {_INPUT: batch, **layer_outputs(model, batch)}
    with atomic_write(path, force=force) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_golden(path: str | os.PathLike[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Read a file that `write_golden` stored.

    Args:
        path: The file.

    Returns:
        The batch, and the outputs of the layers by name.

    Raises:
        WeightsError: The file is missing, damaged, or not a golden.
    """
    try:
        with Path(path).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return arrays.pop(_INPUT), arrays
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path} is not a golden, or damaged: {error}") from error
