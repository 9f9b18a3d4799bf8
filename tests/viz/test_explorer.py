"""The explorer without its widgets: what follows from a choice, and how often the network runs."""

from dataclasses import replace

import numpy as np
import pytest

from openpose_keras import RECIPES, HandEstimator, explore, read_image, read_openpose, write_image
from openpose_keras.core.errors import ImageError
from openpose_keras.core.skeletons import HAND
from openpose_keras.io.coco import read_labels
from openpose_keras.networks.input_spec import InputSpec
from openpose_keras.viz.explorer import Session, static_figure
from openpose_keras.viz.explorer.images import collect_images
from openpose_keras.viz.explorer.predictions import StagedNetwork
from openpose_keras.viz.explorer.render import crop_window, render, render_full_size
from openpose_keras.viz.explorer.save import KINDS, default_path, save
from openpose_keras.viz.explorer.state import CHANNELS, PEAKS, HandAnnotation
from tests.helpers.fakes import DotNetwork, draw_dots, hand_layout

BOTH = InputSpec(box_size=160, stride=4, multiple=32, sides="both")
UPRIGHT = replace(BOTH, upright=True)
BOX = (40.0, 30.0, 160.0, 160.0)
TIP = HAND.index("index_tip")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")


def dots(box=BOX, seed=3):
    """Positions of a hand's dots in a box."""
    return hand_layout(seed) * (np.array(box[2:]) * 0.8) + np.array(box[:2]) + box[2] * 0.1 - 0.5


@pytest.fixture
def image():
    return draw_dots(dots(), (240, 320))


@pytest.fixture
def session(image):
    return make(image)


def make(image, spec=BOTH, recipe="refined", boxes=(BOX,)):
    """A session whose network finds dots; `estimator` and `calls` of the network are added."""
    network = DotNetwork(spec)
    estimator = HandEstimator(network, spec=spec, recipe=recipe)
    made = Session(image, estimator, boxes=boxes)
    made.calls, made.estimator = network.calls, estimator
    return made


# --- predictions


RIGHT = InputSpec(box_size=96, stride=8)
RUNS = {f"{name} in a box": (BOTH, name, (BOX,)) for name in RECIPES}
RUNS |= {"right hands": (RIGHT, "refined", (BOX,)), "upright": (UPRIGHT, "refined", (BOX,))}
RUNS |= {"searched": (RIGHT, "refined", None), "searched, upright": (UPRIGHT, "refined", None)}


@pytest.mark.parametrize("run", RUNS)
def test_keypoints_and_maps_are_those_of_the_estimators_run(image, run):
    spec, recipe, boxes = RUNS[run]
    made = make(image, spec, recipe, boxes)
    made.change(threshold=-1.0)
    estimates = made.estimator.estimate(image, boxes)
    assert len(estimates) == len(made.hands)
    for estimate, result in zip(estimates, made.results(), strict=True):
        hand, found = estimate.hand, estimate.hand.found
        np.testing.assert_array_equal(result.hand.xy[found], hand.xy[found])
        np.testing.assert_array_equal(result.hand.scores[found], hand.scores[found])
        assert (result.hand.side, result.hand.box) == (hand.side, hand.box)
        maps, frame = estimate.heatmaps()
        np.testing.assert_array_equal(result.maps, maps)
        assert result.box == frame.box


def test_table_lists_the_dots(session):
    rows = session.table()
    assert [row.name for row in rows] == list(HAND.keypoints)
    assert np.abs(np.array([[row.x, row.y] for row in rows]) - dots()).max() < 1.5
    assert all(0.5 < row.score < 1 and not row.corrected for row in rows)


@pytest.mark.parametrize("spec", [BOTH, UPRIGHT], ids=["once", "upright"])
def test_network_runs_once_for_a_hand_whatever_else_is_chosen(image, spec):
    made = make(image, spec)
    render(made)
    calls = len(made.calls)
    assert calls
    for changes in (
        *({"peak": peak} for peak in (*PEAKS, None)),
        *({"channel": channel} for channel in (0, len(CHANNELS) - 1, None)),
        {"threshold": 0.4, "opacity": 0.9},
        {"close": True, "stage": 1},
    ):
        made.change(**changes)
        render(made)
        made.table()
    made.move_keypoint(3, (50, 60))
    assert len(made.calls) == calls


