import json
import subprocess
import sys

import numpy as np
import pytest

from openpose_keras.core.errors import ImageError
from openpose_keras.io.sample_hands import SHEETS, load_shipped_hands
from tests.helpers import ROOT, shipped_hands
from tests.helpers.assets import assets_folder
from tests.helpers.training_fakes import fake_layer
from tests.test_house import HEAVY

IMAGES = ROOT / "notebooks" / "images"


@pytest.fixture(scope="module")
def pairs():
    return load_shipped_hands("pairs", folder=IMAGES)


@pytest.fixture(scope="module")
def many():
    return load_shipped_hands("many", folder=IMAGES)


def fake_layers(count):
    """Hands of two colours with what the writer wants to know of them."""
    layers = [fake_layer(np.random.default_rng(seed)) for seed in range(count)]
    for layer in layers:
        layer.meta["kind"] = "glove" if layer.gloved else "bare"
        layer.visible[3] = False
    return layers


def test_sheets_have_the_promised_hands(pairs, many):
    assert len(pairs) == 64
    assert len(many) == 256
    for hands, side in ((pairs, 384), (many, 224)):
        assert hands.rgba.shape == (len(hands), side, side, 4)
        assert hands.rgba.dtype == np.uint8
        assert hands.xy.shape == (len(hands), 21, 2)
        assert hands.visible.shape == (len(hands), 21)
        assert hands.left.shape == hands.gloved.shape == hands.pose.shape == (len(hands),)


def test_pairs_differ_in_the_glove_only(pairs):
    np.testing.assert_array_equal(pairs.xy[::2], pairs.xy[1::2])
    np.testing.assert_array_equal(pairs.left[::2], pairs.left[1::2])
    np.testing.assert_array_equal(pairs.pose[::2], pairs.pose[1::2])
    assert not pairs.gloved[::2].any()
    assert pairs.gloved[1::2].all()
    covered = pairs.rgba[..., 3] > 127
    both, either = covered[::2] & covered[1::2], covered[::2] | covered[1::2]
    assert (both.sum((1, 2)) / either.sum((1, 2))).min() > 0.9
    assert (pairs.rgba[::2] != pairs.rgba[1::2]).any((1, 2, 3)).all()


def test_many_are_different_hands_of_every_kind(many):
    assert len(set(many.pose.tolist())) == 256
    assert 90 < many.left.sum() < 166
    assert 60 < many.gloved.sum() < 120


@pytest.mark.parametrize("name", SHEETS)
def test_keypoints_lie_on_the_hands(name, request):
    hands = request.getfixturevalue(name)
    column, row = np.round(hands.xy).astype(int).transpose(2, 0, 1)
    numbers = np.arange(len(hands))[:, None]
    assert (hands.rgba[numbers, row, column, 3] > 127).mean() > 0.985
    assert 0.5 < hands.visible.mean() < 0.95


def test_loading_takes_no_heavy_package():
    code = (
        "import sys, openpose_keras.training.robustness;"
        "from openpose_keras.io.sample_hands import load_shipped_hands;"
        f"load_shipped_hands('pairs', folder={str(IMAGES)!r});"
        f"print([name for name in (*{HEAVY}, 'tflite') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.split() == ["[]"], result.stderr


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


def test_a_folder_without_the_sheets_says_where_they_are(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"notebooks/images"):
        load_shipped_hands("many", folder=tmp_path)


def test_a_damaged_sheet_is_refused(tmp_path):
    shipped_hands.write_sheet("pairs", enumerate(fake_layers(3)), tmp_path)
    facts = tmp_path / f"{SHEETS['pairs']}.json"
    table = json.loads(facts.read_text())
    facts.write_text(json.dumps(table | {"hands": table["hands"] * 6}))
    with pytest.raises(ImageError, match="room for 16 tiles of 64, not for 18"):
        load_shipped_hands("pairs", folder=tmp_path)
    (tmp_path / f"{SHEETS['pairs']}.webp").write_bytes(b"half")
    with pytest.raises(ImageError, match="get it again"):
        load_shipped_hands("pairs", folder=tmp_path)


@pytest.mark.parametrize("name", SHEETS)
def test_the_command_renders_the_hands_that_ship(name, request):
    from openpose_keras.training.synthesis.assets import load_assets

    assets, hands = load_assets(assets_folder()), request.getfixturevalue(name)
    for index, (pose, layer) in enumerate(shipped_hands.render_sheet(name, assets, count=1)):
        assert hands.pose[index] == pose
        np.testing.assert_allclose(hands.xy[index], layer.xy, atol=0.02)
        covered = (layer.rgba[..., 3] > 127) & (hands.rgba[index, ..., 3] > 127)
        assert covered.sum() == pytest.approx((layer.rgba[..., 3] > 127).sum(), rel=0.01)
        loss = hands.rgba[index][covered].astype(float) - layer.rgba[covered]
        assert np.abs(loss).mean() < 6
