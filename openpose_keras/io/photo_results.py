"""Results of many photos in a file of JSON lines, which is kept when a run is killed.

The first line states the kind of the file and the options with which its results were found. Each
further line is one JSON object. `{"begin": [...]}` names the files that a run is about to write and
the photos that it is about to read. `{"photo": ..., "size": [height, width], "people": [...]}`
holds the people found in a photo. Names are relative to the file's folder. A line that was cut off
when a run was killed is dropped. If a photo has several lines, the last one counts.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np

from openpose_keras.core.errors import DataError, OpenPoseKerasError
from openpose_keras.core.files import write_json
from openpose_keras.core.keypoints import Body, Face, Hand, Keypoints, Person
from openpose_keras.core.skeletons import BODY_25, BODY_COCO, BODY_MPI
from openpose_keras.geometry.axis_aligned import Size
from openpose_keras.io.openpose_json import part_facts

KIND = "photos of openpose-keras"
_KINDS = {"body": Body, "face": Face, "left_hand": Hand, "right_hand": Hand}
_BODIES = {each.name: each for each in (BODY_25, BODY_COCO, BODY_MPI)}

Json = dict[str, Any]


class PhotoResults:
    """A file of results to which a run adds. Only one process at a time can open it.

    Args:
        path: The file. Its folder must exist. A missing file is created.
        options: The options on which the results depend, as plain data.
        force: Whether to start again if the file has results with other options.

    Raises:
        DataError: The file is not a file of results, or its results have other options.
        OpenPoseKerasError: Another process has opened the file.

    Yields:
        The name of each photo, its size (height, width) and its people, sorted by name. The results
        can be iterated several times.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with PhotoResults(Path(folder, "results.jsonl"), {}) as results:
        ...         results.begin(["a.jpg"])
        ...         results.add("a.jpg", format_photo("a.jpg", (480, 640), []))
        ...         list(results)
        [('a.jpg', (480, 640), [])]
    """

    def __init__(
        self, path: str | os.PathLike[str], options: Mapping[str, Any], *, force: bool = False
    ) -> None:
        """Lock the file and read which photos it contains."""
        self.path = Path(path)
        self._lock = _lock(self.path)
        self.names: set[str] = set()  # that were begun with
        self._lines: dict[str, int] = {}  # where the line of a photo begins
        try:
            header = {"file": KIND, "version": 1, "options": options}
            exists = self.path.exists()
            other = changed_options(self._header()["options"], options) if exists else ""
            if not exists or (other and force):
                write_json(self.path, header, force=force)
            elif other:
                raise DataError(
                    f"{self.path} has results that were found with other options ({other}): "
                    "--force finds them again, or choose another folder"
                )
            self._read()
            self._file = self.path.open("ab")
        except BaseException:
            self._unlock()
            raise

    def _header(self) -> Json:
        """Return the first line; raise DataError if this is not a file of results."""
        with self.path.open("rb") as file, suppress(ValueError):
            header = json.loads(file.readline())
            if isinstance(header, dict) and header.get("file") == KIND and header["version"] == 1:
                return header
        raise DataError(
            f"expected results of photos in {self.path}, got another file: rename it, or choose "
            "another folder"
        )

    def _read(self) -> None:
        """Record the photo or files of each line, and remove an incomplete last line."""
        with self.path.open("r+b") as file:
            position = len(file.readline())
            for line in file:
                try:
                    entry = json.loads(line) if line.endswith(b"\n") else None
                except ValueError as error:
                    raise DataError(f"{self.path}: byte {position}: {error}") from error
                if entry is None:
                    break
                self.names.update(entry.get("begin", ()))
                if "photo" in entry:
                    self._lines[entry["photo"]] = position
                position += len(line)
            file.truncate(position)

    def begin(self, names: Sequence[str]) -> None:
        """Record the files and photos that this run is about to write or read."""
        for start in range(0, len(names), 1000):
            self._write(json.dumps({"begin": names[start : start + 1000]}))
        self.names.update(names)

    def begun(self, name: str) -> bool:
        """Return whether this run or an earlier one has started on a photo or file."""
        return name in self.names

    def __len__(self) -> int:
        """Return the number of photos with results."""
        return len(self._lines)

    def __contains__(self, name: str) -> bool:
        """Return whether a photo has results."""
        return name in self._lines

    def add(self, name: str, line: str) -> None:
        """Add the results of a photo, a line from `format_photo`."""
        self._lines[name] = self._file.tell()
        self._write(line)

    def _write(self, line: str) -> None:
        """Pass a line to the system immediately, which keeps it if this process is killed."""
        self._file.write(f"{line}\n".encode())
        self._file.flush()

    def __iter__(self) -> Iterator[tuple[str, Size, list[Person]]]:
        """Yield the photos, as described for the class."""
        with self.path.open("rb") as file:
            for name in sorted(self._lines):
                file.seek(self._lines[name])
                entry = json.loads(file.readline())
                height, width = entry["size"]
                yield name, (height, width), [_person(each) for each in entry["people"]]

    def close(self, *, delete: bool = False) -> None:
        """Close the file, and delete it if it is no longer needed."""
        self._file.close()
        if delete:
            self.path.unlink()
        self._unlock()

    def _unlock(self) -> None:
        """Let other processes open the file."""
        with suppress(OSError):  # Windows deletes no file that is open
            Path(self._lock.lock_file).unlink(missing_ok=True)
        self._lock.release()

    def __enter__(self) -> Self:
        """Return the results."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()


