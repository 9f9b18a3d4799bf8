"""Tables of keypoints: for pandas, and over the frames of a video as CSV."""

import csv
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from openpose_keras.core.files import atomic_write
from openpose_keras.core.keypoints import Keypoints, Person, refuse_one

if TYPE_CHECKING:
    import pandas

COLUMNS = ("frame", "seconds", "person", "part", "keypoint", "x", "y", "score")

AddPeople = Callable[[int, float, Sequence[Person]], None]
"""The number of a frame, its time in seconds and its people -> nothing; the rows are written."""


def to_dataframe(results: Iterable[Keypoints | Person]) -> "pandas.DataFrame":
    """Return what an estimator found as a pandas DataFrame, one row a keypoint.

    Args:
        results: Hands, faces, bodies or people.

    Returns:
        The columns `person`, its `id` or else its place in the list, `part`, `keypoint`, `x`, `y`
        and `score`. A hand alone is a person of it. A missing keypoint has NaN, NaN and 0.

    Raises:
        ImportError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(f"to_dataframe needs pandas: pip install pandas ({error})") from error
    refuse_one(results, "results")
    rows = [
        (_number(each, number), part, *row)
        for number, each in enumerate(results)
        for part, keypoints in _parts(each).items()
        for row in keypoints
    ]
    return pandas.DataFrame(rows, columns=list(COLUMNS[2:]))


def _number(result: Keypoints | Person, place: int) -> int:
    """Return the number of a person that is followed, or else the place."""
    number = result.id if isinstance(result, Person) else None
    return place if number is None else number


def _parts(result: Keypoints | Person) -> dict[str, Keypoints]:
    """Return the parts of a person, or what stands alone by the name that it has in a person."""
    if isinstance(result, Person):
        return result.parts
    side = getattr(result, "side", None)
    name = type(result).__name__.lower()
    return {f"{side}_{name}" if side else name: result}


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
