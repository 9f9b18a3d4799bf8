import json

import numpy as np
import pytest

from openpose_keras.core.errors import FormatError
from openpose_keras.core.keypoints import Body, Face, Hand, Person
from openpose_keras.core.skeletons import BODY_25, BODY_COCO, BODY_MPI
from openpose_keras.io.openpose_json import (
    format_people,
    from_openpose,
    people_from_openpose,
    read_openpose,
    read_people,
    to_openpose,
    write_openpose,
    write_people,
)


def make_hand(seed=0, side="right", missing=()):
    rng = np.random.default_rng(seed)
    xy, scores = rng.uniform(0, 4000, (21, 2)), rng.uniform(0.05, 1, 21)
    xy[list(missing)], scores[list(missing)] = np.nan, 0
    return Hand(xy=xy, scores=scores, box=(1.0, 2.0, 30.0, 30.0), side=side)


def text_of_openpose(left=(), right=(), pose=()):
    """A file laid out as OpenPose itself writes it: one person with both hands."""
    pose, left, right = (",".join(f"{value:.6g}" for value in part) for part in (pose, left, right))
    return (
        f'{{"version":1.3,"people":[{{"person_id":[-1],"pose_keypoints_2d":[{pose}],'
        f'"face_keypoints_2d":[],"hand_left_keypoints_2d":[{left}],'
        f'"hand_right_keypoints_2d":[{right}],"pose_keypoints_3d":[],"face_keypoints_3d":[],'
        '"hand_left_keypoints_3d":[],"hand_right_keypoints_3d":[]}]}\n'
    )


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_file_is_the_one_line_that_openpose_writes(tmp_path, side):
    hand = Hand(xy=np.tile([3.5, 4.25], (21, 1)), scores=np.full(21, 0.5), side=side)
    write_openpose(tmp_path / "a_keypoints.json", [hand])
    expected = text_of_openpose(**{side: [3.5, 4.25, 0.5] * 21})
    assert (tmp_path / "a_keypoints.json").read_text() == expected


def test_writing_and_reading_gives_the_hands_back(tmp_path):
    hands = [make_hand(0, "left", missing=[0, 7]), make_hand(1, "right"), make_hand(2, None)]
    write_openpose(tmp_path / "a.json", hands)
    back = read_openpose(tmp_path / "a.json")
    assert [hand.side for hand in back] == ["left", "right", "right"]
    for ours, theirs in zip(hands, back, strict=True):
        np.testing.assert_allclose(theirs.xy, ours.xy, rtol=1e-7)
        np.testing.assert_allclose(theirs.scores, ours.scores, rtol=1e-7)
        assert theirs.box is None


def test_no_hand_gives_no_people_and_reads_back_as_no_hand(tmp_path):
    write_openpose(tmp_path / "a.json", [])
    assert (tmp_path / "a.json").read_text() == '{"version":1.3,"people":[]}\n'
    assert read_openpose(tmp_path / "a.json") == []


@pytest.mark.parametrize("missing", [[4], range(21)])
def test_missing_keypoints_are_three_zeros_and_zeros_only_are_no_hand(missing):
    data = to_openpose([make_hand(missing=missing)])
    table = np.reshape(data["people"][0]["hand_right_keypoints_2d"], (21, 3))
    assert np.flatnonzero((table == 0).all(axis=1)).tolist() == list(missing)
    found = [np.flatnonzero(~hand.found).tolist() for hand in from_openpose(data)]
    assert found == ([[4]] if len(missing) == 1 else [])


@pytest.mark.parametrize("score", [0.7, 1e-9])
def test_keypoint_found_at_pixel_zero_zero_survives(score):
    xy, scores = make_hand().xy.copy(), make_hand().scores.copy()
    xy[3], scores[3] = 0, score
    (hand,) = from_openpose(to_openpose([Hand(xy=xy, scores=scores, side="right")]))
    assert hand.xy[3].tolist() == [0, 0]
    assert hand.scores[3] == pytest.approx(score)


def test_file_of_openpose_with_both_hands_of_one_person_is_read(tmp_path):
    left, right = np.arange(1.0, 64), np.arange(64.0, 127)
    (tmp_path / "a.json").write_text(text_of_openpose(left, right, pose=[1, 2, 0.5]))
    first, second = read_openpose(tmp_path / "a.json")
    assert (first.side, second.side) == ("left", "right")
    np.testing.assert_array_equal(first.xy, left.reshape(21, 3)[:, :2])
    np.testing.assert_array_equal(second.scores, right.reshape(21, 3)[:, 2])


