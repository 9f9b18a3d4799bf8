"""Small networks in OpenVINO's IR, and OpenVINO itself, which runs whole ones."""

from xml.etree import ElementTree

import numpy as np

TYPES = {"float16": "f16", "float32": "f32", "int64": "i64", "uint8": "u8"}


class GraphWriter:
    """Adds operations one by one and writes the two files."""

    def __init__(self):
        self.net = ElementTree.Element("net", name="small", version="10")
        self.layers = ElementTree.SubElement(self.net, "layers")
        self.edges = ElementTree.SubElement(self.net, "edges")
        self.data = b""

    def add(self, kind, *inputs, name="", **attributes):
        """Add an operation on the results of others; arrays are constants. Return its id."""
        inputs = [each if isinstance(each, str) else self.constant(each) for each in inputs]
        key = str(len(self.layers))
        layer = ElementTree.SubElement(self.layers, "layer", id=key, name=name or key, type=kind)
        ElementTree.SubElement(layer, "data", {each: str(v) for each, v in attributes.items()})
        for port, source in enumerate(inputs):
            ends = {"from-layer": source, "to-layer": key, "to-port": str(port)}
            ElementTree.SubElement(self.edges, "edge", ends)
        return key

    def constant(self, array):
        """Add a constant."""
        array = np.asarray(array)
        shape = ",".join(map(str, array.shape))
        place = {"offset": len(self.data), "size": array.nbytes, "shape": shape}
        self.data += array.tobytes()
        return self.add("Const", element_type=TYPES[array.dtype.name], **place)

    def quantised(self, levels, least, greatest):
        """Add weights (out, in, h, w) of 0 to 254 that stand for the numbers between two bounds."""
        bounds = [np.reshape(each, (-1, 1, 1, 1)).astype("f2") for each in (least, greatest)]
        ends = np.float16([0]), np.float16([254])
        return self.add("FakeQuantize", self.add("Convert", levels), *ends, *bounds, levels=255)

    def write(self, path):
        """Write the .xml file, and the .bin file of its name."""
        path.write_bytes(ElementTree.tostring(self.net, xml_declaration=True))
        path.with_suffix(".bin").write_bytes(self.data)


def write_small(path, levels=None, *, factor=1 / 255, offset=-128 / 255):
    """Write an image, a convolution to 4 channels and a depthwise one, and return the weights.

    Args:
        path: Of the .xml file.
        levels: (4, 3, 3, 3) uint8 of 0 to 254, of the first kernel; None for random ones.
        factor: What the graph multiplies the image by before the first convolution.
        offset: What it adds then.

    Returns:
        The kernel (4, 3, 3, 3) from -2 to 2 and the bias (4,) that the first convolution has.
    """
    rng = np.random.default_rng(4)
    levels = rng.integers(0, 255, (4, 3, 3, 3), np.uint8) if levels is None else levels
    bias = rng.normal(size=(1, 4, 1, 1)).astype(np.float16)
    writer = GraphWriter()
    image = writer.add("Multiply", writer.add("Parameter"), np.float32([factor]))
    image = writer.add("Add", image, np.full((1, 3, 1, 1), offset, np.float32))
    image = writer.add("FakeQuantize", image, *np.float16([[-0.5], [0.5]] * 2), levels=256)
    kernel = writer.quantised(levels, np.full(4, -2), np.full(4, 2))
    x = writer.add("Convolution", image, kernel, name="conv1/WithoutBiases")
    x = writer.add("ReLU", writer.add("Add", x, bias))
    kernel = writer.quantised(levels[:, :1], -np.arange(1, 5), np.arange(1, 5))
    kernel = writer.add("Reshape", kernel, np.int64([4, 1, 1, 3, 3]))
    x = writer.add("GroupConvolution", x, kernel, name="conv2/dw")
    writer.add("Result", writer.add("Add", x, bias))
    writer.write(path)
    return (levels / 127.0 - 1) * 2, bias.ravel()


def run_openvino(path, image, layers=(), *, quantised=False):
    """Let OpenVINO run a network of Open Model Zoo.

    Args:
        path: The .xml file.
        image: (h, w, 3) uint8 RGB.
        layers: Names of convolutions, "_" for "/".
        quantised: Whether the features are of 8 bits, as the graph says. Weights are in any case.

    Returns:
        The (h', w', channels) result of each of these layers by its name, its bias and activation
        included; the file's last ones by the names "affinity" and "keypoints".
    """
    import openvino

    core = openvino.Core()
    network = core.read_model(path)
    for node in network.get_ordered_ops():
        if node.get_type_name() == "FakeQuantize" and not quantised:
            source = node.input_value(0)
            if source.get_node().get_type_name() not in ("Constant", "Convert"):  # no kernel
                node.output(0).replace(source)
    network.reshape([1, 3, *image.shape[:2]])
    names = ["affinity", "keypoints"]
    for node in network.get_ordered_ops():
        name = node.get_friendly_name().removesuffix("/WithoutBiases").replace("/", "_")
        if "Convolution" in node.get_type_name() and name in layers:
            network.add_outputs([_end(node).output(0)])
            names.append(name)
    steps = openvino.preprocess.PrePostProcessor(network)
    steps.input().tensor().set_element_type(openvino.Type.f32)
    for index in range(len(names)):
        steps.output(index).tensor().set_element_type(openvino.Type.f32)
    compiled = core.compile_model(steps.build(), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled([image[None, ..., ::-1].transpose(0, 3, 1, 2).astype(np.float32)])
    return {name: results[i][0].transpose(1, 2, 0) for i, name in enumerate(names)}


def _end(node):
    """Return the operation that ends a layer: the sum with its bias, or the activation."""
    (target,) = node.output(0).get_target_inputs()
    total = target.get_node()
    after = [target.get_node() for target in total.output(0).get_target_inputs()]
    return next((each for each in after if each.get_type_name() in ("Relu", "Elu")), total)
