"""`openpose-keras convert`: convert a weight file of any known kind."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Literal

from openpose_keras.cli.options import UsageError, how_to_use
from openpose_keras.io.weight_record import ChannelOrder
from openpose_keras.networks._backend import import_keras
from openpose_keras.networks.presets import PRESETS

SUMMARY = "convert a weight file of OpenPose or of a port"
DESCRIPTION = (
    "Convert weights: a .caffemodel, an HDF5 file of Keras 2, a .weights.h5 or .keras of Keras 3, "
    "a .pth of PyTorch, a .tflite of MediaPipe, an .xml of OpenVINO with its .bin, or a folder "
    "of W_name.npy and b_name.npy. The kind is detected from the content. Without --to, the result "
    "is written to where the network's preset finds it."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the weight file to convert")
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FILE",
        help="the new file, whose ending decides its format: .weights.h5, .caffemodel (with a "
        ".prototxt next to it) or .keras (default: NETWORK.weights.h5 in openpose_keras "
        "in Keras's home, ~/.keras)",
    )
    parser.add_argument(
        "--network",
        metavar="NAME",
        choices=tuple(PRESETS),
        help="network of the weights (default: the network that all layers fit); body_mpi_4 "
        "takes OpenPose's MPI file without its last two stages",
    )
    parser.add_argument(
        "--float16", action="store_true", help="write a .weights.h5 of half the size"
    )
    parser.add_argument(
        "--bgr",
        action="store_true",
        help="let the network expect BGR, as OpenPose's weights do (default: RGB); a .caffemodel "
        "always does",
    )
    parser.add_argument(
        "--licence",
        metavar="TEXT",
        help="licence to record for weights whose licence is not known, such as your own",
    )
    parser.add_argument("--force", action="store_true", help="overwrite existing files")


def run(args: argparse.Namespace) -> int:
    """Run `convert`.

    Args:
        args: The options of `add_arguments`.

    Returns:
        The exit status, 0.

    Raises:
        UsageError: The options contradict each other.
        WeightsError: The file is damaged, or for another network.
        OSError: The result can't be written to the requested path.
    """
    if args.to is None and args.bgr:
        raise UsageError("--bgr: the preset takes RGB; name another file with --to")
    from openpose_keras.conversion.convert import candidates, load_converted
    from openpose_keras.conversion.readers import read_weights
    from openpose_keras.conversion.writers import check_target, write_network
    from openpose_keras.networks.presets import user_folder

    order: ChannelOrder = "bgr" if args.bgr else "rgb"
    dtype: Literal["float16", "float32"] = "float16" if args.float16 else "float32"
    weights = read_weights(args.file)
    names = [args.network] if args.network else candidates(weights)
    targets = {name: args.to or user_folder() / PRESETS[name].file for name in names}
    if args.to is None:
        user_folder().mkdir(parents=True, exist_ok=True)
    if args.to or len(names) == 1:
        check_target(targets[names[0]], dtype, args.force)
    import_keras()  # last: it takes long
    model, record = load_converted(weights, channel_order=order, network=args.network)
    if args.licence and record.official is None:
        record = replace(record, licence=args.licence)
    target = targets[record.network]
    record = write_network(target, model, record, dtype=dtype, force=args.force)
    what = record.official or f"MD5 {record.md5}"
    size = f"{target.stat().st_size / 1e6:.1f} MB"
    takes = record.channel_order.upper()
    print(f"{args.file} ({what}) -> {target} ({record.network}, {size}, {takes})")
    print(f"licence of the weights: {record.licence}")
    if args.to is None and PRESETS[record.network].finds:
        ships = PRESETS[record.network].sha256  # the preset goes on taking that file
        print(f"use it: {how_to_use(record.network, target if ships else None)}")
    return 0
