"""Where the samples of body networks come from: drawn people, labelled photos, a teacher's photos.

A source draws a sample of the network's input size with a random generator.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from openpose_keras.core.errors import DataError
from openpose_keras.core.skeletons import Skeleton
from openpose_keras.estimators.body import BODY_NETWORKS
from openpose_keras.io.coco_people import LabelledPeople, read_people_labels, unlabelled_mask
from openpose_keras.io.images import read_image
from openpose_keras.training.augment import augment_photometric
from openpose_keras.training.backgrounds import image_files
from openpose_keras.training.bodies.augment import BodySample, augment_people
from openpose_keras.training.bodies.stick_people import stick_people
from openpose_keras.training.config import TrainConfig

BodySource = Callable[[np.random.Generator], BodySample]
"""Draws a sample of the network's input size."""

_HELD_OUT = 7  # every so many photos one is for validation
_EMPTY = 0.1  # of the samples of labelled photos show nobody, where there are such photos


class BodySources(NamedTuple):
    """What draws the samples of a run.

    Args:
        training: Labelled samples to learn from.
        validation: Labelled samples to measure with.
        taught: Photos for a teacher to answer; None without a teacher.
        held_out: How many photos are held out for validation; None where people are drawn.
    """

    training: BodySource
    validation: BodySource
    taught: BodySource | None = None
    held_out: int | None = None


def load_sources(config: TrainConfig) -> BodySources:
    """Return what draws the samples of a run.

    Args:
        config: The config. Of the photos of people of its `labels` every seventh is held out.
            Those without people are for training.

    Raises:
        DataError: The label file cannot be used, or has fewer than two photos of people.
        FileNotFoundError: There are no photos for the teacher.
    """
    skeleton, _ = BODY_NETWORKS[config.network]
    if config.labels is None:
        source = drawn_source(skeleton, config.size)
        return BodySources(source, source)
    path = Path(config.labels)
    labelled = read_people_labels(path, path.parent, skeleton=None)
    photos = [each for each in labelled if each.people]
    if len(photos) < 2:
        raise DataError(f"{path}: expected two photos of people or more, got {len(photos)}")
    held_out = photos[::_HELD_OUT]
    rest = [each for number, each in enumerate(photos) if number % _HELD_OUT]
    print(f"trained on: {len(rest)} photos of people; held out: {len(held_out)}", flush=True)
    training, validation = (photo_source(some, skeleton, config.size) for some in (rest, held_out))
    empty = [each for each in labelled if not each.people]
    if empty:
        training = _mixture(training, photo_source(empty, skeleton, config.size), _EMPTY)
    files = image_files(config.photos) if config.photos else []
    taught = taught_source(files, skeleton, config.size) if files else None
    return BodySources(training, validation, taught, len(held_out))


def _mixture(source: BodySource, other: BodySource, fraction: float) -> BodySource:
    """Return a source that draws a fraction of its samples from another one."""
    return lambda rng: (other if rng.random() < fraction else source)(rng)


def drawn_source(skeleton: Skeleton, size: int) -> BodySource:
    """Return a source of drawn stick people, see `stick_people`."""
    return lambda rng: stick_people(rng, size, skeleton=skeleton)


def photo_source(photos: Sequence[LabelledPeople], skeleton: Skeleton, size: int) -> BodySource:
    """Return a source of labelled photos of any size, all equally likely, each time augmented.

    Args:
        photos: As `io.coco_people.read_people_labels` returns them. They are read when drawn.
        skeleton: Of the network.
        size: Side of a sample in pixels.
    """

    def draw(rng: np.random.Generator) -> BodySample:
        """Draw a sample."""
        photo = photos[int(rng.integers(len(photos)))]
        return augment_people(rng, read_sample(photo, skeleton), skeleton, size)

    return draw


def taught_source(files: Sequence[Path], skeleton: Skeleton, size: int) -> BodySource:
    """Return a source of photos without labels, all equally likely, for a teacher to answer.

    Args:
        files: The photos. They are read when drawn.
        skeleton: Of the network.
        size: Side of a sample in pixels.
    """

    def draw(rng: np.random.Generator) -> BodySample:
        """Draw a sample, as another camera might have seen it."""
        image = augment_photometric(rng, read_image(files[int(rng.integers(len(files)))]))
        nobody = np.empty((0, len(skeleton), 2))
        sample = BodySample(image, nobody, np.zeros(image.shape[:2], bool))
        return augment_people(rng, sample, skeleton, size)

    return draw


def read_sample(photo: LabelledPeople, skeleton: Skeleton) -> BodySample:
    """Return a labelled photo as a sample, with the keypoints of a network's skeleton.

    Args:
        photo: The photo and its people.
        skeleton: Of the network. Keypoints that the labels do not know, such as the feet in COCO's
            17, will not count in the loss, nor a neck at a person with one labelled shoulder, nor
            what lies under crowds; see `targets.target_weights`.
    """
    image = read_image(photo.image)
    people = [each for each in photo.people if not each.crowd and each.labelled.any()]
    xy = [each.converted(skeleton).xy for each in people]
    labels = photo.people[0].skeleton if photo.people else skeleton
    return BodySample(
        image,
        np.reshape(xy, (-1, len(skeleton), 2)),
        unlabelled_mask(photo.people, image.shape[:2]),
        np.array([bool(sources) for sources in labels.sources_of(skeleton)]),
        np.array([each.unsure(skeleton) for each in people], bool).reshape(-1, len(skeleton)),
        np.array([each.area for each in people]),
    )
