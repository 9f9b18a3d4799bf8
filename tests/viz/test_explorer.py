"""The explorer without its widgets: what follows from what is chosen, and how often it runs."""

import json

import numpy as np
import pytest

from openpose_keras import RECIPES, HandEstimator, explore, read_image, read_openpose, write_image
from openpose_keras.core.errors import ImageError
from openpose_keras.core.skeletons import HAND
from openpose_keras.engines.stages import stages_model
from openpose_keras.evaluation import read_samples
from openpose_keras.networks.input_spec import InputSpec
from openpose_keras.viz.explorer import Session, static_figure
from openpose_keras.viz.explorer.images import collect
from openpose_keras.viz.explorer.render import cut, picture, show
from openpose_keras.viz.explorer.save import default_path, save
from openpose_keras.viz.explorer.stages import StagedNetwork
from openpose_keras.viz.explorer.state import CHANNELS, PEAKS, Mark, State
from tests.helpers.fakes import DotNetwork, draw_dots, hand_layout

BOTH = InputSpec(box_size=160, stride=4, multiple=32, sides="both")
UPRIGHT = InputSpec(box_size=160, stride=4, multiple=32, sides="both", upright=True)
BOX = (40.0, 30.0, 160.0, 160.0)
TIP = HAND.index("index_tip")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")


def known(box=BOX, seed=3):
    """Places of 21 dots in a box."""
    return hand_layout(seed) * (np.array(box[2:]) * 0.8) + np.array(box[:2]) + box[2] * 0.1 - 0.5


@pytest.fixture
def image():
    return draw_dots(known(), (240, 320))


@pytest.fixture
def session(image):
    return make(image)


def make(image, spec=BOTH, recipe="refined", boxes=(BOX,)):
    network = DotNetwork(spec)
    made = Session(image, HandEstimator(network, spec=spec, recipe=recipe), boxes=boxes)
    made.calls = network.calls
    return made


def test_the_answer_is_the_estimators(image):
    for spec in (BOTH, UPRIGHT, InputSpec()):
        for recipe in RECIPES:
            made = make(image, spec, recipe)
            made.change(threshold=-1.0)
            [hand] = made.estimator(image, boxes=[BOX])
            answer = made.answer()
            found = hand.found
            np.testing.assert_array_equal(answer.hand.xy[found], hand.xy[found])
            np.testing.assert_array_equal(answer.hand.scores[found], hand.scores[found])
            assert answer.hand.side == hand.side
            maps, frame = made.estimator.heatmaps(image, BOX, hand.side)
            np.testing.assert_array_equal(answer.maps, maps)
            assert answer.box == frame.box


def test_the_keypoints_are_where_they_are(session):
    assert np.abs(session.answer().hand.xy - known()).max() < 1.5
    rows = session.table()
    assert [row.name for row in rows] == list(HAND.keypoints)
    assert np.abs(np.array([[row.x, row.y] for row in rows]) - known()).max() < 1.5
    assert all(0.5 < row.score < 1 and not row.corrected for row in rows)


@pytest.mark.parametrize("spec", [BOTH, UPRIGHT], ids=["once", "upright"])
def test_the_network_runs_once_for_a_hand_whatever_else_is_chosen(image, spec):
    made = make(image, spec)
    show(made)
    calls = len(made.calls)
    assert calls
    for changes in (
        *({"peak": peak} for peak in (*PEAKS, None)),
        *({"channel": channel} for channel in (None, 0, 21)),
        {"threshold": 0.4},
        {"opacity": 0.9},
        {"close": True},
        {"stage": 1},
    ):
        made.change(**changes)
        show(made)
        made.table()
        made.openpose()
    made.move_keypoint(3, (50, 60))
    show(made)
    assert len(made.calls) == calls


def test_another_box_side_or_scale_runs_the_network_and_the_same_again_does_not(image):
    made = make(image, InputSpec())
    show(made)
    steps = [
        lambda: made.move_box((45, 30, 160, 160)),
        lambda: made.change(scales=(0.8, 1.0)),
        lambda: made.change(scale=0.8),
        lambda: made.change(scale=None, scales=None),
        lambda: made.set_side("left"),
        lambda: made.undo(),
        lambda: made.undo(),
    ]
    ran = []
    for step in steps:
        before = len(made.calls)
        step()
        show(made)
        ran.append(len(made.calls) > before)
    # Scale 0.8 alone was there with the others, and both sides were tried.
    assert ran == [True, True, False, False, False, False, False]


