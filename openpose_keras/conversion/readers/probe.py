"""Read an HDF5 file in a process of its own before it is read in ours.

The HDF5 library may crash on a damaged file, or never come back, and whoever is taken down with it
can tell nobody why. The process here reads all that we would read, under limits of time and memory.
"""

import contextlib
import re
import subprocess
import sys
import time
from pathlib import Path

from openpose_keras.conversion.readers import hdf5
from openpose_keras.core.errors import WeightsError
from openpose_keras.io.weight_record import read_record

_SCRIPT = """
import sys
sys.path[:] = sys.argv[2:]
from openpose_keras.conversion.readers.probe import read_all
sys.exit(read_all(sys.argv[1]))
"""
_REFUSED = 3
_SECONDS, _BYTES_A_SECOND = 60, 2_000_000  # a slow disk, and a busy machine
_PROCESSOR_SECONDS, _BYTES_A_PROCESSOR_SECOND = 5, 5_000_000  # 147 MB take less than one
_MEMORY_FACTOR = 4  # of the file's size, beside what the libraries hold before it is opened
_MEMORY = 32 << 20  # what does not grow with the file


def probe(path: Path) -> str:
    """Read a file in another process, and tell what kind it is.

    Args:
        path: An HDF5 file, or a .keras file with one in it.

    Returns:
        "keras2", "keras3" or "keras".

    Raises:
        WeightsError: It is damaged, or the HDF5 library can't cope with it.
    """
    seconds = _SECONDS + path.stat().st_size / _BYTES_A_SECOND
    command = [sys.executable, "-c", _SCRIPT, str(path), *sys.path]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired as error:
        raise WeightsError(f"{path} is damaged: it could not be read in {seconds:.0f} s") from error
    answer = result.stdout.strip()
    if result.returncode == _REFUSED:
        raise WeightsError(answer)
    if result.returncode:
        last = result.stderr.strip().splitlines()[-1:] or [f"status {result.returncode}"]
        raise WeightsError(f"{path} is damaged: the HDF5 library failed on it ({last[0]})")
    return answer


def read_all(path: str) -> int:
    """Do the work of the other process: read everything, print the kind, or what is wrong.

    Args:
        path: The file.

    Returns:
        The exit status.
    """
    file = Path(path)
    _limit_memory(file.stat().st_size)
    _limit_time(file.stat().st_size)
    try:
        read_record(file)  # says more of a file that it is in than HDF5 does
        kind, _ = hdf5.read_any(file)
        print(kind)
    except WeightsError as error:
        print(error)
        return _REFUSED
    return 0


def _limit_time(size: int) -> None:
    """Let the system end this process if the library never comes back."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        most = time.process_time() + _PROCESSOR_SECONDS + size / _BYTES_A_PROCESSOR_SECOND
        resource.setrlimit(resource.RLIMIT_CPU, (int(most) + 1, resource.RLIM_INFINITY))


def _limit_memory(size: int) -> None:
    """Let an allocation that is out of proportion fail, where the system has such limits."""
    import h5py  # noqa: F401

    with contextlib.suppress(ImportError, ValueError, OSError, AttributeError):
        import resource

        held = int(re.search(r"VmData:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024
        limit = held + _MEMORY + _MEMORY_FACTOR * size
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
