"""Reading a weight file takes at most four times its size, whatever it says of itself."""

import json
import subprocess
import sys

import pytest

from tests.helpers import ROOT, hostile_files
from tests.helpers.backends import mark_torch_files

FACTOR, CONSTANT = 4, 32 << 20  # of the file's size, and what does not grow with it
# Reads files one after the other; the kernel keeps the peak of what the process held, and forgets
# it when it is told to.
SCRIPT = """
import ctypes, gc, importlib, json, os, re, sys, time
from pathlib import Path
module, name, *files = sys.argv[1:]
read = getattr(importlib.import_module(module), name)
if "torch" in module:
    import torch
def held(key):
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(key + r":\\s+(\\d+)", status)[1])
out = sys.stdout
for file in [files[0], *files]:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before, error, start = held("VmRSS"), None, time.process_time()
    sys.stdout = open(os.devnull, "w")
    try:
        content = read(Path(file))
        error = "refused" if content == 3 else None
    except ValueError as caught:
        error = str(caught)
    peak = held("VmHWM")
    content = None
    print(json.dumps([time.process_time() - start, peak - before, error]), file=out, flush=True)
"""


def measure(reader, folder, makers):
    """Write files, read them in a process of its own: name -> (seconds, bytes, size, error)."""
    paths = {}
    for index, (name, make) in enumerate(makers.items()):
        paths[name] = folder / f"{index}.bin"
        paths[name].write_bytes(make) if isinstance(make, bytes) else make(paths[name])
    command = [sys.executable, "-c", SCRIPT, *reader, *map(str, paths.values())]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=500
    )
    assert result.returncode == 0, result.stderr[-2000:]
    rows = [json.loads(line) for line in result.stdout.splitlines()[1:]]  # the first warms up
    return {
        name: (seconds, taken, path.stat().st_size, error)
        for (name, path), (seconds, taken, error) in zip(paths.items(), rows, strict=True)
    }


READERS = {
    "caffemodel": (("openpose_keras.conversion.readers.npy", "read_caffe_layers"), "CAFFEMODELS"),
    "prototxt": (("openpose_keras.conversion.caffe.prototxt", "read_prototxt"), "PROTOTXTS"),
    "HDF5": (("openpose_keras.conversion.readers", "read_weights"), "HDF5"),
    "HDF5 process": (("openpose_keras.conversion.readers.hdf5", "main"), "HDF5"),
    "keras": (("openpose_keras.conversion.readers", "read_weights"), "ARCHIVES"),
    "pth": (("openpose_keras.conversion.readers.torch_files", "read_pth"), "PTH"),
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from Linux's /proc")
@pytest.mark.parametrize("kind", mark_torch_files(READERS))
def test_reading_takes_at_most_four_times_the_file(tmp_path, kind):
    reader, makers = READERS[kind]
    rows = measure(reader, tmp_path, getattr(hostile_files, makers))
    for name, (seconds, taken, size, error) in rows.items():
        figures = f"{size / 1e6:6.2f} MB {taken / 1e6:7.1f} MB {seconds:6.2f} s"
        print(f"{kind:<16}{name:<26}{figures}  {error}"[:150])
    above = {
        name: (taken, size)
        for name, (_, taken, size, _) in rows.items()
        if taken > FACTOR * size + CONSTANT
    }
    assert not above
    honest = ("honest", "doubles", "halves", "compressed", "honest, old")
    readable = {name for name, (_, _, _, error) in rows.items() if error is None}
    assert {name for name in rows if name in honest} <= readable