def test_one_scale_is_the_recipe_with_that_scale(image):
    from dataclasses import replace

    made = make(image)
    made.change(scales=(0.8, 1.25), scale=1.25, threshold=-1.0)
    alone = made.estimator.with_recipe(replace(RECIPES["refined"], scales=(1.25,)))
    [hand] = alone(image, boxes=[BOX])
    np.testing.assert_array_equal(made.answer().hand.xy, hand.xy)
    assert made.scales == (0.8, 1.25)
    made.change(scales=None)
    assert made.state.scale is None and made.scales == (1.0,)


def test_what_is_not_above_the_threshold_is_missing_everywhere(session):
    low = session.answer().hand.scores
    session.change(threshold=float(np.sort(low)[10]))
    answer = session.answer()
    assert answer.hand.found.sum() == (low > np.sort(low)[10]).sum()
    assert sum(np.isnan(row.x) for row in session.table()) == 21 - answer.hand.found.sum()
    flat = np.reshape(session.openpose()["people"][0]["hand_right_keypoints_2d"], (21, 3))
    assert (flat.any(axis=1) == answer.hand.found).all()
    session.change(threshold=1.0)
    assert not session.answer().hand.found.any()


def test_a_moved_keypoint_stays_whatever_is_chosen(session):
    session.move_keypoint(TIP, (123.5, 99))
    session.move_keypoint(0, None)
    for changes in ({}, {"threshold": 1.0}, {"peak": "argmax"}, {"recipe": "openpose"}):
        session.change(**changes)
        row, wrist = session.table()[TIP], session.table()[0]
        assert (row.x, row.y, row.score, row.corrected) == (123.5, 99.0, 1.0, True)
        assert np.isnan(wrist.x) and wrist.score == 0 and wrist.corrected
    session.move_box((20, 20, 180, 180))
    session.set_side("left")
    assert session.table()[TIP].x == 123.5
    session.reset_keypoints()
    session.change(threshold=0.2)
    assert not any(row.corrected for row in session.table())


def test_every_change_of_hands_can_be_taken_back(session):
    marks = [session.hands]
    for step in (
        lambda: session.move_keypoint(4, (9, 9)),
        lambda: session.move_box((20, 20, 180, 180)),
        lambda: session.set_side("right"),
        lambda: session.add_hand((0, 0, 100, 100)),
        lambda: session.remove_hand(),
        lambda: session.reset_keypoints(),
    ):
        step()
        marks.append(session.hands)
    for before in reversed(marks[:-1]):
        assert session.undo()
        assert session.hands == before
    assert not session.undo()


def test_a_hand_that_cannot_be_looked_at_changes_nothing(image):
    made = make(image, recipe="mmittek")
    show(made)
    before = made.hands, made.state
    with pytest.raises(ImageError, match="holds no pixel"):
        made.move_box((5000, 5000, 50, 50))
    with pytest.raises(ImageError, match="holds no pixel"):
        made.add_hand((5000, 5000, 50, 50))
    with pytest.raises(ValueError, match="four finite numbers"):
        made.add_hand((1, 2, -3, 4))
    with pytest.raises(ValueError, match="two finite numbers"):
        made.move_keypoint(0, (np.nan, 1))
    with pytest.raises(ValueError, match="no keypoint"):
        made.move_keypoint(21, (1, 1))
    assert (made.hands, made.state) == before and not made.undo()


def test_hands_are_added_and_removed(session):
    session.add_hand((0, 0, 120, 120))
    assert session.state.hand == 1 and len(session.answers()) == 2
    session.remove_hand()
    session.remove_hand()
    assert session.hands == () and session.mark is None and session.table() == []
    assert show(session).picture.shape == session.image.shape
    assert session.openpose()["people"] == []
    for verb in (session.remove_hand, session.reset_keypoints):
        with pytest.raises(ValueError, match="draw a box first"):
            verb()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"picture": 1}, "no picture 1 of 1"),
        ({"hand": 1}, "no hand 1"),
        ({"hand": -1}, "no hand -1"),
        ({"stage": 2}, "has 1 to 1"),
        ({"recipe": "best"}, "no recipe 'best'"),
        ({"scale": 0.7}, "no scale 0.7"),
        ({"peak": "highest"}, "argmax"),
        ({"opacity": 1.5}, "0 to 1"),
        ({"threshold": np.nan}, "finite"),
        ({"channel": 22}, "0 to 21"),
    ],
)
def test_a_choice_that_there_is_not_is_refused_and_changes_nothing(session, changes, words):
    before = session.state
    with pytest.raises(ValueError, match=words):
        session.change(**changes)
    assert session.state == before


def test_a_recipe_of_ones_own_is_offered_beside_the_one_of_its_name(image):
    from dataclasses import replace

    own = replace(RECIPES["refined"], scales=(0.8, 1.0))
    made = make(image, recipe=own)
    assert list(made.recipes) == ["refined (yours)", *RECIPES]
    assert made.scales == (0.8, 1.0)
    assert next(iter(make(image, recipe="mmittek", boxes=None).recipes)) == "mmittek"


