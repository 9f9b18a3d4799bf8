"""Where the weight files of OpenPose's networks can be had, as data.

First the authors' own server, then copies of the same files, then conversions by others, last the
authors' first server, which has been silent since 2023. Whatever a server sends is checked, so that
an address that has changed its content can do no harm; only the Keras conversion on Google Drive
has no known checksum.
"""

from dataclasses import dataclass

from openpose_keras.conversion.official import OFFICIAL_FILES

DRIVE = "drive:"  # what the address of a Google Drive file begins with; its id follows


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """One place where a weight file can be had.

    Attributes:
        address: http:// or https://, or `DRIVE` and the id of a file of Google Drive.
        file: What the file is called there.
        md5: Its checksum, if that is the one known.
        sha256: Likewise.
        size: In bytes, where it is known for certain.
        needs: A package that reading the file needs, beside ours.
    """

    address: str
    file: str
    md5: str | None = None
    sha256: str | None = None
    size: int | None = None
    needs: str | None = None

    @property
    def verifiable(self) -> bool:
        """Whether a checksum tells that the file is the right one."""
        return bool(self.md5 or self.sha256)

    @property
    def link(self) -> str:
        """What to open in a browser."""
        if self.address.startswith(DRIVE):
            return f"https://drive.google.com/file/d/{self.address.removeprefix(DRIVE)}/view"
        return self.address


_SERVERS = (
    "http://vcl.snu.ac.kr/OpenPose/models/",  # OpenPose's models/getModels.sh
    "https://huggingface.co/camenduru/openpose/resolve/main/models/",
    "https://huggingface.co/gaijingeek/openpose-models/resolve/main/models/",
)
_FIRST_SERVER = "http://posefs1.perception.cs.cmu.edu/OpenPose/models/"
_SIZES = {"body_coco": 209_274_056, "body_25": 104_715_850}
_CONVERSIONS = {
    "hand": (
        Mirror(
            address="https://huggingface.co/lllyasviel/Annotators/resolve/main/hand_pose_model.pth",
            file="hand_pose_model.pth",
            sha256="b76b00d1750901abd07b9f9d8c98cc3385b8fe834a26d4b4f0aad439e75fc600",
            size=147_341_049,
            needs="torch",
        ),
        Mirror(address=f"{DRIVE}1yPQFrCrDltqzYAnWBl__O7oZxGL0sQlu", file="hand_keras.h5"),
    )
}


def _mirrors_of(network: str, path: str, md5: str) -> tuple[Mirror, ...]:
    """List the places of one of OpenPose's files."""
    name = path.rpartition("/")[2]
    *copies, first = (
        Mirror(address=f"{server}{path}", file=name, md5=md5, size=_SIZES.get(network))
        for server in (*_SERVERS, _FIRST_SERVER)
    )
    return (*copies, *_CONVERSIONS.get(network, ()), first)


# Name of a network -> the places of its weights, in the order in which they are tried.
MIRRORS = {
    official.network: _mirrors_of(official.network, official.file, official.md5)
    for official in OFFICIAL_FILES
}
