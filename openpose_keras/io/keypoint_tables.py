"""Tables with one row per keypoint that was found, as CSV, Parquet or pandas DataFrames.

The first columns identify the frame or photo, the others are `COLUMNS`. Unknown values are empty,
such as the box of a body, or the side of a hand if the network does not estimate it.
"""

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openpose_keras.core.errors import BackendError
from openpose_keras.core.files import atomic_write
from openpose_keras.core.keypoints import (
    PERSON_PARTS,
    Keypoints,
    Person,
    as_person,
    keypoint_table,
    refuse_one,
)

if TYPE_CHECKING:
    import pandas

# The types are those of Parquet.
OF_FRAMES = {"frame": "int64", "seconds": "float64"}
OF_PHOTOS = {"photo": "string"}
COLUMNS = {
    "person": "int64",  # the id of a person that is followed, else its number in the image
    "part": "string",
    "keypoint": "string",
    "x": "float32",
    "y": "float32",
    "score": "float32",
    "side": "string",
    "presence": "float32",
    "box_x": "float32",
    "box_y": "float32",
    "box_width": "float32",
    "box_height": "float32",
}
_DIGITS = {"seconds": ".6g", "score": ".4f", "presence": ".4f"}  # in CSV; pixels have two decimals
_BATCH, _GROUP = 5_000, 20  # rows that become arrays at once, and such batches in a row group

Row = tuple[Any, ...]
AddPeople = Callable[[Sequence[Any], Sequence[Person]], None]
"""Writes the rows of a frame or photo, given its values of the first columns and its people."""


def keypoint_rows(people: Sequence[Person]) -> Iterator[Row]:
    """Yield the values of `COLUMNS` for each keypoint that was found.

    Example:
        >>> from openpose_keras.core.keypoints import Hand
        >>> hand = Hand(np.full((21, 2), 7.0), np.full(21, 0.5), side="left")
        >>> next(keypoint_rows([Person(left_hand=hand)]))[:7]
        (0, 'left_hand', 'wrist', 7.0, 7.0, 0.5, 'left')
    """
    for number, person in enumerate(people):
        whose = number if person.id is None else person.id
        for name, part in person.parts.items():
            facts = (getattr(part, "side", None), getattr(part, "presence", None))
            about = (*facts, *(part.box or [None] * 4))
            table = np.column_stack([part.xy, part.scores]).tolist()
            rows = zip(part.skeleton.keypoints, table, part.found.tolist(), strict=True)
            for keypoint, values, found in rows:
                if found:
                    yield (whose, name, keypoint, *values, *about)


def to_dataframe(results: Iterable[Keypoints | Person]) -> "pandas.DataFrame":
    """Convert the results of an estimator to a pandas DataFrame, with one row per found keypoint.

    Args:
        results: People, bodies, faces or hands. Each counts as a person, see `as_person`.

    Returns:
        A DataFrame with the columns `COLUMNS`.

    Raises:
        BackendError: pandas is not installed.
        TypeError: It is one hand or person, and not a list.
    """
    try:
        import pandas
    except ImportError as error:
        raise BackendError(
            f"to_dataframe needs pandas, which can't be imported ({error}): pip install pandas"
        ) from error
    refuse_one(results, "results")
    rows = keypoint_rows([as_person(each) for each in results])
    return pandas.DataFrame(rows, columns=list(COLUMNS))


def to_supervision(results: Iterable[Keypoints | Person], *, part: str = "body") -> Any:  # noqa: ANN401 - pdoc would import it
    """Convert the results of an estimator to a `supervision.KeyPoints`, with one row for each.

    Its `as_detections()` returns boxes. supervision's `EdgeAnnotator` counts keypoints from 1:
    `edges=[(a + 1, b + 1) for a, b in hand.skeleton.edge_indices]`.

    Args:
        results: Bodies, faces or hands of one skeleton; or people, of whom one part is used.
        part: The part of people: "body", "face", "left_hand" or "right_hand". People without it
            have no row.

    Returns:
        `xy` (n, K, 2) float32 in pixels, with 0, 0 for a missing keypoint, as in supervision;
        `keypoint_confidence` (n, K), the scores; `detection_confidence` (n,), the presence, else
        the score of the person, else the mean score; `visible` (n, K), which keypoints were found;
        and in `data`, as "person", the number or id of each person.

    Raises:
        BackendError: supervision is not installed, or is older than its `keypoint_confidence`.
        TypeError: It is one hand or person, and not a list.
        ValueError: There is no such part, or the skeletons differ.
    """
    try:
        import supervision
    except ImportError as error:
        raise BackendError(
            f"to_supervision needs supervision, which can't be imported ({error}): pip install "
            "supervision"
        ) from error
    if not hasattr(supervision.KeyPoints, "keypoint_confidence"):
        raise BackendError("to_supervision needs a newer supervision: pip install -U supervision")
    refuse_one(results, "results")
    if part not in PERSON_PARTS:
        raise ValueError(f"expected a part among {', '.join(PERSON_PARTS)}, got {part!r}")
    whose, found = [], []
    for number, each in enumerate(results):
        keypoints = each.parts.get(part) if isinstance(each, Person) else each
        if keypoints is not None:
            own = each.id if isinstance(each, Person) else None
            whose.append(number if own is None else own)
            found.append(keypoints)
    if not found:
        return supervision.KeyPoints.empty()
    names = {each.skeleton.name for each in found}
    if len(names) > 1:
        raise ValueError(f"expected keypoints of one skeleton, got {', '.join(sorted(names))}")
    tables = np.array([keypoint_table(each) for each in found], np.float32)
    return supervision.KeyPoints(
        tables[..., :2],
        keypoint_confidence=tables[..., 2],
        detection_confidence=np.array([_confidence(each) for each in found], np.float32),
        visible=np.array([each.found for each in found]),
        data={"person": np.array(whose)},
    )


