"""The processing of a photo by `openpose-keras detect` in any process: find, draw, write."""

import argparse
import errno
import math
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from openpose_keras.cli import options
from openpose_keras.cli.paths import OUTPUT_SUFFIXES
from openpose_keras.core.errors import OpenPoseKerasError
from openpose_keras.core.keypoints import Keypoints, Person, as_person
from openpose_keras.estimators.hand import HandEstimate
from openpose_keras.estimators.photos import Photo, process, write_behind
from openpose_keras.io.images import write_image
from openpose_keras.io.openpose_json import write_openpose, write_people
from openpose_keras.io.photo_results import format_photo
from openpose_keras.viz.drawing import (
    draw,
    draw_heatmaps,
    resample_to_image,
    select_map,
)

_PLURALS = {"body": "bodies", "face": "faces", "hand": "hands"}


class Job(NamedTuple):
    """A photo to process: its path, the prefix of its outputs, and its name in the results."""

    photo: str  # a million strings take less memory than paths
    stem: str
    name: str


@dataclass(frozen=True)
class Outcome:
    """The outcome of a photo.

    Args:
        job: The photo.
        text: A description of the people found, or the error.
        failed: Whether the text is an error.
        counts: The numbers of bodies, faces and hands found.
        line: The photo's line in the results, from `format_photo`; empty if it is not needed.
    """

    job: Job
    text: str
    failed: bool = False
    counts: Mapping[str, int] | None = None
    line: str = ""


class Finder(Protocol):
    """Finds hands alone or whole people, and writes the results."""

    def find(self, image: np.ndarray) -> Any:  # noqa: ANN401 - each finder has its own
        """Return the hands or people in an image (H, W, 3) uint8 RGB."""

    def people(self, found: Any) -> list[Person]:  # noqa: ANN401
        """Convert the results to people."""

    def describe(self, found: Any) -> str:  # noqa: ANN401
        """Describe the results in words."""

    def write(self, kind: str, path: Path, image: np.ndarray, found: Any) -> None:  # noqa: ANN401
        """Write one of the kinds of output in `OUTPUT_SUFFIXES`."""


class _Hands:
    """Finds hands alone, with the options for hands."""

    def __init__(self, args: argparse.Namespace) -> None:
        """Load the network."""
        self.args = args
        self.estimator = options.load_estimator(args)

    def find(self, image: np.ndarray) -> list[HandEstimate]:
        """Return the hands of an image."""
        return self.estimator.estimate(
            image,
            boxes="whole" if self.args.boxes == ["whole"] else self.args.boxes,
            sides=self.args.side,
            min_presence=self.args.min_presence,
            max_hands=self.args.max_hands,
        )

    def people(self, found: Sequence[HandEstimate]) -> list[Person]:
        """Return each hand as a person; a hand of unknown side is a right one."""
        return [as_person(each.hand) for each in found]

    def describe(self, found: Sequence[HandEstimate]) -> str:
        """Describe each hand by its side, and its presence or, without one, its score."""
        words = []
        for hand in (each.hand for each in found):
            sure = f"score {hand.score:.2f}"
            if hand.presence is not None:
                sure = f"presence {_floor(hand.presence)}"
                if hand.presence < self.args.min_presence:  # in a box that was given
                    sure += ", probably no hand"
            words.append(f"{hand.side or 'a'} hand ({sure})")
        return ", ".join(words) or "no hand found"

    def write(
        self, kind: str, path: Path, image: np.ndarray, found: Sequence[HandEstimate]
    ) -> None:
        """Write the annotated image, the JSON file or the heatmaps."""
        if kind == "json":
            hands = [each.hand for each in found]
            write_openpose(path, hands, options=self.args.found_with, force=True)
        elif kind == "heatmaps":
            write_image(path, _overlay(image, found))
        else:
            _write_drawn(path, image, self.people(found), self.args)


class _People:
    """Finds whole people, or some of their parts."""

    def __init__(self, args: argparse.Namespace) -> None:
        """Load the networks."""
        self.args = args
        self.estimator = options.load_people_estimator(args, args.parts)

    def find(self, image: np.ndarray) -> list[Person]:
        """Return the people of an image."""
        return self.estimator(image, min_presence=self.args.min_presence)

    def people(self, found: list[Person]) -> list[Person]:
        """Return the people unchanged."""
        return found

    def describe(self, found: Sequence[Person]) -> str:
        """Return the number of each part, and the minimum presence among them."""
        words = []
        for kind, count in count_parts(found).items():
            told = [getattr(part, "presence", None) for part in _parts(found, kind)]
            sure = [presence for presence in told if presence is not None]
            least = f" (presence {'at least ' * (count > 1)}{_floor(min(sure))})" if sure else ""
            words.append(count_words({kind: count}) + least)
        return ", ".join(words) or "nobody found"

    def write(self, kind: str, path: Path, image: np.ndarray, found: Sequence[Person]) -> None:
        """Write the annotated image or the JSON file."""
        if kind == "json":
            write_people(path, found, options=self.args.found_with, force=True)
        else:
            _write_drawn(path, image, found, self.args)


