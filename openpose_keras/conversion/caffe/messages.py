"""The few messages of Caffe's file format that are needed here, declared for protobuf.

Names and numbers are those of src/caffe/proto/caffe.proto of BVLC/caffe. A message or field that
is not declared is skipped when a file is read. There is one difference: a blob's numbers are not
`repeated float`, but `repeated bytes`. In a file, packed floats are a length and so many bytes, as
a `bytes` field is, so protobuf hands out 147 MB of weights without touching each number.
"""

from functools import cache

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

_PACKAGE = "openpose_keras.caffe"
_SPATIAL = {
    "num_output": (1, "uint32"),
    "bias_term": (2, "bool"),
    "pad": (3, "uint32*"),
    "kernel_size": (4, "uint32*"),
    "group": (5, "uint32"),
    "stride": (6, "uint32*"),
    "pad_h": (9, "uint32"),
    "pad_w": (10, "uint32"),
    "kernel_h": (11, "uint32"),
    "kernel_w": (12, "uint32"),
    "stride_h": (13, "uint32"),
    "stride_w": (14, "uint32"),
    "dilation": (18, "uint32*"),
}

# Message -> field -> (number, type). A star means repeated; a type with a capital letter is a
# message or an enum.
_FIELDS = {
    "NetParameter": {
        "name": (1, "string"),
        "layers": (2, "V1LayerParameter*"),
        "input": (3, "string*"),
        "input_dim": (4, "int64*"),
        "input_shape": (8, "BlobShape*"),
        "layer": (100, "LayerParameter*"),
    },
    "LayerParameter": {
        "name": (1, "string"),
        "type": (2, "string"),
        "bottom": (3, "string*"),
        "top": (4, "string*"),
        "blobs": (7, "BlobProto*"),
        "concat_param": (104, "ConcatParameter"),
        "convolution_param": (106, "ConvolutionParameter"),
        "pooling_param": (121, "PoolingParameter"),
        "input_param": (143, "InputParameter"),
    },
    "V1LayerParameter": {
        "bottom": (2, "string*"),
        "top": (3, "string*"),
        "name": (4, "string"),
        "type": (5, "LayerType"),
        "blobs": (6, "BlobProto*"),
        "concat_param": (9, "ConcatParameter"),
        "convolution_param": (10, "ConvolutionParameter"),
        "pooling_param": (19, "PoolingParameter"),
    },
    "BlobShape": {"dim": (1, "int64*")},
    "BlobProto": {
        "num": (1, "int64"),
        "channels": (2, "int64"),
        "height": (3, "int64"),
        "width": (4, "int64"),
        "data": (5, "bytes*"),
        "shape": (7, "BlobShape"),
        "double_data": (8, "bytes*"),
    },
    "ConvolutionParameter": _SPATIAL,
    "PoolingParameter": {
        "pool": (1, "PoolMethod"),
        "kernel_size": (2, "uint32"),
        "stride": (3, "uint32"),
        "pad": (4, "uint32"),
        "kernel_h": (5, "uint32"),
        "kernel_w": (6, "uint32"),
        "stride_h": (7, "uint32"),
        "stride_w": (8, "uint32"),
        "pad_h": (9, "uint32"),
        "pad_w": (10, "uint32"),
        "global_pooling": (12, "bool"),
    },
    "ConcatParameter": {"concat_dim": (1, "uint32"), "axis": (2, "int32")},
    "InputParameter": {"shape": (1, "BlobShape*")},
}

_OLD_TYPES = (
    "NONE ACCURACY BNLL CONCAT CONVOLUTION DATA DROPOUT EUCLIDEAN_LOSS FLATTEN HDF5_DATA "
    "HDF5_OUTPUT IM2COL IMAGE_DATA INFOGAIN_LOSS INNER_PRODUCT LRN MULTINOMIAL_LOGISTIC_LOSS "
    "POOLING RELU SIGMOID SOFTMAX SOFTMAX_LOSS SPLIT TANH WINDOW_DATA ELTWISE POWER "
    "SIGMOID_CROSS_ENTROPY_LOSS HINGE_LOSS MEMORY_DATA ARGMAX THRESHOLD DUMMY_DATA SLICE MVN "
    "ABSVAL SILENCE CONTRASTIVE_LOSS EXP DECONVOLUTION"
)
_ENUMS = {
    "PoolMethod": ("MAX", "AVE", "STOCHASTIC"),
    "LayerType": tuple(_OLD_TYPES.split()),
}


def message_class(name: str) -> type[Message]:
    r"""Return the class of one of Caffe's messages.

    Args:
        name: As in caffe.proto: "NetParameter", "BlobProto" and so on.

    Returns:
        A class of protobuf's.

    Example:
        >>> message_class("NetParameter")(name="net").SerializeToString()
        b'\n\x03net'
    """
    descriptor = _pool().FindMessageTypeByName(f"{_PACKAGE}.{name}")
    message: type[Message] = message_factory.GetMessageClass(descriptor)
    return message


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    """Declare all messages, apart from whatever else the process has declared."""
    file = descriptor_pb2.FileDescriptorProto(
        name="openpose_keras/caffe.proto", package=_PACKAGE, syntax="proto2"
    )
    for name, values in _ENUMS.items():
        # An enum's values share the scope of the enum, so each enum sits in a message of its own.
        enum = file.message_type.add(name=f"{name}s").enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add_field(message, field, number, kind)
            if (name, field) == ("BlobShape", "dim"):
                message.field[-1].options.packed = True
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


def _add_field(message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str) -> None:
    """Declare one field of a message."""
    labels = descriptor_pb2.FieldDescriptorProto
    label = labels.LABEL_REPEATED if kind.endswith("*") else labels.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    kind = kind.removesuffix("*")
    if kind in _ENUMS:
        field.type, field.type_name = labels.TYPE_ENUM, f"{kind}s.{kind}"
    elif kind[0].isupper():
        field.type, field.type_name = labels.TYPE_MESSAGE, kind
    else:
        field.type = labels.Type.Value(f"TYPE_{kind.upper()}")