def test_only_a_new_box_or_scale_runs_the_network(image):
    made = make(image, RIGHT)
    steps = [
        lambda: made.move_box((45, 30, 160, 160)),
        lambda: made.change(scales=(0.8, 1.0)),
        lambda: made.change(scale=0.8),
        lambda: made.change(scale=None, scales=None),
        lambda: made.set_side("left"),
        made.undo,
        made.undo,
    ]
    made.results()
    ran = []
    for step in steps:
        before = len(made.calls)
        step()
        made.results()
        ran.append(len(made.calls) > before)
    # Scale 0.8 was there with the other one, and both sides had been tried.
    assert ran == [True, True, False, False, False, False, False]


def test_search_is_run_once(image):
    made = make(image, UPRIGHT, boxes=None)
    calls = len(made.calls)
    assert made.hands
    render(made)
    assert len(made.calls) == calls


def test_one_scale_is_the_recipe_with_that_scale(session):
    session.change(scales=(0.8, 1.25), scale=1.25, threshold=-1.0)
    alone = session.estimator.with_recipe(replace(RECIPES["refined"], scales=(1.25,)))
    [hand] = alone(session.image, boxes=[BOX])
    np.testing.assert_array_equal(session.result().hand.xy, hand.xy)
    session.change(scales=None)
    assert session.state.scale is None
    assert session.scales == (1.0,)


@pytest.mark.slow
def test_each_stage_of_a_network_has_its_own_maps(image):
    import keras

    inputs = keras.Input((None, None, 3))
    stages = [keras.layers.Conv2D(len(CHANNELS), 1, strides=4)(inputs) for _ in range(2)]
    network = keras.Model(inputs, stages)
    made = Session(image, HandEstimator(network, spec=BOTH, recipe="openpose"), boxes=[BOX])
    assert made.stages == 2
    last = made.result().maps
    made.change(stage=2)
    np.testing.assert_array_equal(made.result().maps, last)
    made.change(stage=1)
    assert np.abs(made.result().maps - last).max() > 1e-3


def test_heatmaps_beyond_the_memory_are_calculated_again():
    calls = []

    def network(batch):
        calls.append(len(batch))
        return np.ones((len(batch), 4, 4, 22), np.float32) * batch[:, :1, :1, :1]

    inputs = [np.full((1, 32, 32, 3), value, np.float32) for value in (0.1, 0.2, 0.3)]
    staged = StagedNetwork(HandEstimator(network), memory=2 * 4 * 4 * 22 * 4)
    for batch in (*inputs, inputs[2]):
        np.testing.assert_array_equal(staged.heatmaps(batch)[0, 0, 0], batch[0, 0, 0, 0])
    assert calls == [1, 1, 1]
    both = np.concatenate([inputs[2], inputs[0], inputs[2]])
    np.testing.assert_array_equal(staged.heatmaps(both)[:, 0, 0, 0], both[:, 0, 0, 0])
    assert calls == [1, 1, 1, 1]  # the other one was kept


# --- corrections


def test_keypoints_not_above_the_threshold_are_missing_everywhere(session):
    scores = session.result().hand.scores
    session.change(threshold=float(np.sort(scores)[10]))
    found = session.result().hand.found
    np.testing.assert_array_equal(found, scores > np.sort(scores)[10])
    np.testing.assert_array_equal([np.isfinite(row.x) for row in session.table()], found)


def test_moved_keypoint_stays_whatever_is_chosen(session):
    session.move_keypoint(TIP, (123.5, 99))
    session.move_keypoint(0, None)
    for changes in ({}, {"threshold": 1.0}, {"peak": "argmax"}, {"recipe": "openpose"}):
        session.change(**changes)
        tip, wrist = session.table()[TIP], session.table()[0]
        assert tip[1:] == (123.5, 99.0, 1.0, True)
        assert np.isnan(wrist.x)
        assert wrist[3:] == (0, True)
    session.move_box((20, 20, 180, 180))
    session.set_side("left")
    assert session.table()[TIP].x == 123.5
    session.reset_keypoints()
    assert not any(row.corrected for row in session.table())


def test_every_change_of_hands_can_be_undone(session):
    history = [session.hands]
    for step in (
        lambda: session.move_keypoint(4, (9, 9)),
        lambda: session.move_box((20, 20, 180, 180)),
        lambda: session.set_side("right"),
        lambda: session.add_hand((0, 0, 100, 100)),
        session.remove_hand,
        session.reset_keypoints,
    ):
        step()
        history.append(session.hands)
    for before in reversed(history[:-1]):
        assert session.undo()
        assert session.hands == before
    assert not session.undo()


