"""`openpose-keras demo`: run `detect` on an included photo."""

import argparse
from pathlib import Path

from openpose_keras.cli import detect
from openpose_keras.networks.presets import shipped_folder

SUMMARY = "find the people in a photo that ships, to check the installation"
DESCRIPTION = (
    "Find the people in a photo that ships with the package, as `detect` does. It writes "
    "people_keypoints.png and people_keypoints.json, and suggests what to try next."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="folder of the results (default: .)"
    )
    parser.add_argument("--show", action="store_true", help="open the drawn image in a viewer")
    parser.add_argument("--force", action="store_true", help="find and write again")


def run(args: argparse.Namespace) -> int:
    """Run `detect` on the photo; arguments, exit status and errors are those of `detect`."""
    photo = shipped_folder("_images", "notebooks/images") / "people.jpg"
    parser = argparse.ArgumentParser()
    detect.add_arguments(parser)
    options = ["--force"] * args.force + ["--show"] * args.show
    status = detect.run(parser.parse_args([str(photo), "--out", str(args.out), *options]))
    if status:
        return status
    drawn = args.out / "people_keypoints.png"
    print(f"Look at {drawn}. Try next, with photos of your own:")
    for command in ("detect PHOTO", "detect FOLDER --out results --format csv", "video CLIP"):
        print(f"  openpose-keras {command}")
    return 0
