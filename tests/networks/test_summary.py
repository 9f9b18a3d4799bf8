import keras
import numpy as np
import pytest

from openpose_keras import networks
from openpose_keras.networks import layers
from openpose_keras.networks.summary import layer_table

KINDS = keras.layers


def seen_pixels(model, length):
    """Light one input column at a time, and count the columns that change a cell."""
    for layer in model.layers:
        layer.set_weights([np.ones(weight.shape, np.float32) for weight in layer.weights])
    batch = np.zeros((length, 32, length, model.input.shape[-1]), np.float32)
    batch[np.arange(length), :, np.arange(length)] = 1
    maps = keras.ops.convert_to_numpy(model(batch, training=False))[..., 0]
    dark = keras.ops.convert_to_numpy(model(0 * batch[:1], training=False))[..., 0]
    changed = np.abs(maps - dark).max(axis=1) > 0
    first, last = changed.argmax(axis=0), length - 1 - changed[::-1].argmax(axis=0)
    return int((last - first)[changed.any(axis=0)].max()) + 1


def build(*layers, channels=2):
    """Stack layers."""
    image = keras.Input((None, None, channels))
    x = image
    for layer in layers:
        x = layer(x)
    return keras.Model(image, x)


@pytest.mark.parametrize(
    "layers",
    [
        [KINDS.Conv2D(2, (3, 7), padding="same")],
        [KINDS.Conv2D(2, 5, padding="same"), KINDS.ReLU(), KINDS.Conv2D(1, 3, padding="same")],
        [KINDS.Conv2D(2, 3, padding="valid"), KINDS.Conv2D(2, 4, strides=2, padding="valid")],
        [KINDS.Conv2D(2, 3, strides=2, padding="same"), KINDS.Conv2D(2, 3, padding="same")],
        [KINDS.Conv2D(2, 3, dilation_rate=2, padding="same")],
        [KINDS.MaxPooling2D(2, 2, padding="same"), KINDS.DepthwiseConv2D(5, padding="same")],
        [KINDS.AveragePooling2D(2), layers.upsample_class()(), KINDS.Conv2D(1, 1)],
        [KINDS.Conv2D(2, 3, strides=2, padding="same"), layers.upsample_class()()],
        [KINDS.ZeroPadding2D(1), KINDS.Conv2D(2, 3, strides=2, padding="valid")],
    ],
    ids=range(9),
)
def test_receptive_field_agrees_with_an_experiment(layers):
    model = build(*layers)
    assert layer_table(model, (32, 48)).rows[-1].receptive_field == seen_pixels(model, 48)


def test_a_branch_sees_what_any_of_its_parts_sees():
    image = keras.Input((None, None, 1))
    near = KINDS.Conv2D(1, 3, padding="same")(image)
    far = layers.upsample_class()()(KINDS.Conv2D(1, 5, strides=2, padding="same")(image))
    model = keras.Model(image, KINDS.Add()([near, far]))
    assert layer_table(model, (32, 48)).rows[-1].receptive_field == seen_pixels(model, 48)


@pytest.mark.parametrize(
    ("layer", "cost", "parameters"),
    [
        (KINDS.Conv2D(5, (3, 2), padding="same"), 10 * 12 * 3 * 2 * 4 * 5, 3 * 2 * 4 * 5 + 5),
        (KINDS.Conv2D(6, 3, groups=2, padding="same"), 10 * 12 * 9 * 2 * 6, 9 * 2 * 6 + 6),
        (KINDS.Conv2D(5, 1, strides=2, use_bias=False), 5 * 6 * 4 * 5, 4 * 5),
        (KINDS.DepthwiseConv2D(3, padding="same"), 10 * 12 * 9 * 4, 9 * 4 + 4),
        (KINDS.MaxPooling2D(2), 0, 0),
        (KINDS.BatchNormalization(), 0, 16),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_cost_and_parameters_are_those_of_the_formula(layer, cost, parameters):
    [row] = layer_table(build(layer, channels=4), (10, 12))
    assert (row.multiply_adds, row.parameters) == (cost, parameters)


def test_output_shape_is_that_of_the_layer():
    model = build(KINDS.Conv2D(3, 3, strides=2, padding="same"), KINDS.MaxPooling2D(2))
    shapes = [row.output_shape for row in layer_table(model, (37, 64))]
    assert shapes == [(19, 32, 3), (9, 16, 3)]
    assert model(np.zeros((1, 37, 64, 2), np.float32)).shape[1:] == shapes[-1]


def test_openposes_network_has_the_known_size_reach_and_cost():
    table = layer_table(networks.hand(), (368, 368))
    assert table.parameters == 36_832_324
    assert table.multiply_adds == 103_187_671_040
    assert table["conv5_3_CPM"].receptive_field == 164
    assert table["Mconv7_stage2"].receptive_field == 404
    assert table.receptive_field == table["Mconv7_stage6"].receptive_field == 1364
    assert len(table.convolutions) == 15 + 2 + 5 * 7


@pytest.mark.parametrize(
    ("name", "side"),
    [("hand_lite", 224), ("face_lite", 192), ("body_lite", 64), ("mediapipe_palm", 192)],
)
def test_networks_with_heads_have_a_table_of_all_their_layers(name, side):
    model = getattr(networks, name)()
    table = layer_table(model, (side, side))
    assert table.parameters == model.count_params()
    assert table.receptive_field >= side


def test_a_matrix_sees_the_whole_input_and_is_counted():
    table = layer_table(build(KINDS.GlobalAveragePooling2D(), KINDS.Dense(3)), (6, 9))
    pool, dense = table
    assert (pool.output_shape, pool.receptive_field, pool.multiply_adds) == ((2,), 9, 0)
    assert (dense.output_shape, dense.receptive_field, dense.multiply_adds) == ((3,), 9, 6)


def test_the_body_s_table_counts_its_prelus_too():
    table = layer_table(networks.body_25(), (368, 368))
    assert table.parameters == 26_166_084
    assert table["Mprelu1_stage0_L2_0"].multiply_adds == 0
    assert table["Mconv7_stage1_L1"].output_shape == (46, 46, 26)


def test_the_printed_table_names_every_layer_and_the_totals():
    table = layer_table(build(KINDS.Conv2D(5, 3, padding="same", name="first")), (8, 16))
    header, row, total = str(table).splitlines()
    assert header.split()[0] == "layer"
    assert row.split() == ["first", "3x3", "8x16x5", "3", f"{8 * 16 * 9 * 2 * 5:,}", "95"]
    assert total == "1 layers, an input of 8x16: 11,520 multiply-adds, 95 parameters"


def test_what_the_table_does_not_know_is_refused_by_name():
    shared = KINDS.Conv2D(2, 3, padding="same", name="shared")
    for stack in ([shared, shared], [shared, shared, KINDS.ReLU()]):
        with pytest.raises(ValueError, match="uses each layer once"):
            layer_table(build(*stack), (8, 8))
    with pytest.raises(ValueError, match="flat is not known here: it is a Flatten"):
        layer_table(build(KINDS.Flatten(name="flat")), (8, 8))
    with pytest.raises(KeyError, match="second"):
        _ = layer_table(build(KINDS.ReLU(name="first")), (8, 8))["second"]
