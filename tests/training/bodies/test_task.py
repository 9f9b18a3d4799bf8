"""The training of body networks: its model, its loss, its batches, its runs."""

import csv

import numpy as np
import pytest
from keras import ops

from openpose_keras import cli, networks
from openpose_keras.core.errors import DataError
from openpose_keras.core.skeletons import BODY_25, BODY_COCO, BODY_MPI, COCO_17
from openpose_keras.estimators.body import BODY_NETWORKS
from openpose_keras.io.coco_people import (
    LabelledPeople,
    LabelledPerson,
    read_people_labels,
    write_people_labels,
)
from openpose_keras.io.images import read_image, write_image
from openpose_keras.training.bodies import data
from openpose_keras.training.bodies import task as bodies
from openpose_keras.training.bodies.data import BodySample, stick_people
from openpose_keras.training.bodies.targets import body_targets, target_weights
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.train import train
from tests.helpers.people import standing
from tests.helpers.training_fakes import quick_runs, stop_in_epoch

pytestmark = [
    # TensorFlow's own modules, and Keras's way from its arrays to NumPy 2.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]
STAGES = {
    "body_tiny": ["keypoints_stage1", "affinity_stage1", "keypoints_stage2", "affinity_stage2"],
    "body_25": [f"affinity_stage{n}" for n in (1, 2, 3, 4)]
    + ["keypoints_stage5", "keypoints_stage6"],
    "body_mpi_4": [f"{kind}_stage{n}" for n in (1, 2, 3, 4) for kind in ("keypoints", "affinity")],
}
SLOW = ("body_25", "body_mpi_4")


def config_of(name="body_tiny", **changes):
    fields = {"size": 64, "batch_size": 2, "validation_samples": 3}
    return TrainConfig(
        network=name, **{"out": "run", "epochs": 2, "steps_per_epoch": 2, **fields, **changes}
    )


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in STAGES]
)
def test_every_stage_of_a_network_learns_and_its_weights_are_the_network_s_own(name):
    config = config_of(name, size=32, batch_size=1)
    model, network = bodies.start(config)
    assert set(model.output) == set(STAGES[name])
    own = getattr(networks, name)()
    assert [layer.name for layer in network.layers] == [layer.name for layer in own.layers]
    skeleton, _ = BODY_NETWORKS[name]
    drawn = data.load_sources(config)
    batch = bodies.batch_source(drawn, skeleton, model, config)
    images, targets = batch(np.random.default_rng(1))
    model.run_eagerly = True  # tracing a graph would take a minute
    losses = model.evaluate(images, targets, return_dict=True, verbose=0)
    assert set(losses) == {"loss"} | {f"{each}_loss" for each in STAGES[name]}
    assert sum(losses[f"{each}_loss"] for each in STAGES[name]) == pytest.approx(
        losses["loss"], rel=1e-4
    )