def test_pictures_are_read_when_they_are_looked_at(tmp_path, image):
    for name in ("b.png", "a.png"):
        write_image(tmp_path / name, image)
    (tmp_path / "notes.txt").write_text("no picture")
    estimator = HandEstimator(DotNetwork(BOTH), spec=BOTH, recipe="mmittek")
    made = Session(tmp_path, estimator)
    assert [each.name for each in made.pictures] == ["a", "b"]
    (tmp_path / "b.png").write_bytes(b"broken")
    with pytest.raises(ImageError, match=r"b\.png"):
        made.change(picture=1)
    assert made.state.picture == 0
    write_image(tmp_path / "b.png", image[::-1])
    made.move_keypoint(0, (1, 1))
    made.change(picture=1)
    assert (made.image == image[::-1]).all()
    made.change(picture=0)
    assert made.table()[0].corrected


def test_what_is_given_is_one_picture_or_more(tmp_path, image):
    assert collect(image)[0].name == "image"
    assert [each.name for each in collect(np.stack([image, image]))] == ["image_1", "image_2"]
    with pytest.raises(ImageError, match="no picture"):
        collect([])
    with pytest.raises(ImageError, match="no picture"):
        collect(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"gone\.jpg"):
        collect(tmp_path / "gone.jpg")
    with pytest.raises(ImageError):
        collect(np.zeros((4, 4)))
    with pytest.raises(TypeError, match="image, a file"):
        collect(5)


def test_the_screen_shows_the_heatmap_and_the_skeleton(session):
    plain = session.image
    session.change(opacity=0.0)
    lines = show(session).picture
    session.change(opacity=0.8)
    both = show(session).picture
    assert plain.shape == lines.shape == both.shape
    assert (lines != plain).any() and (both != lines).any()
    session.change(channel=TIP)
    one = show(session).picture
    assert (one != both).any()
    x, y = np.rint(known()[TIP]).astype(int)
    outside = both[0, 0], plain[0, 0]
    assert (outside[0] == outside[1]).all()  # the box does not reach there
    assert one[y + 9, x].astype(int).sum() > 0


def test_a_large_picture_is_shown_small_and_saved_large(image):
    large = np.repeat(np.repeat(image, 6, axis=0), 6, axis=1)
    made = make(large, boxes=[tuple(6 * each for each in BOX)])
    screen = show(made)
    assert max(screen.picture.shape) == 900 and screen.window == (0, 0, 1920, 1440)
    assert picture(made).shape == large.shape


def test_going_close_shows_the_hand_large_where_it_is(session):
    session.change(close=True, opacity=0.0)
    screen = show(session, skeletons=False)
    x, y, width, height = screen.window
    assert max(screen.picture.shape) == 900 and width < 220
    scale = screen.picture.shape[1] / width
    for index in (0, TIP):
        at = np.rint((known()[index] + 0.5 - (x, y)) * scale - 0.5).astype(int)
        nearby = session.image[tuple(np.rint(known()[index][::-1]).astype(int))]
        assert np.abs(screen.picture[at[1], at[0]].astype(int) - nearby).max() < 40
    assert min(x, y) >= 0 and x + width <= 320 and y + height <= 240


def test_a_cut_is_the_pixels_themselves_at_scale_one():
    image = np.random.default_rng(0).integers(0, 255, (9, 12, 3)).astype(np.uint8)
    part, window = cut(image, (2.0, 3.0, 5.0, 4.0), 1.0)
    assert (part == image[3:7, 2:7]).all() and window == (2, 3, 5, 4)


def test_saving_never_replaces_unasked(tmp_path, image):
    write_image(tmp_path / "hand.png", image)
    made = make(tmp_path / "hand.png")
    made.move_keypoint(TIP, (100.25, 80))
    for kind in ("picture", "json", "labels"):
        path = save(made, kind, default_path(made, kind))
        assert path.parent == tmp_path
        content = path.read_bytes()
        with pytest.raises(FileExistsError):
            save(made, kind, path)
        assert path.read_bytes() == content
        save(made, kind, path, overwrite=True)
    assert read_image(tmp_path / "hand_explored.png").shape == image.shape
    [hand] = read_openpose(tmp_path / "hand_keypoints.json")
    np.testing.assert_allclose(hand.xy[TIP], (100.25, 80))
    [sample] = read_samples(tmp_path / "labels.json")
    np.testing.assert_allclose(sample.hands[0].xy, made.answer().hand.xy, atol=0.01)
    with pytest.raises(FileNotFoundError, match="no folder"):
        save(made, "json", tmp_path / "nowhere" / "x.json")
    with pytest.raises(ValueError, match="picture, json, labels"):
        save(made, "video", tmp_path / "x")