def _confidence(found: Keypoints) -> float:
    """Return the confidence of a detection: its presence, else its person score, else its score."""
    known = (getattr(found, name, None) for name in ("presence", "person_score"))
    return next((float(value) for value in known if value is not None), found.score)


@contextmanager
def write_table(
    path: str | os.PathLike[str],
    *,
    first: Mapping[str, str] = OF_FRAMES,
    force: bool = False,
) -> Iterator[AddPeople]:
    """Write a table of keypoints, which is saved when the `with` block ends without an error.

    Args:
        path: The file: Parquet if it ends in .parquet, otherwise CSV. Its folder must exist.
        first: The first columns and their types, `OF_FRAMES` or `OF_PHOTOS`.
        force: Whether to replace an existing file.

    Yields:
        A function that adds the people of a frame or photo. Missing keypoints have no row. In CSV,
        pixels have two decimals, and scores and presence have four.

    Raises:
        BackendError: The file is Parquet, and pyarrow is not installed.
        FileExistsError: The file exists, and `force` is not set.
        FileNotFoundError: The folder does not exist.
    """
    columns = {**first, **COLUMNS}
    is_parquet = Path(path).suffix.lower() == ".parquet"
    writer = _write_parquet if is_parquet else _write_csv
    if is_parquet:
        import_pyarrow()
    with atomic_write(path, force=force) as temporary, writer(temporary, columns) as add_row:

        def add(values: Sequence[Any], people: Sequence[Person]) -> None:
            """Write the rows of a frame or photo."""
            for row in keypoint_rows(people):
                add_row((*values, *row))

        yield add


@contextmanager
def _write_csv(path: Path, columns: Mapping[str, str]) -> Iterator[Callable[[Row], object]]:
    """Yield a function that writes a row to a CSV file."""
    formats = [
        _DIGITS.get(name, ".2f") if kind.startswith("float") else ""
        for name, kind in columns.items()
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)

        def add(row: Row) -> None:
            """Write a row."""
            values = zip(row, formats, strict=True)
            writer.writerow("" if value is None else format(value, each) for value, each in values)

        yield add


@contextmanager
def _write_parquet(path: Path, columns: Mapping[str, str]) -> Iterator[Callable[[Row], object]]:
    """Yield a function that writes a row to a Parquet file."""
    arrow, parquet = import_pyarrow()
    schema = arrow.schema([(name, arrow.type_for_alias(kind)) for name, kind in columns.items()])
    rows: list[Row] = []
    batches: list[Any] = []  # a row of Python takes several times the memory
    with closing(parquet.ParquetWriter(path, schema)) as writer:

        def pack() -> None:
            """Convert the rows to arrays."""
            if rows:
                pairs = zip(zip(*rows, strict=True), schema.types, strict=True)
                arrays = [arrow.array(values, kind) for values, kind in pairs]
                batches.append(arrow.RecordBatch.from_arrays(arrays, schema=schema))
                rows.clear()

        def write() -> None:
            """Write a row group."""
            pack()
            writer.write_table(arrow.Table.from_batches(batches, schema=schema))
            batches.clear()

        def add(row: Row) -> None:
            """Keep a row until there are enough to pack or write."""
            rows.append(row)
            if len(rows) >= _BATCH:
                pack()
            if len(batches) >= _GROUP:
                write()

        yield add
        write()


def import_pyarrow() -> tuple[Any, Any]:
    """Return pyarrow and its Parquet module.

    Raises:
        BackendError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise BackendError(
            f"Parquet needs pyarrow, which can't be imported ({error}): pip install "
            "pyarrow, or write CSV"
        ) from error
    return pyarrow, pyarrow.parquet
