import json

import numpy as np
import pytest

from openpose_keras.core.errors import FormatError, OpenPoseKerasError
from openpose_keras.core.keypoints import Hand
from openpose_keras.io.openpose_json import (
    from_openpose,
    read_openpose,
    read_openpose_frames,
    to_openpose,
    write_openpose,
)

EMPTY_LISTS = (
    "pose_keypoints_2d",
    "face_keypoints_2d",
    "pose_keypoints_3d",
    "face_keypoints_3d",
    "hand_left_keypoints_3d",
    "hand_right_keypoints_3d",
)


def make_hand(seed=0, side="right", missing=()):
    rng = np.random.default_rng(seed)
    xy, scores = rng.uniform(0, 4000, (21, 2)), rng.uniform(0.05, 1, 21)
    xy[list(missing)], scores[list(missing)] = np.nan, 0
    return Hand(xy=xy, scores=scores, box=(1.0, 2.0, 30.0, 30.0), side=side)


# A file laid out as OpenPose itself writes it: one person with both hands.
def openpose_text(left, right):
    def numbers(values):
        return ",".join(f"{value:.6g}" for value in values)

    return (
        '{"version":1.3,"people":[{"person_id":[-1],"pose_keypoints_2d":[1,2,0.5],"face_keypoints_2d":[],'
        f'"hand_left_keypoints_2d":[{numbers(left)}],"hand_right_keypoints_2d":[{numbers(right)}],'
        '"pose_keypoints_3d":[],"face_keypoints_3d":[],"hand_left_keypoints_3d":[],'
        '"hand_right_keypoints_3d":[]}]}'
    )


def test_the_file_is_the_one_line_that_openpose_writes(tmp_path):
    hand = Hand(xy=np.tile([3.5, 4.25], (21, 1)), scores=np.full(21, 0.5), side="left")
    write_openpose(tmp_path / "a_keypoints.json", [hand])
    text = (tmp_path / "a_keypoints.json").read_text()
    numbers = ",".join(["3.5,4.25,0.5"] * 21)
    assert text == (
        '{"version":1.3,"people":[{"person_id":[-1],"pose_keypoints_2d":[],"face_keypoints_2d":[],'
        f'"hand_left_keypoints_2d":[{numbers}],"hand_right_keypoints_2d":[],'
        '"pose_keypoints_3d":[],"face_keypoints_3d":[],"hand_left_keypoints_3d":[],'
        '"hand_right_keypoints_3d":[]}]}\n'
    )


def test_each_hand_is_a_person_of_its_own_with_every_other_list_empty():
    data = to_openpose([make_hand(0, "left"), make_hand(1, "right")])
    left, right = data["people"]
    assert len(left["hand_left_keypoints_2d"]) == len(right["hand_right_keypoints_2d"]) == 63
    assert left["hand_right_keypoints_2d"] == right["hand_left_keypoints_2d"] == []
    for person in (left, right):
        assert person["person_id"] == [-1]
        assert all(person[key] == [] for key in EMPTY_LISTS)


def test_writing_and_reading_gives_the_hands_back(tmp_path):
    hands = [make_hand(0, "left", missing=[0, 7]), make_hand(1, "right"), make_hand(2, "left")]
    write_openpose(tmp_path / "a.json", hands)
    back = read_openpose(tmp_path / "a.json")
    assert [hand.side for hand in back] == ["left", "right", "left"]
    for ours, theirs in zip(hands, back, strict=True):
        np.testing.assert_allclose(theirs.xy, ours.xy, rtol=1e-7)
        np.testing.assert_allclose(theirs.scores, ours.scores, rtol=1e-7)
        np.testing.assert_array_equal(theirs.found, ours.found)
        assert theirs.box is None


def test_no_hand_gives_no_people_and_reads_back_as_no_hand(tmp_path):
    write_openpose(tmp_path / "a.json", [])
    assert (tmp_path / "a.json").read_text() == '{"version":1.3,"people":[]}\n'
    assert read_openpose(tmp_path / "a.json") == []


def test_missing_keypoint_is_three_zeros_in_the_file_and_nan_when_read():
    data = to_openpose([make_hand(missing=[4])])
    assert data["people"][0]["hand_right_keypoints_2d"][12:15] == [0.0, 0.0, 0.0]
    (hand,) = from_openpose(data)
    assert np.isnan(hand.xy[4]).all()
    assert hand.scores[4] == 0
    assert hand.found.sum() == 20


@pytest.mark.parametrize("score", [0.7, 1e-9])
def test_keypoint_found_at_pixel_zero_zero_survives(score):
    xy, scores = make_hand().xy.copy(), make_hand().scores.copy()
    xy[3], scores[3] = 0, score
    (hand,) = from_openpose(to_openpose([Hand(xy=xy, scores=scores, side="right")]))
    assert hand.xy[3].tolist() == [0, 0]
    assert hand.scores[3] == pytest.approx(score)


