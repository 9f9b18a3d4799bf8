"""The explorer of whole people: their parts, their maps, and what is saved of them."""

import numpy as np
import pytest

from openpose_keras import WholeBodyEstimator, explore, read_image, write_image
from openpose_keras.core.errors import DataError
from openpose_keras.core.skeletons import BODY_25, COCO_WHOLE_BODY, FACE, HAND
from openpose_keras.io.coco_people import read_people_labels
from openpose_keras.io.openpose_json import read_people
from openpose_keras.viz.explorer.render import render, static_figure
from openpose_keras.viz.explorer.save import KINDS, default_path, save
from openpose_keras.viz.explorer.session import PeopleSession
from tests.estimators.test_whole_body import body_estimator, face_estimator, hand_estimator
from tests.helpers.people import IMAGE

PARTS = ["body", "face", "left_hand", "right_hand"]


@pytest.fixture
def estimator():
    return WholeBodyEstimator(body_estimator(), face=face_estimator(), hand=hand_estimator())


@pytest.fixture
def session(estimator):
    return PeopleSession(IMAGE, estimator)


def test_parts_are_those_of_the_estimator_with_their_maps(session, estimator):
    session.change(threshold=-1.0)
    people = estimator(IMAGE)
    assert [(each.person, each.part) for each in session.hands] == [
        (number, part) for number in (0, 1) for part in PARTS
    ]
    for person, shown in zip(people, session.people(), strict=True):
        for part, keypoints in person.parts.items():
            np.testing.assert_array_equal(shown.parts[part].xy, keypoints.xy)
    for result in session.results():
        count = len(result.keypoints.skeleton)
        assert result.maps.shape[-1] == count + 1
        x, y, width, height = result.box
        rows, columns, _ = result.maps.shape
        cells = (result.keypoints.xy - (x, y) + 0.5) * (columns / width, rows / height)
        for channel, (column, row) in enumerate(np.floor(cells).astype(int)):
            near = result.maps[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2, channel]
            assert near.max() > 0.5 * result.maps[..., channel].max()


def test_networks_run_once_for_an_image_whatever_is_chosen(session, estimator):
    seen = estimator.hand.network.seen
    assert seen
    session.change(hand=1, channel=60, opacity=0.9, close=True)
    session.move_keypoint(60, (50, 60))
    render(session)
    static_figure(session)
    assert estimator.hand.network.seen == seen


def test_moved_keypoints_and_removed_parts_are_those_of_the_people(session):
    session.change(hand=1)
    session.move_keypoint(len(FACE) - 1, (12, 34))
    session.change(hand=2)
    session.remove_hand()
    first = session.people()[0]
    assert first.face["left_pupil"] == (12, 34, 1)
    assert first.left_hand is None
    session.undo()
    session.undo()
    first = session.people()[0]
    assert first.face["left_pupil"][:2] != (12, 34)
    assert first.left_hand is not None


def test_heatmap_of_another_skeleton_is_not_shown(session):
    session.change(channel=5)
    session.change(hand=4)  # another body
    assert session.state.channel == 5
    session.change(hand=1)
    assert session.state.channel is None
    session.change(hand=2, channel=20)
    assert session.state.channel == 20
    session.remove_hand()
    assert session.state.channel == 20  # of the other hand
    session.change(hand=1, channel=70)
    with pytest.raises(ValueError, match="no channel 70"):
        session.change(hand=0, channel=70)


def test_what_people_have_not_is_refused(session):
    before = session.hands, session.state
    with pytest.raises(ValueError, match="got another recipe: change the estimator"):
        session.change(recipe="fast")
    with pytest.raises(ValueError, match="none can be added"):
        session.add_hand((1, 1, 20, 20))
    assert (session.hands, session.state) == before


def test_people_are_saved_as_image_json_and_whole_bodies(tmp_path, estimator):
    write_image(tmp_path / "people.png", IMAGE)
    session = PeopleSession(tmp_path / "people.png", estimator)
    session.move_keypoint(BODY_25.index("left_knee"), (100.25, 80))
    for kind in KINDS:
        path = save(session, kind, default_path(session, kind))
        with pytest.raises(FileExistsError):
            save(session, kind, path)
        save(session, kind, path, overwrite=True)
    drawn = read_image(tmp_path / "people_explored.png")
    np.testing.assert_array_equal(drawn, render(session, size=None)[0])
    read = read_people(tmp_path / "people_keypoints.json")
    [sample] = read_people_labels(tmp_path / "labels.json", skeleton=COCO_WHOLE_BODY)
    for shown, person, label in zip(session.people(), read, sample.people, strict=True):
        np.testing.assert_allclose(person.face.xy, shown.face.xy, atol=0.01)
        wrist = COCO_WHOLE_BODY.index("left_hand_wrist")
        np.testing.assert_allclose(label.xy[wrist], shown.left_hand.xy[0], atol=0.01)
    assert tuple(sample.people[0].xy[COCO_WHOLE_BODY.index("left_knee")]) == (100.25, 80)


def test_labels_of_hands_and_of_people_do_not_share_a_file(tmp_path, session):
    from tests.viz.test_explorer import DOTS, draw_dots, make

    save(make(draw_dots(DOTS, (240, 320))), "labels", tmp_path / "labels.json")
    content = (tmp_path / "labels.json").read_bytes()
    (tmp_path / "image.png").unlink()
    with pytest.raises(DataError, match="choose the name of a new file"):
        save(session, "labels", tmp_path / "labels.json", overwrite=True)
    assert (tmp_path / "labels.json").read_bytes() == content


def test_explore_takes_an_estimator_of_people_or_a_preset(estimator):
    figure = explore(IMAGE, estimator)
    title, texts = figure.axes[2].get_title(), figure.axes[2].texts
    assert title == "body of person 1"
    assert [text.get_text() for text in texts][::2] == list(BODY_25.keypoints)
    with pytest.raises(ValueError, match="got both: leave out 'lite'"):
        explore(IMAGE, estimator, preset="lite")
    with pytest.raises(ValueError, match="boxes with hands only"):
        explore(IMAGE, estimator, boxes=[(1, 1, 9)])


def test_widgets_show_the_parts_of_people(estimator):
    pytest.importorskip("anywidget", reason="anywidget is not installed: pip install '.[test]'")
    from openpose_keras.viz.explorer.app import Explorer

    explorer = Explorer(PeopleSession(IMAGE, estimator))
    assert "recipe" not in explorer.controls
    assert explorer.canvas.label == "image, people: 2"
    rows = explorer.hand_table.rows
    assert [(row["name"], row["part"]) for row in rows[3:5]] == [("1", "right hand"), ("2", "body")]
    assert [drawn["text"] for drawn in explorer.canvas.hands] == ["1", "", "", "", "2", "", "", ""]
    layouts = explorer.canvas.layouts
    for drawn, skeleton in zip(explorer.canvas.hands, (BODY_25, FACE, HAND, HAND), strict=False):
        assert layouts[drawn["layout"]]["names"] == list(skeleton.keypoints)
    explorer.canvas._handle_custom_msg({"method": "change", "options": {"hand": 1}}, [])
    assert [row["name"] for row in explorer.table.rows] == list(FACE.keypoints)
    assert explorer.table.caption == "Keypoints of the face of person 1: 0 of 70 corrected"
    explorer.controls["channel"].value = 69
    assert explorer.status.text.startswith("left_pupil: x ")
    for _ in range(8):
        explorer.buttons["remove"].click()
    assert explorer.status.text == "Nobody found here."
