"""The command `openpose-keras train`."""

import argparse
import dataclasses


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `train`.

    Args:
        parser: of the sub-command.
    """
    parser.add_argument(
        "config", help="a JSON file with fields of openpose_keras.training.config.TrainConfig"
    )
    parser.add_argument(
        "--out", help="folder of the run, instead of the config's; resumed if it exists"
    )
    parser.add_argument("--assets", help="folder with rigged_hand/, hand_photos/, teacher/")
    parser.add_argument("--backgrounds", help="folder of pictures without hands")
    parser.add_argument("--epochs", type=int, help="rounds, instead of the config's")
    parser.add_argument(
        "--steps-per-epoch", type=int, help="steps a round, instead of the config's"
    )


def run(args: argparse.Namespace) -> int:
    """Train, or go on with a run.

    Args:
        args: what the options of `add_arguments` gave.

    Returns:
        The exit status: 0.
    """
    from openpose_keras.training.config import TrainConfig, read_config
    from openpose_keras.training.fit import train

    names = {field.name for field in dataclasses.fields(TrainConfig)}
    given = {
        name: value for name, value in vars(args).items() if name in names and value is not None
    }
    print(f"weights: {train(read_config(args.config, **given))}")
    return 0
