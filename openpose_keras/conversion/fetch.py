"""Fetch OpenPose's own weights: from the first source that has them to a file for the presets.

A folder beside the result, `.fetch-NAME`, keeps what has been downloaded until the result is
complete, so that the next call continues where this one stopped.
"""

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from openpose_keras.conversion.catalogue import LICENCES, SOURCES, Source
from openpose_keras.conversion.download import download
from openpose_keras.core.errors import DownloadError, FetchError, LicenceError, WeightsError
from openpose_keras.networks.presets import PRESETS, user_folder


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What to fetch and how."""

    name: str
    target: Path
    work: Path
    timeout: float
    progress: bool
    log: Callable[[str], None]
    convert: Callable[[Path, Path], object]


def fetch(
    name: str,
    *,
    folder: str | os.PathLike[str] | None = None,
    accept_license: bool = False,
    timeout: float = 30.0,
    progress: bool = True,
    log: Callable[[str], None] = lambda line: None,
    convert: Callable[[Path, Path], object] | None = None,
) -> Path:
    """Download the weights of one of OpenPose's networks, check and convert them.

    Several processes may call this at once. One does the work, the others wait for the result.

    Args:
        name: A key of `catalogue.SOURCES`. Only "hand" is a preset so far and is converted. The
            other files are stored as OpenPose published them.
        folder: Where the result goes; it is made if need be. By default the presets' folder.
        accept_license: You have read the licence, `catalogue.LICENCES[name]`, and keep to it.
        timeout: Seconds to wait for a server, each time.
        progress: Whether to show a progress bar on stderr.
        log: Called with a line for each step.
        convert: Makes the second file from the first, whole or not at all. By default
            `writers.convert_file`.

    Returns:
        Path of the result. If it is there already, nothing is done.

    Raises:
        ValueError: There is no such name.
        LicenceError: The licence is not accepted.
        FetchError: No source had the file.
        OSError: The folder can't be written to.
    """
    target = target_path(name, folder)
    if target.is_file():
        return target
    if not accept_license:
        raise LicenceError(
            f"the weights of {name!r} are for {LICENCES[name]}. Nothing was downloaded: pass "
            "accept_license=True, or --accept-license to `openpose-keras fetch`, if you keep to it"
        )
    job = _Job(
        name=name,
        target=target,
        work=target.with_name(f".fetch-{name}"),
        timeout=timeout,
        progress=progress,
        log=log,
        convert=convert or _convert,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_name(f".fetch-{name}.lock"), log):
        if not target.is_file():
            job.work.mkdir(exist_ok=True)
            _try_all(job)
            shutil.rmtree(job.work, ignore_errors=True)
    return target


def target_path(name: str, folder: str | os.PathLike[str] | None = None) -> Path:
    """Return the path of the file that `fetch` makes, without making it.

    Args:
        name: A key of `catalogue.SOURCES`.
        folder: As for `fetch`.

    Returns:
        The path.

    Raises:
        ValueError: There is no such name.

    Example:
        >>> target_path("hand", "weights").as_posix()
        'weights/hand.weights.h5'
    """
    if name not in SOURCES:
        raise ValueError(f"expected one of {', '.join(SOURCES)} to fetch, got {name!r}")
    file = PRESETS[name].file if name in PRESETS else SOURCES[name][0].file
    return Path(user_folder() if folder is None else folder) / file


@contextmanager
def _locked(path: Path, log: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock between processes. The system releases it when its owner ends, however."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log("another process fetches the same file; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _try_all(job: _Job) -> None:
    """Try the sources in turn; those whose complete file is here already come first."""
    failures = []
    sources = SOURCES[job.name]
    for source in sorted(sources, key=lambda source: not (job.work / source.file).exists()):
        job.log(f"trying {source.address}")
        try:
            _check_needs(source)
            download(source, job.work / source.file, timeout=job.timeout, progress=job.progress)
            _store(source, job)
            return
        except DownloadError as error:
            job.log(f"  {error}")
            failures.append((source, str(error)))
    raise FetchError(_advice(job, failures))


def _check_needs(source: Source) -> None:
    """Refuse, before the download, a file that could not be read afterwards."""
    if source.needs and not importlib.util.find_spec(source.needs):
        raise DownloadError(f"skipped: reading it needs {source.needs}, which is not installed")


def _store(source: Source, job: _Job) -> None:
    """Convert what was downloaded, or move it, to the target."""
    file = job.work / source.file
    checked = "checksum right" if source.has_checksum else "not checked: its checksum is not known"
    job.log(f"  {file.stat().st_size / 1e6:.0f} MB are here, {checked}")
    if job.name not in PRESETS:
        file.replace(job.target)
        return
    job.log("  converting")
    try:
        job.convert(file, job.target)
    except (WeightsError, ImportError) as error:
        if source.has_checksum:
            raise DownloadError(f"it could not be converted ({error}); it stays: {file}") from error
        file.unlink()
        raise DownloadError(f"it is not the file that was expected: {error}") from error


def _convert(source: Path, target: Path) -> None:
    """Convert a downloaded file."""
    from openpose_keras.conversion.writers import convert_file

    convert_file(source, target)


def _advice(job: _Job, failures: Sequence[tuple[Source, str]]) -> str:
    """Return a message of what was tried and what the user can do."""
    files = dict.fromkeys(source.file for source, _ in failures)
    lines = [f"none of the {len(failures)} sources had the weights of {job.name!r}:"]
    lines += [f"  {source.address}: {reason}" for source, reason in failures]
    if job.name in PRESETS:
        lines += [
            f"What you can do: get a file ({' or '.join(files)}) and run",
            f"  openpose-keras convert FILE --to {job.target}",
            "or use the preset 'hand_lite', whose weights ship with the package.",
        ]
    else:
        lines.append(f"What you can do: get the file and store it as {job.target}")
    return "\n".join(lines)
