"""The explorer's widgets without a browser: what a choice or a message does, and what is said."""

import base64

import numpy as np
import pytest

from openpose_keras import HandEstimator, write_image
from openpose_keras.core.skeletons import HAND
from openpose_keras.viz.explorer import Session, has_widgets
from tests.helpers.fakes import DotNetwork
from tests.viz.test_explorer import BOTH, BOX, TIP, known, make
from tests.viz.test_explorer import image as image  # a fixture

pytest.importorskip("anywidget", reason="anywidget is not installed: pip install '.[test]'")
pytest.importorskip("ipywidgets", reason="ipywidgets is not installed: pip install '.[test]'")

PNG = b"\x89PNG"


def view(session):
    from openpose_keras.viz.explorer.app import Explorer

    return Explorer(session, lambda: PNG)


@pytest.fixture
def explorer(image):
    return view(make(image))


def say(explorer, kind, **content):
    """What the browser would send."""
    explorer.canvas._handle_custom_msg({"kind": kind, **content}, [])


def test_the_output_carries_a_picture_for_viewers_without_widgets(explorer):
    bundle = explorer._repr_mimebundle_(include=None, exclude=None)
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in data
    assert base64.b64decode(data["image/png"]) == PNG
    assert not has_widgets()  # this is no kernel


def test_the_canvas_gets_a_jpeg_and_places_in_the_image(explorer):
    canvas = explorer.canvas
    assert canvas.picture.startswith(b"\xff\xd8")
    assert canvas.window == [0, 0, 320, 240] and canvas.boxes == [list(BOX)]
    assert np.abs(np.array(canvas.points) - known()).max() < 1.5
    assert [row["name"] for row in explorer.table.rows] == list(HAND.keypoints)


@pytest.mark.parametrize(
    ("name", "value", "stands_for"),
    [
        ("opacity", 0.9, 0.9),
        ("threshold", 0.5, 0.5),
        ("channel", TIP, TIP),
        ("close", True, True),
        ("peak", "argmax", "argmax"),
        ("recipe", "openpose", "openpose"),
    ],
)
def test_a_control_changes_the_state_and_the_picture(explorer, name, value, stands_for):
    before = explorer.canvas.picture
    getattr(explorer.controls, name).value = value
    assert getattr(explorer.session.state, name) == stands_for
    assert (explorer.canvas.picture == before) == (name == "threshold")  # all scores are above it


def test_scales_are_offered_when_there_are_some(explorer):
    controls = explorer.controls
    assert controls.scale.disabled
    controls.scales.value = (0.8, 1.0, 1.25)
    assert not controls.scale.disabled and len(controls.scale.options) == 4
    controls.scale.value = 1.25
    assert explorer.session.state.scale == 1.25
    controls.scales.value = ""
    assert explorer.session.state.scales is None and controls.scale.value == ""


def test_the_mouse_moves_keypoints_and_boxes(explorer):
    session = explorer.session
    say(explorer, "select", index=TIP)
    assert session.state.channel == TIP == explorer.canvas.selected == explorer.table.selected
    say(explorer, "point", index=TIP, at=[120.0, 90.5])
    assert explorer.canvas.points[TIP] == [120.0, 90.5]
    assert explorer.table.rows[TIP]["score"] == "by hand"
    say(explorer, "absent", index=0)
    assert explorer.canvas.points[0] is None and explorer.table.rows[0]["score"] == "not seen"
    say(explorer, "box", box=[30, 20, 180, 180])
    assert explorer.canvas.boxes == [[30, 20, 180, 180]]
    say(explorer, "new", box=[0, 0, 100, 100])
    assert explorer.controls.hand.value == 1 and len(explorer.canvas.boxes) == 2
    say(explorer, "hand", index=0)
    assert session.state.hand == 0 == explorer.controls.hand.value
    for _ in range(4):
        explorer.buttons["undo"].click()
    assert session.hands == make(session.image).hands
    explorer.buttons["remove"].click()
    assert explorer.controls.hand.label == "none: draw a box" and explorer.table.rows == []
    explorer.buttons["reset"].click()
    assert "draw a box first" in explorer.message.value


def test_what_goes_wrong_is_said_and_the_controls_show_what_is(explorer):
    explorer.controls.side.value = "left"
    assert explorer.session.mark.side == "left"
    say(explorer, "box", box=[1, 2, -3, 4])
    assert "four finite numbers" in explorer.message.value and "error" in explorer.message.value
    explorer.controls.opacity.value = 0.3
    assert "four finite numbers" not in explorer.message.value
    before = explorer.session.hands
    say(explorer, "box", box=[9000, 9000, 50, 50])
    assert "outside" in explorer.message.value and explorer.session.hands == before


def test_a_network_that_fails_is_said_until_something_else_is_chosen(image):
    network = DotNetwork(BOTH)

    def moody(batch):
        """Fails from the second picture on."""
        if network.calls:
            raise MemoryError("no memory is left")
        return network(batch)

    made = Session(image, HandEstimator(moody, spec=BOTH), boxes=[BOX])
    explorer = view(made)
    before = explorer.canvas.picture
    explorer.controls.scales.value = (0.8, 1.0, 1.25)
    assert "no memory is left" in explorer.message.value and explorer.canvas.picture == before
    explorer.controls.scales.value = ""
    assert "no memory" not in explorer.message.value


def test_saving_says_what_it_did_and_replaces_only_with_a_tick(tmp_path, image):
    write_image(tmp_path / "a<b.png", image)
    explorer = view(make(tmp_path / "a<b.png"))
    for kind in ("picture", "json", "labels"):
        explorer.buttons[kind].click()
        assert "Saved" in explorer.message.value and "a<b" not in explorer.message.value
        explorer.buttons[kind].click()
        assert "Tick" in explorer.message.value
    explorer.overwrite.value = True
    explorer.buttons["json"].click()
    assert "Saved" in explorer.message.value
    explorer.paths["json"].value = str(tmp_path / "nowhere" / "x.json")
    explorer.buttons["json"].click()
    assert "no folder" in explorer.message.value


def test_another_picture_brings_its_own_files_and_hands(tmp_path, image):
    for name in ("one.png", "two.png"):
        write_image(tmp_path / name, image)
    estimator = HandEstimator(DotNetwork(BOTH), spec=BOTH, recipe="mmittek")
    explorer = view(Session(tmp_path, estimator))
    say(explorer, "point", index=0, at=[5, 5])
    explorer.paths["labels"].value = "mine.json"
    explorer.controls.picture.value = 1
    assert explorer.paths["labels"].value == "mine.json"
    assert explorer.session.state.picture == 1
    assert explorer.paths["json"].value == str(tmp_path / "two_keypoints.json")
    assert explorer.table.rows[0]["note"] == ""
    explorer.buttons["undo"].click()
    assert explorer.controls.picture.value == 0 and explorer.table.rows[0]["note"] == ""
    assert explorer.paths["json"].value == str(tmp_path / "one_keypoints.json")
