"""The explorer in a real browser: mouse, sliders and files in JupyterLab, and in Notebook 7 both
themes, three widths and the keyboard.
"""

import numpy as np
import pytest

from openpose_keras import read_image, read_openpose
from openpose_keras.core.skeletons import BODY_25, COCO_WHOLE_BODY, FACE, HAND
from openpose_keras.io.coco import read_labels
from openpose_keras.io.coco_people import read_people_labels
from tests.helpers.jupyter_browser import (
    PHOTO,
    axe_script,
    find_browser,
    jupyter_server,
    open_page,
    run_all,
    set_theme,
    write_notebook,
)

CELL = """\
from openpose_keras import explore, read_image
explore(read_image("hands.jpg"), boxes=[(30, 20, 330)])
"""
PEOPLE_CELL = """\
from openpose_keras import explore
explore("people.jpg", preset="lite")
"""
TIP = HAND.index("index_tip")
ANSWER = 120_000  # milliseconds that a running kernel may take, on a busy machine
IMAGES = "() => [...document.querySelectorAll('.opk-canvas')].map((each) => each.toDataURL())"
QUIET = 700  # milliseconds without a new image, after which none will come

pytestmark = [pytest.mark.browser, pytest.mark.network, pytest.mark.slow]

for package in ("playwright", "anywidget", "jupyterlab", "notebook"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install '.[test]'")
if not find_browser():
    pytest.skip("there is no chromium: apt-get install chromium", allow_module_level=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with two notebooks that show the explorer: of hands, of people."""
    notebooks = tmp_path_factory.mktemp("jupyter") / "notebooks"
    write_notebook(notebooks, CELL)
    photo = PHOTO.with_name("people.jpg")
    write_notebook(notebooks, PEOPLE_CELL, name="people.ipynb", photo=photo)
    return notebooks


@pytest.fixture(scope="module")
def server(folder):
    with jupyter_server(folder) as address_and_token:
        yield address_and_token


class Driver:
    """What a user does with the explorer."""

    def __init__(self, page, size):
        self.page, (self.height, self.width) = page, size
        self.canvas = page.locator(".opk-canvas").first
        self.canvas.wait_for()
        self.canvas.scroll_into_view_if_needed()
        self.until("() => document.querySelectorAll('.opk-channel tbody tr').length > 0")

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

    def changes_both(self, action):
        """Do something, and wait until both images of a comparison are other ones."""
        before = self.page.evaluate(IMAGES)
        self.changes(action)
        self.until(f"old => ({IMAGES})().every((each, index) => each !== old[index])", before)

    def changes_table(self, action):
        """Do something, and wait until the table is another one: the kernel has answered."""
        before = self.page.locator(".opk-channel").inner_text()
        self.changes(action)
        self.until("old => document.querySelector('.opk-channel').innerText !== old", before)

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
        slider.scroll_into_view_if_needed()
        rail = slider.locator(".noUi-base").bounding_box()
        handle = slider.locator(".noUi-handle").bounding_box()
        middle = rail["y"] + rail["height"] / 2
        self.page.mouse.move(handle["x"] + handle["width"] / 2, middle)
        self.page.mouse.down()
        self.page.mouse.move(rail["x"] + part * rail["width"], middle, steps=4)
        self.page.mouse.up()

    def row(self, index):
        cells = self.page.locator(".opk-channel tbody tr").nth(index).locator("td")
        return cells.all_inner_texts()

    def table(self):
        rows = self.page.locator(".opk-channel tbody tr").all()
        rows = [row.locator("td").all_inner_texts()[1:3] for row in rows]
        return np.array([[np.nan if "–" in cell else float(cell) for cell in row] for row in rows])

    def until_row(self, index, x, y):
        """Wait until a keypoint is at a position, to the pixel of the screen."""
        self.until(
            """([index, x, y]) => {
              const cells = document.querySelectorAll('.opk-channel tbody tr')[index].cells;
              return Math.hypot(cells[1].innerText - x, cells[2].innerText - y) < 4;
            }""",
            [index, x, y],
        )

    def changes_status(self, action, text):
        """Do something, and wait for the start of the message that it leads to."""
        action()
        self.until("t => document.querySelector('.opk-status').textContent.startsWith(t)", text)

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
    driver.changes(lambda: driver.page.locator(".opk-channel tbody tr").nth(TIP).click())
    driver.until(
        "i => document.querySelectorAll('.opk-channel tbody tr')[i].ariaSelected === 'true'", TIP
    )
    driver.changes(lambda: driver.click(target))
    driver.until_row(TIP, *target)
    assert driver.row(TIP)[3] == "by hand"
    driver.changes(lambda: driver.drag(target, target + 20))
    driver.until_row(TIP, *(target + 20))
    x = float(driver.row(TIP)[1])
    driver.changes(lambda: driver.page.keyboard.press("ArrowRight"))
    driver.until(
        "([i, x]) => document.querySelectorAll('.opk-channel tbody tr')[i].cells[1].innerText == x",
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
    hands = driver.page.locator(".opk-hand tbody tr")
    count = hands.count()
    end = (0.35 * driver.width, 0.35 * driver.width)
    driver.changes_table(lambda: driver.drag((3, 3), end))
    assert hands.count() == count + 1
    driver.changes_table(lambda: driver.press("Remove"))
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


def test_mouse_controls_and_files_work_in_jupyterlab(server, folder):
    address, token = server
    with open_page(1200) as page:
        watcher = run_all(page, f"{address}/lab/tree/explore.ipynb?token={token}")
        driver = Driver(page, read_image(PHOTO).shape[:2])
        for use in (use_sliders, use_lists, use_keypoints, use_boxes):
            use(driver)
        save_files(driver, folder)
    assert watcher.errors == []
    assert watcher.strangers == []


# --- in Notebook 7: one page for all that follows

RECORD = """
window.told = [];
new MutationObserver((records) => {
  for (const { target } of records) {
    const text = target.textContent;
    if (text.length < 200 && text.includes("…")) window.told.push(text.trim());
  }
}).observe(document, { subtree: true, childList: true });
"""
LAYOUT = """() => {
  const box = (name) => document.querySelector(name).getBoundingClientRect().toJSON();
  const all = document.querySelector(".opk-explorer");
  const right = all.getBoundingClientRect().right;
  const edge = (each) => each.getBoundingClientRect().right;
  const out = [...all.querySelectorAll("*")].filter((each) => !each.closest(".widget-slider")
    && edge(each) > Math.min(right, edge(each.closest(".opk-explorer > *"))) + 1);
  return {
    canvas: box(".opk-canvas"), table: box(".opk-channel"), controls: box(".widget-slider"),
    out: out.map((each) => each.outerHTML.slice(0, 80)),
  };
}"""
NAME = """() => {
  const each = document.activeElement;
  if (!each.closest(".opk-explorer")) return null;
  const label = each.ariaLabel ?? each.labels?.[0]?.textContent ?? each.textContent;
  const style = getComputedStyle(each);
  return [label.trim(), style.outlineStyle, parseFloat(style.outlineWidth)];
}"""


def test_parts_of_people_are_chosen_moved_and_labelled(server, folder):
    address, token = server
    with open_page(1400, 2000) as page:
        watcher = run_all(page, f"{address}/notebooks/people.ipynb?token={token}")
        driver = Driver(page, read_image(folder / "people.jpg").shape[:2])
        parts = page.locator(".opk-hand tbody tr")
        assert parts.nth(0).locator("td").all_inner_texts()[:2] == ["1", "body"]
        body = driver.table()
        driver.changes_table(lambda: (parts.nth(0).focus(), page.keyboard.press("ArrowDown")))
        assert "face of person 1" in page.locator(".opk-channel caption").inner_text()
        assert page.locator(".opk-channel tbody tr").count() == len(FACE)
        for theme in ("JupyterLab Light", "JupyterLab Dark"):
            set_theme(page, theme)
            check_widths(page)
        driver.changes_table(lambda: driver.click(body[BODY_25.index("left_knee")]))  # its body
        page.locator(".opk-channel tbody tr").first.click()
        driver.changes_table(lambda: driver.drag(body[0], body[0] + 15))
        driver.until_row(0, *(body[0] + 15))
        page.locator(".widget-hbox", has_text="Save labels").locator("input").fill("people.json")
        driver.press("Save labels")
        driver.until_message("Saved people.json")
        [sample] = read_people_labels(folder / "people.json", skeleton=COCO_WHOLE_BODY)
        np.testing.assert_allclose(sample.people[0].xy[0], driver.table()[0], atol=0.06)
    assert watcher.errors == []
    assert watcher.strangers == []


@pytest.fixture(scope="module")
def shown(server):
    """The explorer in Notebook 7."""
    address, token = server
    with open_page(1400) as page:
        page.add_init_script(RECORD)
        watcher = run_all(page, f"{address}/notebooks/explore.ipynb?token={token}")
        driver = Driver(page, read_image(PHOTO).shape[:2])
        driver.settle()
        yield driver
    assert watcher.errors == []
    assert watcher.strangers == []


@pytest.fixture(params=["JupyterLab Light", "JupyterLab Dark"], ids=["light", "dark"])
def themed(shown, request):
    """The explorer in one of the two themes, 2000 pixels high so that all of it can be seen."""
    shown.page.set_viewport_size({"width": 1400, "height": 2000})
    set_theme(shown.page, request.param)
    yield shown
    shown.page.set_viewport_size({"width": 1400, "height": 1000})


def test_what_is_loaded_and_calculated_is_told_meanwhile(shown):
    told = shown.page.evaluate("told")
    assert "Loading the network hand_lite …" in told
    assert "Loading the network" not in shown.page.locator(".jp-OutputArea").inner_text()
    scales = shown.page.locator(".widget-dropdown", has_text="Scales").locator("select")
    shown.changes(lambda: scales.select_option(label="5: 0.5 to 1.5"))
    shown.until("told.includes('Running the network on the hand …')")
    shown.until("document.querySelector('.opk-busy') === null")
    shown.changes(lambda: scales.select_option(label="as the recipe"))


def test_layout_fits_each_width(themed):
    for width in (1400, 900, 420):
        themed.page.set_viewport_size({"width": width, "height": 1000})
        themed.page.wait_for_timeout(QUIET)
        layout = themed.page.evaluate(LAYOUT)
        canvas, table, controls = layout["canvas"], layout["table"], layout["controls"]
        assert layout["out"] == []
        assert canvas["width"] >= {1400: 480, 900: 480, 420: 340}[width]
        if width >= 900:
            assert table["left"] >= canvas["right"]
            assert canvas["top"] < table["top"] < canvas["bottom"]
        else:
            assert canvas["bottom"] <= table["top"]
            assert table["bottom"] <= controls["top"]
    themed.page.set_viewport_size({"width": 900, "height": 500})
    themed.page.wait_for_timeout(QUIET)
    assert themed.page.evaluate(LAYOUT)["canvas"]["height"] <= 0.75 * 500


def check_widths(page):
    """Check that all fits each width, and that axe finds nothing serious in it."""
    if not (script := axe_script()):
        pytest.skip("axe-core cannot be had: it needs npm, and its registry once")
    page.evaluate(f"() => {{ {script} }}")
    # Jupyter's page is 0 high by itself, and axe takes what reaches out of it for invisible.
    page.evaluate("document.body.style.height = document.documentElement.style.height = '100vh'")
    for width in (1400, 900, 420):
        page.set_viewport_size({"width": width, "height": 2000})
        page.wait_for_timeout(QUIET)
        assert page.evaluate(LAYOUT)["out"] == []
        found = page.evaluate("axe.run('.opk-explorer', {resultTypes: ['violations', 'passes']})")
        faults = [
            (each["id"], node["html"], node["failureSummary"])
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]
        assert faults == []
        [seen] = [each["nodes"] for each in found["passes"] if each["id"] == "color-contrast"]
        assert len(seen) > 100  # the texts were seen at all
    page.set_viewport_size({"width": 1400, "height": 2000})


def test_axe_finds_nothing_serious_in_a_comparison(themed):
    page = themed.page
    choice = page.locator(".widget-dropdown", has_text="Compare").locator("select")
    themed.changes(lambda: themed.slide("Threshold", 0.5))  # the weaker keypoints are missing
    themed.changes(lambda: choice.select_option(label="stage 1"))
    captions = page.locator(".opk-caption").all_inner_texts()
    assert [each.split(": score 0.")[0] for each in captions] == ["stage 2", "stage 1"]
    second = page.get_by_role("img", name="image, hands: 1, stage 1: score 0.")
    assert float(themed.row(TIP)[4]) >= 0
    for width in (1400, 1200, 900, 420):
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_timeout(QUIET)
        here, there = themed.canvas.bounding_box(), second.bounding_box()
        assert here["width"] == there["width"] >= 340
        assert here["height"] == there["height"]
        if width >= 900:
            assert there["y"] == here["y"]
            assert there["x"] >= here["x"] + here["width"]
        else:
            assert there["x"] == here["x"]
            assert there["y"] >= here["y"] + here["height"]
    page.locator(".opk-channel tbody tr.opk-missing").first.click()
    themed.until("document.querySelector('.opk-status').textContent.includes('missing')")
    check_widths(page)
    themed.changes(lambda: choice.select_option(label="nothing"))
    assert second.count() == 0
    assert page.locator(".opk-canvas").last.is_hidden()
    themed.changes(lambda: themed.slide("Threshold", 0.2))


def test_two_stages_are_zoomed_panned_and_previewed_together(shown):
    page = shown.page
    choice = page.locator(".widget-dropdown", has_text="Compare").locator("select")
    shown.press("Fit")
    shown.changes(lambda: page.locator(".opk-channel tbody tr").nth(TIP).click())
    page.mouse.move(5, 5)
    choice.select_option(label="stage 1")
    shown.settle()
    before, table = page.evaluate(IMAGES), shown.table()
    shown.changes_both(page.locator(".opk-channel tbody tr").first.hover)
    shown.changes_both(lambda: page.mouse.move(5, 5))
    assert page.evaluate(IMAGES) == before
    shown.changes_both(lambda: shown.press("Zoom in"))
    box = page.locator(".opk-canvas").last.bounding_box()
    start, end = ((box["x"] + shift, box["y"] + shift) for shift in (150, 190))
    page.mouse.move(*start)
    page.mouse.down()
    shown.changes_both(lambda: page.mouse.move(*end))
    page.mouse.up()
    shown.changes_both(lambda: shown.press("Fit"))
    page.mouse.move(5, 5)
    shown.settle()
    assert page.evaluate(IMAGES) == before
    np.testing.assert_array_equal(shown.table(), table)  # it is only looked at
    shown.changes(lambda: choice.select_option(label="nothing"))


def test_each_control_is_reached_by_tab_and_named_with_a_visible_focus(shown):
    page, names = shown.page, []
    page.locator(".opk-tools button").first.focus()
    for _ in range(60):
        page.keyboard.press("Tab")
        if not (focused := page.evaluate(NAME)):
            break
        name, style, thickness = focused
        assert style == "solid", name
        assert thickness >= 2, name
        names.append(name)
    assert all(names)
    assert {"Stage", "Threshold", "Opacity", "Recipe", "Save labels as", "Redo"} <= set(names)
    assert any(each.startswith("image, hands: 1") for each in names)
    assert sum(each.startswith("1right") or each.startswith("1left") for each in names) == 1


def test_keyboard_chooses_moves_undoes_hides_and_zooms(shown):
    page, body = shown.page, shown.page.locator(".opk-channel tbody tr")
    # An earlier test may have left the tip selected: without the first answer its message counts.
    shown.changes_status(body.nth(TIP - 1).click, "index_dip: x")
    shown.changes_status(lambda: page.keyboard.press("ArrowDown"), "index_tip: x")
    x = float(shown.row(TIP)[1])
    page.keyboard.press("Enter")  # into the image
    moved = f"index_tip: x {x + 1:.1f},"
    shown.changes_status(lambda: page.keyboard.press("ArrowRight"), moved)
    assert "1 of 21 corrected" in page.locator(".opk-channel caption").inner_text()
    shown.changes_status(lambda: page.keyboard.press("Control+z"), f"index_tip: x {x:.1f},")
    shown.changes_status(lambda: page.keyboard.press("Control+Shift+z"), moved)
    shown.changes_status(lambda: page.keyboard.press("Control+z"), f"index_tip: x {x:.1f},")
    shown.changes_status(lambda: page.keyboard.press("PageDown"), "middle_mcp:")
    before = shown.settle()
    for there, back in (("s", "s"), ("+", "0")):
        shown.changes(lambda key=there: page.keyboard.press(key))
        shown.changes(lambda key=back: page.keyboard.press(key))
        assert shown.settle() == before


def test_keys_in_quick_succession_move_the_keypoint_that_was_chosen_last(shown):
    page, body = shown.page, shown.page.locator(".opk-channel tbody tr")
    shown.changes_status(body.nth(TIP - 1).click, "index_dip: x")
    x = float(shown.row(TIP)[1])

    def hurry():
        for key in ("ArrowDown", "Enter", "ArrowRight"):
            page.keyboard.press(key)

    moved = f"index_tip: x {x + 1:.1f},"
    shown.changes_status(hurry, moved)
    shown.changes_status(lambda: page.keyboard.press("Control+z"), f"index_tip: x {x:.1f},")


def test_mouse_zooms_pans_and_previews(shown):
    page = shown.page
    page.mouse.move(5, 5)
    before = shown.settle()
    middle = np.array([shown.width, shown.height]) / 2
    page.mouse.move(*shown.position(middle))
    page.keyboard.down("Control")
    shown.changes(lambda: page.mouse.wheel(0, -100))
    page.keyboard.up("Control")
    page.keyboard.down("Shift")
    shown.changes(lambda: shown.drag(middle, middle + 60))
    page.keyboard.up("Shift")
    shown.changes(lambda: shown.press("Fit"))
    page.mouse.move(5, 5)
    assert shown.settle() == before
    row = page.locator(".opk-channel tbody tr").first
    shown.changes(row.hover)
    page.mouse.move(5, 5)
    shown.until("old => document.querySelector('.opk-canvas').toDataURL() === old", before)


# --- people
