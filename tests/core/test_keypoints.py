import copy
import dataclasses
import pickle
from html import escape
from xml.etree import ElementTree

import numpy as np
import pytest

from openpose_keras.core.keypoints import Face, Hand, Keypoints, Person, as_people, as_person
from openpose_keras.core.skeletons import FACE, HAND, Skeleton
from openpose_keras.io.openpose_json import to_openpose
from openpose_keras.viz.drawing import draw_hands


def make_hand(**changes):
    rng = np.random.default_rng(3)
    fields = {"xy": rng.uniform(0, 100, (21, 2)), "scores": rng.uniform(0.1, 1, 21)}
    return Hand(**(fields | changes))


def with_missing(*indices):
    hand = make_hand()
    xy, scores = hand.xy.copy(), hand.scores.copy()
    xy[list(indices)], scores[list(indices)] = np.nan, 0
    return make_hand(xy=xy, scores=scores)


def test_arrays_are_copies_and_read_only():
    xy, scores = np.ones((21, 2), np.float32), np.ones(21, np.float32)
    hand = Hand(xy, scores)
    xy[0], scores[0] = 7, 7
    assert hand.xy[0, 0] == 1
    assert hand.scores[0] == 1
    for array in (hand.xy, hand.scores):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_read_only_and_strided_input_is_taken():
    table = np.ones((21, 4))
    table.flags.writeable = False
    assert make_hand(xy=table[:, ::2], scores=table[:, 1]).score == 1


def test_a_hand_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_hand().side = "left"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_single_and_double_precision_are_kept(dtype):
    hand = make_hand(xy=np.ones((21, 2), dtype), scores=np.ones(21, dtype))
    assert hand.xy.dtype == hand.scores.dtype == dtype


@pytest.mark.parametrize("values", [np.ones((21, 2), np.int16), [[1, 1]] * 21])
def test_other_numbers_become_float64(values):
    assert make_hand(xy=values).xy.dtype == np.float64


def test_missing_keypoints_are_not_found_and_count_as_nothing_in_the_score():
    hand = with_missing(0, 20)
    assert hand.found.dtype == bool
    assert list(np.flatnonzero(~hand.found)) == [0, 20]
    assert hand.score == pytest.approx(hand.scores[1:20].sum() / 21)


def test_the_corner_pixel_and_any_finite_score_are_legal():
    hand = make_hand(xy=np.zeros((21, 2)), scores=np.linspace(-0.5, 1.5, 21))
    assert hand.found.all()
    assert hand.score == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("index", "xy", "score"),
    [
        (0, (np.nan, np.nan), 0.3),
        (4, (np.nan, 5), 0),
        (8, (np.inf, 5), 0.5),
        (20, (5, 5), np.nan),
        (1, (5, 5), np.inf),
    ],
)
def test_half_missing_keypoints_are_refused(index, xy, score):
    hand = make_hand()
    all_xy, scores = hand.xy.copy(), hand.scores.copy()
    all_xy[index], scores[index] = xy, score
    with pytest.raises(ValueError, match="a found keypoint has finite"):
        Hand(all_xy, scores)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xy": np.ones((20, 2))}, r"xy of the hand must have the shape \(21, 2\), not \(20, 2\)"),
        ({"xy": np.ones((21, 3))}, "xy of the hand"),
        ({"scores": np.ones((21, 1))}, r"scores of the hand must have the shape \(21,\)"),
        ({"scores": ["high"] * 21}, "must be numbers"),
        ({"scores": np.ones(21, bool)}, "must be numbers"),
        ({"side": "Left"}, "a side is 'left', 'right' or None"),
        ({"box": (0, 0, 10)}, "a box is four finite numbers"),
        ({"box": (0, 0, -1, 10)}, "a box is four finite numbers"),
        ({"side_scores": {"both": 1.0}}, "side_scores has the keys"),
    ],
)
def test_fields_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make_hand(**changes)


def test_a_box_becomes_four_floats():
    box = make_hand(box=np.array([1, 2, 30, 30])).box
    assert box == (1.0, 2.0, 30.0, 30.0)
    assert all(type(number) is float for number in box)


def test_side_scores_are_a_copy():
    scores = {"left": np.float32(0.25), "right": 0.5}
    hand = make_hand(side="right", side_scores=scores)
    scores["left"] = 9
    assert hand.side_scores == {"left": 0.25, "right": 0.5}


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda hand: pickle.loads(pickle.dumps(hand))])
def test_clones_are_equal_field_by_field_and_stay_read_only(clone):
    hand = make_hand(box=(0, 1, 2, 2), side="left", side_scores={"left": 0.5, "right": 0.1})
    again = clone(hand)
    np.testing.assert_array_equal(again.xy, hand.xy)
    np.testing.assert_array_equal(again.scores, hand.scores)
    assert (again.box, again.side, again.side_scores) == (hand.box, hand.side, hand.side_scores)
    assert not again.xy.flags.writeable


def test_equality_is_identity():
    hand = make_hand()
    assert hand == hand
    assert hand != make_hand()
    assert len({hand, hand}) == 1


def test_the_text_is_one_short_line():
    text = repr(make_hand(side="left", box=(0.123456, 1, 30, 30)))
    assert "\n" not in text
    assert "found=21/21" in text
    assert "box=(0.1, 1.0, 30.0, 30.0)" in text


def test_a_keypoint_is_had_by_its_name():
    hand = with_missing(8)
    x, y = hand.xy[4]
    assert hand["thumb_tip"] == (x, y, hand.scores[4])
    assert np.isnan(hand["index_tip"][:2]).all()
    assert hand["index_tip"][2] == 0
    with pytest.raises(ValueError, match="no keypoint 'elbow'"):
        hand["elbow"]


