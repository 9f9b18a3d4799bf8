import numpy as np
import pytest

from openpose_keras.core.errors import ImageError
from openpose_keras.io.sample_hands import SHEETS, load_shipped_hands
from tests.helpers import ROOT, shipped_hands
from tests.helpers.assets import assets_folder
from tests.helpers.training_fakes import fake_layer

IMAGES = ROOT / "notebooks" / "images"


@pytest.fixture(scope="module")
def sheets():
    """The hands of both sheets."""
    return {name: load_shipped_hands(name, folder=IMAGES) for name in SHEETS}


def fake_layers(count):
    """Hands of two colours with what the writer wants to know of them."""
    layers = [fake_layer(np.random.default_rng(seed)) for seed in range(count)]
    for layer in layers:
        layer.meta["kind"] = "glove" if layer.gloved else "bare"
        layer.visible[3] = False
    return layers


@pytest.mark.parametrize(("name", "count", "side"), [("pairs", 64, 384), ("many", 256, 224)])
def test_sheets_have_the_promised_hands_with_their_keypoints_on_them(sheets, name, count, side):
    hands = sheets[name]
    assert hands.rgba.shape == (count, side, side, 4)
    column, row = np.round(hands.xy).astype(int).transpose(2, 0, 1)
    numbers = np.arange(count)[:, None]
    assert (hands.rgba[numbers, row, column, 3] > 127).mean() > 0.985
    assert 0.5 < hands.visible.mean() < 0.95


def test_pairs_differ_in_the_glove_only(sheets):
    pairs = sheets["pairs"]
    for same in (pairs.xy, pairs.left, pairs.pose):
        np.testing.assert_array_equal(same[::2], same[1::2])
    assert not pairs.gloved[::2].any()
    assert pairs.gloved[1::2].all()
    covered = pairs.rgba[..., 3] > 127
    both, either = covered[::2] & covered[1::2], covered[::2] | covered[1::2]
    same_outline = both.sum((1, 2)) / either.sum((1, 2))
    assert np.median(same_outline) > 0.9
    assert same_outline.min() > 0.75  # thick gloves, two hands that touch
    assert (pairs.rgba[::2] != pairs.rgba[1::2]).any((1, 2, 3)).all()


def test_many_are_different_hands_of_every_kind(sheets):
    many = sheets["many"]
    assert len(set(many.pose.tolist())) == 256
    assert 90 < many.left.sum() < 166
    assert 60 < many.gloved.sum() < 120


def test_what_is_written_is_loaded(tmp_path):
    layers = fake_layers(19)
    shipped_hands.write_sheet("many", enumerate(layers), tmp_path)
    hands = load_shipped_hands("many", folder=tmp_path)
    assert len(hands) == 19
    for index, layer in enumerate(layers):
        rgba, xy = hands[index]
        np.testing.assert_array_equal(rgba[..., 3], layer.rgba[..., 3])
        inside = layer.rgba[..., 3] > 0
        inside[:-4] &= inside[4:]
        inside[4:] &= inside[:-4]
        np.testing.assert_allclose(rgba[inside], layer.rgba[inside], atol=40)
        np.testing.assert_allclose(xy, layer.xy, atol=0.006)
        np.testing.assert_array_equal(hands.visible[index], layer.visible)
        assert hands.left[index] == (layer.side == "left")
        assert hands.gloved[index] == layer.gloved
        assert hands.pose[index] == index


def test_missing_and_damaged_sheets_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"notebooks/images"):
        load_shipped_hands("pairs", folder=tmp_path)
    shipped_hands.write_sheet("pairs", enumerate(fake_layers(3)), tmp_path)
    (tmp_path / f"{SHEETS['pairs']}.webp").write_bytes(b"half")
    with pytest.raises(ImageError, match="get it again"):
        load_shipped_hands("pairs", folder=tmp_path)


@pytest.mark.parametrize("name", SHEETS)
def test_the_command_renders_the_hands_that_ship(name, sheets):
    from openpose_keras.training.synthesis.assets import load_assets

    assets, hands = load_assets(assets_folder()), sheets[name]
    for index, (pose, layer) in enumerate(shipped_hands.render_sheet(name, assets, count=1)):
        assert hands.pose[index] == pose
        np.testing.assert_allclose(hands.xy[index], layer.xy, atol=0.02)
        covered = (layer.rgba[..., 3] > 127) & (hands.rgba[index, ..., 3] > 127)
        assert covered.sum() == pytest.approx((layer.rgba[..., 3] > 127).sum(), rel=0.01)
        loss = hands.rgba[index][covered].astype(float) - layer.rgba[covered]
        assert np.abs(loss).mean() < 6
