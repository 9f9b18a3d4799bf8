"""The explorer in a real browser, in JupyterLab and in Notebook 7: mouse, sliders, files."""

import numpy as np
import pytest

from openpose_keras import read_image, read_openpose
from openpose_keras.core.skeletons import HAND
from openpose_keras.io.coco import read_labels
from tests.helpers.jupyter_browser import (
    PHOTO,
    find_browser,
    jupyter_server,
    open_page,
    run_all,
    write_notebook,
)

CELL = """\
from openpose_keras import explore, read_image
explore(read_image("hands.jpg"), boxes=[(69, 320, 430)])
"""
TIP = HAND.index("index_tip")
ANSWER = 180_000  # milliseconds that a running kernel may take, on a busy machine
QUIET = 700  # milliseconds without a new image, after which none will come

pytestmark = [pytest.mark.browser, pytest.mark.network, pytest.mark.slow]

for package in ("playwright", "anywidget", "jupyterlab", "notebook"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install '.[test]'")
if not find_browser():
    pytest.skip("there is no chromium: apt-get install chromium", allow_module_level=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a notebook that shows the explorer."""
    notebooks = tmp_path_factory.mktemp("jupyter") / "notebooks"
    write_notebook(notebooks, CELL)
    return notebooks


@pytest.fixture(scope="module")
def server(folder):
    with jupyter_server(folder) as address_and_token:
        yield address_and_token


class Driver:
    """What a user does with the explorer."""

    def __init__(self, page, size):
        self.page, (self.height, self.width) = page, size
        self.canvas = page.locator(".opk-canvas")
        self.canvas.wait_for()
        self.canvas.scroll_into_view_if_needed()
        self.until("() => document.querySelectorAll('.opk-table tbody tr').length > 0")

    def until(self, condition, argument=None):
        self.page.wait_for_function(condition, arg=argument, timeout=ANSWER)

    def settle(self):
        """Wait until no answer of the kernel is on its way any more; return the image."""
        before, after = None, self.canvas.evaluate("canvas => canvas.toDataURL()")
        while before != after:
            self.page.wait_for_timeout(QUIET)
            before, after = after, self.canvas.evaluate("canvas => canvas.toDataURL()")
        return after

    def changes(self, action):
        """Do something, and wait until the image is another one and stays as it is."""
        before = self.settle()
        action()
        self.until("old => document.querySelector('.opk-canvas').toDataURL() !== old", before)
        self.settle()

    def changes_table(self, action):
        """Do something, and wait until the table is another one: the kernel has answered."""
        before = self.page.locator(".opk-table").inner_text()
        self.changes(action)
        self.until("old => document.querySelector('.opk-table').innerText !== old", before)

    def position(self, point):
        """A point of the image in the window of the browser; the whole image is shown."""
        self.canvas.evaluate("canvas => canvas.scrollIntoView({block: 'center'})")
        box = self.canvas.bounding_box()
        x, y = (np.array(point) + 0.5) * box["width"] / self.width
        return box["x"] + x, box["y"] + y

    def click(self, point):
        self.page.mouse.click(*self.position(point))

    def drag(self, start, end):
        self.page.mouse.move(*self.position(start))
        self.page.mouse.down()
        for part in (0.3, 0.7, 1.0):
            self.page.mouse.move(*self.position(np.add(start, part * np.subtract(end, start))))
        self.page.mouse.up()

    def slide(self, label, part):
        """Put a slider at a part of its length."""
        slider = self.page.locator(".widget-slider", has_text=label)
        rail = slider.locator(".noUi-base").bounding_box()
        handle = slider.locator(".noUi-handle").bounding_box()
        middle = rail["y"] + rail["height"] / 2
        self.page.mouse.move(handle["x"] + handle["width"] / 2, middle)
        self.page.mouse.down()
        self.page.mouse.move(rail["x"] + part * rail["width"], middle, steps=4)
        self.page.mouse.up()

    def row(self, index):
        cells = self.page.locator(".opk-table tbody tr").nth(index).locator("td")
        return cells.all_inner_texts()

    def table(self):
        rows = [self.row(index)[1:3] for index in range(len(HAND))]
        return np.array([[np.nan if "–" in cell else float(cell) for cell in row] for row in rows])

    def until_row(self, index, x, y):
        """Wait until a keypoint is at a position, to the pixel of the screen."""
        self.until(
            """([index, x, y]) => {
              const cells = document.querySelectorAll('.opk-table tbody tr')[index].cells;
              return Math.hypot(cells[1].innerText - x, cells[2].innerText - y) < 4;
            }""",
            [index, x, y],
        )

    def press(self, text):
        self.page.get_by_role("button", name=text, exact=True).click()

    def until_message(self, text):
        self.until("text => document.querySelector('.opk-explorer').innerText.includes(text)", text)


def use_sliders(driver):
    driver.changes(lambda: driver.slide("Opacity", 0.1))
    driver.changes(lambda: driver.slide("Opacity", 0.9))
    driver.changes(lambda: driver.slide("Stage", 0.0))
    driver.changes(lambda: driver.slide("Stage", 1.0))
    driver.changes(lambda: driver.slide("Threshold", 1.0))
    driver.until("() => document.querySelectorAll('.opk-missing').length > 15")
    driver.changes(lambda: driver.slide("Threshold", 0.1))
    driver.until("() => document.querySelectorAll('.opk-missing').length < 15")


def use_lists(driver):
    for label, value in (
        ("Heatmap", "background"),
        ("Peaks", "argmax"),
        ("Scales", "3: 0.8, 1, 1.25"),
        ("Show", "0.8 only"),
        ("Scales", "as the recipe"),
    ):
        choice = driver.page.locator(".widget-dropdown", has_text=label).locator("select")
        driver.changes(lambda choice=choice, value=value: choice.select_option(label=value))


def use_keypoints(driver):
    target = np.array([driver.width * 0.3, driver.height * 0.6])
    driver.changes(lambda: driver.page.locator(".opk-table tbody tr").nth(TIP).click())
    driver.until(
        "i => document.querySelectorAll('.opk-table tr')[i + 1].className.includes('opk-sel')", TIP
    )
    driver.changes(lambda: driver.click(target))
    driver.until_row(TIP, *target)
    assert driver.row(TIP)[3] == "by hand"
    driver.changes(lambda: driver.drag(target, target + 20))
    driver.until_row(TIP, *(target + 20))
    x = float(driver.row(TIP)[1])
    driver.changes(lambda: driver.page.keyboard.press("ArrowRight"))
    driver.until(
        "([i, x]) => document.querySelectorAll('.opk-table tbody tr')[i].cells[1].innerText == x",
        [TIP, f"{x + 1:.1f}"],
    )


def use_boxes(driver):
    before = driver.table()
    driver.press("box")
    middle = np.nanmedian(before, axis=0)
    end = middle + np.array([0.06 * driver.width, 0])
    driver.changes_table(lambda: driver.drag(middle, end))
    after = driver.table()
    assert np.nanmax(np.abs(after - before)) > 0
    np.testing.assert_array_equal(after[TIP], before[TIP])  # a correction is never lost
    driver.changes_table(lambda: driver.press("Undo"))
    np.testing.assert_array_equal(driver.table(), before)
    hands = driver.page.locator(".widget-dropdown", has_text="Hand").locator("select option")
    count = hands.count()
    end = (0.35 * driver.width, 0.35 * driver.width)
    driver.changes_table(lambda: driver.drag((3, 3), end))
    assert hands.count() == count + 1
    driver.changes_table(lambda: driver.press("Remove hand"))
    driver.press("keypoints")


def save_files(driver, folder):
    for text, name in (("Save JSON", "photo.json"), ("Save labels", "labels.json")):
        driver.page.locator(".widget-hbox", has_text=text).locator("input[type=text]").fill(name)
        driver.press(text)
        driver.until_message(f"Saved {name}")
    content = (folder / "photo.json").read_bytes()
    driver.press("Save JSON")
    driver.until_message("photo.json exists")
    assert (folder / "photo.json").read_bytes() == content
    table = driver.table()
    saved = read_openpose(folder / "photo.json")[0], read_labels(folder / "labels.json")[0].hands[0]
    for hand in saved:
        np.testing.assert_allclose(hand.xy[TIP], table[TIP], atol=0.06)
    for name in ("photo.json", "labels.json", "image.png"):  # labels come with their image
        (folder / name).unlink()


@pytest.mark.parametrize(
    ("program", "width"), [("lab/tree", 1200), ("notebooks", 800)], ids=["lab", "small notebook"]
)
def test_explorer_works_in_jupyterlab_and_in_notebook_7(server, folder, program, width):
    address, token = server
    with open_page(width) as page:
        watcher = run_all(page, f"{address}/{program}/explore.ipynb?token={token}")
        driver = Driver(page, read_image(PHOTO).shape[:2])
        for use in (use_sliders, use_lists, use_keypoints, use_boxes):
            use(driver)
        save_files(driver, folder)
    assert watcher.errors == []
    assert watcher.strangers == []
