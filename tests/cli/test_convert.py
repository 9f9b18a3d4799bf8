import json
import os
import subprocess
import sys
import types

import numpy as np
import pytest

from openpose_keras import cli, networks
from openpose_keras.cli import convert, verify
from openpose_keras.conversion import catalogue, parity
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.io import weight_record
from openpose_keras.io.images import read_image
from openpose_keras.networks import presets
from tests.helpers.caffe_files import caffemodel, hand_arrays, hand_prototxt, small_hand

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]
needs_importer = pytest.mark.backend("opencv4")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A small network's Caffe file in the current folder, and an empty home."""
    monkeypatch.setattr(networks, "hand", small_hand)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hand.caffemodel").write_bytes(caffemodel(hand_arrays()))
    (tmp_path / "pose_deploy.prototxt").write_text(hand_prototxt())
    return tmp_path


def run(*argv):
    return cli.main([str(argument) for argument in argv])


def test_after_convert_the_preset_works(folder, capsys):
    assert run("convert", "hand.caffemodel") == 0
    target = folder / "home" / "openpose_keras" / "hand.weights.h5"
    out = capsys.readouterr().out
    assert f"-> {target} (hand, " in out
    assert "RGB" in out
    assert "--preset hand" in out
    assert presets.find_weights(presets.get_preset("hand")) == target
    small_hand().set_weights([np.zeros(weight.shape) for weight in small_hand().weights])
    estimator = HandEstimator.from_preset("hand", recipe="openpose")
    image = np.random.default_rng(0).integers(0, 256, (120, 100, 3), dtype=np.uint8)
    (hand,) = estimator(image, boxes=[(10, 10, 80, 80)], sides="right")
    assert hand.scores.std() > 0


def test_the_preset_of_the_network_finds_what_convert_wrote(folder, capsys):
    networks.body_mpi().save_weights(folder / "mine.weights.h5")
    assert run("convert", "mine.weights.h5", "--float16") == 0
    target = folder / "home" / "openpose_keras" / "body_mpi.weights.h5"
    assert presets.find_weights(presets.get_preset("body_mpi")) == target
    assert "use it: openpose-keras detect PHOTO --preset body_mpi\n" in capsys.readouterr().out


def test_weights_of_another_network_than_the_named_one_are_told_as_such(capsys):
    assert run("convert", "hand.caffemodel", "--network", "body_25") == 1
    error = capsys.readouterr().err
    assert error == "error: expected weights of body_25, got those of hand: hand.caffemodel\n"


@pytest.mark.parametrize("network", ["body_tiny", "hand_finder"])
def test_what_train_wrote_is_converted(folder, capsys, network):
    getattr(networks, network)().save_weights(folder / "trained.weights.h5")
    assert run("convert", "trained.weights.h5", "--to", "a.keras", "--network", network) == 0
    assert f"-> a.keras ({network}, " in capsys.readouterr().out


def test_own_weights_can_have_a_licence_and_published_ones_keep_theirs(folder, capsys, monkeypatch):
    networks.body_tiny().save_weights(folder / "trained.weights.h5")
    licence = ("--licence", "CC0", "--to", "mine.weights.h5", "--force")
    assert run("convert", "trained.weights.h5", "--network", "body_tiny", *licence) == 0
    assert "licence of the weights: CC0\n" in capsys.readouterr().out
    assert run("inspect", "mine.weights.h5") == 0
    assert "licence: CC0\n" in capsys.readouterr().out
    md5 = weight_record.checksums("hand.caffemodel").md5
    known = (catalogue.OfficialFile("hand", "hand/ours.caffemodel", md5),)
    monkeypatch.setattr(catalogue, "OFFICIAL_FILES", known)
    assert run("convert", "hand.caffemodel", *licence) == 0
    assert "non-commercial" in capsys.readouterr().out


def test_official_file_is_named_with_its_licence(capsys, monkeypatch):
    md5 = weight_record.checksums("hand.caffemodel").md5
    known = (catalogue.OfficialFile("hand", "hand/ours.caffemodel", md5),)
    monkeypatch.setattr(catalogue, "OFFICIAL_FILES", known)
    for command in (["convert", "--to", "a.weights.h5", "--float16"], ["inspect"]):
        assert run(*command, "hand.caffemodel") == 0
        out = capsys.readouterr().out
        assert "hand/ours.caffemodel" in out
        assert "non-commercial" in out


@pytest.mark.parametrize("to", [[], ["--to", "home/openpose_keras/hand.weights.h5"]])
def test_convert_overwrites_only_with_force(folder, capsys, monkeypatch, to):
    target = folder / "home" / "openpose_keras" / "hand.weights.h5"
    target.parent.mkdir(parents=True)
    target.write_text("mine")
    with monkeypatch.context() as patch:
        patch.delattr(convert, "import_keras")  # it is told before
        assert run("convert", "hand.caffemodel", *to) == 1
    error = capsys.readouterr().err
    assert "--force" in error
    assert error.startswith("error: ")
    assert "hand.weights.h5 exists" in error
    assert error.count("\n") == 1
    assert target.read_text() == "mine"
    assert run("convert", "hand.caffemodel", *to, "--force") == 0
    assert run("convert", target, "--to", "back.caffemodel") == 0
    assert (folder / "back.prototxt").is_file()


