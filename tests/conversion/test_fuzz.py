"""Damaged weight files: each gives one of our own errors, or what could have stood in the file.

A few hundred files a kind, cut, or with bits or bytes changed, left out or repeated; as many as
OPENPOSE_KERAS_FUZZ says, if it is set. The package reads an HDF5 file in a process of its own
first; here one process reads many, and the package itself a few of them.
"""

import json
import os
import select
import subprocess
import sys
import time
import tracemalloc

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openpose_keras.conversion.caffe.prototxt import parse_prototxt, read_prototxt
from openpose_keras.conversion.readers import probe, read_weights
from openpose_keras.core.errors import WeightsError
from tests.helpers.caffe_files import caffemodel, hand_prototxt

ROUNDS = int(os.environ.get("OPENPOSE_KERAS_FUZZ", "300"))
SECONDS = 5  # of this process, for a file of a few kilobytes that takes milliseconds
ARRAYS = {
    name: (np.full((4, 3, 3, 3), 0.5, np.float32), np.arange(4, dtype=np.float32))
    for name in ("conv1_1", "conv1_2", "conv2_1")
}


def make_caffemodel(path):
    path.write_bytes(caffemodel(ARRAYS))


def make_old_caffemodel(path):
    path.write_bytes(caffemodel(ARRAYS, old=True, packed=False, old_shape=True))


def make_keras2(path):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in ARRAYS]
        for name, (kernel, bias) in ARRAYS.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [b"kernel:0", b"bias:0"]
            group["kernel:0"], group["bias:0"] = kernel.transpose(2, 3, 1, 0), bias


def make_keras3(path):
    with h5py.File(path, "w") as file:
        for name, (kernel, bias) in ARRAYS.items():
            group = file.create_group(f"layers/{name}/vars")
            group.attrs["name"] = name
            group["0"], group["1"] = kernel.transpose(2, 3, 1, 0), bias


def make_pth(path):
    torch = pytest.importorskip("torch")
    content = {}
    for name, (kernel, bias) in ARRAYS.items():
        content |= {f"{name}.weight": torch.tensor(kernel), f"{name}.bias": torch.tensor(bias)}
    torch.save(content, path)


def make_prototxt(path):
    path.write_text(hand_prototxt()[:4000].rpartition("\n")[0])


KINDS = {
    "caffemodel": (make_caffemodel, read_weights),
    "old caffemodel": (make_old_caffemodel, read_weights),
    "keras2": (make_keras2, read_weights),
    "keras3": (make_keras3, read_weights),
    "pth": (make_pth, read_weights),
    "prototxt": (make_prototxt, read_prototxt),
}


def damage(data, rng):
    """Cut the file, flip bits, write over bytes, leave some out or repeat them."""
    data = bytearray(data)
    kind = rng.integers(5)
    if kind == 0:
        return bytes(data[: rng.integers(len(data))])
    for _ in range(rng.integers(1, 5)):
        place = int(rng.integers(len(data)))
        if kind == 1:
            data[place] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            data[place] = int(rng.integers(256))
        elif kind == 3:
            del data[place : place + int(rng.integers(1, 20))]
        else:
            data[place:place] = data[place : place + int(rng.integers(1, 20))]
    return bytes(data)