def test_hands_are_added_and_removed(session):
    session.add_hand((0, 0, 120, 120))
    assert session.state.hand == 1
    assert len(session.results()) == 2
    session.remove_hand()
    session.remove_hand()
    assert session.hands == ()
    assert session.table() == []
    np.testing.assert_array_equal(render(session).image, session.image)
    for change in (session.remove_hand, session.reset_keypoints):
        with pytest.raises(ValueError, match="draw a box first"):
            change()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda made: made.move_box((5000, 5000, 50, 50)), "holds no pixel"),
        (lambda made: made.add_hand((5000, 5000, 50, 50)), "holds no pixel"),
        (lambda made: made.add_hand((1, 2, -3, 4)), "four finite numbers"),
        (lambda made: made.move_keypoint(0, (np.nan, 1)), "two finite numbers"),
        (lambda made: made.move_keypoint(len(HAND), (1, 1)), "no keypoint"),
        (lambda made: made.set_side("both"), "left"),
        (lambda made: made.change(image=1), "no image 1 of 1"),
        (lambda made: made.change(hand=1), "no hand 1"),
        (lambda made: made.change(hand=-1), "no hand -1"),
        (lambda made: made.change(stage=2), "has 1 to 1"),
        (lambda made: made.change(recipe="best"), "no recipe 'best'"),
        (lambda made: made.change(scale=0.7), "no scale 0.7"),
        (lambda made: made.change(peak="highest"), "argmax"),
        (lambda made: made.change(opacity=1.5), "0 to 1"),
        (lambda made: made.change(threshold=np.nan), "finite"),
        (lambda made: made.change(channel=len(CHANNELS)), "no channel"),
    ],
)
def test_change_that_is_not_possible_changes_nothing(image, change, message):
    made = make(image, recipe="mmittek")
    before = made.hands, made.state
    with pytest.raises((ImageError, ValueError), match=message):
        change(made)
    assert (made.hands, made.state) == before
    assert not made.undo()


def test_own_recipe_is_offered_with_those_of_the_package(image):
    own = replace(RECIPES["refined"], scales=(0.8, 1.0))
    made = make(image, recipe=own)
    assert list(made.recipes) == ["refined (yours)", *RECIPES]
    assert made.scales == (0.8, 1.0)
    assert next(iter(make(image, recipe="mmittek").recipes)) == "mmittek"


# --- images


def test_images_are_read_when_they_are_shown(tmp_path, image):
    for name in ("b.png", "a.png"):
        write_image(tmp_path / name, image)
    (tmp_path / "notes.txt").write_text("no image")
    made = make(tmp_path, recipe="mmittek")
    assert [each.name for each in made.images] == ["a", "b"]
    (tmp_path / "b.png").write_bytes(b"broken")
    with pytest.raises(ImageError, match=r"b\.png"):
        made.change(image=1)
    assert made.state.image == 0
    write_image(tmp_path / "b.png", image[::-1])
    made.move_keypoint(0, (1, 1))
    made.change(image=1)
    np.testing.assert_array_equal(made.image, image[::-1])
    made.change(image=0)
    assert made.table()[0].corrected


def test_arrays_files_and_folders_are_images(tmp_path, image):
    assert collect_images(image)[0].name == "image"
    assert [each.name for each in collect_images(np.stack([image] * 2))] == ["image_1", "image_2"]
    for nothing in ([], tmp_path):
        with pytest.raises(ImageError, match="no image"):
            collect_images(nothing)
    with pytest.raises(FileNotFoundError, match=r"gone\.jpg"):
        collect_images(tmp_path / "gone.jpg")
    with pytest.raises(ImageError):
        collect_images(np.zeros((4, 4)))
    with pytest.raises(TypeError, match="image, a file"):
        collect_images(5)


# --- what is drawn


def test_heatmap_and_skeleton_are_drawn(session):
    session.change(opacity=0.0)
    lines = render(session).image
    session.change(opacity=0.8)
    both = render(session).image
    session.change(channel=TIP)
    one = render(session).image
    plain = render(session, opacity=0.0, skeletons=False).image
    np.testing.assert_array_equal(plain, session.image)
    for first, second in ((plain, lines), (lines, both), (both, one)):
        assert (first != second).any()
    np.testing.assert_array_equal(both[0, 0], plain[0, 0])  # outside the box
    x, y = np.rint(dots()[TIP]).astype(int)
    assert one[y + 9, x].any()


