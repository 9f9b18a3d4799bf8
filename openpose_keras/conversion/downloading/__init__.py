"""One address to one file: with resume, a progress bar and reasons in plain words.

Nothing but the standard library and tqdm. What has come stays in the file when a download breaks,
with a note beside it (FILE.json) of where it came from and which state of the server's file it is.
"""

import http
import http.client
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.error import HTTPError

from openpose_keras.conversion.downloading import web
from openpose_keras.conversion.downloading.web import is_no_space
from openpose_keras.core.errors import BrokenDownloadError, DownloadError, NoSpaceError

if TYPE_CHECKING:
    from tqdm import tqdm

CHUNK = 1 << 18
SLOWEST = 1000  # bytes a second, over one timeout
FRUITLESS = 3  # connections in a row that brought nothing
PAUSE = 0.5  # seconds before the next connection; doubles


@dataclass(frozen=True)
class _Note:
    """What is known of the bytes that have come.

    Attributes:
        address: Where they came from.
        validator: The server's name for that state of its file; without one there is no resume.
        total: The size of the whole, if known.
        joined: They came through several connections.
    """

    address: str
    validator: str | None = None
    total: int | None = None
    joined: bool = False


def download(
    address: str,
    path: Path,
    *,
    copies: int = 1,
    size: int | None = None,
    timeout: float = 30.0,
    progress: bool = True,
) -> bool:
    """Download a file, and take up what an earlier try left.

    A server that knows no ranges, or whose file has changed since, starts from the beginning. A
    connection that breaks is made again for as long as something comes.

    Args:
        address: http:// or https://.
        path: Where the bytes go. Its folder must exist. When this raises, they may stay.
        copies: How many times the file's size the disk must have room for, the download included.
        size: What the file must have, in bytes, if known.
        timeout: Seconds to wait for the server, each time.
        progress: Show a progress bar on stderr.

    Returns:
        Whether the file was put together from several connections.

    Raises:
        DownloadError: It did not work; the text is the reason, in one line.
        NoSpaceError: The disk has no room for it.
    """
    start, fruitless = _Note(address, total=size), 0
    note = _read_note(path, start)
    most = _size(path)
    while True:
        try:
            joined = _connect(note, path, start, copies, timeout, progress).joined
        except BrokenDownloadError as error:
            fruitless = 0 if _size(path) > most else fruitless + 1
            most = max(most, _size(path))
            if fruitless == FRUITLESS:
                raise DownloadError(f"{error}, {FRUITLESS} times in a row") from error
            time.sleep(PAUSE * 2**fruitless)
            note = _read_note(path, start)
        else:
            _note_path(path).unlink(missing_ok=True)
            return joined
        finally:
            if not _size(path):
                discard(path)


def discard(path: Path) -> None:
    """Remove what a download has brought, and its note.

    Args:
        path: As given to `download`.
    """
    path.unlink(missing_ok=True)
    _note_path(path).unlink(missing_ok=True)


def _connect(
    note: _Note, path: Path, start: _Note, copies: int, timeout: float, progress: bool
) -> _Note:
    """Make one connection, take what it brings, and say what that was."""
    if note.total is not None and _size(path) == note.total:
        return note
    with _open(note, path, timeout) as response:
        note = _judge(response, note, path, start)
        have = _size(path)
        _check_space(path, note.total, have, copies)
        _note_path(path).write_text(json.dumps(asdict(note)), "utf-8")
        wanted = None if note.total is None else note.total - have
        with open(path, "ab") as file, _bar(path, note.total, have, progress) as bar:
            have += _copy(response, file, bar, wanted, timeout)
    if note.total is not None and have != note.total:
        raise BrokenDownloadError(f"the connection ended after {have} of {note.total} bytes")
    if not have:
        raise DownloadError("the file is empty")
    return note


