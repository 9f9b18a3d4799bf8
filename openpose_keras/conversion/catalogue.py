"""Published weight files: their checksums and licences, and the sources of OpenPose's files.

The sources of a file are listed in the order in which they are tried: the authors' current server,
copies of the same files, conversions by others, and last the authors' first server, which has not
answered since 2023. Every source except the Keras conversion on Google Drive has a known checksum.
"""

from typing import NamedTuple

OPENPOSE_LICENCE = (
    "academic or non-profit, non-commercial research only (OpenPose's licence); converted files too"
)


class OfficialFile(NamedTuple):
    """A weight file that its authors published.

    Args:
        network: The network to which the weights belong.
        path: The path of the file in OpenPose's `models` folder, or in its package.
        md5: MD5 checksum, see `checksums`. For OpenPose's files it is from its CMakeLists.txt.
        licence: The terms of use of the weights.
    """

    network: str
    path: str
    md5: str
    licence: str = OPENPOSE_LICENCE


class Source(NamedTuple):
    """A URL that offers a weight file.

    Args:
        address: The URL, with http:// or https://. A page of Google Drive stands for its file.
        file: The file's name.
        checksum: The file's MD5 or SHA-256, if it is known.
        needs: A package that is needed to read the file, in addition to this one.
    """

    address: str
    file: str
    checksum: str | None = None
    needs: str | None = None


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

MEDIAPIPE_LICENCE = "Apache-2.0 (Copyright Google LLC)"
MEDIAPIPE_FILES = (
    OfficialFile(
        "mediapipe_hand",
        "hand_landmark_full.tflite of the npm package @mediapipe/hands 0.4.1675469240",
        "c2e81c33114c0fd7451e7cd922baff8c",
        MEDIAPIPE_LICENCE,
    ),
    OfficialFile(
        "mediapipe_palm",
        "palm_detection_full.tflite of the PyPI package mediapipe 0.10.21",
        "8a1357a938f32a0e4708eb495cbac0da",
        MEDIAPIPE_LICENCE,
    ),
    *(
        OfficialFile(
            network, f"{file}.tflite of the PyPI package mediapipe 0.10.21", md5, MEDIAPIPE_LICENCE
        )
        for network, file, md5 in (
            ("mediapipe_face", "face_landmark", "a2f063148e9ea5ac92e01c4734181a5e"),
            ("mediapipe_iris", "iris_landmark", "cd0a517bcf834005853eeb2254f95fa3"),
            (
                "mediapipe_face_detector",
                "face_detection_short_range",
                "c21001d6003fe98ed674c5f6c13ca652",
            ),
        )
    ),
)
OPEN_MODEL_ZOO_FILES = (
    OfficialFile(
        "body_mobilenet",
        "human-pose-estimation-0001 of Open Model Zoo, int8, before 2021.4",
        "ca44c75d04b19ea7a7bfe7654d6198ba",
        "Apache-2.0 (Copyright Intel Corporation)",
    ),
)

_SERVERS = (
    "http://vcl.snu.ac.kr/OpenPose/models/",  # OpenPose's models/getModels.sh
    "https://huggingface.co/camenduru/openpose/resolve/main/models/",
    "https://huggingface.co/gaijingeek/openpose-models/resolve/main/models/",
)
_FIRST_SERVER = "http://posefs1.perception.cs.cmu.edu/OpenPose/models/"
_CONVERSIONS = {
    "hand": (
        Source(
            "https://huggingface.co/lllyasviel/Annotators/resolve/main/hand_pose_model.pth",
            "hand_pose_model.pth",
            "b76b00d1750901abd07b9f9d8c98cc3385b8fe834a26d4b4f0aad439e75fc600",
            needs="torch",
        ),
        Source(
            "https://drive.google.com/file/d/1yPQFrCrDltqzYAnWBl__O7oZxGL0sQlu/view",
            "hand_keras.h5",
        ),
    )
}


def identify(md5: str) -> OfficialFile | None:
    """Return the official file with a given checksum.

    Args:
        md5: The MD5 checksum in hexadecimal digits, in either case.

    Returns:
        The file, or None if no known published file has this checksum.

    Example:
        >>> identify("A82CFC3FEA7C62F159E11BD3674C1531").network
        'hand'
    """
    every = OFFICIAL_FILES + MEDIAPIPE_FILES + OPEN_MODEL_ZOO_FILES
    return next((known for known in every if known.md5 == md5.lower()), None)


def _sources_of(official: OfficialFile) -> tuple[Source, ...]:
    """List the sources of an official file."""
    name = official.path.rpartition("/")[2]
    *copies, first = (
        Source(f"{server}{official.path}", name, official.md5)
        for server in (*_SERVERS, _FIRST_SERVER)
    )
    return (*copies, *_CONVERSIONS.get(official.network, ()), first)


# Name of a network -> the sources of its weights, in the order in which they are tried.
SOURCES = {official.network: _sources_of(official) for official in OFFICIAL_FILES}
SOURCES["body_mpi_4"] = SOURCES["body_mpi"]  # OpenPose's faster MPI network has the same file
