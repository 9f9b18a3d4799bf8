"""The explorer without its widgets: what follows from a choice, and how often the network runs."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from openpose_keras import RECIPES, HandEstimator, explore, read_image, read_openpose, write_image
from openpose_keras.core.errors import ImageError
from openpose_keras.core.skeletons import HAND
from openpose_keras.io.coco import read_labels
from openpose_keras.networks.input_spec import InputSpec
from openpose_keras.viz.explorer.images import collect_images
from openpose_keras.viz.explorer.predictions import StagedNetwork
from openpose_keras.viz.explorer.render import render, static_figure
from openpose_keras.viz.explorer.save import KINDS, default_path, save
from openpose_keras.viz.explorer.session import PEAKS, Session
from tests.helpers.fakes import DotNetwork, draw_dots, hand_layout
from tests.helpers.heic import encode_heic

BOTH = InputSpec(box_size=160, stride=4, multiple=32, sides="both")
UPRIGHT = replace(BOTH, upright=True)
DRAWN_AGAIN = replace(UPRIGHT, upright_margin=1.8)
RIGHT = InputSpec(box_size=96, stride=8)
BOX = (40.0, 30.0, 160.0, 160.0)
TIP = HAND.index("index_tip")
DOTS = hand_layout(3) * 128 + np.array(BOX[:2]) + 15.5  # positions in the box

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")


@pytest.fixture
def image():
    return draw_dots(DOTS, (240, 320))


@pytest.fixture
def session(image):
    return make(image)


def make(image, spec=BOTH, recipe="refined", boxes=(BOX,)):
    """A session whose network finds dots; `estimator` and `calls` of the network are added.

    Where hands are drawn again the network tells presence and side, as hand_lite does.
    """
    network = DotNetwork(spec)

    def telling(batch):
        brightness = batch.mean(axis=(1, 2, 3)) + 0.5
        return {"keypoints": network(batch), "presence": 1 - brightness / 9, "right": brightness}

    engine = telling if spec.upright_margin else network
    estimator = HandEstimator(engine, spec=spec, recipe=recipe)
    made = Session(image, estimator, boxes=boxes)
    made.calls, made.estimator = network.calls, estimator
    return made


def told(session):
    """What the network tells of the active hand, as people read it."""
    hand = session.result().keypoints
    return f"{hand.side} {100 * hand.presence:.0f} %"


# --- predictions


RUNS = {f"{name} in a box": (BOTH, name, (BOX,)) for name in RECIPES}
RUNS |= {"right hands": (RIGHT, "refined", (BOX,)), "upright": (UPRIGHT, "refined", (BOX,))}
RUNS |= {"searched": (RIGHT, "refined", None), "searched, upright": (UPRIGHT, "refined", None)}
RUNS |= {"drawn again": (DRAWN_AGAIN, "refined", (BOX,))}
RUNS |= {"searched, drawn again": (DRAWN_AGAIN, "refined", None)}


@pytest.mark.parametrize("run", RUNS)
def test_keypoints_and_maps_are_those_of_the_estimators_run(image, run):
    spec, recipe, boxes = RUNS[run]
    made = make(image, spec, recipe, boxes)
    made.change(threshold=-1.0)
    estimates = made.estimator.estimate(image, boxes)
    assert len(estimates) == len(made.hands) == 1
    for estimate, result in zip(estimates, made.results(), strict=True):
        hand, found = estimate.hand, estimate.hand.found
        np.testing.assert_array_equal(result.keypoints.xy[found], hand.xy[found])
        np.testing.assert_array_equal(result.keypoints.scores[found], hand.scores[found])
        assert (result.keypoints.side, result.keypoints.box) == (hand.side, hand.box)
        assert (result.keypoints.presence, result.keypoints.right) == (hand.presence, hand.right)
        maps, frame = estimate.heatmaps()
        np.testing.assert_array_equal(result.maps, maps)
        assert result.box == frame.box


@pytest.mark.parametrize(
    ("spec", "boxes"),
    [(BOTH, (BOX,)), (UPRIGHT, (BOX,)), (UPRIGHT, None), (DRAWN_AGAIN, None)],
    ids=str,
)
def test_network_runs_once_for_a_hand_whatever_else_is_chosen(image, spec, boxes):
    made = make(image, spec, boxes=boxes)
    if boxes:
        render(made)
    calls = len(made.calls)
    assert calls
    for changes in (
        *({"peak": peak} for peak in (None, *PEAKS)),
        *({"channel": channel} for channel in (0, len(HAND) + 1 - 1, None)),
        {"threshold": 0.4, "opacity": 0.9},
        {"close": True, "stage": 1},
    ):
        made.change(**changes)
        render(made)
    made.move_keypoint(3, (50, 60))
    assert len(made.calls) == calls


def test_only_a_new_box_or_scale_runs_the_network(image):
    made = make(image, RIGHT)
    made.results()
    for step, runs in (
        (lambda: made.move_box((45, 30, 160, 160)), True),
        (lambda: made.change(scales=(0.8, 1.0)), True),
        (lambda: made.change(scale=0.8), False),  # it was there with the other one
        (lambda: made.change(scale=None, scales=None), False),
        (lambda: made.set_side("left"), False),  # both had been tried
        (made.undo, False),
        (made.undo, False),
    ):
        before = len(made.calls)
        step()
        made.results()
        assert (len(made.calls) > before) == runs


def test_one_scale_is_the_recipe_with_that_scale(session):
    session.change(scales=(0.8, 1.25), scale=1.25, threshold=-1.0)
    alone = session.estimator.with_recipe(replace(RECIPES["refined"], scales=(1.25,)))
    [hand] = alone(session.image, boxes=[BOX])
    np.testing.assert_array_equal(session.result().keypoints.xy, hand.xy)
    session.change(scales=None)
    assert session.state.scale is None
    assert session.scales == (1.0,)


def test_box_of_a_searched_hand_holds_it_with_the_usual_margin(image):
    made = make(image, DRAWN_AGAIN, boxes=None)
    x, y, width, height = made.hands[0].region.box
    assert ((np.array([x, y]) <= DOTS) & (np.array([x + width, y + height]) > DOTS)).all()
    extent = np.ptp(DOTS, axis=0).max()
    assert width == pytest.approx(1.6 * extent, rel=0.15)


@pytest.mark.slow
def test_each_stage_of_a_network_has_its_own_maps(image):
    import keras

    inputs = keras.Input((None, None, 3))
    stages = [keras.layers.Conv2D(len(HAND) + 1, 1, strides=4)(inputs) for _ in range(2)]
    network = keras.Model(inputs, stages)
    made = Session(image, HandEstimator(network, spec=BOTH, recipe="openpose"), boxes=[BOX])
    assert made.network.count == 2
    last = made.result().maps
    made.change(stage=2)
    np.testing.assert_array_equal(made.result().maps, last)
    made.change(threshold=-1.0, against=1)
    compared = made.compared().result()
    made.change(stage=1)
    np.testing.assert_array_equal(made.result().keypoints.xy, compared.keypoints.xy)
    np.testing.assert_array_equal(made.result().maps, compared.maps)
    assert np.abs(made.result().maps - last).max() > 1e-3


def test_heatmaps_beyond_the_memory_are_calculated_again():
    calls = []

    def network(batch):
        calls.append(len(batch))
        return np.ones((len(batch), 4, 4, 22), np.float32) * batch[:, :1, :1, :1]

    inputs = [np.full((1, 32, 32, 3), value, np.float32) for value in (0.1, 0.2, 0.3)]
    staged = StagedNetwork(HandEstimator(network), memory=2 * 4 * 4 * 22 * 4)
    for batch in (*inputs, inputs[2]):
        np.testing.assert_array_equal(
            staged.maps(batch, 1)["keypoints"][0, 0, 0], batch[0, 0, 0, 0]
        )
    assert calls == [1, 1, 1]
    both = np.concatenate([inputs[2], inputs[0], inputs[2]])
    np.testing.assert_array_equal(staged.maps(both, 1)["keypoints"][:, 0, 0, 0], both[:, 0, 0, 0])
    assert calls == [1, 1, 1, 1]  # the other one was kept


# --- comparisons


def test_second_recipe_is_that_recipe_alone_and_runs_the_network_once(image):
    made = make(image, RIGHT, boxes=(BOX, (0, 0, 120, 120)))
    made.change(threshold=-1.0)
    first, first_shown = made.result().keypoints, render(made)[0]
    made.change(against="openpose")
    np.testing.assert_array_equal(made.result().keypoints.xy, first.xy)
    second, second_shown = made.compared().result().keypoints, render(made.compared())[0]
    assert np.abs(second.xy - first.xy).max() > 0.1
    calls = len(made.calls)
    made.change(recipe="openpose", against="refined")
    np.testing.assert_array_equal(made.result().keypoints.xy, second.xy)
    np.testing.assert_array_equal(render(made)[0], second_shown)
    np.testing.assert_array_equal(made.compared().result().keypoints.xy, first.xy)
    np.testing.assert_array_equal(render(made.compared())[0], first_shown)
    made.change(against=None)
    assert made.compared() is None
    assert len(made.calls) == calls


def test_comparison_changes_nothing_and_keeps_its_place_when_keypoints_are_moved(session):
    plain, before = render(session)[0], session.result().keypoints
    session.change(against="refined")
    np.testing.assert_array_equal(render(session)[0], plain)
    session.move_keypoint(TIP, (60, 60))
    np.testing.assert_array_equal(session.compared().result().keypoints.xy, before.xy)
    assert session.result().keypoints["index_tip"] == (60, 60, 1)
    session.remove_hand()
    assert session.compared() is None


# --- corrections


def test_keypoints_not_above_the_threshold_are_missing(session):
    scores = session.result().keypoints.scores
    session.change(threshold=float(np.sort(scores)[10]))
    np.testing.assert_array_equal(session.result().keypoints.found, scores > np.sort(scores)[10])


def test_moved_keypoint_stays_whatever_is_chosen(session):
    session.move_keypoint(TIP, (123.5, 99))
    session.move_keypoint(0, None)
    for step in (
        lambda: session.change(threshold=1.0),
        lambda: session.change(peak="argmax"),
        lambda: session.change(recipe="openpose"),
        lambda: session.move_box((20, 20, 180, 180)),
        lambda: session.set_side("left"),
    ):
        step()
        hand = session.result().keypoints
        assert hand["index_tip"] == (123.5, 99, 1)
        assert not hand.found[0]
    session.reset_keypoints()
    assert not session.result().keypoints.found.any()


def test_every_change_of_hands_can_be_undone_and_made_again(session):
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
        session.undo()
        assert session.hands == before
    session.undo()
    assert session.hands == history[0]
    for after in history[1:]:
        session.redo()
        assert session.hands == after
    session.undo()
    session.set_side("left")
    changed = session.hands
    session.redo()  # it is another history now
    assert session.hands == changed


def test_hands_are_added_and_removed(session):
    session.add_hand((0, 0, 120, 120))
    assert session.state.hand == 1
    assert len(session.results()) == 2
    session.remove_hand()
    session.remove_hand()
    assert session.hands == ()
    np.testing.assert_array_equal(render(session)[0], session.image)
    for change in (session.remove_hand, session.reset_keypoints):
        with pytest.raises(ValueError, match="draw a box first"):
            change()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda made: made.move_box((5000, 5000, 50, 50)), "holds no pixel"),
        (lambda made: made.add_hand((1, 2, -3, 4)), "four finite numbers"),
        (lambda made: made.move_keypoint(0, (np.nan, 1)), "a found keypoint"),
        (lambda made: made.move_keypoint(len(HAND), (1, 1)), "no keypoint"),
        (lambda made: made.set_side("both"), "left"),
        (lambda made: made.change(image=1), "no image 1"),
        (lambda made: made.change(hand=1), "no hand 1"),
        (lambda made: made.change(hand=-1), "no hand -1"),
        (lambda made: made.change(stage=2), "no stage 2"),
        (lambda made: made.change(recipe="best"), "no recipe 'best'"),
        (lambda made: made.change(against=2), "no recipe or stage 2"),
        (lambda made: made.change(peak="highest"), "argmax"),
        (lambda made: made.change(opacity=1.5), "0 to 1"),
        (lambda made: made.change(zoom=(0, 0, -1, 5)), "four finite numbers"),
        (lambda made: made.change(channel=len(HAND) + 1), "no channel"),
    ],
)
def test_change_that_is_not_possible_changes_nothing(image, change, message):
    made = make(image, recipe="mmittek")
    before = made.hands, made.state
    with pytest.raises((ImageError, ValueError), match=message):
        change(made)
    assert (made.hands, made.state) == before


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
    assert made.result().keypoints["wrist"] == (1, 1, 1)


def test_loading_is_told_before_anything_large_is_imported():
    code = "import sys; from openpose_keras import explore; print('numpy' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert told.stdout.strip() == "False"


def test_arrays_files_and_folders_are_images(tmp_path, image):
    assert collect_images(image)[0].name == "image"
    assert [each.name for each in collect_images(np.stack([image] * 2))] == ["image_1", "image_2"]
    (tmp_path / "._photo.jpg").touch()  # as macOS writes it
    for nothing in ([], tmp_path):
        with pytest.raises(ImageError, match="no image"):
            collect_images(nothing)
    for wrong in (np.zeros((4, 4)), 5, None):
        with pytest.raises(ImageError, match="expected an"):
            collect_images(wrong)
    with pytest.raises(ImageError, match=r"gone\.jpg"):
        make(tmp_path / "gone.jpg")


def test_photos_of_a_folder_that_are_not_read_are_told(tmp_path, image, monkeypatch):
    (tmp_path / "a.heic").write_bytes(encode_heic(image))
    [photo] = collect_images(tmp_path)
    np.testing.assert_array_equal(photo.read(), image)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"no image; left out: 1 HEIC photo \(pip install"):
        collect_images(tmp_path)
    write_image(tmp_path / "b.png", image)
    with pytest.warns(UserWarning, match=r"left out: 1 HEIC photo \(pip install pillow-heif\)"):
        assert [each.name for each in collect_images(tmp_path)] == ["b"]


# --- what is drawn


def test_heatmap_and_skeleton_are_drawn(session):
    session.change(opacity=0.0)
    lines, window = render(session)
    session.change(opacity=0.8)
    both, _ = render(session)
    session.change(channel=TIP)
    one, _ = render(session)
    plain, _ = render(session, opacity=0.0, skeletons=False)
    assert window == (0, 0, 320, 240)
    np.testing.assert_array_equal(plain, session.image)
    for first, second in ((plain, lines), (lines, both), (both, one)):
        assert (first != second).any()
    np.testing.assert_array_equal(both[0, 0], plain[0, 0])  # outside the box
    x, y = np.rint(DOTS[TIP]).astype(int)
    assert one[y + 9, x].any()


def test_large_image_is_shown_small_and_saved_large(image):
    large = np.repeat(np.repeat(image, 6, axis=0), 6, axis=1)
    made = make(large, boxes=[tuple(6 * each for each in BOX)])
    shown, window = render(made)
    assert max(shown.shape) == 900
    assert window == (0, 0, 1920, 1440)
    assert render(made, size=None)[0].shape == large.shape


def test_surroundings_of_the_hand_are_shown_large_and_inside_the_image(session):
    session.change(close=True, opacity=0.0)
    shown, (x, y, width, height) = render(session, skeletons=False)
    assert max(shown.shape) == 900
    assert (x, y, width, height) == (20, 10, 200, 200)
    scale = shown.shape[1] / width
    for dot in DOTS[[0, TIP]]:
        column, row = np.rint((dot + 0.5 - (x, y)) * scale - 0.5).astype(int)
        nearby = session.image[tuple(np.rint(dot[::-1]).astype(int))]
        assert np.abs(shown[row, column].astype(int) - nearby).max() < 40
    session.change(zoom=(0, 0, 60.5, 30))
    assert render(session)[1] == (20, 10, 41, 20)
    session.change(zoom=(300, 0, 5, 5))  # nothing of it is shown
    assert render(session)[1] == (20, 10, 200, 200)
    session.change(zoom=None)
    session.add_hand((200, 150, 160, 160))
    assert render(session)[1] == (180, 130, 140, 110)


def test_without_widgets_there_is_one_figure(image):
    figure = explore(image, HandEstimator(DotNetwork(BOTH), spec=BOTH), boxes=[BOX])
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert [axes.get_title() for axes in figure.axes] == ["keypoints", "heatmaps", "scores"]
    assert [text.get_text() for text in figure.axes[2].texts][::2] == list(HAND.keypoints)
    compared = make(image)
    compared.change(against="openpose")
    first, second, _ = static_figure(compared).axes
    assert (first.get_title(), second.get_title()) == ("refined", "openpose")
    for axes, shown in ((first, compared), (second, compared.compared())):
        np.testing.assert_array_equal(axes.images[0].get_array(), render(shown, size=500)[0])
    telling = make(image, DRAWN_AGAIN)
    assert static_figure(telling).axes[2].get_title() == f"scores: {told(telling)}"
    empty = make(np.zeros((40, 60, 3), np.uint8), boxes=[])
    assert static_figure(empty).axes[2].get_title() == "no hand found"
    with pytest.raises(
        TypeError, match="expected a HandEstimator or a WholeBodyEstimator, got int"
    ):
        explore(image, 7)


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
    np.testing.assert_array_equal(drawn, render(made, size=None)[0])
    [hand] = read_openpose(tmp_path / "hand_keypoints.json")
    np.testing.assert_allclose(hand.xy[TIP], (100.25, 80))
    [sample] = read_labels(tmp_path / "labels.json")
    np.testing.assert_allclose(sample.hands[0].xy, made.result().keypoints.xy, atol=0.01)
    with pytest.raises(FileNotFoundError, match="no folder"):
        save(made, "json", tmp_path / "nowhere" / "x.json")
    with pytest.raises(ValueError, match="image, json, labels"):
        save(made, "video", tmp_path / "x")


def test_labels_of_other_images_stay(tmp_path, image):
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name, image)
    made = make(tmp_path)
    path = tmp_path / "labels.json"
    save(made, "labels", path)
    made.change(image=1)
    made.set_side("left")
    save(made, "labels", path)
    assert [sample.hands[0].side for sample in read_labels(path)] == [None, "left"]


def test_labels_of_an_array_come_with_an_image_file(tmp_path, image, session):
    save(session, "labels", tmp_path / "labels.json")
    np.testing.assert_array_equal(read_image(tmp_path / "image.png"), image)
    save(session, "labels", tmp_path / "more.json")
    write_image(tmp_path / "image.png", image[::-1])
    with pytest.raises(FileExistsError, match="another image"):
        save(session, "labels", tmp_path / "third.json")
    assert not (tmp_path / "third.json").exists()
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(ValueError, match=r"bad\.json: expected"):
        save(session, "labels", tmp_path / "bad.json")


@pytest.mark.parametrize(("kind", "name"), [("image", "photo.png"), ("json", "notes.txt")])
def test_the_photo_itself_and_other_kinds_of_files_are_never_replaced(tmp_path, image, kind, name):
    path = tmp_path / "photo.png"
    write_image(path, image)
    before = path.read_bytes()
    session = Session(path, HandEstimator(DotNetwork(), spec=BOTH), boxes=[BOX])
    with pytest.raises((FileExistsError, ValueError)):
        save(session, kind, tmp_path / name, overwrite=True)
    assert path.read_bytes() == before
    assert not (tmp_path / "notes.txt").exists()
