"""The training of hand_lite: what its losses reward, what a batch holds, how it is measured."""

import dataclasses

import numpy as np
import pytest
from keras import ops

from openpose_keras import networks
from openpose_keras.networks import lite
from openpose_keras.networks.preprocessing import normalise
from openpose_keras.networks.presets import load_network
from openpose_keras.training.hands import task as hand_task
from openpose_keras.training.hands.compose import MOST_HANDS, Sample
from openpose_keras.training.hands.data import DataSources
from openpose_keras.training.hands.targets import gaussian_heatmaps
from openpose_keras.training.hands.task import heatmap_loss, points_loss, probability_loss
from tests.helpers.training_fakes import fake_composer, fake_hands, open_hand, small_config

# TensorFlow's own modules use what Python and NumPy have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")
NAN = np.float32(np.nan)


def loss(function, truth, predicted):
    return ops.convert_to_numpy(function(np.float32(truth), np.float32(predicted)))


def hand_xyz(size=60.0):
    """Return one hand (1, 21, 3), whose size is that of its extent."""
    xyz = np.column_stack([open_hand((100, 100), size), np.linspace(-20, 20, 21)])
    return xyz[None].astype(np.float32)


# Losses


def test_heatmap_loss_agrees_with_a_plain_loop():
    rng = np.random.default_rng(0)
    hands = np.full((2, 2, 21, 2), NAN)
    hands[0, 0], hands[1] = open_hand((16, 12), 20), [open_hand((8, 8), 12), open_hand((20, 20), 9)]
    truth = ops.convert_to_numpy(gaussian_heatmaps(hands, cells=8, stride=4))
    predicted = rng.normal(0, 1, (2, 8, 8, 22))
    found = loss(heatmap_loss, hands, predicted)
    assert found.shape == (2, 8, 8)
    for index in np.ndindex(2, 8, 8):
        total = 0.0
        for channel, value in enumerate(truth[index].tolist()):
            near = 1 - value if channel == 21 else value
            total += (1 + 8 * near) * (value - float(predicted[index][channel])) ** 2
        assert found[index] == pytest.approx(total / 22, rel=1e-4)


def test_points_cost_their_distance_in_sizes_of_the_hand_and_depth_costs_less():
    truth, costs = hand_xyz(), []
    for axis in range(3):
        predicted = truth.copy()
        predicted[..., axis] += 30  # half a hand
        [cost] = loss(points_loss, truth, predicted)
        costs.append(cost)
    np.testing.assert_allclose(costs, np.array([0.5, 0.5, 0.3 * 0.5]) / 3, rtol=0.03)
    np.testing.assert_allclose(loss(points_loss, truth, truth), 0, atol=1e-6)
    np.testing.assert_allclose(loss(points_loss, 3 * truth, 3 * predicted), cost, rtol=1e-5)


@pytest.mark.parametrize("unknown", [np.s_[0, :, 2], np.s_[0, 5:9], np.s_[0]])
def test_unknown_points_cost_nothing_whatever_is_predicted(unknown):
    whole = hand_xyz()
    predicted = whole + 12
    truth, moved = whole.copy(), predicted.copy()
    truth[unknown] = NAN
    moved[unknown] += 1000
    [cost] = loss(points_loss, truth, predicted)
    assert np.isfinite(cost)
    assert cost < loss(points_loss, whole, predicted)[0]
    np.testing.assert_array_equal(loss(points_loss, truth, moved), cost)
    assert (cost == 0) == np.isnan(truth).all()


def test_probabilities_cost_their_cross_entropy_and_unknown_ones_nothing():
    truth, predicted = np.array([1, 0, NAN, 1, 0]), np.array([0.8, 0.3, 0.9, 0.0, 1.0])
    costs = loss(probability_loss, truth, predicted)
    np.testing.assert_allclose(costs[:2], -np.log([0.8, 0.7]), rtol=1e-5)
    assert costs[2] == 0
    assert np.isfinite(costs).all()
    assert costs[3:].min() > 10


# Batches


def test_a_batch_has_the_targets_of_every_output():
    kinds = ("centered", "scene", "negative")
    rng = np.random.default_rng(0)
    samples = [fake_composer(size=32)(rng, kind=kind) for kind in kinds]
    images, targets = hand_task.collate(samples)
    assert (images.dtype, images.shape) == (np.uint8, (3, 32, 32, 3))
    assert {name: array.shape for name, array in targets.items()} == {
        "keypoints": (3, MOST_HANDS, 21, 2),
        "stage1": (3, MOST_HANDS, 21, 2),
        "points": (3, 21, 3),
        "presence": (3,),
        "right": (3,),
    }
    assert {array.dtype for array in targets.values()} == {np.dtype(np.float32)}
    assert targets.keys() == hand_task.LOSS_WEIGHTS.keys()
    for sample, hands in zip(samples, targets["keypoints"], strict=True):
        known = hands[: len(sample.hands)]
        np.testing.assert_array_equal(known, np.array([*sample.hands]).reshape(-1, 21, 3)[..., :2])
        assert np.isnan(hands[len(sample.hands) :]).all()
    np.testing.assert_equal(targets["presence"], np.float32([1, NAN, 0]))


def test_points_count_from_the_edge_of_the_first_pixel_where_one_hand_is_the_hand():
    xyz = hand_xyz()[0]
    image = np.zeros((32, 32, 3), np.uint8)
    samples = [Sample(image, [xyz], 1.0, 0.0), Sample(image, [xyz]), Sample(image, [], 0.0)]
    _, targets = hand_task.collate(samples)
    np.testing.assert_array_equal(targets["points"][0], xyz + np.float32([0.5, 0.5, 0]))
    assert np.isnan(targets["points"][1:]).all()
    np.testing.assert_equal(targets["right"], np.float32([0, NAN, NAN]))