def changed_options(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return the options in which two runs differ, as written on the command line.

    Args:
        before: The options of the earlier run, as plain data read from JSON. A missing option
            counts as None.
        now: The options of this run.

    Example:
        >>> changed_options({"boxes": None}, {"boxes": [], "max_hands": None, "dtype": "float32"})
        '--box, --dtype'
    """
    now = json.loads(json.dumps(now))  # a tuple is a list
    names = [name for name in {**now, **before} if before.get(name) != now.get(name)]
    return ", ".join(f"--{name.replace('_', '-').replace('boxes', 'box')}" for name in names)


def _lock(path: Path) -> Any:  # noqa: ANN401 - filelock is imported where it is needed
    """Take a lock between processes, which the system releases when its owner ends in any way."""
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f".{path.stem}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise OpenPoseKerasError(
            f"another run writes into {path.parent}: wait for it, or choose another folder"
        ) from error
    return lock


def photo_name(path: Path, folder: Path) -> str:
    """Return a photo's name in the results in a folder: its relative path, with slashes."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path.absolute().as_posix()


def format_photo(name: str, size: Size, people: Iterable[Person]) -> str:
    """Format the line of a photo; positions and scores have four decimals.

    Args:
        name: The name of the photo.
        size: (height, width) of the photo in pixels.
        people: The people found in the photo.
    """
    entry = {"photo": name, "size": size, "people": [_plain(each) for each in people]}
    return json.dumps(entry, separators=(",", ":"))


def _plain(person: Person) -> Json:
    """Convert a person to plain data."""
    plain: Json = {} if person.id is None else {"id": person.id}
    for name, part in person.parts.items():
        table = np.column_stack([part.xy, part.scores]).astype(np.float64).round(4).tolist()
        rows = zip(table, part.found.tolist(), strict=True)
        plain[name] = {"keypoints": [row if found else None for row, found in rows]}
        if name == "body":
            plain[name]["skeleton"] = part.skeleton.name
        plain[name] |= part_facts(part)
    return plain


def _person(plain: Json) -> Person:
    """Build a person from plain data."""
    parts: dict[str, Keypoints] = {}
    for name in plain.keys() & _KINDS.keys():
        facts = dict(plain[name])
        rows = [row or (np.nan, np.nan, 0.0) for row in facts.pop("keypoints")]
        table = np.array(rows, np.float64).reshape(-1, 3)
        if name == "body":
            facts["skeleton"] = _BODIES[facts["skeleton"]]
        parts[name] = _KINDS[name](table[:, :2], table[:, 2], **facts)
    return Person(**parts, id=plain.get("id"))  # type: ignore[arg-type] # each has its kind