@pytest.mark.parametrize("nothing", [[], None, [0] * 63])
def test_lists_of_versions_1_0_and_1_1_lack_the_2d(nothing):
    person = {"pose_keypoints": [], "hand_left_keypoints": [7, 8, 0.5] * 21}
    person["hand_right_keypoints"] = nothing
    (hand,) = from_openpose({"version": 1.1, "people": [person]})
    assert (hand.side, hand.scores[20]) == ("left", 0.5)
    assert from_openpose({"version": 1.1, "people": [{"pose_keypoints": [1, 2, 3]}]}) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\x89PNG", "not a JSON file"),
        ("[]", 'list "people", got a list of 0'),
        ('[{"people":[]},{"people":[]}]', "a list of 2: take [from_openpose(frame) for frame in"),
        ("[3]", 'list "people"'),
        ('{"people":{}}', 'list "people"'),
        ('{"people":[1]}', "person 0 must be an object, not int"),
        ('{"people":[{}]}', "person 0: expected hand_left_keypoints_2d and so on, got nothing"),
        ('{"people":[{"body_parts":[1,2,3]}]}', "got body_parts"),
        ('{"people":[{"hand_left_keypoints_2d":[1,2]}]}', "left_keypoints of person 0 must be"),
        ('{"people":[{"hand_left_keypoints_2d":7}]}', "a list of 63 numbers"),
        ('{"people":[{"hand_right_keypoints_2d":[%s"x"]}]}' % ("1," * 62), "a list of 63 numbers"),
        ('{"people":[{"hand_right_keypoints_2d":[%sNaN]}]}' % ("1," * 62), "finite numbers"),
        ('{"people":[{"hand_right_keypoints_2d":[%s1e999]}]}' % ("1," * 62), "finite numbers"),
        ('{"people":[{"hand_right_keypoints_2d":[%s]}]}' % ("1," * 62 + "1" + "0" * 400), "float"),
    ],
)
def test_wrong_file_raises_an_error_that_names_the_file_and_the_place(tmp_path, text, message):
    path = tmp_path / "wrong.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(FormatError, match=r"wrong\.json") as caught:
        read_openpose(path)
    assert message in str(caught.value)


@pytest.mark.parametrize("scale", [1, (640, 480, 1)])
def test_files_of_controlnet_are_a_frame_in_pixels_or_in_fractions_of_its_canvas(tmp_path, scale):
    pixels = np.column_stack([np.linspace(9, 600, 21), np.linspace(9, 400, 21), np.ones(21)])
    person = {"pose_keypoints_2d": [0] * 54, "face_keypoints_2d": None}
    person |= {"hand_left_keypoints_2d": None, "hand_right_keypoints_2d": pixels / scale}
    person["hand_right_keypoints_2d"] = person["hand_right_keypoints_2d"].ravel().tolist()
    frame = {"people": [person], "canvas_width": 640, "canvas_height": 480}
    path = tmp_path / "pose.json"
    path.write_text(json.dumps([frame]))
    (hand,) = read_openpose(path)
    np.testing.assert_allclose(hand.xy, pixels[:, :2])
    np.testing.assert_array_equal(hand.scores, 1)
    (someone,) = read_people(path)
    np.testing.assert_allclose(someone.right_hand.xy, pixels[:, :2])
    assert list(someone.parts) == ["right_hand"]


def test_nothing_is_overwritten_without_force(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match=r"a\.json exists"):
        write_openpose(path, [])
    assert path.read_text() == "precious"
    write_openpose(path, [], force=True)
    assert json.loads(path.read_text())["people"] == []


# ---------------------------------------------------------------- people


def make_person(seed=0, skeleton=BODY_25, *, left=True):
    """Return a person with a body, one keypoint of which is missing, a face, and perhaps a hand."""
    rng = np.random.default_rng(seed)

    def points(count):
        return rng.uniform(0, 600, (count, 2)).astype(np.float32), rng.uniform(0.1, 1, count)

    xy, scores = points(len(skeleton))
    xy[3], scores[3] = np.nan, 0
    body = Body(xy, scores, skeleton=skeleton)
    return Person(body, Face(*points(70)), Hand(*points(21), side="left") if left else None)


@pytest.mark.parametrize("skeleton", [BODY_25, BODY_COCO, BODY_MPI], ids=lambda each: each.name)
def test_people_come_back_with_six_significant_digits(tmp_path, skeleton):
    people = [make_person(seed, skeleton, left=seed == 0) for seed in (0, 1)]
    write_people(tmp_path / "a_keypoints.json", people)
    back = read_people(tmp_path / "a_keypoints.json")
    for one, other in zip(people, back, strict=True):
        assert other.body.skeleton is skeleton
        assert other.right_hand is None
        assert (other.left_hand is None) == (one.left_hand is None)
        for part in ("body", "face"):
            ours, theirs = getattr(one, part), getattr(other, part)
            np.testing.assert_allclose(theirs.xy, ours.xy, rtol=1e-5)
            np.testing.assert_allclose(theirs.scores, ours.scores, rtol=1e-5)


