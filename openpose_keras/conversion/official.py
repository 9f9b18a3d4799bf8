"""The weight files that OpenPose's authors published: how to know them, and their licence."""

from dataclasses import dataclass

OPENPOSE_LICENCE = (
    "academic or non-profit, non-commercial research only (OpenPose's licence); converted files too"
)


@dataclass(frozen=True)
class OfficialFile:
    """A weight file of OpenPose's.

    Attributes:
        network: What it is for.
        file: Its place under OpenPose's `models` folder.
        md5: Its checksum, as OpenPose's CMakeLists.txt lists it.
        licence: What it may be used for.
    """

    network: str
    file: str
    md5: str
    licence: str = OPENPOSE_LICENCE


OFFICIAL_FILES = (
    OfficialFile("hand", "hand/pose_iter_102000.caffemodel", "a82cfc3fea7c62f159e11bd3674c1531"),
    OfficialFile("face", "face/pose_iter_116000.caffemodel", "e747180d728fa4e4418c465828384333"),
    OfficialFile(
        "body_coco", "pose/coco/pose_iter_440000.caffemodel", "5156d31f670511fce9b4e28b403f2939"
    ),
    OfficialFile(
        "body_mpi", "pose/mpi/pose_iter_160000.caffemodel", "2ca0990c7562bd7ae03f3f54afa96e00"
    ),
    OfficialFile(
        "body_25", "pose/body_25/pose_iter_584000.caffemodel", "78287b57cf85fa89c03f1393d368e5b7"
    ),
)


def identify(md5: str) -> OfficialFile | None:
    """Find the official file of a checksum.

    Args:
        md5: Hexadecimal digits, in either case.

    Returns:
        The file, or None if it is none of OpenPose's.

    Example:
        >>> identify("A82CFC3FEA7C62F159E11BD3674C1531").network
        'hand'
    """
    return next((known for known in OFFICIAL_FILES if known.md5 == md5.lower()), None)
