"""Time and memory of reading a .caffemodel of full size: python -m tests.benchmarks.caffemodel.

It writes a file of the hand network's structure, 147 MB of random weights, and reads it in a
process of its own for each round. The peak is all that the process ever held, Python included
(VmHWM, which Linux tells).
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.helpers import ROOT
from tests.helpers.caffe_files import caffemodel, hand_arrays

SCRIPT = """
import json, re, sys, time
from openpose_keras.conversion.caffe.caffemodel import read_caffemodel
peak = lambda: 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
before, start, processor = peak(), time.perf_counter(), time.process_time()
network = read_caffemodel(sys.argv[1])
seconds, processor = time.perf_counter() - start, time.process_time() - processor
count = sum(blob.size for layer in network.layers for blob in layer.blobs)
print(json.dumps([seconds, processor, peak(), before, count]))
"""


def main() -> None:
    """Print the median of each figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hand.caffemodel"
        path.write_bytes(caffemodel(hand_arrays(divide=1)))
        size = path.stat().st_size
        command = [sys.executable, "-c", SCRIPT, str(path)]
        rows = [json.loads(subprocess.check_output(command, cwd=ROOT)) for _ in range(args.rounds)]
    seconds, processor, peak, before, count = (
        statistics.median(column) for column in zip(*rows, strict=True)
    )
    print(f"{size / 1e6:.1f} MB, {count:,.0f} numbers, medians of {args.rounds} rounds")
    print(f"read in {seconds:.2f} s ({processor:.2f} s of processor)")
    print(f"peak {peak / 1e6:.0f} MB, {peak / size:.2f} x the file; before {before / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
