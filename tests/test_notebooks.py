"""The notebooks run from top to bottom, their outputs are their own, and the runner sees to it."""

import base64
import io

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from tests.notebooks import rules
from tests.notebooks.__main__ import find, main
from tests.notebooks.execution import CHATTER, FOLDER, WIDGET, execute, normalise, read, store
from tests.notebooks.thumbnails import LARGEST, SIZE, make_thumbnail, thumbnail_path

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
TITLE = "# A title\n\nYou will see that one and one are two, and be able to add numbers yourself."
TIMEOUT = 600  # seconds a cell: the machine may be busy

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@each_notebook
def test_a_notebook_runs_in_a_fresh_kernel_without_a_warning(path):
    run = execute(path, timeout=TIMEOUT)
    assert not run.problems


@each_notebook
def test_a_notebook_keeps_the_rules_and_its_outputs_are_its_own(path):
    assert not rules.breaches(path)


@each_notebook
def test_a_notebook_has_a_thumbnail_of_its_own_figure(path):
    file = thumbnail_path(path)
    assert file.stat().st_size <= LARGEST
    stored, made = (
        np.asarray(Image.open(source).convert("RGBA"), np.float64)
        for source in (file, io.BytesIO(make_thumbnail(read(path))))
    )
    assert stored.shape == made.shape == (SIZE[1], SIZE[0], 4)
    # Another Pillow may pick other colours.
    assert np.abs(stored - made).mean() < 6


def test_notebooks_are_numbered_from_1_without_a_gap():
    assert [path.name[:3] for path in NOTEBOOKS] == [
        f"{number:02}_" for number in range(1, len(NOTEBOOKS) + 1)
    ]


def notebook(*codes, title=TITLE):
    """A notebook that was never run."""
    return new_notebook(cells=[new_markdown_cell(title), *map(new_code_cell, codes)])


@pytest.fixture
def folder(tmp_path):
    """An empty folder for notebooks."""
    return tmp_path


def save(folder, book, name="01_sum.ipynb"):
    """Write a notebook and give its path."""
    path = folder / name
    nbformat.write(book, path)
    return path


def test_a_notebook_that_was_written_keeps_all_rules(folder, capsys):
    code = "from openpose_keras.viz.figures import show_images\nimport numpy as np"
    show = "show_images(np.zeros((9, 9, 3), np.uint8))"
    path = save(folder, notebook(code, show, "print('two')\nassert 1 + 1 == 2"))
    assert main(["--write"], folder) == 0
    assert not rules.breaches(path)
    assert "written" in capsys.readouterr().out
    cells = read(path).cells
    assert cells[3].outputs[0].text == "two\n"
    assert set(cells[2].outputs[0].data) == {"image/png", "text/plain"}
    first = path.read_bytes()
    assert main(["--write"], folder) == 0
    assert path.read_bytes() == first
    assert sorted(each.name for each in folder.iterdir()) == [path.name]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("assert 1 + 1 == 3", "AssertionError"),
        ("import warnings\nwarnings.warn('old', UserWarning)", "old"),
        ("import sys\nprint('hm', file=sys.stderr)", "hm"),
        ("import os\nos.write(2, b'from C')", "from C"),
        ("import os\nprint(os.getcwd())", "local path"),
        ("object()", "address"),
        ("import os\nos._exit(1)", "DeadKernelError"),
    ],
)
def test_a_run_with_an_accident_is_told_and_not_written(folder, capsys, code, message):
    path = save(folder, notebook(code))
    before = path.read_bytes()
    assert main(["--write"], folder) == 1
    assert path.read_bytes() == before
    assert sorted(each.name for each in folder.iterdir()) == [path.name]
    out = capsys.readouterr().out
    assert "FAILED" in out
    assert message in out


def test_a_cell_that_takes_too_long_is_told(folder):
    run = execute(save(folder, notebook("import time\ntime.sleep(60)")), timeout=1)
    assert "CellTimeoutError" in run.problems[0]


def test_a_failed_run_cannot_be_stored(folder):
    path = save(folder, notebook("1 / 0"))
    with pytest.raises(ValueError, match="ZeroDivisionError"):
        store(path, execute(path))


def test_one_failure_does_not_keep_others_from_being_written(folder):
    save(folder, notebook("1 / 0"))
    good = save(folder, notebook("assert True"), "02_good.ipynb")
    assert main(["--write"], folder) == 1
    assert not rules.breaches(good)


def test_a_notebook_is_found_by_number_name_or_path(folder):
    one, two = (save(folder, notebook("1"), f"0{k}_name.ipynb") for k in (1, 2))
    assert find([], folder) == [one, two]
    assert find(["02"], folder) == find(["02_name"], folder) == find([str(two)], folder) == [two]
    with pytest.raises(ValueError, match="no notebook '03'"):
        find(["03"], folder)


def outputs_made(book):
    """The notebook as if it had just been run and showed nothing."""
    count = 0
    for cell in book.cells:
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
    normalise(book)
    return book


