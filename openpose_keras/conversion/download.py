"""Download the file of a source, continue what an earlier call left, and check the result.

gdown makes the requests. It knows the pages of Google Drive, continues a partial file with an HTTP
range, connects again when a connection breaks, and keeps what has come in FILE????????.part.
"""

import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

from openpose_keras.conversion.catalogue import Source
from openpose_keras.core.errors import DownloadError, NoAnswerError
from openpose_keras.io.weight_record import checksums

_RETRIES, _SECONDS = 3, 30.0  # the longest silence of a server
_SYSTEM_REASON = re.compile(r"\[Errno -?\d+\] ([\w ]+)")


def download(source: Source, path: Path) -> None:
    """Download the file of a source, unless it is there already with the right checksum.

    A partial file is continued only if the checksum is known, because nothing else tells whether
    the two parts belong together. If they do not, the download starts once more from the beginning.
    A terminal shows a progress bar.

    Args:
        source: Where the file comes from.
        path: Where it goes. The folder must exist.

    Raises:
        NoAnswerError: The server cannot be reached.
        DownloadError: The file could not be had, or has another checksum; the message is one line.
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
    """Download and check the file; return what went wrong with it, if anything, in one line."""
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
    """Return why a file is not the one that the source should have sent, or None."""
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