def _write_drawn(
    path: Path, image: np.ndarray, people: Sequence[Person], args: argparse.Namespace
) -> None:
    """Write the annotated image."""
    known = (part.skeleton.name for person in people for part in person.parts.values())
    thresholds = {} if args.threshold is None else dict.fromkeys(known, args.threshold)
    canvas = draw(image, people, thresholds=thresholds, boxes=args.draw == "boxes")
    write_image(path, canvas)


def load_finder(args: argparse.Namespace) -> Finder:
    """Return a finder for the requested parts, which loads the networks."""
    return _People(args) if args.parts else _Hands(args)


def work(args: argparse.Namespace, finder: Finder, jobs: Iterable[Job]) -> Iterator[Outcome]:
    """Process photos; they are read and written while the network computes.

    Args:
        args: The options, with the `kinds` of outputs and the requested `tables`.
        finder: The finder, from `load_finder`.
        jobs: The photos.

    Yields:
        An outcome for each photo, after its outputs are written.

    Raises:
        OSError: The disk is full, so that the run cannot continue.
    """
    known: dict[Path, Job] = {}  # a few, between reading and writing
    failed: deque[Outcome] = deque()

    def photos() -> Iterator[Path]:
        """Yield the photos, and record the job of each one."""
        for job in jobs:
            path = Path(job.photo)
            known[path] = job
            yield path

    def fail(photo: Path, error: Exception) -> None:
        """Keep the error until it is reported."""
        text = error_text(error).removeprefix(f"{photo}: ")
        failed.append(Outcome(known.pop(photo), text, failed=True))

    def write(item: tuple[Photo, Any]) -> Outcome:
        """Write the outputs of a photo."""
        photo, found = item
        return _write(args, finder, known.pop(photo.path), photo.image, found)

    for outcome in write_behind(write, process(photos(), finder.find, on_error=fail)):
        while failed:
            yield failed.popleft()
        yield outcome
    yield from failed


def _write(
    args: argparse.Namespace,
    finder: Finder,
    job: Job,
    image: np.ndarray,
    found: Any,  # noqa: ANN401 - each finder has its own
) -> Outcome:
    """Write the outputs of a photo."""
    try:
        for kind, path in output_paths(args, job).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            finder.write(kind, path, image, found)
        people = finder.people(found)
        line = format_photo(job.name, image.shape[:2], people) if args.tables else ""
        return Outcome(job, finder.describe(found), counts=count_parts(people), line=line)
    except Exception as error:
        for cause in (error, error.__cause__):
            if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
                raise cause from error
        return Outcome(job, error_text(error), failed=True)


def output_paths(args: argparse.Namespace, job: Job) -> dict[str, Path]:
    """Return the output paths of a photo by kind."""
    return {kind: args.out / f"{job.stem}{OUTPUT_SUFFIXES[kind]}" for kind in args.kinds}


def count_parts(people: Sequence[Person]) -> Counter[str]:
    """Return the numbers of bodies, faces and hands."""
    return Counter(type(part).__name__.lower() for part in _parts(people))


def _parts(people: Sequence[Person], kind: str | None = None) -> list[Keypoints]:
    """Return the parts of people, either all or those of a kind such as "hand"."""
    parts = (part for person in people for part in person.parts.values())
    return [part for part in parts if kind in (None, type(part).__name__.lower())]


def count_words(counts: Mapping[str, int]) -> str:
    """Format counts of parts in words."""
    return ", ".join(f"{n} {part if n == 1 else _PLURALS[part]}" for part, n in counts.items())


def _floor(presence: float) -> str:
    """Format a presence with two decimals, rounded down, since 1.00 would mean certainty."""
    return f"{math.floor(100 * presence) / 100:.2f}"


def error_text(error: Exception) -> str:
    """Format an error in one line."""
    text = " ".join(str(error).split()) or "no message"
    if isinstance(error, OpenPoseKerasError | OSError | ValueError):
        return text
    return f"unexpected {type(error).__name__}: {text}"


def _overlay(image: np.ndarray, estimates: Sequence[HandEstimate]) -> np.ndarray:
    """Draw the heatmaps of all hands over the photo, with the maximum where boxes overlap."""
    total = np.full(image.shape[:2], np.nan, np.float32)  # NaN: no box is here
    for estimate in estimates:
        maps, frame = estimate.heatmaps()
        heat, area = resample_to_image(select_map(maps), image.shape[:2], frame.box)
        total[area] = np.fmax(total[area], heat)
    return np.where(np.isnan(total)[..., None], image, draw_heatmaps(image, total))