def test_large_image_is_shown_small_and_saved_large(image):
    large = np.repeat(np.repeat(image, 6, axis=0), 6, axis=1)
    made = make(large, boxes=[tuple(6 * each for each in BOX)])
    rendering = render(made)
    assert max(rendering.image.shape) == 900
    assert rendering.window == (0, 0, 1920, 1440)
    assert render_full_size(made).shape == large.shape


def test_surroundings_of_the_hand_are_shown_large(session):
    session.change(close=True, opacity=0.0)
    rendering = render(session, skeletons=False)
    x, y, width, height = rendering.window
    assert max(rendering.image.shape) == 900
    assert width < 220
    assert min(x, y) >= 0
    assert x + width <= 320
    assert y + height <= 240
    scale = rendering.image.shape[1] / width
    for index in (0, TIP):
        column, row = np.rint((dots()[index] + 0.5 - (x, y)) * scale - 0.5).astype(int)
        nearby = session.image[tuple(np.rint(dots()[index][::-1]).astype(int))]
        assert np.abs(rendering.image[row, column].astype(int) - nearby).max() < 40


def test_crop_at_scale_one_is_the_pixels_themselves():
    image = np.random.default_rng(0).integers(0, 255, (9, 12, 3)).astype(np.uint8)
    np.testing.assert_array_equal(crop_window(image, (2, 3, 5, 4), 1.0), image[3:7, 2:7])


def test_without_widgets_there_is_one_figure(image):
    figure = explore(image, HandEstimator(DotNetwork(BOTH), spec=BOTH), boxes=[BOX])
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert [axes.get_title() for axes in figure.axes] == ["keypoints", "heatmaps", "scores"]
    assert [text.get_text() for text in figure.axes[2].texts][::2] == list(HAND.keypoints)
    empty = make(np.zeros((40, 60, 3), np.uint8), boxes=[])
    assert static_figure(empty).axes[2].get_title() == "no hand found"


# --- files


def test_saving_replaces_nothing_unless_asked(tmp_path, image):
    write_image(tmp_path / "hand.png", image)
    made = make(tmp_path / "hand.png")
    made.move_keypoint(TIP, (100.25, 80))
    for kind in KINDS:
        path = save(made, kind, default_path(made, kind))
        content = path.read_bytes()
        with pytest.raises(FileExistsError):
            save(made, kind, path)
        assert path.read_bytes() == content
        save(made, kind, path, overwrite=True)
    names = {"hand.png", "hand_explored.png", "hand_keypoints.json", "labels.json"}
    assert {path.name for path in tmp_path.iterdir()} == names
    drawn = read_image(tmp_path / "hand_explored.png")
    np.testing.assert_array_equal(drawn, render_full_size(made))
    [hand] = read_openpose(tmp_path / "hand_keypoints.json")
    np.testing.assert_allclose(hand.xy[TIP], (100.25, 80))
    [sample] = read_labels(tmp_path / "labels.json")
    np.testing.assert_allclose(sample.hands[0].xy, made.result().hand.xy, atol=0.01)
    with pytest.raises(FileNotFoundError, match="no folder"):
        save(made, "json", tmp_path / "nowhere" / "x.json")
    with pytest.raises(ValueError, match="image, json, labels"):
        save(made, "video", tmp_path / "x")


def test_labels_of_other_images_stay(tmp_path, image):
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name, image)
    made = make(tmp_path)
    made.annotations[1] = (HandAnnotation(BOX, "left"),)
    path = tmp_path / "labels.json"
    save(made, "labels", path)
    made.change(image=1)
    save(made, "labels", path)
    samples = read_labels(path)
    assert [len(sample.hands) for sample in samples] == [1, 1]
    assert samples[1].hands[0].side == "left"


def test_labels_of_an_array_come_with_an_image_file(tmp_path, image, session):
    save(session, "labels", tmp_path / "labels.json")
    np.testing.assert_array_equal(read_image(tmp_path / "image.png"), image)
    save(session, "labels", tmp_path / "more.json")
    write_image(tmp_path / "image.png", image[::-1])
    with pytest.raises(FileExistsError, match="another image"):
        save(session, "labels", tmp_path / "third.json")
    assert not (tmp_path / "third.json").exists()
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(ValueError, match="images"):
        save(session, "labels", tmp_path / "bad.json")
