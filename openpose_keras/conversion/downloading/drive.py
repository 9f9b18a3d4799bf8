"""Files of Google Drive."""

import inspect
import tempfile
from pathlib import Path

from openpose_keras.conversion.downloading import download
from openpose_keras.conversion.downloading.web import is_no_space, refuse_page_text
from openpose_keras.core.errors import DownloadError, NoSpaceError

PLAIN_ADDRESS = "https://drive.usercontent.google.com/download?export=download&confirm=t&id={}"


def download_from_drive(
    file_id: str, path: Path, *, copies: int = 1, timeout: float = 30.0, progress: bool = True
) -> bool:
    """Download a public file of Google Drive, through gdown if it is installed.

    Without gdown the address is used to which Drive's own page leads.

    Args:
        file_id: What stands in its link.
        path: Where the bytes go. Its folder must exist.
        copies: As for `download`; gdown does not look at the disk.
        timeout: Seconds to wait for the server, each time; gdown heeds it from version 6 on.
        progress: Show a progress bar on stderr.

    Returns:
        Whether the file was put together from several connections.

    Raises:
        DownloadError: It did not work, for example since the file's quota is used up.
        NoSpaceError: The disk has no room for it.
    """
    try:
        import gdown
    except ImportError:
        address = PLAIN_ADDRESS.format(file_id)
        return download(address, path, copies=copies, timeout=timeout, progress=progress)
    options = {"timeout": timeout} if _knows(gdown.download, "timeout") else {}
    with tempfile.TemporaryDirectory(prefix=".gdown-", dir=path.parent) as folder:
        output = Path(folder, path.name)
        try:
            gdown.download(
                id=file_id, output=str(output), quiet=not progress, use_cookies=False, **options
            )
        except Exception as error:  # its own, those of requests, and more for an unforeseen page
            if is_no_space(error):
                raise NoSpaceError(f"the disk is full: {path.parent}") from error
            text = " ".join(str(error).split()) or type(error).__name__
            raise DownloadError(f"gdown: {text[:300]}") from error
        if not output.is_file():
            raise DownloadError("gdown: it brought no file")
        with open(output, "rb") as file:
            refuse_page_text(file.read(1 << 16))
        output.replace(path)
    return False


def _knows(function: object, option: str) -> bool:
    """Tell whether a function takes an option."""
    return option in inspect.signature(function).parameters