def test_bgr_for_the_preset_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as caught:
        run("convert", "hand.caffemodel", "--bgr")
    assert caught.value.code == 2
    assert "--to" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["convert", "inspect", "verify"])
def test_bad_file_is_an_error_in_one_line(folder, capsys, monkeypatch, command):
    for module in (convert, verify):
        monkeypatch.delattr(module, "import_keras")  # it is told before
    (folder / "bad").write_text("<html>")
    for name in ("bad", "none"):
        assert run(command, name) == 1
        captured = capsys.readouterr()
        assert captured.err.startswith(f"error: {name} ")
        assert captured.err.count("\n") == 1
        assert captured.out == ""


def test_inspect_prints_layers_shapes_ranges_and_checksums(folder, capsys):
    assert run("inspect", "hand.caffemodel") == 0
    out = capsys.readouterr().out
    sums = subprocess.check_output(["md5sum", "hand.caffemodel"], text=True)
    assert sums.split()[0] in out
    assert "a .caffemodel" in out
    assert "takes BGR" in out
    assert "not one of OpenPose's own" in out
    kernel, _ = hand_arrays()["Mconv1_stage2"]
    line = next(line for line in out.splitlines() if line.startswith("Mconv1_stage2"))
    assert line.split()[:2] == ["Mconv1_stage2", "7x7x26x4"]
    assert float(line.split()[2]) == pytest.approx(kernel.min(), rel=1e-3)
    assert out.splitlines()[-1] == f"52 layers, {small_hand().count_params():,} numbers"


def test_inspect_shows_the_record_and_imports_no_keras(folder):
    assert run("convert", "hand.caffemodel", "--to", "a.weights.h5") == 0
    code = (
        "import sys; from openpose_keras import cli\n"
        "status = cli.main(['inspect', 'a.weights.h5'])\n"
        "print([m for m in ('keras', 'tensorflow', 'torch') if m in sys.modules], status)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    out = subprocess.check_output([sys.executable, "-c", code], text=True, env=environment)
    assert out.splitlines()[-1] == "[] 0"
    assert "record: source: hand.caffemodel" in out
    assert "takes RGB" in out


@needs_importer
def test_verify_prints_the_table_and_writes_chart_and_figures(folder, capsys):
    options = ["--size", "64", "--prototxt", "pose_deploy.prototxt"]
    files = ["--chart", "p.png", "--out", "p.json"]
    assert run("verify", "hand.caffemodel", *options, *files) == 0
    out = capsys.readouterr().out
    assert "Mconv7_stage6" in out
    assert "no layer exceeds it" in out
    assert read_image("p.png").shape[2] == 3
    report = json.loads((folder / "p.json").read_text())
    assert report["first_failing_layer"] is None
    assert len(report["layers"]) == 52 + 8
    assert run("verify", "hand.caffemodel", *options, *files) == 1  # they exist


def test_verify_says_at_once_what_it_cannot_compare(folder, capsys, monkeypatch):
    networks.body_tiny().save_weights(folder / "trained.weights.h5")
    monkeypatch.delattr(verify, "import_keras")
    dnn = types.SimpleNamespace(readNetFromCaffe=print)
    monkeypatch.setattr(parity, "cv2", types.SimpleNamespace(dnn=dnn))
    assert run("verify", "trained.weights.h5") == 1
    assert "those of body_tiny in trained.weights.h5: compare with a g" in capsys.readouterr().err
    new = types.SimpleNamespace(dnn=object(), __version__="5.0")
    monkeypatch.setattr(parity, "cv2", new)
    assert run("verify", "hand.caffemodel") == 1
    assert "OpenCV 5.0 can't read Caffe's files any more" in capsys.readouterr().err


@needs_importer
def test_verify_fails_when_a_layer_exceeds_the_tolerance(folder, capsys):
    (folder / "wrong.prototxt").write_text(hand_prototxt(features_first=True))
    assert run("verify", "hand.caffemodel", "--size", "64", "--prototxt", "wrong.prototxt") == 1
    assert "the first layer to exceed it is concat_stage2" in capsys.readouterr().out


@pytest.mark.parametrize("size", ["0", "a", "3x4x5", "99999", "-1x5"])
def test_invalid_size_is_refused(size, capsys):
    with pytest.raises(SystemExit) as caught:
        run("verify", "hand.caffemodel", f"--size={size}")
    assert caught.value.code == 2
    assert "HEIGHTxWIDTH" in capsys.readouterr().err