def test_labels_of_other_pictures_stay(tmp_path, image):
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name, image)
    made = Session(tmp_path, HandEstimator(DotNetwork(BOTH), spec=BOTH), boxes=[BOX])
    made.marks[1] = (Mark(BOX, "left"),)
    path = tmp_path / "labels.json"
    save(made, "labels", path)
    made.change(picture=1)
    save(made, "labels", path)
    assert [len(sample.hands) for sample in read_samples(path)] == [1, 1]
    assert read_samples(path)[1].hands[0].side == "left"


def test_labels_of_an_array_come_with_a_picture(tmp_path, image, session):
    save(session, "labels", tmp_path / "labels.json")
    assert (read_image(tmp_path / "image.png") == image).all()
    save(session, "labels", tmp_path / "more.json")
    write_image(tmp_path / "image.png", image[::-1])
    with pytest.raises(FileExistsError, match="another picture"):
        save(session, "labels", tmp_path / "third.json")
    assert not (tmp_path / "third.json").exists()
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(ValueError, match="images"):
        save(session, "labels", tmp_path / "bad.json")


def test_without_widgets_there_is_one_figure(image):
    figure = explore(image, HandEstimator(DotNetwork(BOTH), spec=BOTH), boxes=[BOX])
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert [axes.get_title() for axes in figure.axes] == ["keypoints", "heatmaps", "scores"]
    words = [text.get_text() for text in figure.axes[2].texts]
    assert words[::2] == list(HAND.keypoints)
    empty = make(np.zeros((40, 60, 3), np.uint8), boxes=[])
    assert static_figure(empty).axes[2].get_title() == "no hand found"


def test_answers_are_forgotten_beyond_the_memory():
    calls = []

    def network(batch):
        calls.append(len(batch))
        return (
            np.zeros((len(batch), 4, 4, 22), np.float32)
            + batch.mean(axis=(1, 2, 3))[:, None, None, None]
        )

    one = 4 * 4 * 22 * 4
    staged = StagedNetwork(HandEstimator(network), memory=2 * one)
    pictures = [np.full((1, 32, 32, 3), value, np.float32) for value in (0.1, 0.2, 0.3)]
    for batch in pictures:
        np.testing.assert_allclose(staged.answers(batch), batch[0, 0, 0, 0], rtol=1e-5)
    staged.answers(pictures[2])
    assert len(calls) == 3
    staged.answers(pictures[0])
    assert len(calls) == 4
    both = np.concatenate([pictures[0], pictures[1], pictures[0]])
    np.testing.assert_allclose(staged.answers(both)[:, 0, 0, 0], (0.1, 0.2, 0.1), rtol=1e-5)
    assert calls[-1] == 1  # the other one was known


def test_the_stages_of_our_networks_are_theirs():
    import keras

    from openpose_keras import networks

    keras.utils.set_random_seed(0)
    network = networks.hand_lite()
    for weight in network.weights:
        weight.assign(np.random.default_rng(0).normal(0, 0.05, weight.shape))
    for layer in network.layers:
        if layer.name.endswith("_norm"):
            layer.moving_variance.assign(np.ones(layer.moving_variance.shape))
    batch = np.random.default_rng(1).uniform(-0.5, 0.5, (1, 64, 64, 3)).astype(np.float32)
    staged = stages_model(network)
    together = keras.ops.convert_to_numpy(staged(batch))
    assert together.shape == (1, 16, 16, 44)
    np.testing.assert_allclose(
        together[..., 22:], keras.ops.convert_to_numpy(network(batch)), atol=1e-5
    )
    assert np.abs(together[..., :22] - together[..., 22:]).max() > 1e-4
    other = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.Conv2D(22, 1)], name="hand_lite"
    )
    assert stages_model(other) is None
    spec = InputSpec(box_size=64, stride=4, multiple=32, sides="both")
    made = Session(
        np.zeros((64, 64, 3), np.uint8), HandEstimator(network, spec=spec), boxes=[(0, 0, 64)]
    )
    assert made.stages == 2
    first = made.answer().maps
    made.change(stage=1)
    assert np.abs(made.answer().maps - first).max() > 1e-4


def test_state_and_marks_are_data():
    assert State().channel is None and CHANNELS[-1] == "background"
    mark = Mark((1, 2, 30, 30)).move(3, (4, 5))
    assert mark.moved == {3: (4.0, 5.0)} and Mark((1, 2, 30, 30)).moved == {}
    with pytest.raises(ValueError, match="left"):
        Mark((1, 2, 3, 4), side="both")


def test_the_json_is_openposes(session):
    assert json.loads(json.dumps(session.openpose()))["version"] == 1.3
