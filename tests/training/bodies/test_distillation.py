"""Learning from another body network: what is taken over, what is compared, what is left alone."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from openpose_keras import networks
from openpose_keras.core.skeletons import BODY_25, BODY_COCO
from openpose_keras.io.coco_people import LabelledPeople, LabelledPerson, write_people_labels
from openpose_keras.io.images import write_image
from openpose_keras.training.bodies import data
from openpose_keras.training.bodies import task as bodies
from openpose_keras.training.bodies.distillation import NONE, matching_channels, transfer_weights
from openpose_keras.training.config import TrainConfig

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]
CHANNELS = matching_channels(BODY_COCO, BODY_25)


def randomise(network, seed=0):
    rng = np.random.default_rng(seed)
    network.set_weights([0.1 * rng.standard_normal(each.shape) for each in network.get_weights()])
    return network


def test_channels_are_matched_by_the_names_of_keypoints_and_limbs():
    keypoints, fields = CHANNELS["keypoints"], CHANNELS["affinity"]
    names = (*BODY_COCO.keypoints, "background")
    for name, channel in zip((*BODY_25.keypoints, "background"), keypoints, strict=True):
        assert channel == NONE or names[channel] == name
        assert (channel == NONE) == (name == "mid_hip" or name.endswith(("toe", "heel")))
    known = dict(zip(BODY_COCO.limbs, BODY_COCO.fields, strict=True))
    for limb, channel in zip(BODY_25.limbs, BODY_25.fields, strict=True):
        first = known.get(limb, NONE)
        second = NONE if first == NONE else first + 1
        assert fields[channel : channel + 2].tolist() == [first, second]
    assert (fields != NONE).sum() == 2 * 17


def of_body(variable):
    """Return whether the teacher has a variable of body_lite; the layers of the feet it lacks."""
    return not variable.path.startswith("feet")


def test_the_maps_of_the_first_stage_are_the_teacher_s_and_those_it_lacks_are_0():
    teacher, network = networks.body_mobilenet(all_stages=True), networks.body_lite(all_stages=True)
    last = networks.body_mobilenet()
    randomise(teacher)
    last.set_weights(teacher.get_weights())
    before = {each.path: np.array(each) for each in network.weights}
    copied = transfer_weights(last, network, CHANNELS)
    assert all(copied[each.path].shape == each.shape for each in network.weights if of_body(each))
    partly = {path for path, known in copied.items() if not known.all()}
    assert {path.partition("/")[0] for path in partly} == {
        *(f"conv5_5_CPM_{branch}" for branch in ("L1", "L2")),
        "Mconv1_stage2_L1_sq",
        *(f"Mconv7_stage2_{branch}" for branch in ("L1", "L2")),
    }
    for each in network.weights:
        if of_body(each):
            assert not np.asarray(each)[~copied[each.path]].any()
            assert copied[each.path].any()
        else:
            np.testing.assert_array_equal(each, before[each.path])
    batch = np.random.default_rng(1).uniform(-0.5, 0.5, (1, 32, 48, 3)).astype(np.float32)
    theirs, ours = teacher(batch)[0], network(batch)[0]
    for kind, channels in CHANNELS.items():
        taught, found = np.asarray(theirs[kind]), np.asarray(ours[kind])
        np.testing.assert_allclose(
            found[..., channels != NONE],
            taught[..., channels[channels != NONE]],
            rtol=1e-4,
            atol=1e-4,
        )
        assert not found[..., channels == NONE].any()


@pytest.fixture
def config(tmp_path):
    """A config of body_lite with a random teacher, two labelled photos, one of nobody, and one for
    the teacher.
    """
    teacher = randomise(networks.body_mobilenet())
    teacher.save_weights(tmp_path / "teacher.weights.h5")
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for name in ("0.png", "1.png", "nobody.png", "photos/free.png"):
        write_image(tmp_path / name, rng.integers(0, 255, (60, 80, 3), np.uint8))
    person = LabelledPerson(rng.uniform(5, 50, (17, 2)), np.full(17, 2.0), (5, 5, 45, 45), 900)
    write_people_labels(
        tmp_path / "labels.json",
        [
            LabelledPeople(tmp_path / f"{name}.png", people, number, (60, 80))
            for number, (name, people) in enumerate(
                {"0": (person,), "1": (person,), "nobody": ()}.items()
            )
        ],
    )
    return TrainConfig(
        network="body_lite",
        out=str(tmp_path / "run"),
        labels=str(tmp_path / "labels.json"),
        teacher=str(tmp_path / "teacher.weights.h5"),
        photos=str(tmp_path / "photos"),
        photo_fraction=0.5,
        size=32,
        batch_size=4,
        steps_per_epoch=1,
        epochs=1,
        validation_samples=1,
    )


def test_a_teacher_answers_the_first_images_of_a_batch_and_labels_count_for_the_others(config):
    model, network = bodies.start(config)
    model.run_eagerly = True
    outputs = {f"{kind}_stage{stage}" for kind in CHANNELS for stage in (1, 2)}
    assert set(model.output) == outputs | {f"taught_{name}" for name in outputs}
    batch = bodies.batch_source(data.load_sources(config), BODY_25, model, config)
    images, targets = batch(np.random.default_rng(0))
    assert {len(values) for values in targets.values()} == {2}  # half of four
    teacher = networks.body_mobilenet()
    teacher.load_weights(config.teacher)
    theirs, ours = (
        each(images / np.float32(256) - np.float32(0.5))["keypoints"] for each in (teacher, network)
    )
    shared = CHANNELS["keypoints"] != NONE
    apart = np.asarray(ours)[..., shared] - np.asarray(theirs)[..., CHANNELS["keypoints"][shared]]
    expected = np.square(apart[:2]).sum(axis=-1).mean()
    truth, weights = np.split(targets["keypoints_stage2"], 2, axis=-1)
    labelled = (weights * np.square(np.asarray(ours)[2:] - truth)).sum(axis=-1).mean()
    assert expected > 0
    assert labelled > 0
    losses = model.test_on_batch(images, targets, return_dict=True)
    assert losses["taught_keypoints_stage2_loss"] == pytest.approx(expected, rel=1e-3)
    assert losses["keypoints_stage2_loss"] == pytest.approx(labelled, rel=1e-3)


def test_the_teacher_s_answers_count_as_much_as_the_config_says(config):
    def losses(weight):
        changed = replace(config, teacher_weight=weight)
        keras.utils.set_random_seed(1)  # the layers of the feet
        model, _ = bodies.start(changed)
        model.run_eagerly = True
        batch = bodies.batch_source(data.load_sources(changed), BODY_25, model, changed)
        return model.test_on_batch(*batch(np.random.default_rng(0)), return_dict=True)

    plain, heavy = losses(1.0), losses(3.0)
    taught = sum(value for name, value in plain.items() if name.startswith("taught_"))
    assert taught > 0
    assert heavy["loss"] - plain["loss"] == pytest.approx(2 * taught, rel=1e-3)


def test_photos_of_nobody_in_the_labels_are_shown_too(config):
    training = data.load_sources(config).training
    samples = [training(np.random.default_rng(seed)) for seed in range(60)]
    assert 1 <= sum(not len(each.people) for each in samples) < 20


def test_one_image_of_a_batch_has_labels_at_least(config):
    config = replace(config, photo_fraction=1.0)
    model, _ = bodies.start(config)
    images, targets = bodies.batch_source(data.load_sources(config), BODY_25, model, config)(
        np.random.default_rng(0)
    )
    assert (len(images), len(targets["keypoints_stage1"])) == (4, 1)
    assert np.isfinite(model.test_on_batch(images, targets, return_dict=True)["loss"])


def test_a_run_s_own_weights_come_before_the_teacher_s(config, tmp_path):
    own = randomise(networks.body_lite(), seed=5)
    own.save_weights(tmp_path / "own.weights.h5")
    _, network = bodies.start(replace(config, weights=str(tmp_path / "own.weights.h5")))
    for one, other in zip(network.get_weights(), own.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
