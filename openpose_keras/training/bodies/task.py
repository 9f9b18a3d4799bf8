"""The training of body networks: any of them, its loss at every stage, its batches.

    train(TrainConfig(network="body_tiny", out="runs/body_tiny", size=128))

learns from drawn stick people; with `labels`, from the photos of a label file of COCO's.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras import networks
from openpose_keras.core.errors import DataError
from openpose_keras.core.keypoints import Body
from openpose_keras.core.skeletons import Skeleton
from openpose_keras.estimators.body import BODY_NETWORKS, BodyEstimator
from openpose_keras.estimators.recipes import BodyRecipe
from openpose_keras.io.coco_people import LabelledPeople, read_people_labels, unlabelled_mask
from openpose_keras.io.images import read_image
from openpose_keras.training.bodies.augment import BodySample, augment_people
from openpose_keras.training.bodies.stick_people import stick_people
from openpose_keras.training.bodies.targets import body_targets, target_weights
from openpose_keras.training.bodies.validation import validate
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.optimization import image_input, load_first_weights, make_optimizer
from openpose_keras.training.task import Batch, Task

if TYPE_CHECKING:
    import keras

BodySource = Callable[[np.random.Generator], BodySample]
"""Draws a sample of the network's input size."""

_VALIDATION_SEED = 1000
_HELD_OUT = 7  # every so many photos one is for validation
_STRIDE = 8  # of all body networks


def make_task(config: TrainConfig) -> Task:
    """Build the network of a run with its first weights, and what draws its samples.

    Args:
        config: The config.

    Raises:
        DataError: The label file cannot be used.
        WeightsError: The weights to start from cannot be used.
    """
    training, validation = load_sources(config)
    model, network = start(config)
    estimator = square_estimator(network, config.size)
    rng = np.random.default_rng((config.seed, _VALIDATION_SEED))
    samples = [validation(rng) for _ in range(config.validation_samples)]
    batch = batch_source(training, estimator.skeleton, model, count=config.batch_size)
    return Task(model, network, batch, lambda: validate(estimator, samples))


def load_sources(config: TrainConfig) -> tuple[BodySource, BodySource]:
    """Return what draws the samples of a run, for training and for validation.

    Args:
        config: The config. Of the photos of its `labels` every seventh is held out.

    Raises:
        DataError: The label file cannot be used, or has fewer than two photos of people.
    """
    skeleton, _ = BODY_NETWORKS[config.network]
    if config.labels is None:
        source = drawn_source(skeleton, config.size)
        return source, source
    path = Path(config.labels)
    photos = [each for each in read_people_labels(path, path.parent) if each.people]
    if len(photos) < 2:
        raise DataError(f"{path}: expected two photos of people or more, got {len(photos)}")
    held_out = photos[::_HELD_OUT]
    rest = [each for number, each in enumerate(photos) if number % _HELD_OUT]
    training, validation = (photo_source(some, skeleton, config.size) for some in (rest, held_out))
    return training, validation


def start(config: TrainConfig) -> tuple["keras.Model", "keras.Model"]:
    """Build and compile the model of a run's first step.

    Args:
        config: Network, first weights, rates and length of the run.

    Returns:
        The compiled model, whose outputs are `keypoints_stage1`, `affinity_stage1` and so on, as
        many as the network's stages have; and the network in it, which returns the last of each.

    Raises:
        WeightsError: The weights to start from cannot be used.
    """
    import keras

    stages = getattr(networks, config.network)(all_stages=True)
    last = {kind: maps for stage in stages.output for kind, maps in stage.items()}
    network = keras.Model(stages.input, last, name=stages.name)
    slow = load_first_weights(network, config)
    image, normalised = image_input(config.size)
    outputs = {
        f"{kind}_stage{number}": maps
        for number, stage in enumerate(stages(normalised), start=1)
        for kind, maps in stage.items()
    }
    model = keras.Model(image, outputs)
    model.compile(make_optimizer(network, config, slow), loss=dict.fromkeys(outputs, masked_loss))
    return model, network


def masked_loss(truth: "keras.KerasTensor", predicted: "keras.KerasTensor") -> "keras.KerasTensor":
    """Return the squared differences of a stage's maps, as CMU's trainer has them.

    Args:
        truth: (n, h, w, 2 C): the maps that the network should compute, then how much each of their
            cells counts.
        predicted: (n, h, w, C) maps of the network.

    Returns:
        (n, h, w) loss, a sum over the channels.
    """
    from keras import ops

    maps, weights = ops.split(truth, 2, axis=-1)
    return ops.sum(ops.square(maps - predicted) * weights, axis=-1)


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


def batch_source(
    source: BodySource, skeleton: Skeleton, model: "keras.Model", *, count: int
) -> Callable[[np.random.Generator], Batch]:
    """Return what composes batches for a model, see `Task.batch`.

    Args:
        source: Draws a sample of the model's input size.
        skeleton: Of the network.
        model: What `start` returned first.
        count: Samples of a batch.
    """
    names = list(model.output)
    return lambda rng: collate([source(rng) for _ in range(count)], skeleton, names)


def collate(samples: Sequence[BodySample], skeleton: Skeleton, outputs: Sequence[str]) -> Batch:
    """Return samples as a batch: images, and the targets of each output.

    Args:
        samples: Of one size.
        skeleton: Of their people.
        outputs: Names such as "affinity_stage1".

    Returns:
        Images (n, h, w, 3) uint8, and for each output (n, h / 8, w / 8, 2 C), see `masked_loss`.
    """
    packed: dict[str, list[np.ndarray]] = {"keypoints": [], "affinity": []}
    for each in samples:
        targets = body_targets(each.people, skeleton, each.image.shape[:2], stride=_STRIDE)
        weights = target_weights(each, targets, skeleton, stride=_STRIDE)
        for kind, *both in zip(packed, targets, weights, strict=True):
            packed[kind].append(np.concatenate(both, axis=-1))
    images = np.stack([each.image for each in samples])
    return images, {name: np.stack(packed[name.partition("_")[0]]) for name in outputs}


def square_estimator(network: "keras.Model", size: int) -> BodyEstimator:
    """Return an estimator that shows a body network images of (size, size) pixels as they are."""
    return BodyEstimator(network, recipe=BodyRecipe(resolution=(size, size)))


def labelled_samples(
    config: TrainConfig, rng: np.random.Generator, count: int
) -> list[tuple[np.ndarray, list[Body]]]:
    """Return training samples of a config: for each its image and its people, with the score 1."""
    skeleton, _ = BODY_NETWORKS[config.network]
    source, _ = load_sources(config)
    samples = [source(rng) for _ in range(count)]
    return [
        (sample.image, [labelled_body(xy, skeleton) for xy in sample.people]) for sample in samples
    ]


def labelled_body(xy: np.ndarray, skeleton: Skeleton) -> Body:
    """Return keypoints (K, 2) as a body; labelled ones have the score 1, NaN has the score 0."""
    return Body(xy, np.isfinite(xy).all(axis=1).astype(float), skeleton=skeleton)
