"""`openpose-keras export`: export a network to a file of another library."""

import argparse
from pathlib import Path

from openpose_keras.cli.options import UsageError
from openpose_keras.core.files import EXPORT_SUFFIXES
from openpose_keras.networks.presets import PRESETS

SUMMARY = "export a network to ONNX, OpenVINO, LiteRT or TensorFlow"
DESCRIPTION = (
    "Export the network of a preset with its weights to a file that other programs can run. Its "
    "input is (n, h, w, 3) float32 in [-0.5, 0.5), any number of images of any size that the "
    "network accepts. "
    "The file is compared with Keras on the same inputs, and kept only if the two agree."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument("name", metavar="NAME", choices=tuple(PRESETS), help=", ".join(PRESETS))
    parser.add_argument(
        "--to",
        required=True,
        choices=tuple(EXPORT_SUFFIXES),
        help="format of the file; openvino: an .xml with a .bin next to it; saved_model: a folder",
    )
    endings = ", ".join(EXPORT_SUFFIXES.values())
    parser.add_argument(
        "--out", type=Path, metavar="PATH", help=f"the new file (default: NAME with {endings})"
    )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="your own weights for this network, .weights.h5",
    )
    parser.add_argument(
        "--float16",
        action="store_true",
        help="store weights as float16, in half the size; not in saved_model",
    )
    parser.add_argument("--force", action="store_true", help="overwrite existing files")


def run(args: argparse.Namespace) -> int:
    """Run `export`.

    Args:
        args: The options of `add_arguments`.

    Returns:
        The exit status, 0.

    Raises:
        UsageError: The name of the file, or --float16, does not fit the kind of file.
        NetworkError: The results of the file differ from those of Keras.
        OSError: The file can't be written to the requested path.
    """
    from openpose_keras.engines.export import TOLERANCES, export_network

    ending = EXPORT_SUFFIXES[args.to]
    path = args.out or Path(f"{args.name}{ending}")
    if args.to == "saved_model" and args.float16:
        raise UsageError("--float16: a SavedModel holds float32 only; leave it out")
    if args.to != "saved_model" and path.suffix != ending:
        raise UsageError(f"--out: expected a name that ends with {ending}, got {path}")
    report = export_network(
        args.name,
        path,
        form=args.to,
        weights=args.weights,
        half=args.float16,
        force=args.force,
    )
    files = [path, path.with_suffix(".bin")] if args.to == "openvino" else [path]
    size = sum(each.stat().st_size for file in files for each in (file, *file.rglob("*")))
    print(f"{args.name} -> {path} ({size / 1e6:.1f} MB)")
    for name, shape, difference in report:
        print(f"{name:<10} {'x'.join(map(str, shape)):<14} {difference:.1e}")
    tolerance = TOLERANCES["float16" if args.float16 else "float32"]
    print(
        f"pass: differences from Keras, in greatest values of the output, are at most {tolerance:g}"
    )
    return 0
