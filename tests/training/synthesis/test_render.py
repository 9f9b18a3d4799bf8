import numpy as np
import pytest

from openpose_keras.core.errors import AssetError
from openpose_keras.training.synthesis.assets import load_assets
from openpose_keras.training.synthesis.color import lab_to_linear, to_linear, to_srgb
from openpose_keras.training.synthesis.materials import skin_colour
from openpose_keras.training.synthesis.render import HAND_FRACTION, render_hand
from tests.helpers.assets import assets_folder


@pytest.fixture(scope="module")
def assets():
    return load_assets(assets_folder(), texture_size=256)


@pytest.fixture(scope="module")
def layers(assets):
    return [render_hand(assets, np.random.default_rng(seed), size=96) for seed in range(40)]


def test_keypoints_fill_their_fraction_of_the_layer_around_its_middle(layers):
    for layer in layers:
        assert (layer.rgba.shape, layer.rgba.dtype) == ((96, 96, 4), np.uint8)
        assert (layer.xy.shape, layer.xy.dtype) == ((21, 2), np.float32)
        assert (layer.visible.shape, layer.visible.dtype) == ((21,), bool)
        low, high = layer.xy.min(0), layer.xy.max(0)
        assert (high - low).max() == pytest.approx(HAND_FRACTION * 96, abs=0.02)
        np.testing.assert_allclose((low + high) / 2, 47.5, atol=0.02)


def test_keypoints_lie_on_the_hand(layers):
    inside = []
    for layer in layers:
        column, row = np.round(layer.xy).astype(int).T
        inside.append((layer.rgba[row, column, 3] > 127).mean())
    assert min(inside) > 0.8
    assert np.mean(inside) > 0.985


def test_an_image_is_neither_black_nor_white(layers):
    means = [layer.rgba[layer.rgba[..., 3] > 250, :3].mean() for layer in layers]
    assert 60 < np.mean(means) < 190
    assert np.std(means) > 15
    assert 2 < min(means) < max(means) < 253


def test_sides_and_kinds_are_mixed(layers):
    assert 10 < sum(layer.side == "left" for layer in layers) < 30
    assert {"bare", "glove"} <= {layer.meta["kind"] for layer in layers}
    assert 0.2 < np.mean([layer.gloved for layer in layers]) < 0.6


def test_a_left_hand_is_the_mirrored_right_hand(assets):
    left, right = (
        render_hand(assets, np.random.default_rng(3), size=96, kind="bare", side=side)
        for side in ("left", "right")
    )
    np.testing.assert_allclose(left.xy, right.xy * (-1, 1) + (95, 0), atol=1e-3)
    overlap = (left.rgba[:, ::-1, 3] > 127) == (right.rgba[..., 3] > 127)
    assert overlap.mean() > 0.99


@pytest.mark.parametrize("touching", ["nothing", "object", "hand"])
def test_only_a_hand_that_touches_another_has_a_second_one(assets, touching):
    hands = [
        render_hand(assets, np.random.default_rng(seed), size=48, touching=touching)
        for seed in range(6)
    ]
    assert all((hand.second is not None) == (touching == "hand") for hand in hands)
    for hand in hands:
        assert hand.meta["touching"] == touching
        if hand.second is not None:
            xyz, side = hand.second
            shaken = hand.meta["pose"] == "shaken"
            assert (xyz.shape, side == hand.side) == ((21, 3), shaken)
            apart = np.linalg.norm(xyz[:, None] - hand.xyz, axis=2).min()
            assert apart < 0.4 * np.ptp(hand.xyz, axis=0).max()


def test_a_finger_that_points_at_the_camera_has_a_smaller_depth_than_the_wrist(assets):
    """The palm of a hooked hand faces the camera, and so do its fingertips."""
    checked = 0
    for seed in range(400):
        if checked == 3:
            break
        hand = render_hand(assets, np.random.default_rng(seed), size=16, touching="nothing")
        if hand.meta["pose"] == "table" and abs(hand.meta["facing"]) > 0.8:
            depth = (hand.xyz[[8, 12, 16], 2] - hand.xyz[[5, 9, 13], 2]).mean()
            assert np.sign(depth) == -np.sign(hand.meta["facing"])
            checked += 1
    assert checked == 3