def _open(note: _Note, path: Path, timeout: float) -> http.client.HTTPResponse:
    """Ask for the file, or for what is missing of it."""
    have = _size(path)
    headers = {"Range": f"bytes={have}-", "If-Range": note.validator} if have else {}
    try:
        return web.open_address(note.address, headers, timeout)
    except HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            discard(path)
            raise BrokenDownloadError("the server does not have the rest") from error
        said = " ".join(str(error.reason).split())
        raise DownloadError(f"the server answers {error.code} {said}".rstrip()) from error
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        failure = BrokenDownloadError if have else DownloadError
        raise failure(web.reason(error)) from error


def _judge(response: http.client.HTTPResponse, note: _Note, path: Path, start: _Note) -> _Note:
    """See what the server sends: the rest, or the whole, for which the file is emptied."""
    validator = web.validator(response)
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        first, total = web.content_range(response)
        have = _size(path)
        other = None not in (total, note.total) and total != note.total
        if not have or first != have or other or validator not in (None, note.validator):
            discard(path)
            raise BrokenDownloadError("the server sends another part than was asked for")
        return replace(note, total=note.total or total, joined=True)
    web.refuse_page(response)
    total = web.content_length(response)
    if None not in (start.total, total) and total != start.total:
        raise DownloadError(f"another file: it has {total} bytes, not {start.total}")
    discard(path)
    return replace(start, validator=validator, total=start.total or total)


def _copy(
    response: http.client.HTTPResponse,
    file: BinaryIO,
    bar: "tqdm",
    wanted: int | None,
    timeout: float,
) -> int:
    """Copy what comes into the file; give how many bytes that were."""
    copied = 0
    for chunk in _read(response, wanted, timeout):
        if file.tell() == 0:
            web.refuse_page_text(chunk)
        try:
            file.write(chunk)
            file.flush()
        except OSError as error:
            if is_no_space(error):
                raise NoSpaceError(f"the disk is full: {file.name}") from error
            raise
        copied += len(chunk)
        bar.update(len(chunk))
    return copied


def _read(
    response: http.client.HTTPResponse, wanted: int | None, timeout: float
) -> Iterator[bytes]:
    """Give the body piece by piece, as it comes; refuse a server that only drips."""
    since, came, copied = time.monotonic(), 0, 0
    while wanted is None or copied < wanted:
        try:
            chunk = response.read1(CHUNK if wanted is None else min(CHUNK, wanted - copied))
        except (OSError, http.client.HTTPException) as error:
            raise BrokenDownloadError(web.reason(error)) from error
        if not chunk:
            return
        copied += len(chunk)
        came += len(chunk)
        yield chunk
        if time.monotonic() - since > timeout:
            if came < SLOWEST * timeout:
                raise DownloadError(f"too slow: {came} bytes in {timeout:g} seconds")
            since, came = time.monotonic(), 0


def _check_space(path: Path, total: int | None, have: int, copies: int) -> None:
    """Refuse, before the long part, what the disk has no room for."""
    if total is None:
        return
    needed, free = total * copies - have, shutil.disk_usage(path.parent).free
    if needed > free:
        sizes = f"{needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free"
        raise NoSpaceError(f"not enough space in {path.parent}: {sizes}")


def _bar(path: Path, total: int | None, have: int, progress: bool) -> "tqdm":
    """Make the progress bar."""
    from tqdm import tqdm

    options = {"total": total, "initial": have, "disable": not progress}
    return tqdm(desc=path.name.partition(".part")[0], unit="B", unit_scale=True, **options)


def _size(path: Path) -> int:
    """Give how many bytes have come."""
    return path.stat().st_size if path.exists() else 0


def _note_path(path: Path) -> Path:
    """Give the place of the note."""
    return path.with_name(f"{path.name}.json")


def _read_note(path: Path, start: _Note) -> _Note:
    """Read the note of what has come; bytes that can't be resumed from here are removed."""
    try:
        note = _Note(**json.loads(_note_path(path).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        note = start
    fits = note.address == start.address and note.validator and start.total in (None, note.total)
    if not fits or (note.total is not None and _size(path) > note.total):
        discard(path)
        return start
    return note
