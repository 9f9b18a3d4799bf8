"""Make the README's image of the explorer: python -m tests.helpers.explorer_screenshot [FILE].

It runs a notebook of one cell in JupyterLab, in the system's chromium, and takes a screenshot of
what a user sees there. Run it again when the weights or the explorer change.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.helpers.jupyter_browser import PHOTO, jupyter_server, open_page, run_all, write_notebook

CELL = """\
from openpose_keras import explore
boxes = [(165, 10, 227), (70, 321, 430)]
widget = explore("hands.jpg", boxes=boxes)
widget.session.change(hand=0, close=True)
widget.refresh()
widget
"""


def main(target: Path, width: int = 1200) -> None:
    """Take the screenshot."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "notebooks")
        write_notebook(folder, CELL)
        with jupyter_server(folder) as (address, token), open_page(width, 1400) as page:
            run_all(page, f"{address}/notebooks/explore.ipynb?token={token}")
            widget = page.locator(".opk-explorer")
            page.locator(".opk-table tbody tr").first.wait_for()
            page.wait_for_timeout(3000)  # the last image is decoded
            shot = Image.open(io.BytesIO(widget.screenshot()))
    shot.convert("RGB").save(target, quality=84, subsampling=0, optimize=True)
    print(f"{target}: {shot.size[0]} x {shot.size[1]}, {target.stat().st_size} bytes")


if __name__ == "__main__":
    file, *rest = sys.argv[1:] or [str(PHOTO.with_name("explorer.jpg"))]
    main(Path(file), *map(int, rest))