def test_depth_is_relative_to_the_wrist_and_grows_away_from_the_camera(layers):
    """Keypoints that something hides lie deeper than that which hides them."""
    for layer in layers:
        assert layer.xyz[0, 2] == 0
        extent = np.ptp(layer.xy, axis=0).max()
        assert np.ptp(layer.xyz[:, 2]) < 4 * extent
    hidden = np.concatenate([layer.xyz[~layer.visible, 2] for layer in layers])
    seen = np.concatenate([layer.xyz[layer.visible, 2] for layer in layers])
    assert hidden.mean() > seen.mean()


@pytest.mark.slow
def test_an_open_palm_shows_the_side_that_it_claims(assets):
    """Seen palm first with fingers up, a right hand's thumb lies on the right."""
    checked = 0
    for seed in range(150):
        layer = render_hand(assets, np.random.default_rng(seed), size=64, kind="bare", side="right")
        if layer.meta["pose"] != "flat" or abs(layer.meta["facing"]) < 0.7:
            continue
        up, across = layer.xy[9] - layer.xy[0], layer.xy[5] - layer.xy[17]
        cross = across[0] * up[1] - across[1] * up[0]
        assert np.sign(cross) == -np.sign(layer.meta["facing"])
        checked += 1
    assert checked >= 3


@pytest.mark.parametrize("kind", ["bare", "glove", "fingerless"])
def test_kind_and_side_can_be_chosen(assets, kind):
    layer = render_hand(assets, np.random.default_rng(0), size=48, kind=kind, side="left")
    assert (layer.meta["kind"], layer.side, layer.gloved) == (kind, "left", kind != "bare")


@pytest.mark.parametrize("touching", ["nothing", "object", "hand"])
@pytest.mark.parametrize("seed", range(2))
def test_appearance_changes_while_all_else_stays(assets, seed, touching):
    """What the second generator draws leaves pose, view and light as they are."""
    options = {"size": 96, "touching": touching}
    hands = []
    for kind, other in (("bare", 0), ("bare", 1), ("glove", 0), ("fingerless", 2)):
        rngs = np.random.default_rng(seed), np.random.default_rng(other)
        hands.append(render_hand(assets, rngs[0], kind=kind, appearance_rng=rngs[1], **options))
    for hand in hands[1:]:
        np.testing.assert_allclose(hand.xy, hands[0].xy, atol=1e-3)
        assert hand.side == hands[0].side
        for fact in ("pose", "distance", "facing", "touching"):
            assert hand.meta[fact] == pytest.approx(hands[0].meta[fact])
    covered = [hand.rgba[..., 3] > 127 for hand in hands]
    assert (covered[0] == covered[2]).mean() > 0.96
    assert (hands[0].rgba != hands[1].rgba).any()


def test_one_generator_for_all_is_the_default(assets, layers):
    rng = np.random.default_rng(7)
    layer = render_hand(assets, rng, size=96, appearance_rng=rng)
    np.testing.assert_array_equal(layer.rgba, layers[7].rgba)


@pytest.mark.parametrize(
    ("option", "value"),
    [("kind", "mitten"), ("side", "up"), ("touching", "foot"), ("size", 0), ("size", 2.5)],
)
def test_an_option_that_is_not_valid_is_refused_by_name(assets, option, value):
    with pytest.raises(ValueError, match=rf"expected {option} to be"):
        render_hand(assets, np.random.default_rng(0), **{option: value})


def test_missing_folder_says_where_to_get_it(tmp_path):
    with pytest.raises(AssetError, match=r"godot-xr-tools at commit 2d8db860"):
        load_assets(tmp_path)


def test_skin_is_red_before_green_before_blue():
    rng = np.random.default_rng(0)
    colours = np.array([skin_colour(rng) for _ in range(300)])
    assert (colours[:, 0] > colours[:, 1]).all()
    assert (colours[:, 1] > colours[:, 2]).mean() > 0.97
    luminance = colours @ (0.2126, 0.7152, 0.0722)
    assert luminance.min() < 0.06
    assert luminance.max() > 0.45


def test_srgb_and_linear_are_inverse_and_lab_of_mid_grey_is_neutral():
    values = np.linspace(0, 1, 101)
    np.testing.assert_allclose(to_srgb(to_linear(values)), values, atol=1e-6)
    grey = lab_to_linear(53.585, 0.0, 0.0)
    np.testing.assert_allclose(grey, 0.2159, atol=2e-3)  # sRGB 128
