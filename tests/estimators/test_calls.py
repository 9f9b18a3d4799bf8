"""What one call does: how often the network runs, what is checked, what reaches the caller."""

import multiprocessing
import pickle
import weakref
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import PIL.Image
import pytest

from openpose_keras import HandEstimator, WholeBodyEstimator, read_image, write_image
from openpose_keras.core.errors import BackendError, ImageError
from openpose_keras.core.keypoints import Hand, as_people
from openpose_keras.estimators import base, hand
from openpose_keras.estimators.recipes import RECIPES, InputSpec
from openpose_keras.estimators.search import Search
from tests.helpers import ROOT
from tests.helpers.fakes import DotNetwork, draw_dots, hand_layout

# Keras saves variables in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BOTH = InputSpec(box_size=160, stride=4, multiple=32, sides="both", upright=True)
BOX = (70.0, 30.0, 240.0, 240.0)


@pytest.fixture(scope="module")
def photo():
    """The image that ships, with two hands."""
    return read_image(ROOT / "notebooks" / "images" / "hands.jpg")


@pytest.fixture(scope="module")
def estimator():
    return HandEstimator.from_preset("hand_lite")


def dots(box=BOX, size=(300, 400)):
    """An image of one hand of dots in a box."""
    xy = hand_layout(3) * np.array(box[2:]) * 0.9 + np.array(box[:2]) + np.array(box[2:]) * 0.05
    return draw_dots(xy, size)


def test_a_searched_hand_takes_at_most_six_network_images(estimator, photo):
    """One, three turned by quarters where it is not sure, and two upright."""
    shapes = []

    def counted(batch):
        shapes.append(len(batch))
        return estimator._engine(batch)

    regions = estimator.search(photo)
    assert HandEstimator(counted, spec=estimator.spec, search=lambda _: regions)(photo)
    assert sum(shapes) <= 6 * len(regions)


def test_a_call_checks_the_image_once_and_builds_only_the_hands_that_it_returns(
    estimator, photo, monkeypatch
):
    checked, built = [], []
    check, post_init = hand.as_image, Hand.__post_init__
    monkeypatch.setattr(hand, "as_image", lambda image: checked.append(1) or check(image))
    monkeypatch.setattr(base, "as_image", lambda image: checked.append(1) or check(image))
    monkeypatch.setattr(Hand, "__post_init__", lambda self: built.append(1) or post_init(self))
    assert len(estimator(photo)) == len(built) >= 1
    assert len(checked) == 1


def test_the_score_of_the_last_pass_decides_whether_a_searched_hand_is_kept():
    network = DotNetwork(BOTH)

    def weak_at_last(batch):
        """Scores that fall where the mirror image is shown too: in the upright pass."""
        pair = len(batch) == 2 and batch.shape[1:3] == (160, 160)
        return network(batch) * (0.4 if pair else 1.0)

    image = dots()
    assert len(HandEstimator(network, spec=BOTH)(image)) == 1
    assert HandEstimator(weak_at_last, spec=BOTH)(image) == []
    lenient = HandEstimator(weak_at_last, spec=BOTH, search=Search(threshold=0.2))
    assert len(lenient(image)) == 1


def test_the_search_hands_over_the_peaks_that_it_has():
    network = DotNetwork(BOTH)
    estimator = HandEstimator(network, spec=BOTH)
    [region] = estimator.regions(dots())
    assert region.peaks.shape == (21, 3)
    before = len(network.calls)
    [rotated] = estimator.upright_regions(dots(), [region])
    assert len(network.calls) == before
    assert rotated.crop is not None


@pytest.mark.parametrize("recipe", ["refined", "openpose"])
def test_the_heatmaps_of_an_estimate_hold_its_keypoints(recipe):
    estimator = HandEstimator(DotNetwork(BOTH), spec=BOTH, recipe=recipe)
    [estimate] = estimator.estimate(dots(), [BOX])
    maps, frame = estimate.heatmaps("image")
    x, y = np.round(frame.apply_points(estimate.hand.xy)).astype(int).T
    assert (maps[y, x, np.arange(21)] > 0.75).all()


@pytest.mark.parametrize("frame", ["heatmap", "input", "image"])
def test_the_heatmaps_of_the_best_scale_are_those_of_its_keypoints(frame):
    """On the network's cells the second scale scores best, enlarged to its input the first."""

    def network(batch):
        maps = np.zeros((len(batch), 46, 46, 22), np.float32)
        maps[0, 20:22, 30] = 0.84  # rises between its two cells
        maps[1, 9, 9] = 0.85
        return maps

    estimator = HandEstimator(network, recipe=replace(RECIPES["openpose"], scales=(1.0, 2.0)))
    [estimate] = estimator.estimate(np.zeros((300, 300, 3), np.uint8), [(100, 100, 92)], "right")
    maps, place = estimate.heatmaps(frame)
    row, column = np.unravel_index(maps[..., 0].argmax(), maps.shape[:2])
    found = place.invert_points([[column, row]])
    np.testing.assert_allclose(found, estimate.hand.xy[:1], atol=2)
    assert estimate.chosen == estimate.views[:1]


def test_every_output_of_the_network_reaches_the_caller():
    network = DotNetwork(BOTH)

    def engine(batch):
        presence = np.linspace(0.5, 1.0, len(batch))
        return {"keypoints": network(batch), "presence": presence, "mine": batch.mean(axis=(1, 2))}

    [estimate] = HandEstimator(engine, spec=BOTH).estimate(dots(), [BOX])
    assert [set(maps) for maps in estimate.outputs] == [{"keypoints", "presence", "mine"}] * 2
    assert estimate.hand.presence == pytest.approx(0.75)


