from dataclasses import replace

import keras
import numpy as np
import pytest

from openpose_keras.core.errors import ImageError, NetworkError
from openpose_keras.core.keypoints import Person
from openpose_keras.core.skeletons import BODY_25, BODY_COCO, BODY_MPI
from openpose_keras.estimators.body import BodyEstimator
from openpose_keras.estimators.recipes import BODY_RECIPES, RECIPES, BodyRecipe
from openpose_keras.heatmaps.people import Thresholds
from openpose_keras.networks.input_spec import InputSpec
from openpose_keras.viz.drawing import draw
from tests.helpers.people import IMAGE, DrawnNetwork, draw_maps, standing

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = BodyRecipe(resolution=(176, None))


def matched(bodies, network):
    """Return the distances of the keypoints of people (n, K), each from the nearest body's."""
    xy = np.stack([body.xy for body in bodies])
    return [np.linalg.norm(xy - truth, axis=2).max(axis=1).min() for truth in network.people]


@pytest.mark.parametrize("skeleton", [BODY_25, BODY_COCO, BODY_MPI], ids=lambda each: each.name)
@pytest.mark.parametrize("recipe", BODY_RECIPES)
def test_people_are_found_where_they_stand_in_the_image(skeleton, recipe):
    network = DrawnNetwork(skeleton)
    small = replace(BODY_RECIPES[recipe], resolution=(176, None))
    bodies = BodyEstimator(network, skeleton=skeleton, recipe=small)(IMAGE)
    assert len(bodies) == 2
    assert network.seen == [(1, 176, 240, 3)]
    assert max(matched(bodies, network)) < 4
    assert all(0.5 < body.person_score < 1.1 and body.skeleton is skeleton for body in bodies)


@pytest.mark.parametrize("options", [{"scales": 2}, {"ratio": 4}, {"resolution": (368, None)}])
def test_other_sizes_find_the_same_people(options):
    network = DrawnNetwork(BODY_MPI)
    recipe = replace(SMALL, **options)
    bodies = BodyEstimator(network, skeleton=BODY_MPI, recipe=recipe)(IMAGE)
    assert len(network.seen) == options.get("scales", 1)
    assert max(matched(bodies, network)) < 6


@pytest.mark.parametrize("skeleton", [BODY_25, BODY_COCO, BODY_MPI], ids=lambda each: each.name)
def test_the_mirror_image_is_averaged_with_sides_and_fields_exchanged(skeleton):
    """A network that sees the mirror image of a person takes the right arm for a left one."""
    person = standing(skeleton, (64, 48), 84)
    mirrored = (person * (-1, 1) + (127, 0))[list(skeleton.mirror_indices)]
    maps = [draw_maps(skeleton, [each], (96, 128)) for each in (person, mirrored)]
    image = np.zeros((96, 128, 3), np.uint8)
    image[:, :64] = 255

    def network(batch):
        drawn = np.stack([maps[int(each[0, -1, 0] > 0)] for each in batch])
        count = len(skeleton) + 1
        return {"keypoints": drawn[..., :count], "affinity": drawn[..., count:]}

    spec = InputSpec(box_size=96, stride=1, multiple=1, sides=None)
    recipe = BodyRecipe(resolution=(96, 128), flip_average=True)
    estimator = BodyEstimator(network, skeleton=skeleton, recipe=recipe, spec=spec)
    [both] = estimator.run(estimator.views(image))
    alone = estimator.with_recipe(replace(recipe, flip_average=False))
    [once] = alone.run(alone.views(image))
    for name, expected in once.items():
        # The drawing of a limb and of its mirror image differ along an edge at most.
        assert np.abs(both[name] - expected).mean() < 0.002, name
    [body], [other] = estimator(image), alone(image)
    np.testing.assert_allclose(body.xy, other.xy, atol=0.5)


@pytest.mark.parametrize("options", [{}, {"ratio": 4}, {"scales": 3}])
def test_refined_people_are_those_of_enlarged_maps(options):
    network = DrawnNetwork(BODY_25)
    exact = BodyEstimator(network, recipe=replace(SMALL, **options))
    refined = BodyEstimator(network, recipe=replace(SMALL, refined=True, **options))
    maps = refined.run(refined.views(IMAGE))
    assert refined.merge(maps).shape == (22, 30, 78)
    for ours, theirs in zip(refined(IMAGE), exact(IMAGE), strict=True):
        np.testing.assert_allclose(ours.xy, theirs.xy, atol=0.05)
        assert ours.person_score == pytest.approx(theirs.person_score, abs=0.01)


