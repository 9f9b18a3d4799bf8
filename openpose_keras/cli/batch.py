"""A run of `openpose-keras detect`: the photos to process, and their outcomes.

A run may be killed at any time. `keypoints.jsonl` in the results folder records the photos that a
run has started, so that the next run recognises incomplete outputs as its own. It also records the
people found in each photo, from which the tables are written at the end.
"""

import argparse
import csv
import json
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Self

from openpose_keras.cli.finders import Job, Outcome, error_text, output_paths
from openpose_keras.cli.options import plain
from openpose_keras.cli.paths import OUTPUT_SUFFIXES, InputError, expand, make_folder, output_stems
from openpose_keras.core.errors import DataError
from openpose_keras.core.files import atomic_write, find_temporaries
from openpose_keras.io.coco_results import write_found
from openpose_keras.io.keypoint_tables import OF_PHOTOS, import_pyarrow, write_table
from openpose_keras.io.openpose_json import OPTIONS
from openpose_keras.io.photo_results import PhotoResults, changed_options, photo_name

TABLES = {"csv": "keypoints.csv", "parquet": "keypoints.parquet", "coco": "keypoints_coco.json"}
RESULTS, BAD = "keypoints.jsonl", "bad_photos.csv"
_BAD_COLUMNS = ["photo", "error"]
_DECISIVE = (
    "preset", "recipe", "parts", "weights", "dtype", "smallest", "min_presence", "boxes", "side",
    "max_hands", "threshold", "draw",
)  # fmt: skip
"""The options on which results depend."""

Places = dict[str, Job]
"""Photos by their resolved paths."""


def find_photos(args: argparse.Namespace) -> tuple[Places, list[tuple[str, str]]]:
    """Return the photos of all arguments, each only once.

    Args:
        args: The options of `detect`.

    Returns:
        The photos, and each argument without photos with its error.
    """
    photos: dict[str, tuple[Path, Path]] = {}
    errors = []
    for argument in args.photos:
        try:
            found = expand(argument, recursive=args.recursive)
        except (OSError, ValueError) as error:
            errors.append((argument, error_text(error)))
            continue
        is_tree = args.recursive and Path(argument).is_dir()
        for photo in found:
            folder = Path(argument) if is_tree else photo.parent
            photos.setdefault(str(photo.resolve()), (photo, folder))
    paths = [photo for photo, _ in photos.values()]
    stems = output_stems(paths, [folder for _, folder in photos.values()])
    jobs = zip(photos, paths, stems, strict=True)
    return {
        at: Job(str(photo), stem, photo_name(photo, args.out)) for at, photo, stem in jobs
    }, errors


