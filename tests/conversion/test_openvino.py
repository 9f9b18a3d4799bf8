"""Networks in OpenVINO's IR: the reader on small files, the whole network against OpenVINO."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from openpose_keras import cli, networks
from openpose_keras.conversion.convert import load_converted
from openpose_keras.conversion.parity import layer_outputs
from openpose_keras.conversion.readers import read_weights
from openpose_keras.core.errors import WeightsError
from openpose_keras.core.skeletons import BODY_COCO
from openpose_keras.estimators.body import BodyEstimator
from openpose_keras.estimators.recipes import BodyRecipe
from openpose_keras.networks.preprocessing import normalise_batch
from tests.helpers.assets import open_model_zoo_file
from tests.helpers.damage import ROUNDS, damage
from tests.helpers.openvino_files import GraphWriter, run_openvino, write_small

# TensorFlow's own modules use what Python and NumPy have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")

NETWORK = "human-pose-estimation-0001.xml"


def test_weights_of_8_bits_are_numbers_between_their_bounds(tmp_path):
    levels = np.full((4, 3, 3, 3), 127, np.uint8)
    levels[:, :, 0, 0], levels[:, :, 2, 1] = 0, 254
    write_small(tmp_path / "net.xml", levels)
    kernel, bias = read_weights(tmp_path / "net.xml").layers["conv2_dw"]
    assert (kernel.dtype, kernel.shape, bias.shape) == (np.float32, (3, 3, 4, 1), (4,))
    expected = np.zeros((3, 3, 4, 1))
    expected[0, 0, :, 0], expected[2, 1, :, 0] = -np.arange(1, 5), np.arange(1, 5)
    assert_allclose(kernel, expected, atol=1e-6)


@pytest.mark.parametrize(("factor", "offset"), [(1 / 255, -128 / 255), (0.02, -1.5), (1, 0)])
def test_the_first_convolution_takes_images_as_all_networks_do(tmp_path, factor, offset):
    stored, own = write_small(tmp_path / "net.xml", factor=factor, offset=offset)
    weights = read_weights(tmp_path / "net.xml")
    assert (weights.kind, weights.channel_order) == ("openvino", "bgr")
    kernel, bias = weights.layers["conv1"]
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 3, 3), np.uint8)
    found = np.einsum("hwio,hwi->o", kernel, normalise_batch(image)[0]) + bias
    expected = np.einsum("oihw,hwi->o", stored, image[0] * factor + offset) + own
    assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("ending", [".xml", ".bin"])
def test_damaged_file_gives_our_error_or_as_many_numbers_as_it_has_bytes(tmp_path, ending):
    path = tmp_path / "net.xml"
    write_small(path)
    whole = path.with_suffix(ending).read_bytes()
    rng, refused = np.random.default_rng(5), []
    for _ in range(ROUNDS):
        path.with_suffix(ending).write_bytes(damage(whole, rng))
        try:
            layers = read_weights(path).layers
        except WeightsError as error:
            refused.append(str(error))
        else:
            arrays = [array for each in layers.values() for array in each]
            assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in arrays)
            kernels = sum(kernel.size for kernel, _ in layers.values())
            assert kernels <= path.with_suffix(".bin").stat().st_size
    assert len(refused) > ROUNDS / 10
    assert all("net.xml" in message and "\n" not in message for message in refused)


def test_without_its_constants_a_graph_is_refused(tmp_path):
    write_small(tmp_path / "net.xml")
    (tmp_path / "net.bin").unlink()
    with pytest.raises(WeightsError, match=r"no net\.bin"):
        read_weights(tmp_path / "net.xml")


def repeated(path):
    """One kernel of a kilobyte for a thousand convolutions."""
    writer = GraphWriter()
    image = writer.add("Parameter")
    kernel = writer.constant(np.ones((16, 16, 1, 1), np.float32))
    bias = writer.constant(np.ones((1, 16, 1, 1), np.float32))
    for index in range(1000):
        writer.add("Add", writer.add("Convolution", image, kernel, name=f"conv{index}"), bias)
    writer.write(path)


def swelling(path):
    """An entity of a thousand letters, named a thousand times."""
    write_small(path)
    entity = f'<!DOCTYPE net [<!ENTITY a "{"a" * 1000}">]>'
    text = path.read_text().replace("<net", f"{entity}<net", 1)
    path.write_text(text.replace("<layers>", f"<layers>{'&a;' * 1000}"))


def circular(path):
    """A kernel that is made of itself."""
    write_small(path)
    path.write_text(path.read_text().replace('type="Const"', 'type="Convert"'))


def long(path):
    """Two megabytes of nothing."""
    write_small(path)
    path.write_text(path.read_text().replace("<layers>", f"{' ' * (2 << 20)}<layers>"))


@pytest.mark.parametrize("write", [repeated, swelling, circular, long])
def test_a_graph_that_asks_for_more_than_it_holds_is_refused(tmp_path, write):
    write(tmp_path / "net.xml")
    with pytest.raises(WeightsError, match=r"net\.xml"):
        read_weights(tmp_path / "net.xml")


def photo(size):
    """A photo of a person, repeated or cut to a height and width."""
    data = pytest.importorskip("skimage.data", reason="its astronaut is the photo of a person")
    tiled = np.tile(data.astronaut()[::2, ::2], (1, 2, 1))
    return np.ascontiguousarray(tiled[: size[0], : size[1]])


@pytest.mark.slow
@pytest.mark.parametrize("size", [(256, 456), (203, 150)])
def test_all_layers_agree_with_openvino(size):
    pytest.importorskip("openvino", reason="it runs the file: pip install openvino")
    path, image = open_model_zoo_file(NETWORK), photo(size)
    model, record = load_converted(path)
    assert model.name == record.network == "body_mobilenet"
    assert record.licence.startswith("Apache-2.0")
    assert record.official.startswith("human-pose-estimation-0001")
    batch = normalise_batch(image[None])
    ours = layer_outputs(model, batch)
    layers = [layer.name for layer in model.layers if layer.weights]
    theirs = run_openvino(path, image, layers)
    assert len(layers) == 58
    for name in layers:
        assert_allclose(ours[name][0], theirs[name], atol=1e-4 * np.abs(theirs[name]).max(), rtol=0)
    stages = networks.body_mobilenet(all_stages=True)
    stages.set_weights(model.get_weights())
    first, second = stages(batch, training=False)
    for maps, names in ((first, "conv5_5_CPM"), (second, "Mconv7_stage2")):
        for kind, branch in (("affinity", "L1"), ("keypoints", "L2")):
            np.testing.assert_array_equal(maps[kind], ours[f"{names}_{branch}"])
    for kind in ("affinity", "keypoints"):
        assert_allclose(second[kind][0], theirs[kind], atol=1e-4, rtol=0)


@pytest.mark.slow
def test_features_of_8_bits_change_the_maps_little():
    pytest.importorskip("openvino", reason="it runs the file: pip install openvino")
    path, image = open_model_zoo_file(NETWORK), photo((256, 256))
    floats, quantised = (run_openvino(path, image, quantised=each) for each in (False, True))
    for kind in floats:
        error = quantised[kind] - floats[kind]
        print(kind, np.abs(floats[kind]).max(), np.abs(error).max(), np.sqrt(np.mean(error**2)))
        assert np.sqrt(np.mean(error**2)) < 0.02
        assert 0 < np.abs(error).max() < 0.3


@pytest.mark.slow
def test_the_astronaut_is_found_with_left_and_right_in_place():
    model, _ = load_converted(open_model_zoo_file(NETWORK))
    recipe = BodyRecipe(resolution=(256, None))
    (body,) = BodyEstimator(model, recipe=recipe)(photo((256, 256)))
    assert body.skeleton is BODY_COCO
    found = {name: body[name][:2] for name in ("nose", "left_shoulder", "right_shoulder")}
    assert found["right_shoulder"][0] < found["nose"][0] < found["left_shoulder"][0]


def test_inspect_prints_the_network_and_its_licence(capsys):
    assert cli.main(["inspect", str(open_model_zoo_file(NETWORK))]) == 0
    printed = capsys.readouterr().out
    assert "this is human-pose-estimation-0001" in printed
    assert "Apache-2.0" in printed
    assert "takes BGR" in printed
    assert "58 layers, 4,099,058 numbers" in printed
