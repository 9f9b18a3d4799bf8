"""`openpose-keras train`: train a network of hands, bodies or faces, or resume a training."""

import argparse
import dataclasses
import os
import sys

from openpose_keras.cli.options import INTERRUPTED, how_to_use
from openpose_keras.networks.presets import PRESETS

SUMMARY = "train a network of hands, faces or bodies, from renderings and photos"
DESCRIPTION = (
    "Train the network that a config names, with Keras. The same command resumes a run that was "
    "stopped. Networks of hands start from MediaPipe's weights, and missing hands are rendered "
    "first. Networks of bodies learn from labelled photos or drawn stick people. "
    "face_lite learns from sets written by `render heads` and `render face_photos`. The configs of "
    "the weights that ship are in the folder weights; body_tiny.json there trains a tiny network "
    "of bodies on drawn stick people in a minute."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `train`.

    Args:
        parser: The parser of the sub-command.
    """
    parser.add_argument(
        "config",
        metavar="CONFIG.json",
        help="a JSON file with fields of openpose_keras.training.config.TrainConfig",
    )
    parser.add_argument("--out", help="folder of the run, resumed if it exists")
    parser.add_argument(
        "--assets", help="folder with rigged_hand/ and hand_photos*/, or heads*/ and photos*/"
    )
    parser.add_argument("--backgrounds", help="folder of images without hands")
    parser.add_argument(
        "--labels", metavar="FILE.json", help="label file of your own photos to train on"
    )
    parser.add_argument(
        "--weights", metavar="FILE", help='weights to start from; "hand_lite": those that ship'
    )
    parser.add_argument("--epochs", type=int, help="number of epochs, instead of the config's")
    parser.add_argument(
        "--steps-per-epoch", type=int, help="steps per epoch, instead of the config's"
    )
    parser.add_argument(
        "--processes",
        type=int,
        help="number of processes that compose samples, instead of the config's",
    )
    parser.add_argument("--preview", metavar="FILE.png", help="only write a sheet of 40 samples")


def run(args: argparse.Namespace) -> int:
    """Start or resume a training run, or only write a preview of its samples.

    Args:
        args: The parsed options of `add_arguments`.

    Returns:
        The exit status: 0.
    """
    from openpose_keras.io.images import write_image
    from openpose_keras.training.config import TrainConfig, read_config
    from openpose_keras.training.train import preview_samples, require_inputs, train
    from openpose_keras.viz.drawing import contact_sheet

    names = {field.name for field in dataclasses.fields(TrainConfig)}
    given = {name: value for name, value in vars(args).items() if value is not None}
    config = read_config(args.config, **{name: given[name] for name in names & given.keys()})
    require_inputs(config)
    if args.preview:
        write_image(args.preview, contact_sheet(preview_samples(config)))
        print(f"image: {args.preview}")
        return 0
    try:
        result = train(config)
    except KeyboardInterrupt:
        print(
            f"interrupted: the same command goes on after the last whole epoch in {config.out}",
            file=sys.stderr,
            flush=True,
        )
        sys.stdout.flush()
        os._exit(INTERRUPTED)  # the threads of a fit in progress would abort an ordinary end
    print(f"weights: {result}")
    if PRESETS[config.network].finds:
        print(f"use them: {how_to_use(config.network, result)}")
    return 0
