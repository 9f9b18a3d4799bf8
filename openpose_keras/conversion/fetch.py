"""OpenPose's own weights: from the first source that gives them to a file that the presets find.

The file is downloaded under a temporary name, checked, converted, and only then put in place. What
a source gave stays in a folder beside it, `.fetch-NAME`, until the result is there, so that the
next call goes on where this one stopped.
"""

import contextlib
import importlib.util
import os
import shutil
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from openpose_keras.conversion import mirrors
from openpose_keras.conversion.downloading import discard, download
from openpose_keras.conversion.downloading.drive import download_from_drive
from openpose_keras.conversion.downloading.locks import locked
from openpose_keras.conversion.mirrors import Mirror
from openpose_keras.conversion.official import OFFICIAL_FILES
from openpose_keras.core.errors import DownloadError, FetchError, LicenceError, WeightsError
from openpose_keras.io.weight_record import checksums
from openpose_keras.networks.presets import PRESETS, user_folder

LICENCES = {official.network: official.licence for official in OFFICIAL_FILES}


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What to fetch, and how to tell of it."""

    name: str
    target: Path
    work: Path
    timeout: float
    progress: bool
    tell: Callable[[str], None]
    convert: Callable[[Path, Path], object]


def fetch(
    name: str,
    *,
    folder: str | os.PathLike[str] | None = None,
    accept_license: bool = False,
    timeout: float = 30.0,
    progress: bool = True,
    tell: Callable[[str], None] = lambda line: None,
    convert: Callable[[Path, Path], object] | None = None,
) -> Path:
    """Download the weights of one of OpenPose's networks, check and convert them.

    Several processes may call this at once: one works, the others wait for its result.

    Args:
        name: A key of `mirrors.MIRRORS`. Only "hand" is a preset so far and is converted; the other
            files are put in place as OpenPose published them, for the time when they are.
        folder: Where the result goes, made if need be; by default where the presets find it.
        accept_license: You have read the licence, `LICENCES[name]`, and keep to it.
        timeout: Seconds to wait for a server, each time.
        progress: Show a progress bar on stderr.
        tell: Called with a line for each thing that is done.
        convert: Makes the second file of the first, whole or not at all; `convert_file` by default.

    Returns:
        The file. If it is there already, nothing is done.

    Raises:
        ValueError: There is no such name.
        LicenceError: The licence is not accepted.
        FetchError: No source gave the file.
        NoSpaceError: The disk has no room for it.
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
    work = target.with_name(f".fetch-{name}")
    how = {"timeout": timeout, "progress": progress, "tell": tell}
    job = _Job(name=name, target=target, work=work, convert=convert or _convert, **how)
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = target.with_name(f"{work.name}.lock")
    with locked(lock, when_waiting=lambda: tell("another process fetches it; waiting for it")):
        if not target.is_file():
            work.mkdir(exist_ok=True)
            try:
                _try_all(job)
                shutil.rmtree(work, ignore_errors=True)
            finally:
                with contextlib.suppress(OSError):  # gone, or it holds what the next call needs
                    work.rmdir()
    return target


def target_path(name: str, folder: str | os.PathLike[str] | None = None) -> Path:
    """Give the file that `fetch` makes, without making it.

    Args:
        name: A key of `mirrors.MIRRORS`.
        folder: As for `fetch`.

    Returns:
        Its path.

    Raises:
        ValueError: There is no such name.

    Example:
        >>> target_path("hand", "weights").as_posix()
        'weights/hand.weights.h5'
    """
    if name not in mirrors.MIRRORS:
        raise ValueError(f"there is no {name!r} to fetch; there are {', '.join(mirrors.MIRRORS)}")
    file = PRESETS[name].file if name in PRESETS else mirrors.MIRRORS[name][0].file
    return Path(user_folder() if folder is None else folder) / file


