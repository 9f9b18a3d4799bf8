"""Read and write Caffe's network descriptions, .prototxt, without Caffe."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openpose_keras.conversion.caffe.network import CaffeLayer, CaffeNetwork
from openpose_keras.core.errors import WeightsError
from openpose_keras.core.files import atomic_write

LARGEST_FILE = 150_000  # bytes; the longest of OpenPose's has 70,000
_MOST_LAYERS, _MOST_LEVELS = 2_000, 10
# A field, the beginning of a block, its end, or white space and comments.
_TOKEN = re.compile(
    r"""(?P<field> \w+ ) \s* : \s* (?P<value> "[^"\n]*" | '[^'\n]*' | [\w.+-]+ )
      | (?P<block> \w+ ) \s* :? \s* [{<]
      | (?P<end> [}>] )
      | [\s,;]+ | \#.*""",
    re.VERBOSE,
)

Block = dict[str, list[Any]]  # name of a field -> its values, texts and blocks, in order


def read_prototxt(path: str | os.PathLike[str]) -> CaffeNetwork:
    """Read a .prototxt.

    Args:
        path: The file, in the newer format (`layer`) or the older one (`layers`).

    Returns:
        The network without weights, as from `parse_prototxt`.

    Raises:
        WeightsError: The file is missing, damaged, or not a .prototxt.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise WeightsError(f"expected at most {LARGEST_FILE} bytes")
        return parse_prototxt(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsError(f"{path} can't be read: {error.strerror or error}") from error
    except ValueError as error:
        raise WeightsError(f"{path} is not a .prototxt, or damaged: {error}") from error


def parse_prototxt(text: str) -> CaffeNetwork:
    """Parse the text of a .prototxt.

    Args:
        text: The content of the file.

    Returns:
        The network without weights. The type of a layer is spelt as in the text. Only options of a
        layer with a single value, and inputs with an `input_shape`, are kept.

    Raises:
        WeightsError: The text does not describe a network with layers.

    Example:
        >>> network = parse_prototxt('layer { name: "pool1" type: "Pooling" top: "pool1" }')
        >>> network.layers[0].type
        'Pooling'
    """
    net = _parse_blocks(text)
    layers = [*net["layers"], *net["layer"]]
    if not 0 < len(layers) <= _MOST_LAYERS:
        raise WeightsError(f"expected 1 to {_MOST_LAYERS} layers, got {len(layers)}")
    try:
        shapes = [tuple(map(int, shape["dim"])) for shape in net["input_shape"]]
        inputs = dict(zip(net["input"], shapes, strict=False))
        return CaffeNetwork(tuple(map(_read_layer, layers)), "".join(net["name"]), inputs)
    except (TypeError, ValueError) as error:  # TypeError: a block where text belongs, or vice versa
        raise WeightsError(f"expected the description of a network: {error}") from error


def _read_layer(block: Block) -> CaffeLayer:
    """Convert the block of a layer."""
    kind = "".join(block["type"])
    options: dict[str, int | str] = {}
    for fields in block[f"{kind.lower()}_param"]:
        for name, (value, *more) in fields.items():
            if isinstance(value, str) and not more:
                options[name] = int(value) if value.isdecimal() else value
    bottoms, tops = ("\n".join(block[name]).splitlines() for name in ("bottom", "top"))
    return CaffeLayer("".join(block["name"]), kind, tuple(bottoms), tuple(tops), options)


def _parse_blocks(text: str) -> Block:
    """Parse protobuf's text format; quotes are left out."""
    blocks: list[Block] = [defaultdict(list)]
    position = 0
    while (match := _TOKEN.match(text, position)) and len(blocks) <= _MOST_LEVELS:
        if match["field"]:
            blocks[-1][match["field"]].append(match["value"].strip("\"'"))
        elif match["block"]:
            blocks.append(defaultdict(list))
            blocks[-2][match["block"]].append(blocks[-1])
        elif match["end"]:
            blocks.pop()
            if not blocks:
                break
        position = match.end()
    if position < len(text) or len(blocks) != 1:
        raise WeightsError(f"expected protobuf's text format, got {text[position:][:40]!r}")
    return blocks[0]


def format_prototxt(network: CaffeNetwork) -> str:
    """Format a network's description in the newer format.

    Args:
        network: The network, whose weights are left out.

    Returns:
        The text of a .prototxt.
    """
    fields: list[tuple[str, Any]] = [("name", f'"{network.name}"')]
    for name, shape in network.inputs.items():
        fields += [("input", f'"{name}"'), ("input_shape", [("dim", side) for side in shape])]
    for layer in network.layers:
        content: list[tuple[str, Any]] = [("name", f'"{layer.name}"'), ("type", f'"{layer.type}"')]
        content += [("bottom", f'"{name}"') for name in layer.bottoms]
        content += [("top", f'"{name}"') for name in layer.tops]
        if layer.options:
            content.append((f"{layer.type.lower()}_param", list(layer.options.items())))
        fields.append(("layer", content))
    return "".join(f"{line}\n" for line in _lines(fields))


def _lines(fields: list[tuple[str, Any]]) -> Iterator[str]:
    """Yield the lines of a block's fields."""
    for name, value in fields:
        if isinstance(value, list):
            yield f"{name} {{"
            yield from (f"  {line}" for line in _lines(value))
            yield "}"
        else:
            yield f"{name}: {value}"


def write_prototxt(
    path: str | os.PathLike[str], network: CaffeNetwork, *, force: bool = False
) -> None:
    """Write the description of a network, for Caffe or for OpenCV 4, to go with a .caffemodel.

    Args:
        path: The file.
        network: The network, whose weights are left out.
        force: Whether to replace an existing file.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
    """
    with atomic_write(path, force=force) as temporary:
        temporary.write_text(format_prototxt(network), encoding="utf-8")
