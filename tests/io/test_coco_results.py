"""Result files of people: OpenPose's rules, and what others read in them."""

import json
from pathlib import Path

import numpy as np
import pytest

from openpose_keras.core.errors import DataError
from openpose_keras.core.keypoints import Body, Face, Hand, Person
from openpose_keras.core.skeletons import (
    BODY_25,
    BODY_COCO,
    BODY_MPI,
    COCO_17,
    COCO_FEET,
    COCO_WHOLE_BODY,
)
from openpose_keras.evaluation import evaluate_people
from openpose_keras.io.coco_people import LabelledPeople, read_people_labels, write_people_labels
from openpose_keras.io.coco_results import (
    read_results,
    to_coco,
    to_results,
    write_found,
    write_results,
)
from tests.helpers.coco_scenes import pycocotools_figures, scene

# src/openpose/filestream/cocoJsonSaver.cpp
OPENPOSE = {
    BODY_25: [0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11],
    BODY_COCO: [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10],
}


def keypoints(kind, count, seed, missing=(), **more):
    rng = np.random.default_rng(seed)
    xy, scores = rng.uniform(0, 2000, (count, 2)), rng.uniform(0.05, 1, count)
    xy[list(missing)], scores[list(missing)] = np.nan, 0
    return kind(xy.astype(np.float32), scores, **more)


def body(skeleton=BODY_25, seed=0, missing=(), score=0.625):
    return keypoints(Body, len(skeleton), seed, missing, skeleton=skeleton, person_score=score)


def whole(seed=0):
    face = keypoints(Face, 70, seed + 1)
    hands = [keypoints(Hand, 21, seed + 2 + n, side=s) for n, s in enumerate(("left", "right"))]
    return Person(body(seed=seed), face, *hands)


def printed(number):
    """A number as OpenPose's stream prints it."""
    return float(f"{np.float32(number):.6g}")


@pytest.mark.parametrize("skeleton", [BODY_25, BODY_COCO], ids=lambda skeleton: skeleton.name)
def test_an_entry_is_the_one_that_openpose_writes(skeleton):
    found = body(skeleton, missing=[0, 5])
    expected = []
    for index in OPENPOSE[skeleton]:
        x, y = found.xy[index]
        expected += [-1, -1, 0] if np.isnan(x) else [printed(x), printed(y), 1]
    (entry,) = to_results([Person(found)], 139)
    assert to_results([found], 139) == [entry]
    assert to_results([found], 139, category_id=7) == [entry | {"category_id": 7}]
    about = {"image_id": 139, "category_id": 1, "score": 0.625}
    assert entry == about | {"keypoints": expected}


def test_feet_are_an_entry_of_their_own():
    found = body(missing=range(19))
    (entry,) = to_results([Person(found)], 1, skeleton=COCO_FEET)
    np.testing.assert_allclose(
        np.reshape(entry["keypoints"], (6, 3))[:, :2], found.xy[19:], rtol=1e-5
    )
    assert to_results([Person(found)], 1) == []


def test_a_person_without_any_keypoint_is_left_out():
    only_neck = body(missing=[0, *range(2, 25)])
    people = [Person(only_neck), Person(), Person(body(), None), Person(None, None, None)]
    assert len(to_results(people, 1)) == 1
    assert to_coco(Person(only_neck)) is None


def test_a_body_lacks_what_its_network_does_not_find():
    (entry,) = to_results([Person(body(BODY_MPI))], 1)
    third = np.reshape(entry["keypoints"], (17, 3))[:, 2]
    assert third.tolist() == [0] * 5 + [1] * 12


def test_whole_bodies_have_a_list_a_part():
    person = whole()
    (entry,) = to_results([person], 1, skeleton=COCO_WHOLE_BODY)
    parts = {"foot_kpts": person.body.xy[19:], "face_kpts": person.face.xy[:68]}
    parts |= {"lefthand_kpts": person.left_hand.xy, "righthand_kpts": person.right_hand.xy}
    for name, xy in parts.items():
        np.testing.assert_allclose(np.reshape(entry[name], (-1, 3))[:, :2], xy, rtol=1e-5)
    bare = to_results([Person(person.body, None, person.left_hand)], 1, skeleton=COCO_WHOLE_BODY)
    assert bare[0]["face_kpts"] == [-1, -1, 0] * 68


def test_a_person_without_a_score_gets_the_mean_of_its_keypoints():
    found = body(score=None)
    assert to_coco(Person(found)).person_score == pytest.approx(
        found.scores[OPENPOSE[BODY_25]].mean()
    )


