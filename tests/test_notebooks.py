"""The notebooks run from top to bottom, keep the rules, and hold the outputs of their own code."""

import base64
import io

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from tests.notebooks import rules
from tests.notebooks.__main__ import main
from tests.notebooks.execution import FOLDER, HIDDEN, WIDGET, execute, normalise, read
from tests.notebooks.thumbnails import LARGEST, SIZE, make_thumbnail, thumbnail_path

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
TITLE = (
    "# A title\n\nYou will see that one and one are two, and be able to add numbers yourself. It "
    "takes 2 minutes."
)
EXERCISE = "**Try it.** Add two more.\n\n<details><summary>Answer</summary>\n\nFour.\n\n</details>"

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.mark.slow
@each_notebook
def test_notebook_runs_in_a_fresh_kernel_without_a_warning(path):
    assert execute(path).problems == []


@each_notebook
def test_notebook_keeps_the_rules_and_its_outputs_belong_to_its_code(path):
    assert rules.breaches(path) == []


@each_notebook
def test_thumbnail_shows_the_figure_of_its_notebook(path):
    file = thumbnail_path(path)
    assert file.stat().st_size <= LARGEST
    stored, made = (
        np.asarray(Image.open(each).convert("RGBA"), np.float64)
        for each in (file, io.BytesIO(make_thumbnail(read(path))))
    )
    assert stored.shape == made.shape == (SIZE[1], SIZE[0], 4)
    assert np.abs(stored - made).mean() < 6  # another Pillow may choose other colours


def test_notebooks_are_numbered_from_1_without_a_gap():
    numbers = [path.name[:3] for path in NOTEBOOKS]
    assert numbers == [f"{number:02}_" for number in range(1, len(NOTEBOOKS) + 1)]


def notebook(*codes, title=TITLE):
    """Return a notebook that was never run."""
    cells = [new_markdown_cell(title), *map(new_code_cell, codes)]
    cells[-1].metadata.update(HIDDEN)
    return new_notebook(cells=[*cells, new_markdown_cell(EXERCISE), new_markdown_cell(EXERCISE)])


def notebook_that_ran(*codes):
    """Return a notebook as if it had just run without an output."""
    book = notebook(*codes)
    for count, (_, cell) in enumerate(rules.code_cells(book), start=1):
        cell.execution_count = count
    normalise(book)
    return book


def save(folder, book, name="01_sum.ipynb"):
    """Write a notebook and return its path."""
    path = folder / name
    nbformat.write(book, path)
    return path


@pytest.mark.slow
def test_written_notebook_keeps_all_rules_and_a_second_run_writes_the_same(tmp_path):
    code = "from openpose_keras.viz.figures import show_images\nimport numpy as np"
    show = "show_images(np.zeros((9, 9, 3), np.uint8))"
    path = save(tmp_path, notebook(code, show, "print('two')\nassert 1 + 1 == 2"))
    assert main(["--write"], tmp_path) == 0
    assert rules.breaches(path) == []
    cells = read(path).cells
    assert cells[3].outputs[0].text == "two\n"
    assert set(cells[2].outputs[0].data) == {"image/png", "text/plain"}
    assert cells[2].outputs[0].metadata["image/png"]["width"] == 700
    first = path.read_bytes()
    assert main(["--write"], tmp_path) == 0
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]


# What C code writes reaches the notebook some time after it was written.
FROM_C = "import os, time\nos.write(2, b'C')\ntime.sleep(1)\nprint(os.getcwd())\nobject()"
FAILURES = {
    "assert 1 + 1 == 3": ["AssertionError"],
    "import warnings\nwarnings.warn('old', UserWarning)": ["stderr", "old"],
    FROM_C: ["C", "local path", "address"],
    "import os\nos._exit(1)": ["DeadKernelError"],
}


@pytest.mark.slow
@pytest.mark.parametrize(("code", "messages"), FAILURES.items())
def test_failed_run_is_reported_and_not_written_and_the_next_one_is(
    tmp_path, capsys, code, messages
):
    bad = save(tmp_path, notebook(code))
    good = save(tmp_path, notebook("assert True"), "02_good.ipynb")
    before = bad.read_bytes()
    assert main(["--write"], tmp_path) == 1
    assert bad.read_bytes() == before
    assert rules.breaches(good) == []
    out = capsys.readouterr().out
    assert all(message in out for message in ["FAILED", *messages])


@pytest.mark.slow
def test_cell_that_takes_too_long_is_reported(tmp_path):
    run = execute(save(tmp_path, notebook("import time\ntime.sleep(60)")), timeout=1)
    assert "CellTimeoutError" in run.problems[0]


