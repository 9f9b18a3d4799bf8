import pickle
from dataclasses import replace

import numpy as np
import pytest

from openpose_keras import networks
from openpose_keras.core.errors import WeightsError
from openpose_keras.core.keypoints import Hand, Person
from openpose_keras.core.skeletons import BODY_25
from openpose_keras.estimators.body import BodyEstimator
from openpose_keras.estimators.body_boxes import HandTracks, face_boxes, hand_boxes
from openpose_keras.estimators.face import FaceEstimator
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.estimators.recipes import BODY_RECIPES, InputSpec
from openpose_keras.estimators.views import Region
from openpose_keras.estimators.whole_body import WholeBodyEstimator
from openpose_keras.evaluation import evaluate_bodies
from openpose_keras.io.coco_people import read_people_labels
from openpose_keras.io.images import read_image
from openpose_keras.networks import face as face_network
from openpose_keras.networks.presets import PRESETS, find_weights, get_presets
from tests.helpers import ROOT
from tests.helpers.people import IMAGE, DrawnNetwork

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SPEC = InputSpec(box_size=64, sides="both")


class Middles:
    """A network whose keypoints all lie in the middle of what it is shown.

    `presence` is told for each image in order of the calls.
    """

    def __init__(self, keypoints, presence=()):
        self.keypoints, self.presence, self.seen = keypoints, list(presence), 0

    def __call__(self, batch):
        rows, columns = batch.shape[1] // 8, batch.shape[2] // 8
        maps = np.zeros((len(batch), rows, columns, self.keypoints + 1), np.float32)
        maps[:, rows // 2, columns // 2] = 1
        answer = {"keypoints": maps}
        if self.presence:
            each = self.presence[self.seen : self.seen + len(batch)]
            answer["presence"] = np.array(each, np.float32)[:, None]
            answer["right"] = np.full((len(batch), 1), 0.5, np.float32)
        self.seen += len(batch)
        return answer


def body_estimator(**options):
    recipe = replace(BODY_RECIPES["openpose"], resolution=(176, None))
    return BodyEstimator(DrawnNetwork(BODY_25, **options), recipe=recipe)


def hand_estimator(presence=(), search=None):
    network = Middles(21, presence)
    return HandEstimator(network, recipe="openpose", spec=SPEC, search=search)


def face_estimator(recipe="refined", presence=()):
    spec = InputSpec(box_size=64, sides=None)
    return FaceEstimator(Middles(70, presence), recipe=recipe, spec=spec)


def middle(box):
    return np.array(box[:2]) + np.array(box[2:]) / 2


def tables(people):
    return np.stack([np.column_stack([person.body.xy, person.body.scores]) for person in people])


def test_a_face_of_too_little_presence_is_missing():
    boxes = [(0, 0, 60, 60), (10, 0, 60, 60)]
    first, second = face_estimator(presence=[0.3, 0.9])(IMAGE, boxes)
    assert (first.presence, second.presence) == pytest.approx((0.3, 0.9))
    assert not first.found.any()
    assert second.found.all()
    [kept] = face_estimator(presence=[0.3])(IMAGE, boxes[:1], min_presence=0.2)
    assert kept.found.all()


def test_people_have_the_faces_that_are_there():
    face = face_estimator(presence=[0.3, 0.9, 0.3, 0.9])
    estimator = WholeBodyEstimator(body_estimator(), face=face)
    people = estimator(IMAGE)
    assert [person.face is None for person in people] == [True, False]
    people = estimator.add_faces(IMAGE, [Person(), *estimator.bodies(IMAGE)])
    assert [person.face is None for person in people] == [True, True, False]


def test_faces_and_hands_lie_where_the_body_says():
    people = WholeBodyEstimator(body_estimator(), face=face_estimator(), hand=hand_estimator())(
        IMAGE
    )
    assert len(people) == 2
    bodies = tables(people)
    for side in ("left", "right"):
        for person, box in zip(people, hand_boxes(bodies, BODY_25, side), strict=True):
            hand = getattr(person, f"{side}_hand")
            assert hand.side == side
            np.testing.assert_allclose(hand.box, box)
            assert np.abs(hand.xy - middle(box)).max() < box[2] / 8
    for person, box in zip(people, face_boxes(bodies, BODY_25), strict=True):
        np.testing.assert_allclose(person.face.box, box)
        assert np.abs(person.face.xy - middle(box)).max() < box[2] / 8


def test_a_hand_that_the_network_denies_is_missing():
    presence = (0.9, 0.2, 0.4, 0.6)  # left hands of both people, then the right ones
    first, second = WholeBodyEstimator(body_estimator(), hand=hand_estimator(presence))(IMAGE)
    assert [first.left_hand is None, second.left_hand is None] == [False, True]
    assert [first.right_hand is None, second.right_hand is None] == [True, False]
    assert first.face is None
    people = WholeBodyEstimator(body_estimator(), hand=hand_estimator(presence))(
        IMAGE, min_presence=0.0
    )
    assert all(person.left_hand and person.right_hand for person in people)


class SizedHands:
    """Finds a hand in each box, as many times as large as the box."""

    search = None

    def __init__(self, scale, presence):
        self.scale, self.presence = scale, presence

    def __call__(self, image, boxes, sides, **options):
        corners = np.resize([[0.0, 0.0], [1.0, 1.0]], (21, 2))
        return [
            Hand(self.scale * box[2] * corners, np.ones(21), box, side, presence=self.presence)
            for box, side in zip(boxes, sides, strict=True)
        ]


@pytest.mark.parametrize(("scale", "presence", "kept"), [(1, 0.9, 4), (9, 0.9, 0), (9, None, 4)])
def test_a_hand_as_large_as_its_person_is_missing_unless_the_network_judges_none(
    scale, presence, kept
):
    estimator = WholeBodyEstimator(body_estimator(), hand=SizedHands(scale, presence))
    people = estimator.add_hands(IMAGE, estimator.bodies(IMAGE))
    assert sum(len(person.hands) for person in people) == kept


def test_hands_outside_the_image_are_missing():
    estimator = WholeBodyEstimator(
        body_estimator(people=[((160, 120), 180), ((-4, 118), 150)]),
        face=face_estimator(),
        hand=hand_estimator(),
    )
    people = estimator(IMAGE)
    outside = [
        person
        for person in people
        for side in ("left", "right")
        if (box := hand_boxes(tables([person]), BODY_25, side)[0])[0] + box[2] <= 0
    ]
    assert all(person.left_hand is None or person.right_hand is None for person in outside)
    assert any(person.left_hand and person.right_hand for person in people)


def test_without_a_body_hands_are_searched_for():
    def search(image):
        return [Region((10, 20, 40, 40), side="left"), Region((100, 20, 40, 40))]

    nobody = body_estimator(people=[])
    for estimator in (
        WholeBodyEstimator(nobody, hand=hand_estimator((0.9, 0.9), search)),
        WholeBodyEstimator(hand=hand_estimator((0.9, 0.9), search)),
    ):
        people = estimator(IMAGE)
        assert [person.body for person in people] == [None, None]
        assert [person.left_hand is None for person in people] == [True, True]
    assert WholeBodyEstimator(nobody)(IMAGE) == []


class FoundHands:
    """An estimator of hands that finds none in boxes, and given ones in the whole image."""

    def __init__(self, hands):
        self.hands, self.search = hands, lambda image: []

    def __call__(self, image, boxes=None, sides=None, **options):
        if boxes is None:
            return self.hands
        nothing = np.full((21, 2), np.nan)
        return [Hand(nothing, np.zeros(21), side=side) for side in sides]


def hand_at(wrist, side, *, size=30, right=None):
    xy = wrist + size * np.stack([np.linspace(0, 1, 21), np.linspace(0, 0.5, 21)], axis=1)
    return Hand(xy, np.ones(21), side=side, presence=0.9, right=right)


def test_searched_hands_are_those_of_bodies_near_by_or_of_nobody():
    people = WholeBodyEstimator(body_estimator())(IMAGE)
    wrists = {
        side: [each.body.xy[BODY_25.index(f"{side}_wrist")] for each in people]
        for side in ("left", "right")
    }
    near = hand_at(wrists["left"][1] + 9, "left")
    again = hand_at(wrists["left"][1] + 12, "right")  # the same hand, on which the sides differ
    far = hand_at(wrists["right"][0] - 70, "right")
    unsure = hand_at(wrists["left"][0] + 5, "right", size=10, right=0.7)
    sure = hand_at(wrists["right"][1] + 5, "left", size=10, right=0.01)
    found = FoundHands([near, again, far, unsure, sure])
    estimator = WholeBodyEstimator(body_estimator(), hand=found)
    assert estimator.search_hands
    first, second, *rest = estimator(IMAGE)
    for hand, expected in ((second.left_hand, near), (first.left_hand, unsure)):
        assert hand.side == "left"
        np.testing.assert_array_equal(hand.xy, expected.xy)
    assert (first.right_hand, second.right_hand) == (None, None)
    assert [each.body for each in rest] == [None, None]
    for hand, expected in ((rest[0].right_hand, far), (rest[1].left_hand, sure)):
        np.testing.assert_array_equal(hand.xy, expected.xy)
    without = WholeBodyEstimator(body_estimator(), hand=found, search_hands=False)(IMAGE)
    assert [each.left_hand for each in without] == [None, None]


def test_arms_promise_only_hands_that_people_lack():
    estimator = WholeBodyEstimator(body_estimator(), hand=hand_estimator())
    first, second = estimator.bodies(IMAGE)
    known = hand_at(first.body.xy[BODY_25.index("left_wrist")], "left")
    alone = Person(right_hand=hand_at(np.array([5.0, 5.0]), "right"))
    people = estimator.add_hands(IMAGE, [replace(first, left_hand=known), second, alone])
    assert people[0].left_hand is known
    assert None not in (people[0].right_hand, people[1].left_hand, people[1].right_hand)
    assert people[2] is alone


def test_openpose_s_own_hands_are_not_searched_for_beside_bodies():
    assert not WholeBodyEstimator(body_estimator(), hand=hand_estimator()).search_hands


def test_boxes_are_blended_with_those_of_the_frame_before():
    estimator = WholeBodyEstimator(body_estimator(), hand=hand_estimator())
    people = estimator(IMAGE)
    tracks = HandTracks().update(people, frame=1)
    assert len(tracks.left.boxes) == 0  # all keypoints in one point span no box
    tracks = HandTracks(replace(tracks.left, boxes=np.array([people[0].left_hand.box])))
    again = estimator(IMAGE, tracks=tracks)
    assert again[0].left_hand.box[2] == pytest.approx(1.5 * people[0].left_hand.box[2])
    assert again[0].right_hand.box == people[0].right_hand.box


def test_max_people_keeps_the_largest():
    estimator = WholeBodyEstimator(body_estimator(), face=face_estimator())
    (person,) = estimator(IMAGE, max_people=1)
    with pytest.raises(ValueError, match=r"positive whole number, not 1\.5"):
        estimator(IMAGE, max_people=1.5)
    assert person.body.box is None
    assert person.face is not None
    assert person.left_hand is None


def test_small_faces_are_missing_as_in_openpose():
    small, large = face_estimator("openpose")(IMAGE, [(10, 10, 40), (10, 10, 41)])
    assert not small.found.any()
    assert large.found.all()
    (small,) = face_estimator()(IMAGE, [(10, 10, 40)])
    assert small.found.all()


def test_what_can_not_be_estimated_is_refused():
    with pytest.raises(ValueError, match="an estimator of bodies, or of hands alone"):
        WholeBodyEstimator(face=face_estimator())
    with pytest.raises(ValueError, match="estimator of faces, got none"):
        WholeBodyEstimator(body_estimator()).add_faces(IMAGE, [])
    with pytest.raises(ValueError, match="estimator of hands, got none"):
        WholeBodyEstimator(body_estimator()).add_hands(IMAGE, [])
    with pytest.raises(ValueError, match="expected parts among hand with 'hand_lite', got body"):
        WholeBodyEstimator.from_preset("hand_lite", parts=["body"])
    for parts in ([], "", "arm", ["hands", "arm"]):
        with pytest.raises(ValueError, match='some of "body,face,hands", got '):
            WholeBodyEstimator.from_preset("lite", parts=parts)
    with pytest.raises(TypeError, match=r"expected HandTracks\(\) or None, got list"):
        WholeBodyEstimator(body_estimator(), hand=hand_estimator())(IMAGE, tracks=[])


@pytest.mark.parametrize("parts", ["hands", "hand", ["hand"], ("hands",), {"hands"}])
def test_parts_are_named_as_on_the_command_line(parts, monkeypatch):
    monkeypatch.setattr(HandEstimator, "from_preset", lambda name, **options: hand_estimator())
    estimator = WholeBodyEstimator.from_preset("lite", parts=parts)
    hand = "HandEstimator(network=Middles, recipe='openpose', engine='function')"
    assert repr(estimator) == f"WholeBodyEstimator(body=None, face=None, hand={hand})"


# --- presets


def test_a_set_names_a_preset_for_each_part():
    assert {part: preset.name for part, preset in get_presets("openpose").items()} == {
        "body": "body_25",
        "face": "face",
        "hand": "hand",
    }
    assert list(get_presets("body_coco,hand_lite")) == ["body", "hand"]
    with pytest.raises(ValueError, match="body_coco finds the body again"):
        get_presets("body_25,body_coco")
    with pytest.raises(ValueError, match="mediapipe_palm finds no keypoints"):
        get_presets("hand_lite,mediapipe_palm")
    with pytest.raises(ValueError, match="no preset 'foot'"):
        get_presets("hand_lite,foot")


def test_the_set_that_ships_finds_bodies_faces_and_hands():
    estimator = WholeBodyEstimator.from_preset("lite")
    assert estimator.search_hands
    assert not WholeBodyEstimator.from_preset("lite", search_hands=False).search_hands
    assert repr(estimator.body).startswith("BodyEstimator(preset='body_lite'")
    assert repr(estimator.face).startswith("FaceEstimator(preset='face_lite'")
    assert repr(estimator.hand).startswith("HandEstimator(preset='hand_lite'")


def test_a_set_takes_weights_of_ones_own_by_part(tmp_path):
    mine, other = tmp_path / "mine.weights.h5", tmp_path / "other.weights.h5"
    mine.write_bytes(find_weights(PRESETS["hand_lite"]).read_bytes())
    other.write_bytes(find_weights(PRESETS["body_lite"]).read_bytes())
    assert WholeBodyEstimator.from_preset("lite", parts="hands", weights={"hand": mine}).hand
    with pytest.raises(WeightsError, match=r"other\.weights\.h5, got those of body_lite"):
        WholeBodyEstimator.from_preset("lite", parts="hands", weights={"hand": other})
    with pytest.raises(ValueError, match="weights by part, of hand, got those of body"):
        WholeBodyEstimator.from_preset("lite", parts="hands", weights={"body": mine})


def test_the_set_that_ships_finds_the_people_of_the_image_that_ships():
    samples = read_people_labels(ROOT / "notebooks/images/people.json", limit=1)
    estimator = WholeBodyEstimator.from_preset("lite")
    people = estimator(read_image(samples[0].image))
    report = evaluate_bodies(lambda image: people, samples, progress=False)
    assert len(samples[0].people) == 4
    assert report.ap50 > 0.7
    hands = [hand for person in people for hand in person.hands]
    assert len(hands) >= 3
    assert sum(person.face is not None for person in people) >= 2


def test_a_recipe_counts_for_the_parts_that_have_it(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "openpose_keras").mkdir()
    networks.body_tiny().save_weights(tmp_path / "openpose_keras" / PRESETS["body_tiny"].file)
    load = WholeBodyEstimator.from_preset
    found = load("body_tiny,hand_lite", recipe="openpose_cpu")
    assert (found.body.recipe.name, found.hand.recipe.name) == ("openpose_cpu", "refined")
    assert found.body.views(IMAGE)[0].image.shape[0] == 128  # as it was trained
    with pytest.raises(ValueError, match=r"expected a recipe of body or hand, .*got 'soup'"):
        load("body_tiny,hand_lite", recipe="soup")


def test_weights_that_the_user_has_to_bring_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for name, preset in PRESETS.items():
        if "OpenPose's" in preset.source:
            with pytest.raises(WeightsError, match=f"`openpose-keras fetch {name}`"):
                find_weights(preset)
    with pytest.raises(WeightsError, match=r"body_25\.weights\.h5"):
        WholeBodyEstimator.from_preset("openpose")
    with pytest.raises(
        ValueError, match="a preset that finds a face, face or face_lite, got 'hand_lite'"
    ):
        FaceEstimator.from_preset("hand_lite")


def test_an_estimator_of_a_preset_survives_pickling(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "openpose_keras").mkdir()
    face_network().save_weights(tmp_path / "openpose_keras" / PRESETS["face"].file)
    estimator = FaceEstimator.from_preset("face", recipe="openpose")
    (face,) = estimator(IMAGE, [(10, 10, 60, 60)])
    (again,) = pickle.loads(pickle.dumps(estimator))(IMAGE, [(10, 10, 60, 60)])
    np.testing.assert_array_equal(face.xy, again.xy)
    assert repr(estimator) == "FaceEstimator(preset='face', recipe='openpose', engine='onnx')"