@pytest.mark.parametrize(
    "take", [lambda hand: draw_hands(np.zeros((9, 9, 3), np.uint8), hand), to_openpose]
)
def test_one_hand_is_not_taken_for_a_list_of_hands(take):
    with pytest.raises(TypeError, match=r"a list of hands, got one Hand: write \[...\]"):
        take(make_hand())


def test_a_keypoint_is_asked_for_by_its_name_and_not_by_its_number():
    with pytest.raises(ValueError, match=r"such as 'wrist', got 8: xy and scores take numbers"):
        make_hand()[8]


def test_one_keypoint_moves_or_goes_and_the_others_stay():
    hand = make_hand(side="left", box=(1, 2, 3, 4), presence=0.9)
    moved = hand.with_keypoint("index_tip", (120, 80.5), score=0.25)
    assert moved["index_tip"] == (120.0, 80.5, 0.25)
    gone = hand.with_keypoint("wrist", None)
    assert (gone.found.sum(), gone.scores[0]) == (20, 0)
    for each, index in ((moved, HAND.index("index_tip")), (gone, 0)):
        assert (each.side, each.box, each.presence) == ("left", (1, 2, 3, 4), 0.9)
        np.testing.assert_array_equal(*(np.delete(one.xy, index, 0) for one in (each, hand)))
        np.testing.assert_array_equal(*(np.delete(one.scores, index) for one in (each, hand)))
    wrong = (("nose", (1, 2)), ("wrist", (np.nan, 2)), ("wrist", (np.inf, 2)), ("wrist", (1, 2, 3)))
    for name, xy in wrong:
        with pytest.raises(ValueError, match=r"nose|must|infinite|NaN|expected \(x, y\) or None"):
            hand.with_keypoint(name, xy)


def test_keypoints_are_rows_in_the_order_of_the_skeleton():
    hand = with_missing(8)
    assert [name for name, *_ in hand] == list(HAND.keypoints)
    np.testing.assert_array_equal([row[1:3] for row in hand], hand.xy)
    np.testing.assert_array_equal([row[3] for row in hand], hand.scores)


@pytest.mark.parametrize("result", [with_missing(8), Person(left_hand=with_missing(8))])
def test_a_notebook_shows_the_skeleton_without_what_is_missing(result):
    page = ElementTree.fromstring(f"<div>{result._repr_html_()}</div>")
    names = [
        title.text.rpartition(" ")[0] for title in page.iter("{http://www.w3.org/2000/svg}title")
    ]
    assert names == [name for name in HAND.keypoints if name != HAND.keypoints[8]]
    edges = [edge for edge in HAND.edge_indices if 8 not in edge]
    assert len(list(page.iter("{http://www.w3.org/2000/svg}line"))) == len(edges)
    x, y, width, height = map(float, page[0].get("viewBox").split())
    xy = with_missing(8).xy
    low, high = np.nanmin(xy, axis=0), np.nanmax(xy, axis=0)
    assert (low > (x, y)).all()
    assert (high < (x + width, y + height)).all()
    assert max(int(page[0].get("width")), int(page[0].get("height"))) == 180
    assert page[-1].tag == "code"


def test_a_notebook_shows_nothing_drawn_where_nothing_is_found():
    hand = with_missing(*range(21))
    assert hand._repr_html_() == f"<code>{escape(repr(hand))}</code>"
    assert Person()._repr_html_() == "<code>Person: nothing</code>"


def test_keypoints_have_the_shape_of_their_skeleton():
    arm = Skeleton("arm", ("elbow", "wrist"), (("elbow", "wrist"),), ((0, 0, 0),) * 2)
    points = Keypoints(np.ones((2, 2)), np.ones(2), skeleton=arm)
    assert repr(points) == "Keypoints(score=1.000, found=2/2, box=None)"
    assert pickle.loads(pickle.dumps(points)).skeleton == arm
    with pytest.raises(ValueError, match=r"xy of the arm must have the shape \(2, 2\)"):
        Keypoints(np.ones((3, 2)), np.ones(3), skeleton=arm)


def test_hand_and_face_bring_their_skeleton():
    face = Face(np.ones((70, 2)), np.ones(70))
    assert (make_hand().skeleton, face.skeleton) == (HAND, FACE)
    assert isinstance(face, Keypoints)


def test_presence_is_in_the_text_where_it_is_known():
    assert "presence=0.875" in repr(make_hand(presence=0.875))


def test_a_person_has_the_parts_that_were_looked_for():
    hand = make_hand(side="left")
    person = Person(left_hand=hand)
    assert person.left_hand is hand
    assert person.body is person.face is person.right_hand is None


def test_keypoints_hold_their_names_and_a_person_the_parts():
    hand = Hand(np.full((21, 2), 7.0), np.ones(21))
    assert len(hand) == 21
    assert "wrist" in hand
    assert "nose" not in hand
    assert Person(right_hand=hand).to_dict() == {"right_hand": hand.to_dict()}


def test_a_path_among_the_arguments_of_people_is_told():
    with pytest.raises(TypeError, match=r"expected a list of people, got 'q.json': a path comes"):
        as_people("q.json")


def test_what_is_no_list_is_told_in_a_line():
    for wrong in (None, 3):
        with pytest.raises(TypeError, match=f"expected a list of people, got {wrong}"):
            as_people(wrong)


def test_a_message_shows_an_array_in_one_line():
    with pytest.raises(TypeError, match=r"face or hand, got array\(\[{3}.+\.{3}$"):
        as_person(np.zeros((9, 9, 3)))