def test_outputs_are_stale_when_code_or_weights_change_and_not_when_prose_changes():
    book = notebook_that_ran("x = 1", "assert x")
    book.cells[0].source += " And more."
    assert [each for rule in rules.RULES for each in rule(book)] == []
    book.metadata.openpose_keras.weights = "others"
    book.cells[1].source = "x = 2"
    code, weights = rules.has_the_outputs_of_its_code(book)
    assert code.startswith("the code changed")
    assert weights.startswith("hand_lite changed")


@pytest.mark.parametrize(
    ("book", "rule"),
    [
        (notebook("1", title="A title"), rules.begins_with_a_promise),
        (notebook("1", title="# A title\n\nShort."), rules.begins_with_a_promise),
        (notebook("x = 1\n" * 11), rules.has_short_cells),
        (notebook("f = sorted([1], key=lambda x: x)"), rules.defines_no_helper),
        (notebook("%matplotlib inline"), rules.defines_no_helper),
        (notebook("1", title=TITLE.replace("2 minutes", "a while")), rules.begins_with_a_promise),
        (notebook("assert True", "1"), rules.ends_with_a_check),
        (new_notebook(cells=[new_code_cell("assert True")]), rules.ends_with_a_check),
        (new_notebook(cells=[new_markdown_cell(EXERCISE)]), rules.has_exercises),
        (notebook("1"), rules.was_run_once_in_order),
        (notebook("1"), rules.is_valid),
    ],
)
def test_each_rule_reports_its_breach(book, rule):
    assert rule(book)


def test_outputs_lose_what_varies_and_keep_figures_and_text():
    png, alt = base64.b64encode(b"image").decode(), {"image/png": {"width": 3, "alt": "A hand."}}
    data = {"image/png": png, "text/html": "<b>", "text/plain": "A hand."}
    widget = {WIDGET: {"model_id": "1"}, "text/plain": "Box(part=<Part at 0x7f694f420d>)"}
    book = notebook("1")
    cell = book.cells[1]
    cell.metadata = {"execution": {"start": "now"}, "tags": ["thumbnail"]}
    cell.outputs = [
        new_output("display_data", data, metadata={**alt, "text/html": {"isolated": True}}),
        new_output("display_data", widget),
        new_output("stream", name="stderr", text="I0000 00:00:1.2 7 port.cc:153] oneDNN is on.\n"),
        new_output("stream", name="stderr", text="W0000 00:00:1.2 7 port.cc:153] It is slow.\n"),
        new_output("display_data", {"text/html": "<b>"}),
    ]
    normalise(book)
    figure, box, warning, page = cell.outputs
    told = {"image/png": png, "text/plain": "A hand."}
    assert figure == new_output("display_data", told, metadata=alt)
    assert box.data == {"text/plain": "Box"}
    assert cell.metadata == {"tags": ["thumbnail"]}
    assert set(book.metadata) == {"kernelspec", "language_info", "openpose_keras"}
    assert "It is slow" in warning.text
    assert "text/html" in rules.shows_no_error(notebook_with(page))[0]


def notebook_with(*outputs):
    """Return a notebook whose first code cell has these outputs."""
    book = notebook("1", "2")
    book.cells[1].outputs = list(outputs)
    return book


def figure(pixels):
    """Return an output with an image."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return new_output("display_data", {"image/png": base64.b64encode(file.getvalue()).decode()})


def test_a_figure_needs_words():
    book = notebook_with(figure(np.zeros((9, 9, 3), np.uint8)))
    book.cells.insert(2, new_markdown_cell("## The next section"))
    bare, without_alt = sorted(rules.says_what_figures_show(book))
    assert "without a word" in bare
    assert "alternative text" in without_alt
    book.cells[1].outputs[0].metadata["image/png"] = {"alt": "Black."}
    book.cells[1].outputs[0].data["text/plain"] = "Black."
    book.cells.insert(2, new_markdown_cell("It is black."))
    assert not rules.says_what_figures_show(book)


def test_thumbnail_shows_the_tagged_figure_or_the_first():
    red, blue = (np.full((300, 700, 3), color, np.uint8) for color in ((255, 0, 0), (0, 0, 255)))
    book = notebook_with(figure(red))
    book.cells[2].outputs = [figure(blue)]
    for tags, color in (([], (255, 0, 0, 255)), (["thumbnail"], (0, 0, 255, 255))):
        book.cells[2].metadata.tags = tags
        small = Image.open(io.BytesIO(make_thumbnail(book))).convert("RGBA")
        assert small.size == SIZE
        assert small.getpixel((160, 100)) == color
        assert small.getpixel((0, 0))[3] == 0
    assert make_thumbnail(notebook("1")) is None
