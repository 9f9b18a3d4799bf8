"""Download OpenPose's own weights from the first available source, and convert them for presets.

The folder `.fetch-NAME` next to the result keeps the downloaded data until the result is complete,
so that the next call continues where this one stopped. gdown makes the requests. It supports the
pages of Google Drive, continues a partial file with an HTTP range, reconnects when a connection
breaks, and keeps partial data in FILE????????.part.
"""

import contextlib
import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

from openpose_keras.conversion.catalogue import OPENPOSE_LICENCE, SOURCES, Source
from openpose_keras.core.errors import (
    DownloadError,
    FetchError,
    LicenceError,
    NoAnswerError,
    WeightsError,
)
from openpose_keras.io.weight_record import checksums
from openpose_keras.networks.presets import PRESETS, user_folder

_RETRIES, _SECONDS = 3, 30.0  # the longest silence of a server
_SYSTEM_REASON = re.compile(r"\[Errno -?\d+\] ([\w ]+)")


Log = Callable[[str], None]


def download(source: Source, path: Path) -> None:
    """Download the file of a source, unless it already exists with the right checksum.

    A partial file is continued only if the checksum is known, because nothing else shows whether
    the two parts belong together. If they do not, the download starts again from the beginning. A
    progress bar is shown in a terminal.

    Args:
        source: The source of the file.
        path: The path of the new file. The folder must exist.

    Raises:
        NoAnswerError: The server cannot be reached.
        DownloadError: The download failed, or the file has another checksum. The message is one
            line.
    """
    if source.checksum and path.exists() and _mismatch(source, path) is None:
        return
    path.unlink(missing_ok=True)
    if not source.checksum:
        _discard_parts(path)
    continues = bool(_parts(path))
    error = _try(source, path)
    # The parts did not fit together, or the server knows no ranges.
    if error and ((continues and not _parts(path)) or "byte range" in error):
        _discard_parts(path)
        error = _try(source, path)
    if error:
        raise DownloadError(error)


def _try(source: Source, path: Path) -> str | None:
    """Download and check the file; return the problem in one line, or None without one."""
    import gdown

    try:
        gdown.download(
            source.address,
            str(path),
            quiet=not sys.stderr.isatty(),
            use_cookies=False,
            resume=True,
            timeout=_SECONDS,
            retries=_RETRIES,
        )
    except Exception as error:  # gdown's, requests', the disk's, or caused by an unforeseen page
        if "Max retries exceeded" in str(error):  # urllib3's, which names its objects
            host, known = urlsplit(source.address).hostname, _SYSTEM_REASON.search(str(error))
            text = f"no answer from {host}{f': {known[1]}' if known else ''}"
            raise NoAnswerError(text) from error
        text = str(error).partition("\nThe received bytes are kept in")[0]
        return " ".join(text.split()).rstrip(".")[:300] or type(error).__name__
    reason = _mismatch(source, path)
    if reason:
        path.unlink()
    return reason


def _mismatch(source: Source, path: Path) -> str | None:
    """Return why a file is not the expected one, or None if it is."""
    found = checksums(path)
    if source.checksum in (None, *found):
        return None
    return f"wrong checksum: expected {source.checksum}, got MD5 {found.md5} SHA-256 {found.sha256}"


def _parts(path: Path) -> list[Path]:
    """List the partial files that gdown has kept."""
    return list(path.parent.glob(f"{path.name}????????.part"))


def _discard_parts(path: Path) -> None:
    """Remove the partial files."""
    for part in _parts(path):
        part.unlink()