def test_hand_of_missing_keypoints_only_is_written_as_zeros_and_read_as_no_hand():
    nothing = Hand(xy=np.full((21, 2), np.nan), scores=np.zeros(21), side="left")
    data = to_openpose([nothing])
    assert data["people"][0]["hand_left_keypoints_2d"] == [0.0] * 63
    assert from_openpose(data) == []


def test_hand_of_unknown_side_goes_where_the_caller_says():
    hand = make_hand(side=None)
    assert to_openpose([hand])["people"][0]["hand_right_keypoints_2d"] != []
    assert to_openpose([hand], unknown_side="left")["people"][0]["hand_left_keypoints_2d"] != []
    with pytest.raises(ValueError, match='"left" or "right"'):
        to_openpose([hand], unknown_side="both")


def test_file_of_openpose_with_both_hands_of_one_person_is_read(tmp_path):
    left, right = np.arange(1.0, 64), np.arange(64.0, 127)
    (tmp_path / "a.json").write_text(openpose_text(left, right))
    first, second = read_openpose(tmp_path / "a.json")
    assert (first.side, second.side) == ("left", "right")
    np.testing.assert_array_equal(first.xy, left.reshape(21, 3)[:, :2])
    np.testing.assert_array_equal(second.scores, right.reshape(21, 3)[:, 2])


def test_zeros_of_openpose_for_a_hand_that_it_did_not_see_give_no_hand(tmp_path):
    (tmp_path / "a.json").write_text(openpose_text(np.zeros(63), np.arange(63.0)))
    (hand,) = read_openpose(tmp_path / "a.json")
    assert hand.side == "right"


@pytest.mark.parametrize("person", [{"pose_keypoints_2d": [1, 2, 3]}, {"pose_keypoints": []}])
def test_person_with_a_body_only_has_no_hand(person):
    assert from_openpose({"version": 1.1, "people": [person]}) == []


@pytest.mark.parametrize("nothing", [[], None])
def test_lists_of_versions_1_0_and_1_1_lack_the_2d(nothing):
    values = [*make_hand().xy[0].tolist(), 0.5]
    person = {"pose_keypoints": [], "hand_left_keypoints": values * 21}
    person["hand_right_keypoints"] = nothing
    (hand,) = from_openpose({"version": 1.1, "people": [person]})
    assert (hand.side, hand.scores[20]) == ("left", 0.5)


def test_a_list_of_frames_is_read_frame_by_frame(tmp_path):
    frames = [to_openpose([make_hand(0), make_hand(1)]), to_openpose([])]
    (tmp_path / "frames.json").write_text(json.dumps(frames))
    found = read_openpose_frames(tmp_path / "frames.json")
    assert [len(hands) for hands in found] == [2, 0]
    with pytest.raises(FormatError, match="read_openpose_frames"):
        read_openpose(tmp_path / "frames.json")
    write_openpose(tmp_path / "one.json", [make_hand()])
    assert len(read_openpose_frames(tmp_path / "one.json")) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a JSON file"),
        ("\x89PNG", "is not a JSON file"),
        ("[]", "expected one frame, got 0"),
        ("[[]]", 'list "people"'),
        ('{"people":[{}]}', "person 0: expected lists such as hand_left_keypoints_2d, got nothing"),
        ('{"people":[{"body_parts":[1,2,3]}]}', "got body_parts"),
        ('{"version":1.3}', 'list "people"'),
        ('{"people":{}}', 'list "people"'),
        ('{"people":[1]}', "person 0 must be an object, not int"),
        ('{"people":[{"hand_left_keypoints_2d":[1,2]}]}', "hand_left_keypoints_2d of person 0"),
        ('{"people":[{"hand_left_keypoints_2d":7}]}', "not int"),
        ('{"people":[{"hand_right_keypoints_2d":[%s"1"]}]}' % ("1," * 62), "finite numbers"),
        ('{"people":[{"hand_right_keypoints_2d":[%strue]}]}' % ("1," * 62), "finite numbers"),
        ('{"people":[{"hand_right_keypoints_2d":[%s1e999]}]}' % ("1," * 62), "finite numbers"),
        ('{"people":[{"hand_right_keypoints_2d":[%s]}]}' % ("1," * 62 + "1" + "0" * 400), "finite"),
        ('{"people":[{"hand_right_keypoints_2d":[%sNaN]}]}' % ("1," * 62), "JSON has no NaN"),
    ],
)
def test_wrong_file_raises_an_error_that_names_the_file_and_the_place(tmp_path, text, message):
    path = tmp_path / "wrong.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(FormatError, match=r"wrong\.json") as caught:
        read_openpose(path)
    assert message in str(caught.value)
    assert isinstance(caught.value, OpenPoseKerasError)


def test_nothing_is_overwritten_without_force(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match=r"a\.json exists"):
        write_openpose(path, [])
    assert path.read_text() == "precious"
    write_openpose(path, [], force=True)
    assert json.loads(path.read_text())["people"] == []
