"""Write networks to files of all kinds, each with the record of the weights' provenance.

Every file is first written under a temporary name, so that it is complete or not there at all. It
replaces an existing file only on request.
"""

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from openpose_keras.conversion.caffe.caffemodel import write_caffemodel
from openpose_keras.conversion.caffe.graph import to_caffe
from openpose_keras.conversion.caffe.prototxt import write_prototxt
from openpose_keras.conversion.convert import load_converted
from openpose_keras.core.errors import WeightsError
from openpose_keras.core.files import atomic_write, require_writable, write_json
from openpose_keras.io.weight_record import ChannelOrder, WeightRecord, record_beside, write_record

if TYPE_CHECKING:
    import keras

ENDINGS = (".weights.h5", ".caffemodel", ".keras")
_MOST = np.finfo(np.float16).max


def convert_file(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    channel_order: ChannelOrder = "rgb",
    network: str | None = None,
    dtype: Literal["float32", "float16"] = "float32",
    force: bool = False,
) -> WeightRecord:
    """Convert a weight file of any known kind to any kind that can be written.

    Args:
        source: The file, or a folder of .npy files.
        target: The new file, as for `write_network`.
        channel_order: The channel order of the network's input. A .caffemodel always takes "bgr".
        network: As for `load_converted`.
        dtype: The dtype of the numbers in a .weights.h5 file. "float16" halves its size.
        force: Whether to replace existing files.

    Returns:
        The record that was written with the file.

    Raises:
        WeightsError: The source is damaged, of no known kind, or for another network; or the target
            can't hold the network.
        FileExistsError: The target exists, and `force` is not set.
    """
    check_target(Path(target), dtype, force)
    model, record = load_converted(source, channel_order=channel_order, network=network)
    return write_network(target, model, record, dtype=dtype, force=force)


def write_network(
    path: str | os.PathLike[str],
    model: "keras.Model",
    record: WeightRecord,
    *,
    dtype: Literal["float32", "float16"] = "float32",
    force: bool = False,
) -> WeightRecord:
    """Write a network's weights, or the whole network.

    Args:
        path: The file, which ends with ".weights.h5" (weights for `load_network`), ".caffemodel"
            (weights, with the description next to it as .prototxt) or ".keras" (the whole network).
        model: The network.
        record: The provenance of its weights.
        dtype: The dtype of the numbers in a .weights.h5 file. "float16" halves its size.
        force: Whether to replace existing files.

    Returns:
        The record as it was written.

    Raises:
        WeightsError: The file can't hold the network.
        FileExistsError: A file exists, and `force` is not set.
    """
    path = Path(path)
    ending = check_target(path, dtype, force)
    if dtype == "float16" and any(np.abs(x).max() > _MOST for x in model.get_weights()):
        raise WeightsError(f"{model.name} has weights above what a float16 can hold ({_MOST:.0f})")
    if ending == ".caffemodel":
        return _write_caffe(path, model, record, force)
    with atomic_write(path, force=force) as temporary:
        if ending == ".keras":
            model.save(temporary)
        else:
            _write_weights(temporary, model, dtype)
        write_record(temporary, record)
    return record


def check_target(path: Path, dtype: str, force: bool) -> str:
    """Return the suffix of a file to write, or raise an error before the slow part.

    Args:
        path: As for `write_network`.
        dtype: As for `write_network`.
        force: Whether to replace existing files.

    Raises:
        WeightsError: The name has no known suffix, or a file of this kind can't hold this dtype.
        FileExistsError: A file exists, and `force` is not set.
        FileNotFoundError: The folder does not exist.
    """
    ending = next((ending for ending in ENDINGS if path.name.endswith(ending)), None)
    if ending is None:
        mend = "; `openpose-keras export` writes .onnx" if path.suffix == ".onnx" else ""
        raise WeightsError(f"{path}: expected a name that ends with {' or '.join(ENDINGS)}{mend}")
    if dtype == "float16" and ending != ".weights.h5":
        raise WeightsError(f"{path}: only a .weights.h5 can be written as float16")
    files = [path]
    if ending == ".caffemodel":
        files += [path.with_suffix(".prototxt"), record_beside(path)]
    for file in files:
        require_writable(file, force=force)
    return ending


def _write_caffe(
    path: Path, model: "keras.Model", record: WeightRecord, force: bool
) -> WeightRecord:
    """Write the three files of a Caffe network, the weights last."""
    network = to_caffe(model, channel_order=record.channel_order)
    record = replace(record, channel_order="bgr")
    write_prototxt(path.with_suffix(".prototxt"), network, force=force)
    write_json(record_beside(path), asdict(record), indent=1, force=force)
    write_caffemodel(path, network, force=force)
    return record


def _write_weights(path: Path, model: "keras.Model", dtype: str) -> None:
    """Write a .weights.h5 file of Keras, which loads float16 into float32 variables."""
    import keras

    if dtype == "float16":
        weights = [array.astype(np.float16) for array in model.get_weights()]

        def narrow(layer: "keras.Operation") -> "keras.Operation":
            """Copy a layer with float16 variables; operations that are not layers have none."""
            narrower = {"dtype": dtype} if isinstance(layer, keras.Layer) else {}
            return type(layer).from_config(layer.get_config() | narrower)

        model = keras.models.clone_model(model, clone_function=narrow)
        model.set_weights(weights)
    model.save_weights(path)
