"""The training of body networks: any of them, its loss at every stage, its batches, validation.

    train(TrainConfig(network="body_tiny", out="runs/body_tiny", size=128))

learns from drawn stick people. For people of your own, write a source of samples and make the rest
of the task with `start`, `batch_source` and `validate`.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras import networks
from openpose_keras.core.boxes import keypoint_extent
from openpose_keras.core.keypoints import Body
from openpose_keras.core.skeletons import Skeleton
from openpose_keras.estimators.body import BODY_NETWORKS, BodyEstimator, BodyRecipe
from openpose_keras.training.body_augment import BodySample, augment_people
from openpose_keras.training.body_targets import body_targets, cell_weights
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.optimization import image_input, load_first_weights, make_optimizer
from openpose_keras.training.stick_people import stick_people
from openpose_keras.training.task import Batch, Task

if TYPE_CHECKING:
    import keras

BodySource = Callable[[np.random.Generator], BodySample]
"""Draws a sample of the network's input size."""

_VALIDATION_SEED = 1000
_STRIDE = 8  # of all body networks
_NEAR, _LEAST_NEAR = 0.1, 0.5  # of a person's longer side; fraction of its keypoints


def make_task(config: TrainConfig) -> Task:
    """Build the network of a run with its first weights; its data are drawn stick people.

    Args:
        config: The config.

    Raises:
        WeightsError: The weights to start from cannot be used.
    """
    model, network = start(config)
    estimator = square_estimator(network, config.size)
    source = drawn_source(estimator.skeleton, config.size)
    rng = np.random.default_rng((config.seed, _VALIDATION_SEED))
    samples = [source(rng) for _ in range(config.validation_samples)]
    batch = batch_source(source, estimator.skeleton, model, count=config.batch_size)
    return Task(model, network, batch, lambda: validate(estimator, samples))


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
        truth: (n, h, w, C + 1) maps that the network should compute; the last channel says how much
            the cell counts.
        predicted: (n, h, w, C) maps of the network.

    Returns:
        (n, h, w) loss, a sum over the channels.
    """
    from keras import ops

    return ops.sum(ops.square(truth[..., :-1] - predicted), axis=-1) * truth[..., -1]


def drawn_source(skeleton: Skeleton, size: int) -> BodySource:
    """Return a source of drawn stick people, see `stick_people`."""
    return lambda rng: stick_people(rng, size, skeleton=skeleton)


def photo_source(photos: Sequence[BodySample], skeleton: Skeleton, size: int) -> BodySource:
    """Return a source of labelled photos of any size, all equally likely, each time augmented."""
    return lambda rng: augment_people(rng, photos[int(rng.integers(len(photos)))], skeleton, size)


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
        Images (n, h, w, 3) uint8, and for each output (n, h / 8, w / 8, C + 1), see `masked_loss`.
    """
    targets = [
        body_targets(each.people, skeleton, each.image.shape[:2], stride=_STRIDE)
        for each in samples
    ]
    weights = np.stack([cell_weights(each.unlabelled, _STRIDE) for each in samples])[..., None]
    packed = {
        kind: np.concatenate([np.stack(maps), weights], axis=-1)
        for kind, maps in zip(("keypoints", "affinity"), zip(*targets, strict=True), strict=True)
    }
    images = np.stack([each.image for each in samples])
    return images, {name: packed[name.partition("_")[0]] for name in outputs}


def square_estimator(network: "keras.Model", size: int) -> BodyEstimator:
    """Return an estimator that shows a body network images of (size, size) pixels as they are."""
    return BodyEstimator(network, recipe=BodyRecipe(resolution=(size, size)))


def validate(estimator: BodyEstimator, samples: Sequence[BodySample]) -> dict[str, float]:
    """Measure how many people an estimator finds, and how many of those that it finds there are.

    A person is found by a body if at least half of its labelled keypoints are at most a tenth of
    the longer side of its extent away from the body's. Nobody is found twice.

    Args:
        estimator: Of a body network.
        samples: Images and their people.

    Returns:
        `recall`, the fraction of the people that are found; `precision`, the fraction of the bodies
        that find somebody; 0 where there are none.
    """
    hits = people = bodies = 0
    for sample in samples:
        labelled = [xy for xy in sample.people if np.isfinite(xy).all(axis=1).any()]
        found = estimator(sample.image)
        hits += _count_found(found, labelled)
        people, bodies = people + len(labelled), bodies + len(found)
    return {"recall": hits / max(people, 1), "precision": hits / max(bodies, 1)}


def _count_found(found: Sequence[Body], people: Sequence[np.ndarray]) -> int:
    """Return how many people (K, 2) bodies find, one each, in the bodies' order."""
    free = list(people)
    for body in found:
        for index, xy in enumerate(free):
            near = np.linalg.norm(body.xy - xy, axis=1) <= _NEAR * keypoint_extent(xy)[1].max()
            if near.sum() >= _LEAST_NEAR * np.isfinite(xy).all(axis=1).sum():
                del free[index]
                break
    return len(people) - len(free)


def labelled_samples(
    config: TrainConfig, rng: np.random.Generator, count: int
) -> list[tuple[np.ndarray, list[Body]]]:
    """Return training samples of a config: for each its image and its people, with the score 1."""
    skeleton, _ = BODY_NETWORKS[config.network]
    samples = map(drawn_source(skeleton, config.size), [rng] * count)
    return [
        (sample.image, [labelled_body(xy, skeleton) for xy in sample.people]) for sample in samples
    ]


def labelled_body(xy: np.ndarray, skeleton: Skeleton) -> Body:
    """Return keypoints (K, 2) as a body; labelled ones have the score 1, NaN has the score 0."""
    return Body(xy, np.isfinite(xy).all(axis=1).astype(float), skeleton=skeleton)
