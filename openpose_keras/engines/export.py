"""Export networks with their weights to other libraries, and compare each file with Keras.

A file is written under a temporary name and run on the same inputs as the network in Keras. It is
moved to its final name if the two agree, and deleted otherwise.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from openpose_keras.core.errors import BackendError, NetworkError
from openpose_keras.core.files import EXPORT_SUFFIXES, require_writable
from openpose_keras.core.version import __version__
from openpose_keras.engines.files import graph_path, import_library
from openpose_keras.engines.keras import compile_model
from openpose_keras.engines.litert import LiteRtEngine
from openpose_keras.engines.maps import Maps
from openpose_keras.engines.onnx import OnnxEngine
from openpose_keras.engines.onnx_graph import named_outputs, to_onnx
from openpose_keras.engines.openvino import OpenVinoEngine, import_openvino, open_network
from openpose_keras.engines.together import Engine
from openpose_keras.io.weight_record import KEY, WeightRecord, checksums, read_record, write_record
from openpose_keras.networks._backend import import_keras, silent_stderr
from openpose_keras.networks.input_spec import InputSpec
from openpose_keras.networks.presets import (
    Preset,
    get_preset,
    input_spec,
    load_network,
    verified_weights,
)

if TYPE_CHECKING:
    import keras

Form = Literal["onnx", "openvino", "litert", "saved_model"]
"""A key of `core.files.EXPORT_SUFFIXES`."""

TOLERANCES = {"float32": 1e-4, "float16": 0.01}
"""The maximum accepted difference from Keras, relative to the maximum of the output."""

_RECORD = f"assets.extra/{KEY}.json"  # where a SavedModel keeps files of its makers


class OutputParity(NamedTuple):
    """An output for one input: its name, the input's shape, and the maximum difference from Keras.

    The difference is relative to the maximum of the output, or to 1 for probabilities, (n,).
    """

    name: str
    shape: tuple[int, ...]
    difference: float


def export_network(
    preset: str,
    path: str | os.PathLike[str],
    *,
    form: Form,
    weights: str | Path | None = None,
    half: bool = False,
    force: bool = False,
) -> list[OutputParity]:
    """Export the network of a preset to a file of another library, and compare it with Keras.

    The exported network takes (n, h, w, 3) float32, any number of images of any size that the
    original network accepts, and returns its `Maps` by name.

    Args:
        preset: A key of `PRESETS`.
        path: The new file: .onnx; .xml, next to which OpenVINO's weights go as .bin; .tflite; or a
            folder for a SavedModel.
        form: The format of the file.
        weights: Another .weights.h5 file for the same network.
        half: Whether to store weights as float16. A SavedModel does not support it.
        force: Whether to replace existing files.

    Returns:
        The comparison, with two images for each of two sizes, or of one if the network's input size
        is fixed.

    Raises:
        ValueError: There is no such preset, or the file's name does not fit the format.
        WeightsError: The weights are missing, damaged or for another network.
        NetworkError: The results of the file differ from those of Keras. Nothing was written.
        FileExistsError: A file exists, and `force` is not set.
        BackendError: A package that writes or runs the file is not installed.
    """
    found = get_preset(preset)
    target = Path(path).absolute()
    _check(target, form, half, force)
    file = verified_weights(found, weights)
    record = _record(found, file, own=weights is not None)
    model = load_network(preset, weights=weights)
    dtype = "float16" if half else "float32"
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as folder:
        made = Path(folder) / target.name
        _WRITERS[form](made, model, file, record, half)
        batches = _batches(model, found.spec)
        report = _compare(_RUNNERS[form](made), compile_model(model), batches)
        worst = max(report, key=lambda each: each.difference)
        if not worst.difference <= TOLERANCES[dtype]:
            raise NetworkError(
                f"expected {target.name} to agree with Keras to {TOLERANCES[dtype]:g} of the "
                f"greatest value, {worst.name} differs by {worst.difference:.1e} for an input "
                f"{worst.shape}: nothing was written"
            )
        _check(target, form, half, force)  # the writing took long
        for part in sorted(Path(folder).iterdir()):  # the weights of an .xml before it
            _replace(part, target.parent)
    return report


def _check(target: Path, form: Form, half: bool, force: bool) -> None:
    """Check the arguments before the slow part."""
    if form != "saved_model" and target.suffix != EXPORT_SUFFIXES[form]:
        raise ValueError(
            f"expected a name that ends with {EXPORT_SUFFIXES[form]} for {form}, got {target}"
        )
    if form == "saved_model":
        if half:
            raise ValueError("a SavedModel holds float32 only: leave out half=True (--float16)")
        if target.exists() and not (target / "saved_model.pb").is_file():
            raise FileExistsError(f"{target} exists and is not a SavedModel: choose another name")
        import_keras()  # before TensorFlow, which it silences
        import_library("tensorflow", "TensorFlow", "tensorflow", other="")
    elif form == "onnx":
        import_library("onnx", "the package onnx", "onnx", other="")
    elif form == "openvino":
        import_openvino()
    else:
        import_library("ai_edge_litert", "LiteRT", "ai-edge-litert", other="")
    if form in ("litert", "saved_model") and import_keras().backend.backend() != "tensorflow":
        raise BackendError(
            f"expected Keras on TensorFlow to write a {form}: set KERAS_BACKEND=tensorflow"
        )
    files = [target, target.with_suffix(".bin")] if form == "openvino" else [target]
    for file in files:
        require_writable(file, force=force)


def _record(preset: Preset, weights: Path, *, own: bool) -> WeightRecord:
    """Return the record for the new file: the provenance of the weights and their licence."""
    before = read_record(weights) or {}
    sums = checksums(weights)
    return WeightRecord(
        source=weights.name if own else f"{weights.name}, {preset.source}",
        kind="weights.h5",
        md5=sums.md5,
        sha256=sums.sha256,
        official=None,
        licence=str(before.get("licence", "not known")) if own else preset.licence,
        network=preset.network,
        channel_order=input_spec(preset.name, weights=weights).channel_order,
        converter=f"openpose_keras {__version__}",
        derived_from=before or None,
    )


def _batches(model: "keras.Model", spec: InputSpec) -> list[np.ndarray]:
    """Return noise of the usual size and, if the input size is open, of one that is not square."""
    side, step = spec.box_size, max(spec.multiple, spec.stride)
    sizes = [(side, side)]
    if model.inputs[0].shape[1] is None:
        sizes.append((side - step, side + step))
    rng = np.random.default_rng(0)
    return [rng.uniform(-0.5, 0.5, (2, *size, 3)).astype(np.float32) for size in sizes]


def _compare(engine: Engine, reference: Engine, batches: list[np.ndarray]) -> list[OutputParity]:
    """Compare all outputs for all inputs."""
    report = []
    for batch in batches:
        found, expected = engine(batch), reference(batch)
        if found.keys() != expected.keys():
            raise NetworkError(f"expected {', '.join(expected)} from the file, got {list(found)}")
        for name, each in expected.items():
            difference = np.inf
            if found[name].shape == each.shape:
                greatest = np.abs(each).max() if each.ndim > 1 else 1.0
                difference = np.abs(found[name] - each).max() / greatest
            report.append(OutputParity(name, batch.shape, float(difference)))
    return report


def _replace(part: Path, folder: Path) -> None:
    """Move a file or folder to its final path, and an existing folder to the temporary one."""
    place = folder / part.name
    if place.is_dir():
        place.rename(part.with_name(f".{part.name}"))
    part.replace(place)


def _write_onnx(
    path: Path, model: "keras.Model", weights: Path, record: WeightRecord, half: bool
) -> None:
    """Write an ONNX file, with the record in its metadata."""
    path.write_bytes(to_onnx(model, half=half).SerializeToString())
    write_record(path, record)


def _write_openvino(
    path: Path, model: "keras.Model", weights: Path, record: WeightRecord, half: bool
) -> None:
    """Write OpenVINO's two files from the included graph, with the record in its `rt_info`."""
    openvino = import_openvino()
    with open_network(openvino.Core(), graph_path(record.network), weights) as network:
        network.set_rt_info(record.to_json(), [KEY])
        openvino.save_model(network, path, compress_to_fp16=half)