def test_a_notebook_whose_code_changed_is_stale_and_new_prose_is_none():
    book = outputs_made(notebook("x = 1", "assert x"))
    assert [each for rule in rules.RULES for each in rule(book)] == []
    book.cells[0].source += " And more."
    assert not rules.has_the_outputs_of_its_code(book)
    book.metadata.openpose_keras.weights = "others"
    assert "hand_lite changed" in rules.has_the_outputs_of_its_code(book)[0]
    book = outputs_made(notebook("x = 1", "assert x"))
    book.cells[1].source = "x = 2"
    assert "the code changed" in rules.has_the_outputs_of_its_code(book)[0]


@pytest.mark.parametrize(
    ("book", "rule"),
    [
        (new_notebook(), rules.begins_with_a_promise),
        (notebook("1", title="A title"), rules.begins_with_a_promise),
        (notebook("1", title="# A title\n\nShort."), rules.begins_with_a_promise),
        (notebook("\n".join("x = 1" for _ in range(11))), rules.has_short_cells),
        (notebook(""), rules.has_short_cells),
        (notebook("def f():\n    pass"), rules.defines_no_helper),
        (notebook("f = sorted([1], key=lambda x: x)"), rules.defines_no_helper),
        (notebook("class A:\n    pass"), rules.defines_no_helper),
        (notebook("%matplotlib inline"), rules.defines_no_helper),
        (notebook("assert True", "1"), rules.ends_with_a_check),
        (notebook(), rules.ends_with_a_check),
        (notebook("1"), rules.was_run_once_in_order),
        (notebook("1"), rules.has_the_outputs_of_its_code),
        (notebook("1"), rules.is_valid),
    ],
)
def test_a_breach_is_seen(book, rule):
    assert rule(book)
    assert not rule(outputs_made(notebook("assert 1 + 1 == 2")))


def test_a_notebook_in_an_old_format_or_too_large_is_seen(folder):
    book = outputs_made(notebook("assert True"))
    path = save(folder, book)
    assert not rules.breaches(path)
    book.cells[0].source += "x" * rules.LARGEST_FILE
    assert "bytes" in rules.breaches(save(folder, book))[0]
    book.nbformat_minor = 4
    assert rules.is_valid(book)


def test_outputs_lose_what_varies_and_what_a_site_cannot_show():
    png = base64.b64encode(b"picture").decode()
    data = {"image/png": png, "text/html": "<b>", "text/plain": "<Figure>"}
    widget = {WIDGET: {"model_id": "1"}, "text/plain": "Box(part=<Part at 0x7f694f420d>)"}
    book = notebook("1")
    book.cells[1].metadata = {"execution": {"start": "now"}, "tags": ["thumbnail"]}
    book.cells[1].outputs = [
        new_output("display_data", data, metadata={"image/png": {"width": 3}}),
        new_output("display_data", widget),
        new_output("stream", name="stderr", text="I0000 00:00:1.2 7 port.cc:153] oneDNN is on.\n"),
    ]
    book.metadata.widgets = {"state": {}}
    normalise(book)
    assert [sorted(output.data) for output in book.cells[1].outputs] == [
        ["image/png", "text/plain"],
        ["text/plain"],
    ]
    assert book.cells[1].outputs[0].metadata == {}
    assert book.cells[1].outputs[1].data["text/plain"] == "Box"
    assert book.cells[1].metadata == {"tags": ["thumbnail"]}
    assert set(book.metadata) == {"kernelspec", "language_info", "openpose_keras"}


def test_only_the_chatter_of_tensorflow_is_left_out():
    said = "E0000 00:00:17955.17 1 cuda_platform.cc:52] failed call to cuInit: INTERNAL: no GPU\n"
    said += "I0000 00:00:17955.17 1 port.cc:153] oneDNN\nW0000 00:00:17955.17 1 a.cc:1] slow\nhm\n"
    assert CHATTER.sub("", said) == "W0000 00:00:17955.17 1 a.cc:1] slow\nhm\n"


def test_an_output_that_is_only_html_is_a_breach():
    book = notebook("1")
    book.cells[1].outputs = [new_output("display_data", {"text/html": "<b>"})]
    normalise(book)
    assert "text/html" in rules.shows_no_accident(book)[0]


def figure(color, size=(700, 300)):
    """An output with a picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, "PNG")
    return new_output("display_data", {"image/png": base64.b64encode(file.getvalue()).decode()})


def test_the_thumbnail_shows_the_tagged_figure_or_the_first():
    book = notebook("1", "2")
    book.cells[1].outputs, book.cells[2].outputs = [figure("red")], [figure("blue")]

    def colour():
        small = Image.open(io.BytesIO(make_thumbnail(book))).convert("RGBA")
        assert small.size == SIZE
        assert small.getpixel((0, 0))[3] == 0
        return small.getpixel((160, 100))

    assert colour() == (255, 0, 0, 255)
    book.cells[2].metadata.tags = ["thumbnail"]
    assert colour() == (0, 0, 255, 255)
    assert make_thumbnail(notebook("1")) is None


def test_a_thumbnail_of_noise_is_still_small():
    noise = np.random.default_rng(1).integers(0, 256, (900, 700, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    book = notebook("1")
    png = base64.b64encode(file.getvalue()).decode()
    book.cells[1].outputs = [new_output("display_data", {"image/png": png})]
    assert len(make_thumbnail(book)) <= 2 * LARGEST
