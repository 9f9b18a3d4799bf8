"""The training task of body networks: loss at every stage, batches, validation by COCO's AP."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras import networks
from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import keypoint_extent
from openpose_keras.core.keypoints import Body, label_scores
from openpose_keras.core.skeletons import COCO_17, Skeleton
from openpose_keras.estimators.body import BODY_NETWORKS, BodyEstimator
from openpose_keras.estimators.recipes import BodyRecipe
from openpose_keras.evaluation.people import evaluate_people
from openpose_keras.io.coco_people import LabelledPerson
from openpose_keras.io.coco_results import people_to_coco
from openpose_keras.networks.presets import load_network
from openpose_keras.training.bodies.data import BodySample, BodySources, load_sources
from openpose_keras.training.bodies.distillation import (
    NONE,
    differences,
    matching_channels,
    taught_loss,
    transfer_weights,
)
from openpose_keras.training.bodies.targets import body_targets, target_weights
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.task import (
    Batch,
    Task,
    choose_layers,
    image_input,
    load_first_weights,
    make_optimizer,
)

if TYPE_CHECKING:
    import keras

TEACHER = "body_mobilenet"
_VALIDATION_SEED = 1000
_TAUGHT = "taught_"  # begins the names of the outputs that are compared with a teacher's
SAMPLES_A_PHOTO = 8  # of validation, at most: more of a photo would tell no more
_STRIDE = 8  # of all body networks
_AREA = 0.53  # of the rectangle around its keypoints that a person covers: xtcocotools' estimate


def make_task(config: TrainConfig) -> Task:
    """Build the network of a run with its initial weights, and the sources of its samples.

    Args:
        config: The configuration.

    Raises:
        DataError: The label file is not valid.
        WeightsError: The weights to start from cannot be used.
    """
    sources = load_sources(config)
    model, network = start(config)
    estimator = square_estimator(network, config.size)
    rng = np.random.default_rng((config.seed, _VALIDATION_SEED))
    count = config.validation_samples
    if sources.held_out is not None:
        count = min(count, SAMPLES_A_PHOTO * sources.held_out)
    samples = [sources.validation(rng) for _ in range(count)]
    batch = batch_source(sources, estimator.skeleton, model, config)
    return Task(model, network, batch, lambda: validate(estimator, samples))


def start(config: TrainConfig) -> tuple["keras.Model", "keras.Model"]:
    """Build and compile the model for the start of a run.

    Args:
        config: The configuration, with the network, its initial weights, the learning rates and the
            length of the run.

    Returns:
        The compiled model, with the outputs `keypoints_stage1`, `affinity_stage1` and so on for all
        stages of the network, and the network inside it, which returns the last maps of each kind.
        With a teacher, the first images of a batch are for the teacher, see `batch_source`. The
        outputs are then those of the other images, and as many additional outputs, `taught_...`,
        are the differences between the maps of the network and of the teacher for the first images.

    Raises:
        WeightsError: The weights to start from cannot be used.
    """
    import keras

    stages = getattr(networks, config.network)(all_stages=True)
    last = {kind: maps for stage in stages.output for kind, maps in stage.items()}
    network = keras.Model(stages.input, last, name=stages.name)
    slow: Mapping[str, bool | np.ndarray] = load_first_weights(network, config)
    choose_layers(network, config)
    image, normalised = image_input(config.size)
    outputs = {
        f"{kind}_stage{number}": maps
        for number, stage in enumerate(stages(normalised), start=1)
        for kind, maps in stage.items()
    }
    losses: dict[str, Callable[..., keras.KerasTensor]] = dict.fromkeys(outputs, masked_loss)
    counts = dict.fromkeys(outputs, 1.0)
    if config.teacher:
        count = _taught(config)
        apart, slow = _compare_with_teacher(
            network,
            config,
            normalised[:count, ...],
            {name: maps[:count, ...] for name, maps in outputs.items()},
        )
        outputs = {name: maps[count:, ...] for name, maps in outputs.items()} | apart
        losses |= dict.fromkeys(apart, taught_loss)
        counts |= dict.fromkeys(apart, config.teacher_weight)
    model = keras.Model(image, outputs)
    optimizer = make_optimizer(network, config, slow)
    model.compile(optimizer, loss=losses, loss_weights=counts)
    return model, network


def _taught(config: TrainConfig) -> int:
    """Return the number of images in a batch for a teacher: at least one, and not all of them."""
    most = config.batch_size - 1 if config.teacher else 0
    return min(max(round(config.photo_fraction * config.batch_size), 1), most)


def _compare_with_teacher(
    network: "keras.Model",
    config: TrainConfig,
    image: "keras.KerasTensor",
    outputs: "dict[str, keras.KerasTensor]",
) -> "tuple[dict[str, keras.KerasTensor], dict[str, np.ndarray]]":
    """Start from the teacher's weights, unless the configuration names others.

    Returns:
        The differences of all outputs from those of the teacher by name, and the result of
        `transfer_weights`, since these weights have a lower learning rate.
    """
    weights = None if config.teacher == TEACHER else config.teacher
    teacher = load_network(TEACHER, weights=weights)
    teacher.trainable = False
    channels = matching_channels(BODY_NETWORKS[TEACHER][0], BODY_NETWORKS[config.network][0])
    own = network.get_weights()
    slow = transfer_weights(teacher, network, channels)
    if config.weights:
        network.set_weights(own)
    answers = teacher(image)
    found = {}
    for name, maps in outputs.items():
        kind = name.partition("_")[0]
        found[_TAUGHT + name] = differences(maps, answers[kind], channels[kind])
    return found, slow


def masked_loss(truth: "keras.KerasTensor", predicted: "keras.KerasTensor") -> "keras.KerasTensor":
    """Return the squared differences of a stage's maps, as in CMU's trainer.

    Args:
        truth: (n, h, w, 2 C): the target maps, followed by the weights of their cells.
        predicted: (n, h, w, C) maps of the network.

    Returns:
        (n, h, w) loss, a sum over the channels.
    """
    from keras import ops

    maps, weights = ops.split(truth, 2, axis=-1)
    return ops.sum(ops.square(maps - predicted) * weights, axis=-1)


def batch_source(
    sources: BodySources, skeleton: Skeleton, model: "keras.Model", config: TrainConfig
) -> Callable[[np.random.Generator], Batch]:
    """Return a function that composes batches for a model, see `Task.batch`.

    Args:
        sources: Sources of samples of the model's input size.
        skeleton: The skeleton of the network.
        model: The model, the first result of `start`.
        config: The configuration, with the number of samples in a batch and, with a teacher, the
            fraction of samples for the teacher, rounded to whole samples, which come first.
    """
    names, taught = list(model.output), _taught(config)

    def batch(rng: np.random.Generator) -> Batch:
        """Compose a batch."""
        labelled = [sources.training(rng) for _ in range(config.batch_size - taught)]
        photos = [sources.taught(rng).image for _ in range(taught)] if sources.taught else []
        return collate(
            labelled, skeleton, names, photos=photos, untaught_weight=config.untaught_weight
        )

    return batch


def collate(
    samples: Sequence[BodySample],
    skeleton: Skeleton,
    outputs: Sequence[str],
    *,
    photos: Sequence[np.ndarray] = (),
    untaught_weight: float = 1.0,
) -> Batch:
    """Combine samples to a batch of images and the targets of each output.

    Args:
        samples: Labelled samples of the same size.
        skeleton: The skeleton of their people.
        outputs: Names of outputs, such as "affinity_stage1".
        photos: (h, w, 3) uint8 images of the same size for a teacher.
        untaught_weight: Factor of the weights of the maps that `TEACHER` lacks.

    Returns:
        The m photos and the n samples' images (m + n, h, w, 3) uint8, and for each output (n,
        h / 8, w / 8, 2 C), see `masked_loss`, or zeros (m, 1, 1, 1), see `taught_loss`.
    """
    packed: dict[str, list[np.ndarray]] = {"keypoints": [], "affinity": []}
    channels = matching_channels(BODY_NETWORKS[TEACHER][0], skeleton)
    factors = {
        kind: np.where(each == NONE, np.float32(untaught_weight), np.float32(1))
        for kind, each in channels.items()
    }
    for each in samples:
        targets = body_targets(each.people, skeleton, each.image.shape[:2], stride=_STRIDE)
        weights = target_weights(each, targets, skeleton, stride=_STRIDE)
        for kind, maps, counts in zip(packed, targets, weights, strict=True):
            packed[kind].append(np.concatenate([maps, counts * factors[kind]], axis=-1))
    stacks = {kind: np.stack(arrays) for kind, arrays in packed.items()}
    stacks["taught"] = np.zeros((len(photos), 1, 1, 1), np.float32)
    images = np.stack([*photos, *(each.image for each in samples)])
    return images, {name: stacks[name.partition("_")[0]] for name in outputs}


def square_estimator(network: "keras.Model", size: int) -> BodyEstimator:
    """Return an estimator that passes images of (size, size) pixels unchanged to a body network."""
    return BodyEstimator(network, recipe=BodyRecipe(resolution=(size, size)))


def labelled_samples(
    config: TrainConfig, rng: np.random.Generator, count: int
) -> list[tuple[np.ndarray, list[Body]]]:
    """Return training samples of a configuration: images and their people, with the score 1."""
    skeleton, _ = BODY_NETWORKS[config.network]
    source = load_sources(config).training
    samples = [source(rng) for _ in range(count)]
    return [
        (sample.image, [Body(xy, label_scores(xy), skeleton=skeleton) for xy in sample.people])
        for sample in samples
    ]


def validate(estimator: BodyEstimator, samples: Sequence[BodySample]) -> dict[str, float]:
    """Measure an estimator by COCO's precision and recall, as `openpose-keras evaluate` does.

    Args:
        estimator: The estimator of a body network. Only the keypoints that COCO has are measured.
        samples: Images and their people, who have the keypoints of the network.

    Returns:
        `ap`, `ap50` and `ar` of `evaluation.OksReport`; NaN if nobody is labelled. People found
        where people have no labels are neither right nor wrong, as in COCO's crowds.
    """
    found = [people_to_coco(estimator(sample.image)) for sample in samples]
    report = evaluate_people(found, [coco_labels(sample, estimator.skeleton) for sample in samples])
    return {"ap": report.ap, "ap50": report.ap50, "ar": report.ar}


def coco_labels(sample: BodySample, skeleton: Skeleton) -> list[LabelledPerson]:
    """Return the people of a sample in the form of COCO's labels.

    Args:
        sample: The sample.
        skeleton: The skeleton of its people.

    Returns:
        The people with at least one keypoint in the image, with COCO's 17 keypoints, of which those
        outside the image are not labelled; then a crowd for each connected region of people without
        labels.
    """
    height, width = sample.image.shape[:2]
    labels, nowhere = [], np.zeros((len(COCO_17), 2))
    for number, xy in enumerate(sample.people):
        inside = ((xy >= -0.5) & (xy < (width - 0.5, height - 0.5))).all(axis=1)  # NaN is not
        if inside.any():
            middle, (x, y) = keypoint_extent(xy[inside])
            area = _AREA * x * y if sample.areas is None else sample.areas[number]
            box = (*(middle - np.array([x, y]) / 2), x, y)
            person = LabelledPerson(xy, 2.0 * inside, box, area, skeleton=skeleton)
            labels.append(person.converted(COCO_17))
    _, _, regions, _ = cv2.connectedComponentsWithStats(sample.unlabelled.astype(np.uint8))
    return labels + [
        LabelledPerson(nowhere, np.zeros(len(COCO_17)), tuple(box), area, crowd=True)
        for *box, area in regions[1:].tolist()  # the first is the rest of the image
    ]
