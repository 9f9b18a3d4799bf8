"""The commands `openpose-keras train` and `openpose-keras render`."""

import argparse
import dataclasses


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `train`.

    Args:
        parser: of the sub-command.
    """
    parser.description = (
        "Train hand_lite with Keras: render what hands are missing, then fit; resumed where it "
        "stopped. weights/hand_lite.json, then hand_lite_2.json, made the weights that ship."
    )
    parser.add_argument(
        "config",
        metavar="CONFIG.json",
        help="a JSON file with fields of openpose_keras.training.config.TrainConfig",
    )
    parser.add_argument("--out", help="folder of the run, resumed if it exists")
    parser.add_argument("--assets", help="folder with rigged_hand/, hand_photos/ and teacher/")
    parser.add_argument("--backgrounds", help="folder of pictures without hands")
    parser.add_argument(
        "--labels", metavar="FILE.json", help="label file of your own photos, to mix in"
    )
    parser.add_argument(
        "--weights", metavar="FILE", help='weights to start from; "hand_lite": those that ship'
    )
    parser.add_argument("--epochs", type=int, help="rounds, instead of the config's")
    parser.add_argument(
        "--steps-per-epoch", type=int, help="steps a round, instead of the config's"
    )
    parser.add_argument("--look", metavar="FILE.png", help="only write a sheet of 40 samples")


def run_train(args: argparse.Namespace) -> int:
    """Train, or go on with a run, or only look at its samples.

    Args:
        args: what the options of `add_train_arguments` gave.

    Returns:
        The exit status: 0.
    """
    from openpose_keras.training.config import TrainConfig, read_config

    names = {field.name for field in dataclasses.fields(TrainConfig)}
    given = {
        name: value for name, value in vars(args).items() if name in names and value is not None
    }
    config = read_config(args.config, **given)
    if args.look:
        from openpose_keras.training.pictures import write_sheet

        write_sheet(config, args.look)
        return 0
    from openpose_keras.training.fit import train

    print(f"weights: {train(config)}")
    return 0


def add_render_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `render`.

    Args:
        parser: of the sub-command.
    """
    parser.description = (
        "Write labelled pictures that `evaluate` reads. bare, gloves: one hand each; scenes: one "
        "to three hands; photos: the labelled photos that training holds back; sheet: a picture of "
        "forty hands."
    )
    parser.add_argument("kind", choices=("bare", "gloves", "scenes", "photos", "sheet"))
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write into")
    parser.add_argument(
        "--assets", required=True, metavar="DIR", help="folder with rigged_hand/ or hand_photos/"
    )
    parser.add_argument(
        "--backgrounds", metavar="DIR", help="folder of pictures without hands (default: made-up)"
    )
    parser.add_argument("--count", type=int, default=500, metavar="N", help="images (default: 500)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of hands and grounds")


def run_render(args: argparse.Namespace) -> int:
    """Write a labelled set.

    Args:
        args: what the options of `add_render_arguments` gave.

    Returns:
        The exit status: 0.
    """
    if args.kind == "sheet":
        from openpose_keras.training.pictures import write_hands

        print(f"picture: {write_hands(args.assets, args.out, seed=args.seed)}")
        return 0
    from openpose_keras.training.datasets import write_dataset

    path = write_dataset(
        args.kind,
        args.out,
        assets=args.assets,
        backgrounds=args.backgrounds,
        count=args.count,
        seed=args.seed,
    )
    print(f"labels: {path}")
    return 0