def _write_litert(
    path: Path, model: "keras.Model", weights: Path, record: WeightRecord, half: bool
) -> None:
    """Write a .tflite file, with the record as an associated file in the zip at its end."""
    import tensorflow as tf

    options = {
        "optimizations": [tf.lite.Optimize.DEFAULT],
        "target_spec": {"supported_types": [tf.float16]},
    }
    with silent_stderr():
        _named(model).export(path, format="litert", verbose=False, **(options if half else {}))
    write_record(path, record)


def _write_saved_model(
    path: Path, model: "keras.Model", weights: Path, record: WeightRecord, half: bool
) -> None:
    """Write the folder of a SavedModel, with the record among its extra assets."""
    with silent_stderr():
        _named(model).export(path, format="tf_saved_model", verbose=False)
    file = path / _RECORD
    file.parent.mkdir()
    file.write_text(record.to_json(), encoding="utf8")


def _named(model: "keras.Model") -> "keras.Model":
    """Return the model with named outputs."""
    import keras

    return keras.Model(model.inputs[0], dict(named_outputs(model)), name=model.name)


def _saved_model_engine(path: Path) -> Engine:
    """Return the signature of a SavedModel as a function of arrays."""
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    [name] = loaded.signatures["serving_default"].structured_input_signature[1]

    def call(batch: np.ndarray) -> Maps:
        """Return the network's maps by name."""
        outputs = loaded.signatures["serving_default"](**{name: tf.constant(batch)})
        return {key: each.numpy() for key, each in outputs.items()}

    return call


_Writer = Callable[[Path, "keras.Model", Path, WeightRecord, bool], None]
_WRITERS: Mapping[Form, _Writer] = {
    "onnx": _write_onnx,
    "openvino": _write_openvino,
    "litert": _write_litert,
    "saved_model": _write_saved_model,
}
_RUNNERS: Mapping[Form, Callable[[Path], Engine]] = {
    "onnx": OnnxEngine,
    "openvino": OpenVinoEngine,
    "litert": LiteRtEngine,
    "saved_model": _saved_model_engine,
}
