"""The training of hand_lite: its model with four losses, its batches, its validation."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras import networks
from openpose_keras.core.boxes import box_from_points
from openpose_keras.core.skeletons import HAND
from openpose_keras.evaluation.metrics import pck
from openpose_keras.heatmaps import peaks
from openpose_keras.networks.preprocessing import normalise_batch
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.hands import data
from openpose_keras.training.hands.compose import MOST_HANDS, Composer, Sample
from openpose_keras.training.hands.targets import gaussian_heatmaps
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

LOSS_WEIGHTS = {"stage1": 4.0, "keypoints": 10.0, "points": 2.0, "presence": 0.5, "right": 0.2}
_DEPTH_WEIGHT = 0.3
_FROM_EDGE = np.array([0.5, 0.5, 0.0], np.float32)  # points count from a pixel's outer edge
_ROUND = 0.01  # of the hand's size: up to here the loss of a point grows with its square
_FIRST_LAYERS = ("stem", "block0_", "block1_")  # half the cost; general enough to be kept


def make_task(config: TrainConfig) -> Task:
    """Load the data of a run, and build its network with its initial weights.

    Args:
        config: The configuration.

    Raises:
        FileNotFoundError: An input is missing.
        DataError: The label file is not valid, or an image of it is missing.
        WeightsError: The weights to start from cannot be used.
        TrainingError: There is too little data, or the configuration lacks a folder that the run
            needs.
    """
    shown, held_out = data.load_data_sources(config)
    print(data.describe(shown, held_out), flush=True)
    composer = make_composer(shown, config)
    sets = data.validation_sets(held_out, config)
    model, network = start(config)
    batch = batch_source(composer, config.batch_size)
    return Task(model, network, batch, lambda: validate(network, sets))


def make_composer(sources: data.DataSources, config: TrainConfig) -> Composer:
    """Create a composer that draws samples from data sources."""
    composer = data.make_composer(
        sources,
        photo_fraction=config.photo_fraction,
        size=config.size,
        processes=config.processes,
    )
    return replace(composer, negatives=config.negatives)


def batch_source(composer: Composer, count: int) -> Callable[[np.random.Generator], Batch]:
    """Return a function that composes batches of `count` samples, see `Task.batch`."""
    return lambda rng: collate([composer(rng) for _ in range(count)])


def start(config: TrainConfig) -> tuple["keras.Model", "keras.Model"]:
    """Build and compile the model for the start of a run.

    Args:
        config: The configuration, with initial weights, learning rates and length of the run.

    Returns:
        The compiled model, whose outputs are those of `LOSS_WEIGHTS`, and the
        `networks.hand_lite()` inside it.

    Raises:
        WeightsError: The weights to start from cannot be used.
    """
    import keras

    network = networks.hand_lite()
    slow = load_first_weights(network, config)
    choose_layers(network, config)
    for layer in network.layers if config.weights else ():
        if layer.name.startswith(_FIRST_LAYERS):
            layer.trainable = False
    outputs = dict(network.output)
    outputs["stage1"] = networks.first_stage(network)
    image, normalised = image_input(config.size)
    model = keras.Model(image, keras.Model(network.input, outputs)(normalised))
    losses = {
        "stage1": heatmap_loss,
        "keypoints": heatmap_loss,
        "points": points_loss,
        "presence": probability_loss,
        "right": probability_loss,
    }
    model.compile(make_optimizer(network, config, slow), loss=losses, loss_weights=LOSS_WEIGHTS)
    return model, network


def heatmap_loss(
    hands: "keras.KerasTensor", predicted: "keras.KerasTensor", *, sigma_fraction: float = 0.06
) -> "keras.KerasTensor":
    """Return squared differences, in which the few cells near a keypoint weigh up to nine times.

    Args:
        hands: (n, m, K, 2) keypoints of the target hands or faces, in input pixels, or NaN.
        predicted: (n, h, h, K + 1) heatmaps of the network.
        sigma_fraction: See `gaussian_heatmaps`.

    Returns:
        (n, h, h) loss, a mean over the channels.
    """
    from keras import ops

    truth = gaussian_heatmaps(
        hands,
        cells=predicted.shape[1],
        stride=networks.LITE_STRIDE,
        sigma_fraction=sigma_fraction,
    )
    near = ops.concatenate([truth[..., :-1], 1 - truth[..., -1:]], axis=-1)
    return ops.mean(ops.square(truth - predicted) * (1 + 8 * near), axis=-1)


def points_loss(truth: "keras.KerasTensor", predicted: "keras.KerasTensor") -> "keras.KerasTensor":
    """Return smooth absolute errors along each axis in units of the hand's size, quadratic near 0.

    Args:
        truth: (n, K, 2 or 3) points in input pixels; NaN where unknown, which adds no loss.
        predicted: (n, K, 2 or 3) points of the network.

    Returns:
        (n,) loss, a mean over the points; depth has a lower weight.
    """
    from keras import ops

    known = ops.isfinite(truth)
    points = ops.where(known, truth, 0.0)
    high = ops.max(ops.where(known, points, -1e9)[..., :2], axis=1)
    low = ops.min(ops.where(known, points, 1e9)[..., :2], axis=1)
    size = ops.maximum(ops.max(high - low, axis=-1), 1.0)[:, None, None]
    away = ops.where(known, (predicted - points) / size, 0.0)
    distance = ops.sqrt(ops.square(away) + _ROUND**2) - _ROUND
    weights = [1.0, 1.0, _DEPTH_WEIGHT][: predicted.shape[-1]]
    return ops.mean(distance * ops.convert_to_tensor(weights), axis=(1, 2))


def probability_loss(
    truth: "keras.KerasTensor", predicted: "keras.KerasTensor"
) -> "keras.KerasTensor":
    """Return the cross entropy (n,) of probabilities; NaN is unknown and adds no loss."""
    from keras import ops

    known = ops.isfinite(truth)
    truth = ops.where(known, truth, 0.0)
    predicted = ops.clip(predicted, 1e-6, 1 - 1e-6)
    entropy = -truth * ops.log(predicted) - (1 - truth) * ops.log(1 - predicted)
    return ops.where(known, entropy, 0.0)


def collate(samples: Sequence[Sample]) -> Batch:
    """Combine samples to a batch of images and the targets of each output.

    Args:
        samples: Samples of the same size.

    Returns:
        Images (n, size, size, 3) uint8; `keypoints` and `stage1` (n, 3, 21, 2), `points`
        (n, 21, 3), `presence` and `right` (n,), see the losses.
    """
    hands = np.full((len(samples), MOST_HANDS, len(HAND), 2), np.nan, np.float32)
    points = np.full((len(samples), len(HAND), 3), np.nan, np.float32)
    for row, sample in enumerate(samples):
        for column, xyz in enumerate(sample.hands):
            hands[row, column] = xyz[:, :2]
        if sample.presence == 1:
            points[row] = sample.hands[0] + _FROM_EDGE
    targets = {"keypoints": hands, "stage1": hands, "points": points}
    for name in ("presence", "right"):
        targets[name] = np.array([getattr(each, name) for each in samples], np.float32)
    return np.stack([sample.image for sample in samples]), targets


def validate(network: "keras.Model", sets: dict[str, list[Sample]]) -> dict[str, float]:
    """Measure heatmaps (by a plain argmax), points and the two probabilities.

    Args:
        network: `networks.hand_lite()`.
        sets: Lists of samples with one hand each, or without a hand, by name.

    Returns:
        For each list with hands: `<name>_pck10` and `<name>_pck20`, the fractions of the labelled
        keypoints with an error below 0.1 and 0.2 of the longer side of the keypoints' extent;
        `<name>_points10` and `<name>_points20`, the same for the points; and `<name>_right`, the
        fraction of the known sides that are correct. For every list, `<name>_presence`, the mean
        presence.
    """
    report: dict[str, float] = {}
    for name, samples in sets.items():
        images = normalise_batch(np.stack([sample.image for sample in samples]))
        found = network.predict(images, batch_size=32, verbose=0)
        report[f"{name}_presence"] = float(found["presence"].mean())
        if not samples[0].hands:
            continue
        by_peaks, points = peaks_of(found["keypoints"]), found["points"][..., :2] - 0.5
        for kind, xy in (("pck", by_peaks), ("points", points)):
            ten, twenty = sample_pck(xy, samples)
            report |= {f"{name}_{kind}10": ten, f"{name}_{kind}20": twenty}
        sides = np.array([sample.right for sample in samples])
        known = np.isfinite(sides)
        if known.any():
            agrees = (found["right"] > 0.5) == (sides > 0.5)
            report[f"{name}_right"] = float(agrees[known].mean())
    return report


def peaks_of(heatmaps: np.ndarray) -> np.ndarray:
    """Return the peaks (n, 21, 2) of heatmaps (n, h, w, 22), in input pixels."""
    cells = np.stack([peaks.argmax_peaks(maps[..., :-1]) for maps in heatmaps])
    return peaks.to_input_frame(cells, networks.LITE_STRIDE)[..., :2]


def sample_pck(xy: np.ndarray, samples: Sequence[Sample]) -> tuple[float, float]:
    """Return PCK@0.1 and PCK@0.2 of keypoints (n, 21, 2) found in samples with one hand each."""
    truth = np.stack([sample.hands[0][:, :2] for sample in samples])
    boxes = np.array([box_from_points(hand, 1.0) for hand in truth])
    ten, twenty = pck(xy, truth, boxes, (0.1, 0.2))
    return float(ten), float(twenty)