def _try_all(job: _Job) -> None:
    """Try the sources in turn, those first of which a whole download is here already."""
    failures = []
    sources = mirrors.MIRRORS[job.name]
    for mirror in sorted(sources, key=lambda mirror: not (job.work / mirror.file).exists()):
        job.tell(f"trying {mirror.link}")
        try:
            _check_needs(mirror)
            _get(mirror, job)
            _place(mirror, job)
            return
        except DownloadError as error:
            job.tell(f"  {error}")
            failures.append((mirror, str(error)))
    raise FetchError(_advise(job, failures))


def _check_needs(mirror: Mirror) -> None:
    """Refuse, before the long part, a file that could not be read afterwards."""
    if mirror.needs and not importlib.util.find_spec(mirror.needs):
        raise DownloadError(f"left out: to read it takes {mirror.needs}, which is not installed")


def _get(mirror: Mirror, job: _Job) -> None:
    """Have the source's file in the work folder, whole and checked."""
    kept = job.work / mirror.file
    if kept.exists() and _wrong(mirror, kept) is None:
        job.tell(f"  {kept.name} is here from an earlier call")
        return
    # Each address has its own, so that one that fails takes nothing from what another has brought.
    part = kept.with_name(f"{kept.name}.part-{zlib.crc32(mirror.address.encode()):08x}")
    for _ in range(2):
        joined = _download(mirror, part, job)
        wrong = _wrong(mirror, part)
        if wrong is None or not joined:  # a file of one piece would be the same once more
            break
        discard(part)
        job.tell(f"  {wrong}; once more from the beginning")
    if wrong:
        discard(part)
        raise DownloadError(wrong)
    os.replace(part, kept)
    how = "checksum right" if mirror.verifiable else "not checked by checksum: none is known"
    job.tell(f"  downloaded, {kept.stat().st_size / 1e6:.0f} MB, {how}")


def _download(mirror: Mirror, part: Path, job: _Job) -> bool:
    """Download from either kind of source; say whether the file is of several pieces."""
    copies = 2 if job.name in PRESETS else 1  # the conversion is about as large
    options = {"copies": copies, "timeout": job.timeout, "progress": job.progress}
    if mirror.address.startswith(mirrors.DRIVE):
        return download_from_drive(mirror.address.removeprefix(mirrors.DRIVE), part, **options)
    return download(mirror.address, part, size=mirror.size, **options)


def _wrong(mirror: Mirror, path: Path) -> str | None:
    """Say what is wrong with a file, if anything."""
    found = checksums(path)
    for algorithm in ("md5", "sha256"):
        expected, got = getattr(mirror, algorithm), getattr(found, algorithm)
        if expected and expected != got:
            return f"wrong checksum: {algorithm.upper()} {got}, expected {expected}"
    return None


def _place(mirror: Mirror, job: _Job) -> None:
    """Put the result in place, whole or not at all."""
    kept = job.work / mirror.file
    if job.name not in PRESETS:
        os.replace(kept, job.target)
        return
    job.tell("  converting")
    try:
        job.convert(kept, job.target)
    except (WeightsError, ImportError) as error:
        if mirror.verifiable:
            raise DownloadError(f"it could not be converted ({error}); it stays: {kept}") from error
        kept.unlink()
        raise DownloadError(f"it is not what it should be: {error}") from error
    if not mirror.verifiable:
        job.tell("  all layers are there, in the right shapes")


def _convert(source: Path, target: Path) -> None:
    """Convert a downloaded file."""
    from openpose_keras.conversion.writers import convert_file

    convert_file(source, target)


def _advise(job: _Job, failures: Sequence[tuple[Mirror, str]]) -> str:
    """Say what was tried, and what a user can do."""
    files = dict.fromkeys(mirror.file for mirror, _ in failures)
    lines = [f"none of the {len(failures)} sources gave the weights of {job.name!r}:"]
    lines += [f"  {mirror.link}: {reason}" for mirror, reason in failures]
    if job.name in PRESETS:
        lines += [
            f"What you can do: bring a file ({' or '.join(files)}) and run",
            f"  openpose-keras convert FILE --to {job.target}",
            "or use the preset 'hand_lite', whose weights ship with the package.",
        ]
    else:
        lines.append(f"What you can do: bring the file and put it to {job.target}")
    return "\n".join(lines)
