"""Networks into files of all kinds, each with the record of where the weights come from.

Every file is written whole or not at all, under a temporary name first, and never over another one
unasked.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras.conversion.caffe.caffemodel import write_caffemodel
from openpose_keras.conversion.caffe.graph import to_caffe
from openpose_keras.conversion.caffe.prototxt import write_prototxt
from openpose_keras.conversion.convert import load_converted
from openpose_keras.core.errors import WeightsError
from openpose_keras.core.files import atomic_write, require_writable
from openpose_keras.io.weight_record import Record, record_beside, write_record

if TYPE_CHECKING:
    import h5py
    import keras

ENDINGS = (".weights.h5", ".caffemodel", ".keras", ".onnx")


def convert_file(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    fold_rgb: bool = True,
    half: bool = False,
    force: bool = False,
) -> Record:
    """Convert a weight file of any known kind into one of any kind that we write.

    Args:
        source: The file, or a folder of .npy files.
        target: The new file; its ending, one of `ENDINGS`, says what it shall be.
        fold_rgb: The network shall take RGB; otherwise BGR. A .caffemodel always takes BGR.
        half: Write float16, half the size; for .weights.h5.
        force: Replace files that are there.

    Returns:
        The record that was written with it.

    Raises:
        WeightsError: The source is damaged, of no known kind, or for another network; or the target
            can't hold it.
        FileExistsError: The target is there, and `force` is not set.
        ImportError: ONNX is asked for, and what Keras needs for it is not installed.
    """
    _check_target(Path(target), half, force)
    model, record = load_converted(source, fold_rgb=fold_rgb)
    return write_network(target, model, record, half=half, force=force)


def write_network(
    path: str | os.PathLike[str],
    model: "keras.Model",
    record: Record,
    *,
    half: bool = False,
    force: bool = False,
) -> Record:
    """Write a network's weights, or the whole network.

    Args:
        path: Ends with ".weights.h5" (weights for `load_network`), ".caffemodel" (weights; the
            description goes beside it as .prototxt), ".keras" or ".onnx" (the whole network).
        model: The network.
        record: Where its weights come from.
        half: Write float16, half the size; for .weights.h5.
        force: Replace files that are there.

    Returns:
        The record as it was written.

    Raises:
        WeightsError: The file can't hold the network.
        FileExistsError: A file is there, and `force` is not set.
        ImportError: ONNX is asked for, and what Keras needs for it is not installed.
    """
    path = Path(path)
    ending = _check_target(path, half, force)
    if ending == ".caffemodel":
        return _write_caffe(path, model, record, force)
    writers: dict[str, Callable[[Path, keras.Model], None]] = {
        ".weights.h5": _write_half if half else _write_weights,
        ".keras": lambda temporary, model: model.save(temporary),
        ".onnx": _write_onnx,
    }
    with atomic_write(path, force=force) as temporary:
        writers[ending](temporary, model)
        write_record(temporary, record)
    return record


def _check_target(path: Path, half: bool, force: bool) -> str:
    """Give the target's ending, or raise before the long part."""
    ending = next((ending for ending in ENDINGS if path.name.endswith(ending)), None)
    if ending is None:
        raise WeightsError(f"{path}: expected a name that ends with {' or '.join(ENDINGS)}")
    if half and ending != ".weights.h5":
        raise WeightsError(f"{path}: only a .weights.h5 can be written as float16")
    for one in (path, *_beside(path)) if ending == ".caffemodel" else (path,):
        require_writable(one, force=force)
    return ending


def _beside(path: Path) -> tuple[Path, Path]:
    """Give the description and the record that stand beside a .caffemodel."""
    return path.with_suffix(".prototxt"), record_beside(path)


def _write_caffe(path: Path, model: "keras.Model", record: Record, force: bool) -> Record:
    """Write the three files of a Caffe network; the weights last."""
    network = to_caffe(model, unfold_rgb=record.channel_order == "rgb")
    record = replace(record, channel_order="bgr")
    prototxt, beside = _beside(path)
    write_prototxt(prototxt, network, force=force)
    with atomic_write(beside, force=force) as temporary:
        temporary.write_text(record.to_json() + "\n", encoding="utf-8")
    write_caffemodel(path, network, force=force)
    return record


def _write_weights(path: Path, model: "keras.Model") -> None:
    """Write a .weights.h5 of Keras."""
    model.save_weights(path)


def _write_half(path: Path, model: "keras.Model") -> None:
    """Write a .weights.h5 of Keras in float16, which Keras reads into float32 variables."""
    import h5py

    full = path.with_name(f"full{path.name}")
    try:
        model.save_weights(full)
        with h5py.File(full, "r") as source, h5py.File(path, "w") as target:
            _copy_half(source, target)
    finally:
        full.unlink(missing_ok=True)


def _copy_half(source: "h5py.Group", target: "h5py.Group") -> None:
    """Copy a group and all in it, floats as float16."""
    target.attrs.update(source.attrs)
    for name, item in source.items():
        if not hasattr(item, "shape"):
            _copy_half(item, target.create_group(name))
            continue
        with np.errstate(over="ignore"):
            array = item[()].astype(np.float16)
        if not np.isfinite(array).all():
            raise WeightsError(f"{item.name} holds more than a float16 can (65504)")
        target.create_dataset(name, data=array).attrs.update(item.attrs)


def _write_onnx(path: Path, model: "keras.Model") -> None:
    """Write an ONNX file with Keras's own export."""
    import keras

    needed = {"tensorflow": "tf2onnx onnx", "torch": "onnx onnxscript", "jax": "jax2onnx onnx"}
    backend = keras.backend.backend()
    model(np.zeros((1, 32, 32, 3), np.float32))  # Keras exports what it has seen at work
    try:
        model.export(path, format="onnx", verbose=False)
    except ImportError as error:
        raise ImportError(
            f"writing ONNX from Keras on {backend} needs more packages: pip install "
            f"{needed.get(backend, 'onnx')} ({error})"
        ) from error
