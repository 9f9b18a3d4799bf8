"""Damaged weight files: each gives one of our own errors, or what could have stood in the file.

A few hundred files of each kind, cut, or with bits or bytes changed, left out or repeated; as many
as OPENPOSE_KERAS_FUZZ says, if it is set. The package starts a process for each HDF5 file. Here one
such process reads many of them, and is replaced when it crashes or hangs.
"""

import io
import multiprocessing
import time
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from functools import partial

import h5py
import numpy as np
import pytest

from openpose_keras.conversion.caffe.prototxt import read_prototxt
from openpose_keras.conversion.readers import hdf5, read_weights
from openpose_keras.core.errors import WeightsError
from tests.helpers.backends import mark_torch_files
from tests.helpers.caffe_files import caffemodel, hand_prototxt
from tests.helpers.damage import ROUNDS, damage
from tests.helpers.weight_files import write_keras2, write_pth

SECONDS = 5  # of this process, for a file of a few kilobytes that takes milliseconds
ARRAYS = {
    name: (np.full((4, 3, 3, 3), 0.5, np.float32), np.arange(4, dtype=np.float32))
    for name in ("conv1_1", "conv1_2", "conv2_1")
}


def write_keras3(path, arrays):
    with h5py.File(path, "w") as file:
        for name, (kernel, bias) in arrays.items():
            group = file.create_group(f"layers/{name}/vars")
            group.attrs["name"] = name
            group["0"], group["1"] = kernel.transpose(2, 3, 1, 0), bias


def make_pth(path, **options):
    write_pth(path, ARRAYS, **options)


KINDS = {
    "caffemodel": lambda path: path.write_bytes(caffemodel(ARRAYS)),
    "old caffemodel": lambda path: path.write_bytes(caffemodel(ARRAYS, old=True, old_shape=True)),
    "pth": make_pth,
    "old pth": lambda path: make_pth(path, old=True),
    "prototxt": lambda path: path.write_text(hand_prototxt()[:4000].rpartition("\n")[0]),
}


def check(content, size):
    """Check that what was read could have stood in the file."""
    assert content.layers
    if hasattr(content, "kind"):
        arrays = [array for each in content.layers.values() for array in each]
        assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in arrays)
        assert sum(array.nbytes for array in arrays) <= 4 * size


@pytest.mark.parametrize("kind", mark_torch_files(KINDS))
def test_damaged_file_gives_our_error_or_valid_content(tmp_path, kind):
    read = read_prototxt if kind == "prototxt" else read_weights
    path = tmp_path / "file.bin"
    KINDS[kind](path)
    whole = path.read_bytes()
    check(read(path), len(whole))
    rng = np.random.default_rng(len(kind))
    refused = []
    for index in range(ROUNDS):
        path.write_bytes(damage(whole, rng))
        start = time.process_time()
        try:
            check(read(path), path.stat().st_size)
        except WeightsError as error:
            refused.append(str(error))
        assert time.process_time() - start < SECONDS, index
    assert len(refused) > ROUNDS / 5
    assert all("file.bin" in message and "\n" not in message for message in refused)


def read_hdf5(path):
    """What the process does that reads an HDF5 file: its exit status, and what it prints."""
    message = io.StringIO()
    with redirect_stdout(io.TextIOWrapper(io.BytesIO())), redirect_stderr(message):
        return hdf5.main(path), message.getvalue()


@pytest.mark.parametrize("make", [write_keras2, write_keras3])
def test_damaged_hdf5_is_refused_in_one_line_or_fails_in_its_own_process(tmp_path, make):
    path = tmp_path / "file.bin"
    make(path, ARRAYS)
    whole = path.read_bytes()
    rng = np.random.default_rng(7)
    start_pool = partial(multiprocessing.get_context("spawn").Pool, 1)
    pool, counts = start_pool(), Counter()
    try:
        assert pool.apply(read_hdf5, [path]) == (0, "")
        for index in range(ROUNDS):
            path.write_bytes(damage(whole, rng))
            try:
                status, message = pool.apply_async(read_hdf5, [path]).get(timeout=10)
            except multiprocessing.TimeoutError:  # it hangs, or has crashed
                counts["crashed or hung"] += 1
                pool.terminate()
                pool = start_pool()
                continue
            counts[status] += 1
            assert status == 0 or (status == 3 and message.count("\n") == 1), (index, message)
            assert status == 0 or "file.bin" in message, (index, message)
    finally:
        pool.terminate()
        pool.join()
    print(make.__name__, counts)
    assert counts[3] > ROUNDS / 5
    assert counts["crashed or hung"] <= 1 + ROUNDS / 200


FAILURES = {
    "crash": ("import os; os.abort()", "HDF5 library failed"),
    "hang": ("import time; time.sleep(60)", "not read within"),
}


@pytest.mark.parametrize(("script", "message"), FAILURES.values(), ids=FAILURES)
def test_process_that_crashes_or_hangs_is_an_error_of_ours(tmp_path, monkeypatch, script, message):
    path, process = tmp_path / "file.bin", tmp_path / "process.py"
    write_keras2(path, ARRAYS)
    process.write_text(script)
    monkeypatch.setattr(hdf5, "__file__", str(process))
    monkeypatch.setattr(hdf5, "_SECONDS", 60 if "60" not in script else 1)
    with pytest.raises(WeightsError, match=rf"file\.bin is damaged.*{message}") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)