def test_a_part_that_nobody_has_is_empty_and_one_that_somebody_has_is_zeros_for_others():
    person, other = make_person(), Person(face=make_person(1).face)
    data = json.loads(format_people([person, other]))
    first, second = data["people"]
    assert first["person_id"] == second["person_id"] == [-1]
    assert second["pose_keypoints_2d"] == [0] * 75
    assert second["hand_left_keypoints_2d"] == second["hand_right_keypoints_2d"] == [0] * 63
    (alone,) = json.loads(format_people([other]))["people"]
    assert alone["person_id"] == alone["pose_keypoints_2d"] == alone["hand_left_keypoints_2d"] == []
    assert people_from_openpose(data)[1].body is None


def test_bodies_alone_are_written_as_people():
    body = make_person().body
    assert format_people([body]) == format_people([Person(body)])
    with pytest.raises(TypeError, match="a list of people, got one Person"):
        format_people(Person(body))


@pytest.mark.parametrize(
    ("number", "known"),
    [([7], 7), ([0], 0), ([-1], None), ([], None), (None, None), (["7"], None), ([1, 2], None)],
)
def test_the_number_of_a_person_that_is_followed_is_kept(number, known):
    entry = {"person_id": number, "pose_keypoints_2d": [5.0, 6.0, 0.5] * 18}
    people = people_from_openpose({"people": [entry]})
    assert people[0].id == known
    (again,) = json.loads(format_people(people))["people"]
    assert again["person_id"] == [-1 if known is None else known]


def test_candidates_are_one_object_in_a_list():
    text = format_people([], candidates=[[(1, 2, 0.5)], np.zeros((0, 3))])
    assert text == '{"version":1.3,"people":[],"part_candidates":[{"0":[1,2,0.5],"1":[]}]}'


def test_an_older_file_of_people_is_read():
    (person,) = people_from_openpose({"people": [{"pose_keypoints": [5.0, 6.0, 0.5] * 18}]})
    assert person.body.skeleton is BODY_COCO
    assert person.body["neck"] == (5, 6, 0.5)


def test_a_body_of_another_number_of_keypoints_is_refused(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"people": [{"pose_keypoints_2d": [1.0] * 51}]}))
    with pytest.raises(FormatError, match=r"a\.json: .*a list of 75 or 54 or 45 numbers, not 51"):
        read_people(path)


def test_a_file_of_people_is_not_overwritten(tmp_path):
    path = tmp_path / "a.json"
    write_people(path, [])
    with pytest.raises(FileExistsError):
        write_people(path, [make_person()])
    assert path.read_text() == '{"version":1.3,"people":[]}'


def test_boxes_and_presences_come_back_where_options_are_written(tmp_path):
    xy, scores = np.full((21, 2), 7.0), np.ones(21)
    hand = Hand(xy, scores, (1.234, 2, 30, 30), side="left", presence=0.75, right=0.125)
    body = Body(np.full((25, 2), 9.0), np.ones(25), skeleton=BODY_25, person_score=0.5)
    people = [Person(body, Face(np.full((70, 2), 5.0), np.ones(70)), hand), Person(body)]
    write_people(tmp_path / "people.json", people, options={"preset": "lite"})
    write_openpose(tmp_path / "hands.json", [hand], options={})
    first, second = read_people(tmp_path / "people.json")
    [alone] = read_openpose(tmp_path / "hands.json")
    for each in (first.left_hand, alone):
        assert (each.box, each.presence, each.right) == ((1.23, 2.0, 30.0, 30.0), 0.75, 0.125)
    assert (first.body.person_score, second.body.person_score) == (0.5, 0.5)
    assert first.face.presence is None


def test_files_of_openpose_have_no_members_of_ours_and_strange_facts_do_not_count(tmp_path):
    hand = Hand(np.full((21, 2), 7.0), np.ones(21), side="left", presence=0.75)
    write_people(tmp_path / "people.json", [Person(left_hand=hand)])
    data = json.loads((tmp_path / "people.json").read_text())
    assert list(data) == ["version", "people"]
    for strange in (None, 3, [], [None], [{"left_hand": 3}]):
        [person] = people_from_openpose(data | {"openpose_keras_facts": strange})
        assert person.left_hand.presence is None