@pytest.mark.parametrize("skeleton", [COCO_17, COCO_FEET, COCO_WHOLE_BODY], ids=lambda s: s.name)
def test_what_is_written_is_read_again(tmp_path, skeleton):
    people = {139: [whole(0), whole(5)], "a/COCO_val2014_000000000042.jpg": [whole(9)]}
    people[Path("b/7_rendered_3.png")] = [Person(body(missing=[0, 16, 20]))]
    write_results(tmp_path / "r.json", people, skeleton=skeleton)
    back = read_results(tmp_path / "r.json", skeleton=skeleton)
    assert list(back) == [139, 42, 3]
    for persons, bodies in zip(people.values(), back.values(), strict=True):
        for person, found in zip(persons, bodies, strict=True):
            expected = to_coco(person, skeleton)
            np.testing.assert_allclose(found.xy, expected.xy, rtol=1e-5)
            np.testing.assert_array_equal(found.scores, expected.found)
            assert found.person_score == pytest.approx(expected.person_score)


@pytest.mark.parametrize("seed", [3, 4])
def test_files_are_measured_as_pycocotools_measures_them(tmp_path, seed):
    found, labelled = scene(seed)
    samples = [
        LabelledPeople(tmp_path / f"{number}.jpg", tuple(people), number, (500, 500))
        for number, people in enumerate(labelled, start=1)
    ]
    write_people_labels(tmp_path / "labels.json", samples)
    people = {n: [Person(each) for each in image] for n, image in enumerate(found, start=1)}
    write_results(tmp_path / "results.json", people)
    samples, back = (
        read_people_labels(tmp_path / "labels.json"),
        read_results(tmp_path / "results.json"),
    )
    ours = evaluate_people(
        [back.get(sample.image_id, []) for sample in samples], [sample.people for sample in samples]
    )
    theirs = pycocotools_figures(tmp_path / "labels.json", str(tmp_path / "results.json"))
    assert vars(ours) == pytest.approx(theirs, abs=1e-9, nan_ok=True)


def test_missing_keypoints_of_others_are_missing_and_scores_are_kept(tmp_path):
    table = np.tile([5.0, 6.0, 0.75], (17, 1))
    table[:3] = (0, 0, 0), (-1, -1, 0), (8, 9, 0)
    entry = {"image_id": "a", "keypoints": table.ravel().tolist(), "score": 2}
    (tmp_path / "r.json").write_text(json.dumps([entry]))
    (found,) = read_results(tmp_path / "r.json")["a"]
    assert found.found.tolist() == [False] * 2 + [True] * 15
    assert found.scores[2:4].tolist() == [0, 0.75]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"image_id": 1, "score": 1}, "result 0 is not readable: it has no 'keypoints'"),
        ({"keypoints": [1] * 51, "score": 1}, "it has no 'image_id'"),
        ({"image_id": 1, "keypoints": [1] * 51}, "it has no 'score'"),
        ({"image_id": 1, "keypoints": [1] * 50, "score": 1}, "expected 51 numbers in keypoints"),
        ({"image_id": 1, "keypoints": [1] * 51, "score": float("nan")}, "finite score"),
        ({"image_id": [1], "keypoints": [1] * 51, "score": 1}, "result 0 is not readable"),
        (7, "a list of objects"),
    ],
)
def test_a_damaged_result_is_named_in_one_line(tmp_path, entry, message):
    path = tmp_path / "r.json"
    path.write_text(json.dumps([entry]))
    with pytest.raises(DataError, match=message) as error:
        read_results(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{}", "[1"])
def test_a_file_that_is_no_result_file_is_named(tmp_path, text):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(DataError, match=r"r\.json"):
        read_results(tmp_path / "r.json")


def test_an_image_without_a_number_needs_an_id(tmp_path):
    with pytest.raises(ValueError, match=r"people\.jpg: pass its id"):
        write_results(tmp_path / "r.json", {"3/people.jpg": []})
    assert not list(tmp_path.iterdir())


def test_ids_of_numpy_are_ids(tmp_path):
    write_results(tmp_path / "r.json", {np.int64(5): [whole()]})
    assert list(read_results(tmp_path / "r.json")) == [5]


def test_the_lists_of_whole_bodies_are_named(tmp_path):
    entry = {"image_id": 1, "keypoints": [1] * 399, "score": 1}  # as MMPose writes them
    (tmp_path / "r.json").write_text(json.dumps([entry]))
    with pytest.raises(DataError, match="has keypoints of 51, foot_kpts of 18, face_kpts of 204"):
        read_results(tmp_path / "r.json", skeleton=COCO_WHOLE_BODY)


def test_a_file_is_replaced_only_when_asked_to(tmp_path):
    write_results(tmp_path / "r.json", {})
    with pytest.raises(FileExistsError):
        write_results(tmp_path / "r.json", {1: [whole()]})
    assert (tmp_path / "r.json").read_text() == "[]\n"
    write_results(tmp_path / "r.json", {1: [whole()]}, force=True)
    assert len(read_results(tmp_path / "r.json")[1]) == 1


def test_the_label_file_of_photos_has_the_presences(tmp_path):
    hand = Hand(np.full((21, 2), 7.0), np.ones(21), side="left", presence=0.75)
    write_found(tmp_path / "a.json", [("a.jpg", (48, 64), [Person(left_hand=hand)])])
    [entry] = json.loads((tmp_path / "a.json").read_text())["annotations"]
    assert entry["lefthand_presence"] == 0.75
    assert "face_presence" not in entry