def test_cells_without_labels_count_for_nothing_and_others_by_their_square():
    rng = np.random.default_rng(0)
    truth, predicted = rng.random((2, 3, 4, 5)), rng.random((2, 3, 4, 5))
    weights = rng.integers(2, size=truth.shape)

    def loss(predicted):
        both = np.concatenate([truth, weights], axis=-1)
        return ops.convert_to_numpy(bodies.masked_loss(ops.array(both), ops.array(predicted)))

    found = loss(predicted)
    expected = (weights * (truth - predicted) ** 2).sum(axis=-1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_array_equal(loss(np.where(weights, predicted, 99)), found)


def test_a_batch_has_the_targets_of_each_output_and_the_weights_of_their_cells():
    sample = stick_people(np.random.default_rng(3), 64)
    sample.unlabelled[:32] = True
    outputs = ["affinity_stage1", "keypoints_stage2"]
    images, targets = bodies.collate([sample, sample], BODY_MPI, outputs)
    assert (images.shape, images.dtype, [*targets]) == ((2, 64, 64, 3), np.uint8, outputs)
    maps = body_targets(sample.people, BODY_MPI, (64, 64))
    weights = target_weights(sample, maps, BODY_MPI)
    for name, *expected in zip(reversed(outputs), maps, weights, strict=True):
        np.testing.assert_array_equal(targets[name][1], np.concatenate(expected, axis=-1))


def test_maps_that_the_teacher_lacks_may_count_more():
    people = np.random.default_rng(0).uniform(4, 60, (1, 25, 2))
    sample = BodySample(np.zeros((64, 64, 3), np.uint8), people, np.zeros((64, 64), bool))
    names = ["keypoints_stage1", "affinity_stage1"]
    _, plain = bodies.collate([sample], BODY_25, names)
    _, more = bodies.collate([sample], BODY_25, names, untaught_weight=3)
    for name, foot, other in zip(names, (19, 40), (0, 2), strict=True):
        half = plain[name].shape[-1] // 2
        np.testing.assert_array_equal(more[name][..., :half], plain[name][..., :half])
        counts, before = more[name][..., half:], plain[name][..., half:]
        np.testing.assert_array_equal(counts[..., foot], 3 * before[..., foot])
        np.testing.assert_array_equal(counts[..., other], before[..., other])
        assert before[..., foot].any()


def test_chosen_layers_alone_learn():
    model, network = bodies.start(config_of("body_lite", size=64, layers="Mconv7,conv5_5_CPM"))
    learning = {layer.name for layer in network.layers if layer.trainable_weights}
    ends = ("Mconv7_stage2_L1", "Mconv7_stage2_L2", "conv5_5_CPM_L1", "conv5_5_CPM_L2")
    assert learning == set(ends)
    assert len(model.trainable_variables) == 8


def test_a_photo_without_labels_of_feet_does_not_teach_that_there_are_none():
    whole, size = standing(BODY_25, (60, 64), 90), (128, 128)
    for name in ("neck", "mid_hip"):
        ends = ["shoulder", "hip"][name == "mid_hip"]
        pair = [BODY_25.index(f"{side}_{ends}") for side in ("left", "right")]
        whole[BODY_25.index(name)] = whole[pair].mean(axis=0)
    xy = whole[[source for (source,) in BODY_25.sources_of(COCO_17)]]
    person = LabelledPerson(xy, np.full(17, 2.0), (0, 0, 99, 99), 5000)
    sample = BodySample(
        np.zeros((*size, 3), np.uint8),
        person.converted(BODY_25).xy[None],
        np.zeros(size, bool),
        unsure=person.unsure(BODY_25)[None],
    )
    sample = sample._replace(known=~sample.unsure[0])
    _, targets = bodies.collate([sample], BODY_25, ["keypoints_stage1", "affinity_stage1"])
    right = body_targets([whole], BODY_25, size)
    for truth, maps in zip(targets.values(), right, strict=True):
        blind = np.split(truth, 2, axis=-1)[0]
        assert np.abs(blind - maps).max() > 0.5  # the feet
        loss = ops.convert_to_numpy(bodies.masked_loss(ops.array(truth), ops.array(maps[None])))
        ankles = blind[..., -1] < 0.85  # there the background is taken as the labels have it
        np.testing.assert_allclose(loss[(maps.shape[-1] != 26) | ~ankles], 0, atol=1e-9)


@pytest.fixture
def labels(tmp_path):
    """A label file of COCO's with the photos of eight stick people, and a crowd in each."""
    rng, samples = np.random.default_rng(3), []
    crowd = LabelledPerson(np.zeros((17, 2)), np.zeros(17), (0, 0, 150, 20), 3000, crowd=True)
    while len(samples) < 8:
        drawn = stick_people(rng, 150, skeleton=BODY_COCO, most=1)
        if len(drawn.people):
            path = tmp_path / f"{len(samples)}.png"
            write_image(path, drawn.image)
            order = [source for (source,) in BODY_COCO.sources_of(COCO_17)]
            person = LabelledPerson(drawn.people[0, order], np.full(17, 2.0), (9, 9, 99, 99), 5000)
            samples.append(LabelledPeople(path, (person, crowd), len(samples), (150, 150)))
    write_people_labels(tmp_path / "labels.json", samples)
    return tmp_path / "labels.json"


def test_a_labelled_photo_tells_what_its_labels_know(labels):
    [photo, *_] = read_people_labels(labels)
    sample = data.read_sample(photo, BODY_25)
    assert sample.image.shape == (150, 150, 3)
    assert sample.people.shape == (1, 25, 2)
    unknown = {
        name for name, known in zip(BODY_25.keypoints, sample.known, strict=True) if not known
    }
    assert unknown == {
        f"{s}_{f}" for s in ("left", "right") for f in ("big_toe", "small_toe", "heel")
    }
    assert np.isfinite(sample.people[0, BODY_25.index("neck")]).all()
    assert sample.areas == 5000
    np.testing.assert_array_equal(sample.unsure, [~sample.known])
    assert sample.unlabelled[:20].all()
    assert not sample.unlabelled[21:].any()


def test_photos_are_augmented_to_the_size_of_the_network(labels):
    source = data.photo_source(read_people_labels(labels), BODY_MPI, 64)
    first, second = source(np.random.default_rng(0)), source(np.random.default_rng(1))
    assert first.image.shape == second.image.shape == (64, 64, 3)
    assert (first.image != second.image).any()
    assert not first.known[BODY_MPI.index("head")]


def test_a_run_learns_from_labelled_photos(labels, tmp_path):
    config = config_of(labels=str(labels), out=str(tmp_path / "run"), epochs=1)
    with quick_runs():
        assert train(config).is_file()
    few = LabelledPeople(labels.parent / "0.png", (), 0, (150, 150))
    write_people_labels(labels, [few], force=True)
    with pytest.raises(DataError, match="two photos of people or more, got 0"):
        data.load_sources(config)


def test_a_preview_shows_stick_people(tmp_path):
    (tmp_path / "config.json").write_text('{"network": "body_25", "out": "run", "size": 64}')
    argv = ["train", str(tmp_path / "config.json"), "--preview", str(tmp_path / "preview.png")]
    assert cli.main(argv) == 0
    assert read_image(tmp_path / "preview.png").shape == (5 * 64, 8 * 64, 3)


def test_a_resumed_run_ends_as_one_that_was_not_killed(tmp_path):
    whole, killed = (config_of(out=str(tmp_path / name), size=32) for name in ("whole", "killed"))
    with quick_runs() as patch:
        result = train(whole)
        stop_in_epoch(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            train(killed)
    assert (tmp_path / "killed" / "log.csv").read_text().count("\n") == 2
    found, expected = networks.body_tiny(), networks.body_tiny()
    with quick_runs():
        found.load_weights(train(killed))
    expected.load_weights(result)
    for one, other in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    with (tmp_path / "killed" / "log.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {"ap", "ap50", "ar", "loss", "affinity_stage1_loss"} <= rows[0].keys()


def test_a_run_can_start_from_the_weights_of_another(tmp_path):
    network = networks.body_tiny()
    network.save_weights(tmp_path / "first.weights.h5")
    _, started = bodies.start(config_of(weights=str(tmp_path / "first.weights.h5")))
    for one, other in zip(started.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