# Validation


class Oracle:
    """A model that knows the samples; its heatmaps and its points are moved."""

    def __init__(self, known, *, cells=0, points=0.0, right=()):
        hands = np.stack([sample.hands[0] for sample in known])
        maps = gaussian_heatmaps(hands[:, None, :, :2], cells=16, stride=4)
        self.images = np.concatenate([normalise(sample.image) for sample in known])
        self.answer = {
            "keypoints": np.roll(ops.convert_to_numpy(maps), cells, axis=1),
            "points": hands + np.float32([0.5 + points, 0.5, 0]),
            "presence": np.linspace(0.5, 1, len(known)),
            "right": np.array([*right] or [sample.right for sample in known]),
        }

    def predict(self, images, **options):
        del options
        np.testing.assert_array_equal(images, self.images)
        return self.answer


def centered_samples(count=4, size=32):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)
    hands = [np.pad(open_hand(rng.uniform(31, 33, 2), size), ((0, 0), (0, 1))) for _ in images]
    return [
        Sample(image, [xyz], 1.0, float(index % 2))
        for index, (image, xyz) in enumerate(zip(images, hands, strict=True))
    ]


@pytest.mark.parametrize(
    ("size", "moved", "scores"), [(32, 0, (1.0, 1.0)), (28, 8, (0.0, 0.0)), (52, 8, (0.0, 1.0))]
)
def test_the_unit_of_pck_is_the_longer_side_of_the_extent(size, moved, scores):
    """The argmax adds up to 2 px to 8: over 0.2 of 28 px, between those of 52."""
    known = centered_samples(size=size)
    report = hand_task.validate(Oracle(known, cells=moved // 4, points=moved), {"x": known})
    assert [report["x_pck10"], report["x_pck20"]] == list(scores)
    assert [report["x_points10"], report["x_points20"]] == list(scores)


def test_sides_count_where_they_are_known_and_presence_is_a_mean():
    known = centered_samples()
    known[3] = dataclasses.replace(known[3], right=NAN)
    report = hand_task.validate(Oracle(known, right=[0.2, 0.4, 0.3, 0.9]), {"x": known})
    assert report["x_right"] == pytest.approx(2 / 3)
    assert report["x_presence"] == pytest.approx(0.75)
    assert all(isinstance(value, float) for value in report.values())


def test_keypoints_without_a_label_do_not_count():
    known = centered_samples(count=2)
    oracle = Oracle(known)
    oracle.answer["points"][:, 5:8] = 0
    oracle.answer["keypoints"][..., 5:8] = 0
    for each in known:
        each.hands[0][5:8] = np.nan
    report = hand_task.validate(oracle, {"x": known})
    assert {report[f"x_{kind}{limit}"] for kind in ("pck", "points") for limit in (10, 20)} == {1.0}


def test_of_samples_without_a_hand_the_presence_alone_is_measured():
    known = centered_samples()
    negative = [Sample(sample.image, [], 0.0) for sample in known]
    report = hand_task.validate(Oracle(known), {"negative": negative})
    assert list(report) == ["negative_presence"]


# The model


@pytest.fixture
def small_network(monkeypatch):
    """A network of a third of the blocks."""
    blocks = tuple(networks.LITE_BLOCKS[index] for index in (0, 1, 3, 5, 11))
    monkeypatch.setattr(lite, "LITE_BLOCKS", blocks)


def test_a_config_says_how_many_samples_show_no_hand(tmp_path):
    sources = DataSources(fake_hands(3), [], [], [])
    composer = hand_task.make_composer(sources, small_config(tmp_path, negatives=1.0))
    rng = np.random.default_rng(0)
    assert {composer(rng).presence for _ in range(10)} == {0.0}


@pytest.mark.slow
@pytest.mark.usefixtures("small_network")
def test_the_model_takes_bytes_and_has_the_network_s_outputs_and_the_first_stage(tmp_path):
    model, network = hand_task.start(small_config(tmp_path))
    rng = np.random.default_rng(0)
    images, targets = hand_task.collate([fake_composer(size=32)(rng) for _ in range(2)])
    found = {name: ops.convert_to_numpy(each) for name, each in model(images).items()}
    assert found.keys() == hand_task.LOSS_WEIGHTS.keys()
    assert found["stage1"].shape == found["keypoints"].shape == (2, 8, 8, 22)
    alone = network(np.concatenate([normalise(image) for image in images]))
    for name, array in alone.items():
        np.testing.assert_allclose(found[name], ops.convert_to_numpy(array), atol=1e-5)
    assert np.isfinite(model.test_on_batch(images, targets)).all()


@pytest.mark.slow
def test_points_presence_and_side_start_as_mediapipe_s(tmp_path):
    config = small_config(tmp_path, assets=None, pretrained=True, size=224)
    _, network = hand_task.start(config)
    image = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 224, 224, 3)).astype(np.float32)
    found, expected = network(image), load_network("mediapipe_hand")(image)
    for name in ("points", "presence", "right"):
        found_values = ops.convert_to_numpy(found[name])
        np.testing.assert_allclose(found_values, ops.convert_to_numpy(expected[name]), rtol=1e-4)
    assert all(layer.trainable for layer in network.layers)