class Batch:
    """The photos of a run and its results folder, to which no other run writes at the same time.

    Args:
        args: The options of `detect`, with the `kinds` of outputs per photo, and the `tables`.
        photos: The photos, from `find_photos`.

    Raises:
        InputError: The folder can't be created, or a table would replace a file of other origin.
        DataError: The folder contains results that were found with other options.
        BackendError: A table needs a package that is missing.
    """

    def __init__(self, args: argparse.Namespace, photos: Places) -> None:
        """Create the folder, and determine what is to be done."""
        self.args = args
        self.photos = photos
        self.tables = {args.out / TABLES[each] for each in args.tables}
        self.jobs: list[Job] = []
        self.done: list[Job] = []  # they have their results
        self.refused: list[Outcome] = []  # their outputs must not be written
        self.bad: list[Outcome] = []
        if "parquet" in args.tables:
            import_pyarrow()
        make_folder("--out", args.out)
        _check_bad(args.out / BAD)
        given = {name: plain(getattr(args, name)) for name in _DECISIVE}
        if "image" not in args.kinds:
            given["threshold"] = given["draw"] = None
        args.found_with = {name: value for name, value in given.items() if value is not None}
        try:
            self._results = PhotoResults(args.out / RESULTS, args.found_with, force=args.force)
        except OSError as error:
            raise InputError(
                f"--out {args.out}: this folder can't be written into: {error.strerror or error}; "
                "choose another --out"
            ) from error
        try:
            self._choose()
        except BaseException:
            self._close()
            raise

    def _choose(self) -> None:
        """Select the photos that are not done; record that they and the tables are started."""
        args, results = self.args, self._results
        for path in self.tables:
            if not (args.force or results.begun(path.name)):
                _refuse_existing(path)
        for job in self.photos.values():
            outputs = output_paths(args, job).values()
            is_known = not args.tables or job.name in results
            if is_known and not args.force and all(path.exists() for path in outputs):
                if not results.begun(job.name):
                    self._check_options(job)
                self.done.append(job)
                continue
            try:
                for path in outputs:
                    self._check_output(path, args.force or results.begun(job.name))
            except InputError as error:
                if args.tables and self._other_options(job) == "":
                    raise InputError(
                        f"{args.out} has photos that were found without --format "
                        f"{args.format[-1]}: --force finds them again, or choose another --out"
                    ) from error
                self.refused.append(Outcome(job, str(error), failed=True))
            else:
                self.jobs.append(job)
        results.begin([path.name for path in self.tables] + [job.name for job in self.jobs])

    def _other_options(self, job: Job) -> str | None:
        """Return the options in which the JSON file of a photo differs; None if unknown."""
        path = self.args.out / f"{job.stem}{OUTPUT_SUFFIXES['json']}"
        before = None
        with suppress(OSError, ValueError, LookupError, TypeError):  # nothing is remembered
            before = dict(json.loads(path.read_bytes())[OPTIONS])
        return changed_options(before, self.args.found_with) if before else None

    def _check_options(self, job: Job) -> None:
        """Raise an error if the JSON file of a photo was found with other options."""
        if other := self._other_options(job):
            path = self.args.out / f"{job.stem}{OUTPUT_SUFFIXES['json']}"
            raise DataError(
                f"{path} was found with other options ({other}): --force finds it again, or choose "
                "another --out"
            )

    def _check_output(self, path: Path, is_ours: bool) -> None:
        """Raise an error instead of replacing a photo, or a file that may have another origin."""
        if str(path.parent.resolve() / path.name) in self.photos:
            raise InputError(f"{path} is one of the photos: choose another --out")
        if not is_ours:
            _refuse_existing(path)

    def add(self, outcome: Outcome) -> None:
        """Record the outcome of a photo."""
        if outcome.failed:
            self.bad.append(outcome)
        elif outcome.line:
            self._results.add(outcome.job.name, outcome.line)

    def write_tables(self) -> None:
        """Write the tables of all photos with results in the folder, also from earlier runs."""
        if not len(self._results):
            return
        for path in sorted(self.tables):
            if path.suffix == ".json":
                write_found(path, self._results, force=True)
                continue
            with write_table(path, first=OF_PHOTOS, force=True) as add:
                for name, _, people in self._results:
                    add([name], people)

    def summary(self) -> list[str]:
        """Return lines about the files that cover all photos."""
        lines = []
        if self.tables and len(self._results):
            tables = ", ".join(str(path) for path in sorted(self.tables))
            count = len(self._results)
            lines.append(f"the results of {count} photo{'s' * (count > 1)} -> {tables}")
        if self.bad and len(self.photos) > 1:
            list_of_bad = self.args.out / BAD
            lines.append(f"{len(self.bad)} of {len(self.photos)} photos failed -> {list_of_bad}")
        return lines

    def __enter__(self) -> Self:
        """Return the run."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write the list of failed photos, and clean up."""
        try:
            self._clear_temporaries()
            self._write_bad()
        finally:
            self._close()

    def _write_bad(self) -> None:
        """Write the list of failed photos, unless there is only one photo."""
        path = self.args.out / BAD
        if not self.bad or len(self.photos) == 1:
            path.unlink(missing_ok=True)
            return
        with (
            atomic_write(path, force=True) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(_BAD_COLUMNS)
            writer.writerows((each.job.name, each.text) for each in self.bad)

    def _clear_temporaries(self) -> None:
        """Delete temporary files of killed processes in the results folders."""
        jobs = self.photos.values()
        folders = {self.args.out, *((self.args.out / job.stem).parent for job in jobs)}
        found = [each for folder in folders if folder.is_dir() for each in find_temporaries(folder)]
        if found:
            begun = (output_paths(self.args, job) for job in jobs if self._results.begun(job.name))
            outputs = chain(self.tables, *(paths.values() for paths in begun))
            ends = {path.name[-50:] for path in outputs}
            for path, end in found:
                if end in ends:
                    path.unlink(missing_ok=True)

    def _close(self) -> None:
        """Close the file of results, and delete it unless a later run may need it."""
        known = {job.name: job for job in self.photos.values()}
        begun = self._results.names - {path.name for path in self.tables}
        is_over = not len(self._results) and all(
            name in known and self._is_whole(known[name]) for name in begun
        )
        self._results.close(delete=is_over)

    def _is_whole(self, job: Job) -> bool:
        """Return whether a photo has all outputs, and is not needed for a table, or no output."""
        made = {path.exists() for path in output_paths(self.args, job).values()}
        return True not in made or (False not in made and not self.tables)


def _check_bad(path: Path) -> None:
    """Raise an error if another file has the name of the list of failed photos."""
    if path.exists() and not path.read_bytes().startswith(",".join(_BAD_COLUMNS).encode()):
        raise InputError(f"{path} is no list of bad photos: rename it, or choose another --out")


def _refuse_existing(path: Path) -> None:
    """Raise an error if a file exists."""
    if path.exists():
        raise InputError(f"{path} exists: choose another --out, or --force to overwrite it")
