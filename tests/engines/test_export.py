"""Networks as files of other libraries, from Python and from the command line."""

import functools
import json
import zipfile

import pytest

from openpose_keras import cli
from openpose_keras.core.errors import NetworkError
from openpose_keras.core.files import EXPORT_SUFFIXES
from openpose_keras.core.version import __version__
from openpose_keras.engines import export
from openpose_keras.engines.export import export_network
from openpose_keras.io.weight_record import checksums
from tests.engines.test_load import randomised

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "own.weights.h5"
    randomised("body_tiny").save_weights(path)
    return path


def record(path, form):
    """Read the record of a file as its library reads metadata."""
    if form == "onnx":
        import onnx

        [prop] = onnx.load(path).metadata_props
        return prop.value
    if form == "openvino":
        import openvino

        return openvino.Core().read_model(path).get_rt_info(["openpose_keras"]).astype(str)
    if form == "litert":
        return zipfile.ZipFile(path).read("openpose_keras.json")
    return (path / "assets.extra/openpose_keras.json").read_text("utf8")


@pytest.mark.parametrize("form", EXPORT_SUFFIXES)
def test_a_file_agrees_with_keras_and_says_where_it_is_from(form, weights, tmp_path):
    path = tmp_path / f"body_tiny{EXPORT_SUFFIXES[form]}"
    report = export_network("body_tiny", path, form=form, weights=weights)
    shapes = [(2, 128, 128, 3), (2, 112, 144, 3)]
    assert {each[:2] for each in report} == {
        (name, shape) for shape in shapes for name in ("keypoints", "affinity")
    }
    assert max(each.difference for each in report) < 1e-5
    files = {path.name} | ({f"{path.stem}.bin"} if form == "openvino" else set())
    assert {each.name for each in tmp_path.iterdir()} == files
    found = json.loads(record(path, form))
    assert found["network"] == "body_tiny"
    assert found["source"] == "own.weights.h5"
    assert found["sha256"] == checksums(weights).sha256
    assert found["converter"] == f"openpose_keras {__version__}"
    with pytest.raises(FileExistsError, match="exists"):
        export_network("body_tiny", path, form=form, weights=weights)
    again = export_network("body_tiny", path, form=form, weights=weights, force=True)
    assert again == report
    assert {each.name for each in tmp_path.iterdir()} == files


@pytest.mark.parametrize("form", ["onnx", "openvino", "litert"])
def test_float16_takes_less_room_and_is_less_exact(form, weights, tmp_path):
    write = functools.partial(export_network, "body_tiny", form=form, weights=weights)
    sizes = {}
    for half in (False, True):
        report = write(tmp_path / f"a{half}{EXPORT_SUFFIXES[form]}", half=half)
        sizes[half] = sum(each.stat().st_size for each in tmp_path.glob(f"a{half}*"))
    assert 1e-5 < max(each.difference for each in report) < 0.01
    assert sizes[True] < sizes[False] - 20_000


@pytest.mark.parametrize("form", ["onnx", "openvino", "saved_model"])
def test_nothing_is_written_or_lost_where_the_two_disagree(form, weights, tmp_path, monkeypatch):
    path = tmp_path / f"a{EXPORT_SUFFIXES[form]}"
    write = functools.partial(export_network, "body_tiny", path, form=form, weights=weights)
    monkeypatch.setitem(export.TOLERANCES, "float32", -1.0)
    with pytest.raises(NetworkError, match=r"differs by .* nothing was written"):
        write()
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    write()
    before = [each.stat() for each in sorted(tmp_path.rglob("*"))]
    monkeypatch.setitem(export.TOLERANCES, "float32", -1.0)
    with pytest.raises(NetworkError, match="nothing was written"):
        write(force=True)
    assert [each.stat() for each in sorted(tmp_path.rglob("*"))] == before


def test_a_folder_that_is_no_saved_model_is_not_replaced(weights, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(FileExistsError, match="not a SavedModel"):
        export_network(
            "body_tiny", tmp_path / "mine", form="saved_model", weights=weights, force=True
        )


def test_the_command_prints_the_comparison(weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["export", "body_tiny", "--to", "onnx", "--weights", str(weights)]
    assert cli.main(command) == 0
    first, *rows, last = capsys.readouterr().out.splitlines()
    assert first.startswith("body_tiny -> body_tiny.onnx (")
    assert {tuple(row.split()[:2]) for row in rows[:2]} == {
        ("keypoints", "2x128x128x3"),
        ("affinity", "2x128x128x3"),
    }
    assert last.startswith("pass: ")
    assert last.endswith("at most 0.0001")
    assert cli.main(command) == 1
    assert "body_tiny.onnx exists: choose another name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--to", "onnx", "--out", "a.tflite"], "ends with .onnx, got a.tflite"),
        (["--to", "saved_model", "--float16"], "a SavedModel holds float32 only"),
        (["--to", "torch"], "invalid choice: 'torch'"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(options, reason, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["export", "hand_lite", *options])
    assert caught.value.code == 2
    assert reason in capsys.readouterr().err
