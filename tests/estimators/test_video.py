import itertools
from dataclasses import replace

import numpy as np
import pytest

from openpose_keras import video
from openpose_keras.core.boxes import keypoint_extent
from openpose_keras.core.errors import VideoError
from openpose_keras.core.keypoints import Hand
from openpose_keras.core.skeletons import BODY_25
from openpose_keras.estimators.body import BodyEstimator
from openpose_keras.estimators.face import FaceEstimator
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.estimators.recipes import BODY_RECIPES, InputSpec
from openpose_keras.estimators.views import Region
from openpose_keras.estimators.whole_body import WholeBodyEstimator
from openpose_keras.io.video import VideoFrame
from tests.helpers.clips import LAYOUT, SIDE, clip, crossing, square_estimator
from tests.helpers.fakes import DotNetwork, draw_dots, gaussians
from tests.helpers.people import IMAGE, DrawnNetwork


def test_two_hands_that_cross_keep_their_ids():
    truth, estimator = crossing(), square_estimator()
    for (_, people), middles in zip(video.process(clip(truth), estimator), truth, strict=True):
        assert len(people) == 2
        owner = {person.id: person.hands[0].xy for person in people}
        for number, middle in enumerate(middles):
            error = owner[number] - middle - (LAYOUT - 0.5) * SIDE
            assert np.linalg.norm(error, axis=1).mean() < 3


def test_following_runs_the_networks_at_most_half_as_often_as_searching():
    costs = []
    for every in (1, 10):
        estimator = square_estimator()
        list(video.process(clip(crossing()), estimator, search_every=every))
        costs.append((estimator.network.images, estimator.network.searches))
    (images, searches), (followed, found) = costs
    assert followed <= 0.6 * images
    assert searches == 40
    assert found <= 6


def test_a_hand_that_is_lost_is_searched_for_once_and_a_new_one_now_and_then():
    there, gone = (60, 48), None
    positions = [(there, gone)] * 4 + [(gone, gone)] * 4 + [(gone, there)] * 8
    estimator = square_estimator()
    found = [people for _, people in video.process(clip(positions), estimator, search_every=6)]
    # It is back where it was, so that it is found without another search.
    assert [len(people) for people in found] == [1] * 4 + [0] * 4 + [1] * 8
    assert {person.id for people in found for person in people} == {0}
    assert estimator.network.searches == 3  # frames 0, 4 and 10


def test_one_pass_is_enough_where_the_keypoints_are_known():
    spec = InputSpec(sides="both", upright=True)
    network, xy = DotNetwork(spec), 60 + 100 * LAYOUT
    estimator = HandEstimator(network, spec=spec)
    [hand] = estimator(draw_dots(xy, (240, 240)), [(40, 40, 140)], "right")
    searched, network.calls = sum(call[0] for call in network.calls), []
    [again] = video.follow_hands(estimator, draw_dots(xy + 8, (240, 240)), [hand])
    assert sum(call[0] for call in network.calls) < searched
    assert np.abs(again.xy - xy - 8).max() < 1.5
    assert video.follow_hands(estimator, draw_dots(xy, (240, 240)), []) == []
    beyond = replace(hand, xy=hand.xy - 500, box=None)
    assert video.follow_hands(estimator, draw_dots(xy, (240, 240)), [beyond]) == []


class Spread:
    """A network that sees a hand in the middle of whatever it is shown, its wrist in the centre."""

    def __call__(self, batch):
        cells = batch.shape[1] // 4
        middle, size = keypoint_extent(LAYOUT)  # the box about it is what is shown
        layout = (LAYOUT - middle) / size.max() / 1.6 + 0.5
        layout[0] = 0.5
        maps = np.concatenate(
            [gaussians(layout * cells, (cells, cells)), np.zeros((cells, cells, 1))], -1
        )
        return np.repeat(maps[None], len(batch), 0).astype(np.float32)


def test_bodies_are_estimated_in_each_frame_and_hands_searched_for_now_and_then():
    counts = {"bodies": 0, "searches": 0}

    def search(image):
        counts["searches"] += 1
        return [Region((2.0, 2.0, 30.0, 30.0))]

    recipe = replace(BODY_RECIPES["openpose"], resolution=(176, None))
    body = BodyEstimator(DrawnNetwork(BODY_25), recipe=recipe)
    run = body.infer

    def infer(images):
        counts["bodies"] += 1
        return run(images)

    body.infer = infer
    hand = HandEstimator(
        Spread(),
        recipe="openpose",
        spec=InputSpec(box_size=96, stride=4, sides="both"),
        search=search,
    )
    estimator = WholeBodyEstimator(body, hand=hand, search_hands=True)
    frames = [VideoFrame(IMAGE, n, n / 30) for n in range(3)]
    results = [people for _, people in video.process(frames, estimator, search_every=2)]
    assert counts == {"bodies": 3, "searches": 2}
    for people in results:
        assert sorted(person.id for person in people) == [0, 1, 2]  # two bodies and a hand alone
        assert sum(len(person.hands) for person in people) == 5


def test_a_hand_keeps_its_side_while_the_network_is_not_sure_for_long():
    before = Hand(LAYOUT, np.ones(21), side="right", right=0.95)
    unsure = replace(before, side="left", right=0.05)
    for count, side in ((1, "right"), (3, "right"), (4, "left")):
        hand = before
        for _ in range(count):
            hand = video._with_side_of(unsure, hand)
        assert hand.side == side
        assert (hand.right >= 0.5) == (side == "right")
    assert video._with_side_of(replace(unsure, right=None), before).side == "left"


def test_bodies_alone_get_ids():
    body = BodyEstimator(DrawnNetwork(BODY_25))
    [(_, people)] = video.process([VideoFrame(IMAGE, 0, 0.0)], body)
    assert [person.id for person in people] == [0, 1]
    assert not any(person.hands for person in people)


def test_wrong_arguments_are_refused():
    face = FaceEstimator(lambda batch: batch, spec=InputSpec(sides=None))
    with pytest.raises(TypeError, match=r"WholeBodyEstimator, .* got FaceEstimator"):
        video.Follower(face)
    with pytest.raises(ValueError, match="search_every"):
        video.Follower(square_estimator(), search_every=0)


def test_few_frames_are_read_ahead_and_errors_come_in_their_turn():
    made = []

    def items():
        for number in itertools.count():
            if number == 9:
                raise ValueError("the ninth")
            made.append(number)
            yield number

    ahead = video.read_ahead(items())
    assert next(ahead) == 0
    assert len(made) <= 5
    with pytest.raises(ValueError, match="the ninth"):
        list(ahead)
    assert made == list(range(9))


@pytest.mark.parametrize(
    ("source", "told"), [(None, "got a NoneType"), ([np.zeros((9, 9, 3), np.uint8)], "VideoFrame")]
)
def test_what_is_no_video_is_refused(source, told):
    with pytest.raises(VideoError, match=told):
        next(video.process(source, square_estimator()))
