"""Tables of keypoints over the frames of a video: CSV, one row for each keypoint that was found."""

import csv
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from openpose_keras.core.files import atomic_write
from openpose_keras.core.keypoints import Person

COLUMNS = ("frame", "seconds", "person", "part", "keypoint", "x", "y", "score")

AddPeople = Callable[[int, float, Sequence[Person]], None]
"""The number of a frame, its time in seconds and its people -> nothing; the rows are written."""


@contextmanager
def write_table(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[AddPeople]:
    """Write a table of keypoints; it appears when the block ends well.

    Args:
        path: The file. Its folder must exist.
        force: Whether a file that exists is replaced.

    Yields:
        A function that adds the people of a frame. A missing keypoint has no row. Pixels have two
        decimals, scores four.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
        FileNotFoundError: The folder does not exist.
    """
    with (
        atomic_write(path, force=force) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(COLUMNS)

        def add(frame: int, seconds: float, people: Sequence[Person]) -> None:
            """Write the rows of a frame."""
            for person in people:
                for part, keypoints in person.parts.items():
                    whose = (frame, f"{seconds:.6g}", person.id, part)
                    for name, (x, y, score) in keypoints.to_dict().items():
                        if math.isfinite(x):
                            values = (f"{x:.2f}", f"{y:.2f}", f"{score:.4f}")
                            writer.writerow((*whose, name, *values))

        yield add
