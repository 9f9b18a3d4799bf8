"""Make the README's image of the explorer: python -m tests.helpers.explorer_screenshot [FILE].

It runs a notebook of one cell in Jupyter, in the system's chromium, and takes a screenshot of what
a user sees there; FILE.webp is animated. Run it again when the weights or the explorer change.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.helpers.jupyter_browser import PHOTO, jupyter_server, open_page, run_all, write_notebook

CELL = """\
from openpose_keras import explore
boxes = [(30, 0, 330), (430, 294, 200)]
widget = explore("hands.jpg", boxes=boxes)
widget.session.change(hand=0, close=True)
widget.refresh()
widget
"""
# A keypoint is chosen, another one; the first stage and the last; zoomed in; without skeletons.
ROW = "document.querySelectorAll('.opk-channel tbody tr')[{}].click()"
TOOL = "document.querySelectorAll('.opk-tools button')[{}].click()"
STAGE = """(() => {{
  const handle = document.querySelector('.widget-slider .noUi-handle');
  handle.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{}' }}));
}})()"""
ACTIONS = (
    *map(ROW.format, (8, 4)),
    *map(STAGE.format, ("ArrowLeft", "ArrowRight")),
    f"{TOOL.format(1)}, {TOOL.format(1)}, {TOOL.format(1)}",
    TOOL.format(3),
    f"{TOOL.format(3)}, {TOOL.format(2)}",
)


def main(target: Path, width: int = 1200) -> None:
    """Take the screenshot; a WebP file has more than one, of what can be done."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "notebooks")
        write_notebook(folder, CELL)
        with jupyter_server(folder) as (address, token), open_page(width, 1400) as page:
            run_all(page, f"{address}/notebooks/explore.ipynb?token={token}")
            page.locator(".opk-channel tbody tr").first.wait_for()
            shots = [_shoot(page)]
            for action in ACTIONS if target.suffix == ".webp" else ():
                page.evaluate(action)
                shots.append(_shoot(page))
    first, *rest = _of_one_size(shots)
    options = {"quality": 84, "subsampling": 0, "optimize": True}
    if rest:
        pauses = [2500, *([1500] * len(rest))]
        options = {"quality": 70, "method": 6, "save_all": True, "loop": 0}
        options |= {"append_images": rest, "duration": pauses}
    first.save(target, **options)
    print(f"{target}: {first.size[0]} x {first.size[1]}, {target.stat().st_size} bytes")


def _of_one_size(shots):
    """Return the screenshots on white, as large as the largest: texts of other lengths wrap."""
    size = tuple(max(sides) for sides in zip(*(shot.size for shot in shots), strict=True))
    canvases = [Image.new("RGB", size, "white") for _ in shots]
    for canvas, shot in zip(canvases, shots, strict=True):
        canvas.paste(shot)
    return canvases


def _shoot(page):
    """Take a screenshot when the last image is decoded."""
    page.wait_for_timeout(3000)
    shot = page.locator(".opk-explorer").screenshot()
    return Image.open(io.BytesIO(shot)).convert("RGB")


if __name__ == "__main__":
    file, *rest = sys.argv[1:] or [str(PHOTO.with_name("explorer.jpg"))]
    main(Path(file), *map(int, rest))
