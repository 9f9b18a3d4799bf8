"""A thumbnail of each notebook, for the table in the README."""

import base64
import io
from pathlib import Path

from nbformat import NotebookNode
from PIL import Image

from openpose_keras.core.files import atomic_write
from tests.notebooks.execution import FOLDER, IMAGES

THUMBNAILS = FOLDER / "images" / "thumbnails"
SIZE = (320, 200)  # pixels; the README shows it at half of it, sharp on dense screens
LARGEST = 20_000  # bytes
TAG = "thumbnail"  # of the cell whose figure is taken


def thumbnail_path(notebook: Path) -> Path:
    """Return the path of a notebook's thumbnail, which has its number."""
    return THUMBNAILS / f"{notebook.name[:2]}.png"


def figure_of(notebook: NotebookNode) -> Image.Image | None:
    """Return the last figure of the cell tagged "thumbnail", or of the first cell with one."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    cells.sort(key=lambda cell: TAG not in cell.metadata.get("tags", ()))
    for cell in cells:
        for output in reversed(cell.outputs):
            for kind in output.get("data", {}).keys() & IMAGES:
                data = base64.b64decode(output.data[kind])
                return Image.open(io.BytesIO(data)).convert("RGBA")
    return None


def make_thumbnail(notebook: NotebookNode) -> bytes | None:
    """Return a PNG of 320 x 200 pixels and at most 20 kB: the top of a figure at full width.

    Returns:
        The file, its background transparent; None if the notebook has no figure.
    """
    figure = figure_of(notebook)
    if figure is None:
        return None
    width, height = SIZE
    figure = figure.convert("RGBa").resize((width, max(1, figure.height * width // figure.width)))
    small = Image.new("RGBA", SIZE)
    small.paste(figure.convert("RGBA"), (0, max(0, (height - figure.height) // 2)))
    for colors in (256, 128, 64, 32, 16):
        file = io.BytesIO()
        small.quantize(colors, method=Image.Quantize.FASTOCTREE).save(file, "PNG", optimize=True)
        if file.tell() <= LARGEST:
            break
    return file.getvalue()


def store_thumbnail(path: Path, notebook: NotebookNode) -> None:
    """Write the thumbnail of a notebook of this repository, if it has a figure."""
    data = make_thumbnail(notebook)
    if data is not None:
        THUMBNAILS.mkdir(exist_ok=True)
        with atomic_write(thumbnail_path(path), force=True) as temporary:
            temporary.write_bytes(data)
