"""The explorer's widgets without a browser: what a choice or a message does, and its messages."""

import base64

import numpy as np
import pytest

from openpose_keras import HandEstimator, write_image
from openpose_keras.core.skeletons import HAND
from openpose_keras.viz.explorer import has_widgets
from openpose_keras.viz.explorer.session import Session
from tests.helpers.fakes import DotNetwork
from tests.viz.test_explorer import BOTH, BOX, DOTS, DRAWN_AGAIN, TIP, make, told
from tests.viz.test_explorer import image as image  # a fixture

for package in ("anywidget", "ipywidgets"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install '.[test]'")


def explorer_of(session):
    from openpose_keras.viz.explorer.app import Explorer

    return Explorer(session)


@pytest.fixture
def explorer(image):
    return explorer_of(make(image))


def send(explorer, method, **options):
    """Do as the browser does when the user does something."""
    explorer.canvas._handle_custom_msg({"method": method, "options": options}, [])


def points_of(explorer, hand=0):
    return explorer.canvas.hands[hand]["points"]


def test_output_has_an_image_for_viewers_without_widgets(explorer):
    data, about = explorer._repr_mimebundle_(include=None, exclude=None)
    assert "application/vnd.jupyter.widget-view+json" in data
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    words = "Explorer, image, hands: 1. Keypoints, heatmaps, scores."
    assert data["text/plain"] == about["image/png"]["alt"] == words
    assert not has_widgets()  # this is not a kernel


def test_canvas_and_table_show_what_was_found(explorer):
    canvas = explorer.canvas
    assert canvas.image.startswith(b"\xff\xd8")  # a JPEG
    assert (canvas.window, canvas.boxes) == ([0, 0, 320, 240], [list(BOX)])
    assert np.abs(np.array(points_of(explorer)) - DOTS).max() < 1.5
    assert [row["name"] for row in explorer.table.rows] == list(HAND.keypoints)
    score = f"{explorer.session.result().keypoints.score:.2f}"
    [row] = explorer.hand_table.rows
    assert row == {"name": "1", "side": "unknown", "presence": "–", "score": score}


def test_side_and_presence_are_told_and_a_box_stays_as_drawn(image):
    explorer = explorer_of(make(image, DRAWN_AGAIN))
    box = [30.0, 20.0, 190.0, 190.0]
    send(explorer, "move_box", box=box)
    assert explorer.canvas.boxes == [box]
    [row], [drawn] = explorer.hand_table.rows, explorer.canvas.hands
    assert f"{row['side']} {row['presence']}" == drawn["text"] == told(explorer.session)


def test_controls_change_the_state_and_the_image(explorer):
    choices = {"opacity": 0.9, "channel": TIP, "close": True, "peak": "argmax", "threshold": 1.0}
    for name, value in choices.items():
        before = explorer.canvas.image, explorer.canvas.hands
        explorer.controls[name].value = value
        assert getattr(explorer.session.state, name) == value
        assert (explorer.canvas.image, explorer.canvas.hands) != before
    explorer.controls["channel"].value = ""
    assert explorer.session.state.channel is None
    explorer.controls["tool"].value = "box"
    assert explorer.canvas.tool == "box"


def test_scales_are_offered_when_there_are_some(explorer):
    controls = explorer.controls
    assert controls["scale"].disabled
    controls["scales"].value = (0.8, 1.0, 1.25)
    assert not controls["scale"].disabled
    assert len(controls["scale"].options) == 4
    controls["scale"].value = 1.25
    assert explorer.session.state.scale == 1.25
    controls["scales"].value = ""
    assert explorer.session.state.scales is None
    assert controls["scale"].value == ""


def test_second_canvas_shows_the_other_recipe_as_it_is_shown_alone(image):
    explorer = explorer_of(make(image, DRAWN_AGAIN))
    canvas, second = explorer.canvas, explorer.second
    label = canvas.label
    assert canvas.caption == second.image.decode() == ""
    explorer.controls["against"].value = "openpose"
    alone = explorer_of(make(image, DRAWN_AGAIN, recipe="openpose"))
    for changes in (
        {"zoom": [100, 60, 80, 60]},
        {"preview": TIP},
        {"preview": None, "channel": 3},
        {"close": True},
    ):
        before = canvas.image, second.image
        for each in (explorer, alone):
            send(each, "change", **changes)
        assert second.image == alone.canvas.image != before[1]
        assert canvas.image != before[0]
        for name in ("hands", "boxes", "window", "frame", "selected"):
            assert getattr(second, name) == getattr(alone.canvas, name)
    [first], [other] = explorer.hand_table.rows, alone.hand_table.rows
    for shown, name, row in ((canvas, "refined", first), (second, "openpose", other)):
        caption = f"{name}: score {row['score']}, presence {row['presence']}"
        assert (shown.caption, shown.label) == (caption, f"{label}, {caption}")
    explorer.controls["close"].value = False
    assert second.frame == canvas.frame
    explorer.controls["against"].value = ""
    assert (canvas.caption, canvas.label) == ("", label)
    explorer.controls["close"].value = True
    assert second.frame == canvas.frame  # so that it is zoomed alike when it is shown again


def test_distances_to_a_second_recipe_are_told(explorer):
    session = explorer.session
    explorer.controls["against"].value = "openpose"
    other = session.compared().result().keypoints
    apart = np.linalg.norm(session.result().keypoints.xy - other.xy, axis=1)
    told = [float(row["distance"]) for row in explorer.table.rows]
    np.testing.assert_allclose(told, apart, atol=0.051)
    worst = HAND.keypoints[apart.argmax()]
    assert explorer.status.text == (
        f"Distance: {apart.mean():.1f} pixels on average, at most {apart.max():.1f} ({worst})."
    )
    send(explorer, "change", channel=TIP)
    assert explorer.status.text.endswith(f", {apart[TIP]:.1f} pixels from openpose")
    send(explorer, "move_keypoint", index=TIP, point=None)
    assert explorer.table.rows[TIP]["distance"] == "–"
    assert explorer.status.text == "index_tip: not visible"
    explorer.controls["channel"].value = ""
    for index in range(len(HAND)):
        send(explorer, "move_keypoint", index=index, point=(5, 5) if index == TIP else None)
    explorer.controls["threshold"].value = 1.0
    assert explorer.status.text == "No keypoint was found by both."
    explorer.controls["against"].value = ""
    assert explorer.status.text == ""
    assert "distance" not in dict(explorer.table.columns)


def test_mouse_moves_keypoints_and_boxes(explorer):
    session, before = explorer.session, explorer.session.hands
    send(explorer, "change", channel=TIP)
    assert session.state.channel == TIP == explorer.canvas.selected == explorer.table.selected
    send(explorer, "move_keypoint", index=TIP, point=[120.0, 90.5])
    assert points_of(explorer)[TIP] == [120.0, 90.5]
    assert explorer.table.rows[TIP]["score"] == "by hand"
    send(explorer, "move_keypoint", index=0, point=None)
    assert points_of(explorer)[0] is None
    assert explorer.table.rows[0]["score"] == "not visible"
    send(explorer, "move_box", box=[30, 20, 180, 180])
    assert explorer.canvas.boxes == [[30, 20, 180, 180]]
    send(explorer, "add_hand", box=[0, 0, 100, 100])
    assert explorer.hand_table.selected == 1
    assert len(explorer.canvas.boxes) == 2
    send(explorer, "change", hand=0)
    assert session.state.hand == 0 == explorer.hand_table.selected
    after = session.hands
    for button, hands in (("undo", before), ("redo", after), ("undo", before)):
        for _ in range(4):
            explorer.buttons[button].click()
        assert session.hands == hands
    explorer.buttons["remove"].click()
    assert explorer.table.rows == explorer.hand_table.rows == []
    assert "No hand found in this image" in explorer.status.text
    explorer.buttons["reset"].click()
    assert "draw a box first" in explorer.status.text


def test_errors_are_reported_until_the_next_choice(explorer):
    explorer.controls["side"].value = "left"
    assert explorer.session.hands[0].region.side == "left"
    before = explorer.session.hands
    for box, message in (([1, 2, -3, 4], "four finite numbers"), ([9000, 9000, 50, 50], "outside")):
        send(explorer, "move_box", box=box)
        assert message in explorer.status.text
        assert explorer.status.is_error
        assert explorer.session.hands == before
        explorer.controls["opacity"].value += 0.1
        assert message not in explorer.status.text
        assert not explorer.status.is_error


def test_failure_of_the_network_is_reported(image):
    network = DotNetwork(BOTH)

    def failing(batch):
        """Fail from the second input on."""
        if network.calls:
            raise MemoryError("no memory is left")
        return network(batch)

    explorer = explorer_of(Session(image, HandEstimator(failing, spec=BOTH), boxes=[BOX]))
    before = explorer.canvas.image
    explorer.controls["scales"].value = (0.8, 1.0, 1.25)
    assert "no memory is left" in explorer.status.text
    assert explorer.canvas.image == before
    explorer.controls["scales"].value = ""
    assert "no memory" not in explorer.status.text


def test_saving_is_reported_and_replaces_only_with_a_tick(tmp_path, image):
    write_image(tmp_path / "a.png", image)
    explorer = explorer_of(make(tmp_path / "a.png"))
    for kind in explorer.paths:
        explorer.buttons[kind].click()
        assert "Saved" in explorer.status.text
        explorer.buttons[kind].click()
        assert "exists" in explorer.status.text or "already" in explorer.status.text
        assert "Tick" in explorer.status.text
        assert "force" not in explorer.status.text
    explorer.overwrite.value = True
    explorer.buttons["json"].click()
    assert "Saved" in explorer.status.text


def test_another_image_has_its_own_files_and_hands(tmp_path, image):
    for name in ("one.png", "two.png"):
        write_image(tmp_path / name, image)
    explorer = explorer_of(make(tmp_path, recipe="mmittek"))
    paths = explorer.paths
    send(explorer, "move_keypoint", index=0, point=[5, 5])
    paths["labels"].value = "mine.json"
    explorer.controls["image"].value = 1
    assert paths["labels"].value == "mine.json"
    assert explorer.session.state.image == 1
    assert paths["json"].placeholder == str(tmp_path / "two_keypoints.json")
    assert explorer.table.rows[0]["note"] == ""
    explorer.buttons["undo"].click()
    assert explorer.controls["image"].value == 0
    assert explorer.table.rows[0]["note"] == ""
    assert paths["json"].placeholder == str(tmp_path / "one_keypoints.json")


def test_progress_counts_keypoints_and_images(tmp_path, image):
    for name in ("one.png", "two.png", "three.png"):
        write_image(tmp_path / name, image)
    explorer = explorer_of(make(tmp_path, recipe="mmittek"))

    def progress():
        return explorer.table.caption, explorer.hand_table.caption

    assert progress() == ("Keypoints: 0 of 21 corrected", "Hands: 0 of 3 images corrected")
    send(explorer, "move_keypoint", index=0, point=[5, 5])
    send(explorer, "move_keypoint", index=1, point=None)
    assert progress() == ("Keypoints: 2 of 21 corrected", "Hands: 1 of 3 images corrected")
    explorer.controls["image"].value = 2
    assert progress() == ("Keypoints: 0 of 21 corrected", "Hands: 1 of 3 images corrected")
    send(explorer, "add_hand", box=[0, 0, 90, 90])
    assert progress()[1] == "Hands: 2 of 3 images corrected"
    for _ in range(3):
        send(explorer, "undo")
    assert progress() == ("Keypoints: 0 of 21 corrected", "Hands: 0 of 3 images corrected")


def test_what_is_being_done_is_told_before_it_is_done(tmp_path, image):
    told_meanwhile = []
    network = DotNetwork(BOTH)

    def telling(batch):
        told_meanwhile.append(explorer.status.busy if explorer else "")
        return network(batch)

    write_image(tmp_path / "one.png", image)
    write_image(tmp_path / "two.png", image[:, ::-1])
    explorer = None
    estimator = HandEstimator(telling, spec=BOTH, recipe="mmittek")
    explorer = explorer_of(Session(tmp_path, estimator))
    told_meanwhile.clear()
    explorer.controls["image"].value = 1
    send(explorer, "move_box", box=[30, 20, 180, 180])
    first, *_, last = told_meanwhile
    assert first == "Searching two for hands …"
    assert last == "Running the network on the hand …"
    assert explorer.status.busy == ""


def test_empty_box_and_unlikely_hand_are_told(image):
    explorer = explorer_of(make(image))
    explorer.controls["threshold"].value = 1.0
    assert explorer.status.text == "Nothing found in this box: no score is above 1.00."
    explorer.controls["threshold"].value = 0.2
    send(explorer, "change", channel=TIP)
    x, y = points_of(explorer)[TIP]
    assert explorer.status.text.startswith(f"index_tip: x {x:.1f}, y {y:.1f}, 0.")
    send(explorer, "move_keypoint", index=TIP, point=None)
    assert explorer.status.text == "index_tip: not visible"

    def unlikely(batch):
        return {"keypoints": DotNetwork(BOTH)(batch), "presence": np.full(len(batch), 0.03)}

    session = Session(image, HandEstimator(unlikely, spec=BOTH), boxes=[BOX])
    assert explorer_of(session).status.text == (
        "Probably no hand in this box: its presence is 3 %."
    )


def test_view_is_zoomed_and_skeletons_hidden_without_losing_the_message(explorer):
    explorer.paths["json"].value = "nowhere/hand.json"
    explorer.buttons["json"].click()
    message = explorer.status.text
    assert message == "there is no folder nowhere to write hand.json into."
    send(explorer, "change", zoom=[100.5, 60.0, 80.0, 60.0])
    assert explorer.canvas.window == [100, 60, 81, 60]
    assert explorer.canvas.frame == [0, 0, 320, 240]
    before = explorer.canvas.image
    send(explorer, "change", preview=TIP)
    assert explorer.canvas.image != before
    assert explorer.session.state.channel is None
    send(explorer, "change", preview=None)
    assert explorer.canvas.image == before
    send(explorer, "change", skeletons=False)
    assert not explorer.canvas.skeletons
    assert explorer.status.text == message
    send(explorer, "change", zoom=None)
    assert explorer.canvas.window == explorer.canvas.frame
    explorer.controls["close"].value = True
    assert explorer.canvas.window == explorer.canvas.frame == [20, 10, 200, 200]
