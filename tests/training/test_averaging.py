import numpy as np
import pytest

from openpose_keras import cli
from openpose_keras.networks.presets import load_network
from openpose_keras.training.averaging import average_weights

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]


def test_layers_of_both_are_averaged_and_the_others_stay(tmp_path, capsys):
    ours, theirs = load_network("hand_lite"), load_network("mediapipe_hand")
    target = tmp_path / "mean.weights.h5"
    arguments = ["mediapipe_hand", "hand_lite", "--shares", "1,3", "--to", str(target)]
    assert cli.main(["average", *arguments]) == 0
    assert f"--weights {target}" in capsys.readouterr().out
    mean = load_network("hand_lite", weights=target)
    for name in ("stem", "block15_depthwise", "points", "presence"):
        layers = [each.get_layer(name).get_weights() for each in (ours, theirs, mean)]
        for a, b, c in zip(*layers, strict=True):
            np.testing.assert_allclose(c, 0.75 * a + 0.25 * b, rtol=1e-5, atol=1e-6)
        assert not np.array_equal(layers[0][0], layers[1][0])
    for a, b in zip(
        ours.get_layer("heat2").get_weights(), mean.get_layer("heat2").get_weights(), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(SystemExit, match="2"):
        cli.main(["average", "hand_lite", "--to", str(tmp_path / "mean.h5")])
    assert cli.main(["average", "hand_lite", str(target), "--to", str(target)]) == 1
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize("shares", [[1], [1, 0], [1, -1], [1, np.inf], [np.nan, 1]])
def test_shares_that_do_not_fit_are_refused(shares):
    with pytest.raises(ValueError, match="2 shares above 0, one a source"):
        average_weights("hand_lite", ["hand_lite", "mediapipe_hand"], shares)


def test_one_source_must_be_of_the_network():
    with pytest.raises(ValueError, match="at least one source of hand_lite, got mediapipe_hand"):
        average_weights("hand_lite", ["mediapipe_hand"] * 2)
    with pytest.raises(ValueError, match="two sources or more, got hand_lite"):
        average_weights("hand_lite", ["hand_lite"])
    with pytest.raises(ValueError, match="shares layers with it, got those of body_lite"):
        average_weights("hand_lite", ["hand_lite", "body_lite"])