def test_the_repr_names_preset_recipe_and_engine(estimator):
    expected = "HandEstimator(preset='hand_lite', recipe='refined', engine='onnx')"
    assert repr(estimator) == expected
    assert "recipe='openpose'" in repr(estimator.with_recipe("openpose"))
    assert "DotNetwork" in repr(HandEstimator(DotNetwork()))


def test_an_estimator_of_a_preset_is_pickled_by_its_name_and_rebuilt(estimator, photo):
    varied = estimator.with_recipe(replace(RECIPES["refined"], scales=(1.0, 1.2)))
    data = pickle.dumps(varied)
    assert len(data) < 10_000
    restored = pickle.loads(data)
    assert restored.recipe == varied.recipe
    for one, other in zip(restored(photo), varied(photo), strict=True):
        np.testing.assert_array_equal(one.xy, other.xy)


def test_an_estimator_of_a_model_of_ones_own_is_pickled_with_it():
    image = keras.Input((None, None, 3))
    maps = keras.layers.Conv2D(22, 8, strides=8, padding="same")(image)
    own = HandEstimator(keras.Model(image, maps))
    photo = np.full((99, 99, 3), 200, np.uint8)
    [expected] = own(photo, "whole")
    [restored] = pickle.loads(pickle.dumps(own))(photo, "whole")
    np.testing.assert_allclose(restored.scores, expected.scores, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "preset"), [(HandEstimator, "hand_lite"), (WholeBodyEstimator, "lite")]
)
@pytest.mark.parametrize("together", [1, 2, 3])
def test_many_images_give_the_results_of_single_calls(kind, preset, together, photo, tmp_path):
    several = kind.from_preset(preset)
    write_image(tmp_path / "photo.png", photo)
    images = [photo, np.zeros((90, 120, 3), np.uint8), photo[:, ::-1]]
    given = [tmp_path / "photo.png", images[1], PIL.Image.fromarray(images[2])]
    found = list(several.map(iter(given), together=together, min_presence=0.6))
    assert [bool(each) for each in found] == [True, False, True]
    for one, image in zip(found, images, strict=True):
        alone = several(image, min_presence=0.6)
        for a, b in zip(as_people(one), as_people(alone), strict=True):
            assert a.parts.keys() == b.parts.keys()
            for name, part in a.parts.items():
                np.testing.assert_allclose(part.xy, b.parts[name].xy, atol=1e-4)


def test_many_images_are_taken_one_by_one_and_let_go():
    taken = []

    def images():
        while True:
            assert sum(each() is not None for each in taken) < 2
            image = np.zeros((40, 40, 3), np.uint8)
            taken.append(weakref.ref(image))
            yield image
            del image

    several = HandEstimator(DotNetwork(BOTH), spec=BOTH).map(images(), boxes="whole")
    assert not taken  # before a result is asked for
    assert [len(next(several)) for _ in range(20)] == [1] * 20
    assert len(taken) == 20


def test_a_batch_is_several_images_and_one_image_is_not():
    estimator = HandEstimator(DotNetwork(BOTH), spec=BOTH)
    batch = np.stack([dots(), dots()])
    assert [len(hands) for hands in estimator.map(batch, boxes=[BOX])] == [1, 1]
    for one in (dots(), dots()[..., 0], "hand.jpg", Path("hand.jpg"), None):
        with pytest.raises(ImageError, match=r"expected several images.*estimator\(image\)"):
            estimator.map(one)
    for several in (batch, [dots()] * 2):
        with pytest.raises(ImageError, match=r"estimator\.map\(\w+\) takes several"):
            estimator(several)


def test_an_image_that_is_refused_is_named_by_its_index():
    estimator = HandEstimator(DotNetwork(BOTH), spec=BOTH)
    results = estimator.map([dots(), dots().astype(float)], boxes=[BOX])
    assert len(next(results)) == 1
    with pytest.raises(ImageError, match=r"^images\[1\]: expected an RGB image"):
        next(results)
    results = estimator.map([dots()] * 4 + [dots().astype(float)], together=3, boxes=[BOX])
    assert [len(next(results)) for _ in range(4)] == [1] * 4
    with pytest.raises(ImageError, match=r"^images\[4\]: expected an RGB image"):
        next(results)
    with pytest.raises(ValueError, match="together must be a positive whole number"):
        estimator.map([dots()], together=0)


def report(task, queue):
    """Send what a task raises."""
    try:
        task()
        queue.put("no error")
    except BackendError as error:
        queue.put(str(error))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning", "ignore:.*fork:RuntimeWarning")
@pytest.mark.parametrize("task", ["call", "load"])
def test_a_fork_of_the_process_is_refused_at_once(estimator, photo, task):
    tasks = {
        "call": lambda: estimator(photo, [(0, 0, 99)]),
        "load": lambda: HandEstimator.from_preset("hand_lite"),
    }
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    worker = context.Process(target=report, args=(tasks[task], queue), daemon=True)
    worker.start()
    assert 'get_context("spawn")' in queue.get(timeout=60)
    worker.join(timeout=60)


def test_boxes_may_come_as_two_corners():
    estimator = HandEstimator(DotNetwork(BOTH), spec=BOTH)
    x, y, width, height = BOX
    [by_box] = estimator(dots(), [BOX])
    [by_corners] = estimator(dots(), xyxy=[(x, y, x + width, y + height)])
    assert by_corners.box == by_box.box
    np.testing.assert_array_equal(by_corners.xy, by_box.xy)
    with pytest.raises(ValueError, match="got both"):
        estimator(dots(), [BOX], xyxy=[BOX])
