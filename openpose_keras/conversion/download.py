"""Download the file of a source, continue what an earlier call left, and check the result.

gdown makes the requests. It knows the pages of Google Drive, continues a partial file with an HTTP
range, connects again when a connection breaks, and keeps what has come in FILE????????.part.
"""

import html
import re
from pathlib import Path

from openpose_keras.conversion.catalogue import Source
from openpose_keras.core.errors import DownloadError
from openpose_keras.io.weight_record import checksums

_RETRIES = 3
_LONGEST_PAGE = 1 << 16  # bytes that are searched for the title


def download(source: Source, path: Path, *, timeout: float = 30.0, progress: bool = True) -> None:
    """Download the file of a source, unless it is there already with the right checksum.

    A partial file is continued only if the checksum is known, because nothing else tells whether
    the two parts belong together. If they do not, the download starts once more from the beginning.

    Args:
        source: Where the file comes from.
        path: Where it goes. The folder must exist.
        timeout: Seconds to wait for the server, each time.
        progress: Whether to show a progress bar on stderr.

    Raises:
        DownloadError: The file could not be had, or has another checksum; the message is one line.
    """
    if path.exists() and source.has_checksum and _mismatch(source, path) is None:
        return
    path.unlink(missing_ok=True)
    if not source.has_checksum:
        _discard_parts(path)
    for last_try in (False, True):
        continues = bool(_parts(path))
        error = _try(source, path, timeout, progress)
        if error is None:
            return
        parts_do_not_fit = continues and not _parts(path)
        server_knows_no_ranges = "byte range" in error
        if last_try or not (parts_do_not_fit or server_knows_no_ranges):
            raise DownloadError(error)
        _discard_parts(path)


def _try(source: Source, path: Path, timeout: float, progress: bool) -> str | None:
    """Download and check the file; return what went wrong, if anything, in one line."""
    import gdown

    try:
        gdown.download(
            source.address,
            str(path),
            quiet=not progress,
            use_cookies=False,
            resume=True,
            timeout=timeout,
            retries=_RETRIES,
        )
    except Exception as error:  # gdown's, requests', the disk's, or caused by an unforeseen page
        text = str(error).partition("\nThe received bytes are kept in")[0]
        return " ".join(text.split()).rstrip(".")[:300] or type(error).__name__
    reason = _mismatch(source, path)
    if reason:
        path.unlink()
    return reason


def _mismatch(source: Source, path: Path) -> str | None:
    """Return why a file is not the one that the source should have sent, or None."""
    with path.open("rb") as file:
        start = file.read(_LONGEST_PAGE).lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<"):
        match = re.search(rb"<title[^>]*>(.*?)</title>", start, re.DOTALL | re.IGNORECASE)
        title = html.unescape(match[1].decode("utf-8", "replace")) if match else ""
        return f"expected a weight file, got a web page: {' '.join(title.split())[:200]!r}"
    found = checksums(path)
    for algorithm in ("md5", "sha256"):
        expected, got = getattr(source, algorithm), getattr(found, algorithm)
        if expected and expected != got:
            return f"wrong checksum: expected {algorithm.upper()} {expected}, got {got}"
    return None


def _parts(path: Path) -> list[Path]:
    """List the partial files that gdown has kept."""
    return list(path.parent.glob(f"{path.name}????????.part"))


def _discard_parts(path: Path) -> None:
    """Remove the partial files."""
    for part in _parts(path):
        part.unlink()
