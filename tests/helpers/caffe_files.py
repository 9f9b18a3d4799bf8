"""Files of the same structure as OpenPose's, written without the code under test.

The wire format of protobuf is written here by hand, so that a reader has a judge of its own:
https://protobuf.dev/programming-guides/encoding/. Networks have OpenPose's layers and wiring, with
a fraction of the channels.
"""

from functools import cache

import numpy as np

from openpose_keras.networks import hand, openpose

VARINT, LENGTH = 0, 2
HEATMAPS = 22

# ---------------------------------------------------------------- bytes


def varint(value):
    """Encode a whole number; a negative one takes ten bytes."""
    value &= 2**64 - 1
    out = bytearray()
    while True:
        out.append(value & 127 | (value > 127) << 7)
        value >>= 7
        if not value:
            return bytes(out)


def field(number, value):
    """Encode a field: a whole number, text or bytes."""
    if isinstance(value, int):
        return varint(number << 3 | VARINT) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | LENGTH) + varint(len(data)) + data


def blob(array, *, double=False, old_shape=False):
    """Encode a BlobProto."""
    number, code = (8, "<f8") if double else (5, "<f4")
    data = field(number, np.asarray(array, code).tobytes())
    if old_shape:
        sides = (1,) * (4 - array.ndim) + array.shape
        return b"".join(field(i, side) for i, side in enumerate(sides, start=1)) + data
    return data + field(7, field(1, b"".join(map(varint, array.shape))))


def caffemodel(arrays, *, old=False, **options):
    """Encode a NetParameter with a convolution for each (kernel OIHW, bias) of `arrays`."""
    out = [field(1, "net")]
    for name, blobs in arrays.items():
        encoded = [blob(array, **options) for array in blobs]
        if old:
            layer = field(4, name) + field(5, 4) + b"".join(field(6, b) for b in encoded)
            out.append(field(2, layer))
        else:
            layer = field(1, name) + field(2, "Convolution")
            out.append(field(100, layer + b"".join(field(7, b) for b in encoded)))
    return b"".join(out)


# ---------------------------------------------------------------- networks


def hand_layers(divide=32):
    """Name -> (kernel, inputs, outputs) of each convolution, from the paper's description."""
    layers, channels = {}, 3
    for number, widths in enumerate(((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 2), 1):
        for index, width in enumerate(widths, 1):
            layers[f"conv{number}_{index}"] = (3, channels, width // divide)
            channels = width // divide
    features = 128 // divide
    layers["conv5_3_CPM"] = (3, channels, features)
    layers["conv6_1_CPM"] = (1, features, 512 // divide)
    layers["conv6_2_CPM"] = (1, 512 // divide, HEATMAPS)
    for stage in range(2, 7):
        inputs = HEATMAPS + features
        for index in range(1, 6):
            layers[f"Mconv{index}_stage{stage}"] = (7, inputs, features)
            inputs = features
        layers[f"Mconv6_stage{stage}"] = (1, features, features)
        layers[f"Mconv7_stage{stage}"] = (1, features, HEATMAPS)
    return layers


def hand_arrays(divide=32, seed=0):
    """Name -> (kernel OIHW, bias), of a size that keeps what goes through it near 1."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, (kernel, inputs, outputs) in hand_layers(divide).items():
        scale = np.sqrt(2 / (kernel * kernel * inputs))
        weights = rng.normal(0, scale, (outputs, inputs, kernel, kernel)).astype(np.float32)
        arrays[name] = (weights, rng.uniform(-0.05, 0.2, outputs).astype(np.float32))
    return arrays


def hand_prototxt(divide=32, size=(64, 64), *, relu_on_heads=False, features_first=False):
    """Describe the network to Caffe; with a mistake, if asked."""
    lines = [
        f'name: "hand" input: "image" input_shape {{ dim: 1 dim: 3 dim: {size[0]} dim: {size[1]} }}'
    ]

    def layer(name, kind, bottoms, top, options=""):
        bottoms = " ".join(f'bottom: "{bottom}"' for bottom in bottoms)
        lines.append(f'layer {{ name: "{name}" type: "{kind}" {bottoms} top: "{top}" {options} }}')
        return top

    def conv(name, bottom):
        kernel, _, outputs = hand_layers(divide)[name]
        options = f"num_output: {outputs} kernel_size: {kernel} pad: {kernel // 2}"
        layer(name, "Convolution", [bottom], name, f"convolution_param {{ {options} }}")
        head = name == "conv6_2_CPM" or name.startswith("Mconv7")
        return name if head and not relu_on_heads else layer(f"{name}_re", "ReLU", [name], name)

    x = "image"
    names = list(hand_layers(divide))
    for name in names[:15]:
        if name in ("conv2_1", "conv3_1", "conv4_1"):
            pool = "pooling_param { pool: MAX kernel_size: 2 stride: 2 }"
            x = layer(f"pool{int(name[4]) - 1}_stage1", "Pooling", [x], x + "_pooled", pool)
        x = conv(name, x)
    features = x
    x = conv("conv6_2_CPM", conv("conv6_1_CPM", features))
    for stage in range(2, 7):
        pair = [features, x] if features_first else [x, features]
        x = layer(f"concat_stage{stage}", "Concat", pair, f"concat_stage{stage}")
        for index in range(1, 8):
            x = conv(f"Mconv{index}_stage{stage}", x)
    return "\n".join(lines)


@cache
def small_hand(*, all_stages=False):
    """What `networks.hand` builds with a fraction of the channels; each time the same object."""
    build = openpose.conv

    def narrow(x, name, filters, *rest, **options):
        """Build a layer with fewer channels; the heatmaps keep theirs."""
        kept = filters if filters == HEATMAPS else filters // 32
        return build(x, name, kept, *rest, **options)

    openpose.conv = narrow
    try:
        return hand(all_stages=all_stages)
    finally:
        openpose.conv = build