def check(content, size):
    """See that what was read could have stood in the file."""
    if hasattr(content, "kind"):
        assert content.layers
        count = 0
        for name, arrays in content.layers.items():
            assert isinstance(name, str)
            for array in arrays:
                assert array.dtype == np.float32
                assert np.isfinite(array).all()
                count += array.nbytes
        assert count <= 4 * size
    else:
        assert content.layers
        assert all(isinstance(layer.name, str) for layer in content.layers)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_gives_one_of_our_errors(tmp_path, kind):
    make, read = KINDS[kind]
    path = tmp_path / "file.bin"
    make(path)
    whole = path.read_bytes()
    check(read(path), len(whole))
    rng = np.random.default_rng(len(kind))
    refused = 0
    rounds = max(5, ROUNDS // 50) if kind.startswith("keras") else ROUNDS
    for index in range(rounds):
        path.write_bytes(damage(whole, rng))
        start = time.process_time()
        try:
            check(read(path), path.stat().st_size)
        except WeightsError as error:
            refused += 1
            assert "\n" not in str(error), index
            assert "file.bin" in str(error), index
        assert time.process_time() - start < SECONDS, index
    assert refused > rounds / 5


WORKER = """
import contextlib, io, json, sys
sys.path[:] = sys.argv[1:]
from openpose_keras.conversion.readers.probe import read_all
while path := sys.stdin.readline().strip():
    with contextlib.redirect_stdout(io.StringIO()) as output:
        status = read_all(path)
    print(json.dumps([output.getvalue(), status]), flush=True)
"""


class Worker:
    """A process that reads file after file as `probe` does, and is replaced when it dies."""

    def __init__(self):
        self.process = None

    def read(self, path):
        """Give the kind or the reason, and the status; None if it died."""
        if self.process is None:
            command = [sys.executable, "-c", WORKER, *sys.path]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            pipes["stderr"] = subprocess.DEVNULL
            self.process = subprocess.Popen(command, text=True, **pipes)
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        assert ready, "it hangs"
        if answer := self.process.stdout.readline():
            return json.loads(answer)
        self.stop()
        return None

    def stop(self):
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@pytest.mark.skipif(sys.platform != "linux", reason="the pipe is waited for as on Linux")
@pytest.mark.parametrize("kind", ["keras2", "keras3"])
def test_damaged_hdf5_is_refused_in_one_line_or_takes_only_its_own_process_down(tmp_path, kind):
    make, _ = KINDS[kind]
    path = tmp_path / "file.bin"
    make(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(len(kind) + 7)
    worker, counts = Worker(), {"read": 0, "refused": 0, "died": 0}
    try:
        assert worker.read(path) == [f"{kind}\n", 0]
        for index in range(ROUNDS):
            path.write_bytes(damage(whole, rng))
            answer = worker.read(path)
            counts[{0: "read", 3: "refused"}[answer[1]] if answer else "died"] += 1
            assert not answer or answer[0].count("\n") == 1, (index, answer)
            assert not answer or answer[1] == 0 or "file.bin" in answer[0], (index, answer)
    finally:
        worker.stop()
    print(kind, counts)
    assert counts["refused"] > ROUNDS / 5
    assert counts["died"] <= ROUNDS / 20


@pytest.mark.parametrize("kind", ["caffemodel", "old caffemodel", "prototxt"])
def test_damage_takes_no_memory(tmp_path, kind):
    """What Python holds at most; 300 kB are for what does not grow with the file."""
    make, read = KINDS[kind]
    path = tmp_path / "file.bin"
    make(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(min(ROUNDS, 100)):
        path.write_bytes(damage(whole, rng))
        tracemalloc.start()
        try:
            read(path)
        except WeightsError:
            pass
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert peak < 4 * path.stat().st_size + 300_000


FAILURES = {
    "crash": ("import os; os.abort()", "HDF5 library failed"),
    "hang": ("import time; time.sleep(60)", "could not be read in"),
    "memory": (
        "import sys; sys.path[:] = sys.argv[2:]\n"
        "from openpose_keras.conversion.readers import probe\n"
        "probe._limit_memory(1000); bytearray(3 << 30)",
        "HDF5 library failed.*MemoryError",
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are the system's")
@pytest.mark.parametrize(("script", "message"), FAILURES.values(), ids=FAILURES)
def test_what_takes_the_hdf5_library_down_does_not_take_us_down(
    tmp_path, monkeypatch, script, message
):
    path = tmp_path / "file.bin"
    make_keras2(path)
    monkeypatch.setattr(probe, "_SCRIPT", script)
    monkeypatch.setattr(probe, "_SECONDS", 60 if "60" not in script else 1)
    with pytest.raises(WeightsError, match=rf"file\.bin is damaged.*{message}") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_after_the_beginning_of_a_caffemodel_are_no_network(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("bytes") / "file.bin"
    path.write_bytes(b"\n\x03net" + data)
    with pytest.raises(WeightsError, match=r"file\.bin"):
        read_weights(path)


@given(st.text(alphabet='layernmtop:{}[]"<> \n#123-.\\', max_size=100))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_network_or_our_error(text):
    try:
        assert parse_prototxt(text).layers
    except WeightsError as error:
        assert "\n" not in str(error)
