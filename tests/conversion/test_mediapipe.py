"""MediaPipe's networks against LiteRT, which runs the files themselves."""

import sys

import numpy as np
import pytest

from openpose_keras.conversion.convert import load_converted
from openpose_keras.conversion.readers import read_weights
from openpose_keras.conversion.readers.tflite import name_layers
from openpose_keras.core.errors import WeightsError
from openpose_keras.geometry import Crop
from openpose_keras.io.images import read_image
from openpose_keras.networks.preprocessing import normalise_batch
from openpose_keras.networks.presets import PRESETS
from tests.helpers import ROOT
from tests.helpers.assets import mediapipe_file

# TensorFlow's own modules use what Python and NumPy have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")

FILES = {
    "mediapipe_hand": "hand_landmark_full.tflite",
    "mediapipe_palm": "palm_detection_full.tflite",
    "mediapipe_face": "face_landmark.tflite",
    "mediapipe_iris": "iris_landmark.tflite",
    "mediapipe_face_detector": "face_detection_short_range.tflite",
}
OUTPUTS = {  # ours -> the file's
    "mediapipe_hand": {
        "points": "Identity",
        "presence": "Identity_1",
        "right": "Identity_2",
        "world": "Identity_3",
    },
    "mediapipe_palm": {"palms": "Identity", "logits": "Identity_1"},
    "mediapipe_face": {"points": "conv2d_21", "presence": "conv2d_31"},
    "mediapipe_iris": {"contour": "output_eyes_contours_and_brows", "iris": "output_iris"},
    "mediapipe_face_detector": {"faces": "regressors", "logits": "classificators"},
}


@pytest.mark.parametrize("name", FILES)
def test_all_outputs_agree_with_litert(name):
    lite = pytest.importorskip("ai_edge_litert.interpreter", reason="ai_edge_litert runs the file")
    path = mediapipe_file(FILES[name])
    model, record = load_converted(path)
    assert model.name == record.network == name
    assert record.licence.startswith("Apache-2.0")
    size = PRESETS[name].spec.box_size
    photo = read_image(ROOT / "notebooks/images/open_hand.jpg")
    side = min(photo.shape[:2])
    image = Crop((0, 0, side, side), size, antialias=True).apply_image(photo)[None]
    reference = lite.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    runner = lite.Interpreter(str(path), num_threads=1, experimental_op_resolver_type=reference)
    runner.allocate_tensors()
    unit = image / np.float32(255)
    seen = 2 * unit - 1 if name == "mediapipe_face_detector" else unit
    runner.set_tensor(runner.get_input_details()[0]["index"], seen)
    runner.invoke()
    theirs = {
        each["name"]: runner.get_tensor(each["index"]) for each in runner.get_output_details()
    }
    ours = model(normalise_batch(image), training=False)
    assert set(ours) == set(OUTPUTS[name])
    for output, key in OUTPUTS[name].items():
        found, expected = np.asarray(ours[output]), theirs[key]
        assert np.abs(expected).max() > 0.05
        if (name, output) == ("mediapipe_face", "presence"):
            expected = 1 / (1 + np.exp(-expected))  # the file has the logit
        # The rounding of float32 is all that is allowed beside 1e-4.
        np.testing.assert_allclose(found.ravel(), expected.ravel(), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("fraction", [0.000002, 0.001, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, fraction):
    data = mediapipe_file(FILES["mediapipe_hand"]).read_bytes()
    path = tmp_path / "hand.tflite"
    path.write_bytes(data[: max(8, int(fraction * len(data)))])
    with pytest.raises(WeightsError, match=r"hand\.tflite is damaged") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)


def test_without_tflite_the_error_tells_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "hand.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3")
    monkeypatch.setitem(sys.modules, "tflite", None)
    with pytest.raises(ImportError, match="pip install tflite"):
        read_weights(path)


def test_layers_are_named_in_order_and_heads_by_their_own_names():
    layers = dict.fromkeys(("m/conv/a", "m/conv_handflag/b", "m/conv_1/c", "m/conv_2/d"), ())
    named = name_layers(layers, ["stem", "block", "points", "presence"])
    assert list(named) == ["stem", "presence", "block", "m/conv_2/d"]