def fetch(
    name: str,
    *,
    folder: str | os.PathLike[str] | None = None,
    accept_license: bool = False,
    log: Log = lambda line: None,
) -> Path:
    """Download, check and convert the weights of one of OpenPose's networks.

    Several processes may call this function at once. One of them does the work, and the others wait
    for the result.

    Args:
        name: A key of `catalogue.SOURCES`, which is also the name of a preset.
        folder: The folder of the result, which is created if necessary. By default the presets'
            folder.
        accept_license: Confirms that you have read the licence, `catalogue.OPENPOSE_LICENCE`, and
            comply with it.
        log: A function that is called with a line for each step.

    Returns:
        The path of the result. If it already exists, nothing is done.

    Raises:
        ValueError: There is no such name.
        LicenceError: The licence is not accepted.
        FetchError: The file is not available from any source.
        OSError: The folder can't be written to.
    """
    target = target_path(name, folder)
    if target.is_file():
        return target
    if not accept_license:
        raise LicenceError(
            f"the weights of {name!r} are for {OPENPOSE_LICENCE}. Nothing was downloaded: pass "
            "accept_license=True, or --accept-license to `openpose-keras fetch`, if you keep to it"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    work = target.with_name(f".fetch-{name}")
    lock = work.with_suffix(".lock")
    with _lock(lock, log):
        try:
            if not target.is_file():
                work.mkdir(exist_ok=True)
                _try_all(name, work, target, log)
                shutil.rmtree(work, ignore_errors=True)
        finally:
            with contextlib.suppress(OSError):  # Windows removes no open file
                lock.unlink()
            with contextlib.suppress(OSError):  # parts are kept for the next call
                work.rmdir()
    return target


def target_path(name: str, folder: str | os.PathLike[str] | None = None) -> Path:
    """Return the path of the file that `fetch` creates, without creating it.

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
    return Path(user_folder() if folder is None else folder) / PRESETS[name].file


def _lock(path: Path, log: Log) -> AbstractContextManager[object]:
    """Take a lock between processes, which the system releases when its owner ends in any way."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        log("another process fetches the same file; waiting for it")
        return lock.acquire()


def _try_all(name: str, work: Path, target: Path, log: Log) -> None:
    """Try the sources in turn, beginning with those whose complete file is already present."""
    failures: list[DownloadError] = []
    for source in sorted(SOURCES[name], key=lambda source: not (work / source.file).exists()):
        log(f"trying {source.address}")
        try:
            if source.needs and not importlib.util.find_spec(source.needs):
                raise DownloadError(f"skipped: reading it needs {source.needs}: install it first")
            download(source, work / source.file)
            _store(name, source, work / source.file, target, log)
            return
        except DownloadError as error:
            log(f"  {error}")
            error.add_note(source.address)
            failures.append(error)
    raise FetchError(_advice(name, target, failures)) from ExceptionGroup("sources", failures)


def _store(name: str, source: Source, file: Path, target: Path, log: Log) -> None:
    """Convert the downloaded file."""
    checked = "checksum right" if source.checksum else "not checked: its checksum is not known"
    log(f"  {file.stat().st_size / 1e6:.0f} MB are here, {checked}")
    from openpose_keras.conversion.writers import convert_file

    log("  converting")
    try:
        convert_file(file, target, network=name)
    except (WeightsError, ImportError) as error:
        if source.checksum:
            raise DownloadError(f"it could not be converted ({error}); it stays: {file}") from error
        file.unlink()
        raise DownloadError(f"it is not the file that was expected: {error}") from error


def _advice(name: str, target: Path, failures: Sequence[DownloadError]) -> str:
    """Return advice for the user after all sources have failed."""
    answered = not all(isinstance(error, NoAnswerError) for error in failures)
    reason = "" if answered else ", and no server answered: is there a connection to the internet?"
    files = " or ".join(dict.fromkeys(source.file for source in SOURCES[name]))
    lines = [
        f"none of the {len(failures)} sources had the weights of {name!r}{reason}",
        f"What you can do: get a file ({files}) and run",
        f"  openpose-keras convert FILE --network {name} --to {target}",
    ]
    if PRESETS[name].finds == "hand":
        lines += ["or use the preset 'hand_lite', whose weights ship with the package."]
    return "\n".join(lines)