@pytest.mark.parametrize(
    ("recipe", "least"), [("openpose", 3), ("openpose_cpu", 3), ("refined", 5), ("fast", 5)]
)
def test_a_few_keypoints_are_no_person_unless_openpose_says_so(recipe, least):
    small = replace(BODY_RECIPES[recipe], resolution=(176, None))
    names = ("neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder")
    for count in (2, 3, 4, 5):
        network = DrawnNetwork(BODY_25)
        hidden = [name not in names[:count] for name in BODY_25.keypoints]
        network.people = [np.where(np.array(hidden)[:, None], np.nan, network.people[0])]
        bodies = BodyEstimator(network, recipe=small)(IMAGE)
        assert [body.found.sum() for body in bodies] == [count] * (count >= least)


def test_the_largest_person_is_kept():
    network = DrawnNetwork(BODY_25)
    (body,) = BodyEstimator(network, recipe=SMALL)(IMAGE, max_people=1)
    assert np.linalg.norm(body.xy - network.people[0], axis=1).max() < 4
    assert draw(IMAGE, [Person(body)]).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (20, 1000), (1000, 20)])
def test_images_of_any_shape_are_searched(size):
    network = DrawnNetwork(BODY_MPI, people=[])
    image = np.zeros((*size, 3), np.uint8)
    assert BodyEstimator(network, skeleton=BODY_MPI, recipe=SMALL)(image) == []


@pytest.mark.parametrize("recipe", ["openpose", "refined"])
def test_maps_lie_over_the_people_that_are_found_in_them(recipe):
    network = DrawnNetwork(BODY_25)
    estimator = BodyEstimator(network, recipe=replace(BODY_RECIPES[recipe], resolution=(176, None)))
    maps, frame = estimator.heatmaps(IMAGE)
    nose = BODY_25.index("nose")
    row, column = np.unravel_index(maps[..., nose].argmax(), maps.shape[:2])
    x, y, width, height = frame.box
    found = np.array(
        [x + (column + 0.5) * width / maps.shape[1], y + (row + 0.5) * height / maps.shape[0]]
    )
    near = [np.linalg.norm(body.xy[nose] + 0.5 - found) for body in estimator(IMAGE)]
    assert min(near) < 0.75 * width / maps.shape[1]


def test_an_image_one_pixel_wide_has_no_people():
    estimator = BodyEstimator(DrawnNetwork(BODY_25), recipe=SMALL)
    maps = estimator.merge(estimator.run(estimator.views(IMAGE)))
    assert estimator.decode(maps, (1, 1)) == []
    assert len(estimator.decode(maps, IMAGE.shape)) == 2


def test_a_network_s_name_says_its_skeleton_and_its_threshold():
    for name, skeleton, peak in (("body_25", BODY_25, 0.05), ("body_mpi_4", BODY_MPI, 0.3)):
        network = DrawnNetwork(skeleton)
        network.name = name
        estimator = BodyEstimator(network)
        assert (estimator.skeleton, estimator.thresholds.peak) == (skeleton, peak)
    strict = BodyEstimator(DrawnNetwork(BODY_25), recipe=SMALL, thresholds=Thresholds(peak=0.95))
    assert strict(IMAGE) == []


def test_a_keras_network_of_two_answers_will_do():
    image = keras.Input((None, None, 3))
    options = {"kernel_size": 8, "strides": 8, "padding": "same", "kernel_initializer": "zeros"}
    channels = {"keypoints": 26, "affinity": 52}
    maps = {name: keras.layers.Conv2D(count, **options)(image) for name, count in channels.items()}
    assert BodyEstimator(keras.Model(image, maps), recipe=SMALL)(IMAGE) == []


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="no recipe 'cuda'"):
        BodyEstimator(DrawnNetwork(BODY_25), recipe="cuda")
    with pytest.raises(ValueError, match="connector is one of"):
        BodyRecipe(connector="cuda")
    with pytest.raises(ValueError, match="a ratio of at least 0"):
        BodyRecipe(ratio=-1)
    with pytest.raises(ValueError, match="keypoints of at least 0"):
        BodyRecipe(keypoints=-1)
    with pytest.raises(ValueError, match=r"scales must be a positive whole number, not \(1, 0.8\)"):
        BodyRecipe(scales=(1, 0.8))
    with pytest.raises(TypeError, match="of the kind in BODY_RECIPES, got Recipe"):
        BodyEstimator(DrawnNetwork(BODY_25)).with_recipe(RECIPES["refined"])
    with pytest.raises(NetworkError, match="expected heatmaps"):
        BodyEstimator(DrawnNetwork(BODY_25), skeleton=BODY_COCO, recipe=SMALL)(IMAGE)
    with pytest.raises(ImageError):
        BodyEstimator(DrawnNetwork(BODY_25))(IMAGE[..., :2])
