"""The training of face_lite: its model with four losses, its batches, its validation."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras import networks
from openpose_keras.core.keypoints import Face, label_scores
from openpose_keras.heatmaps import peaks
from openpose_keras.networks.preprocessing import normalise_batch
from openpose_keras.networks.presets import load_network
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.faces.data import (
    FaceSample,
    FaceSource,
    load_face_sets,
    training_source,
    validation_sets,
)
from openpose_keras.training.faces.teacher import MESH_VERTICES
from openpose_keras.training.hands.task import heatmap_loss, points_loss, probability_loss
from openpose_keras.training.task import (
    Batch,
    Task,
    image_input,
    load_first_weights,
    make_optimizer,
)

if TYPE_CHECKING:
    import keras

LOSS_WEIGHTS = {"stage1": 4.0, "keypoints": 10.0, "points": 2.0, "presence": 0.5}
_SIGMA = 0.03  # of the face's size: lids and lips are near each other
_EYE_VERTICES = ((33, 133, 159, 145), (362, 263, 386, 374))  # about the right and the left pupil


def make_task(config: TrainConfig) -> Task:
    """Load the data of a run, and build its network with its initial weights.

    Args:
        config: The configuration.

    Raises:
        TrainingError: There are no labelled faces.
        DataError: A label file is not valid, or an image of it is missing.
        WeightsError: The weights to start from cannot be used.
    """
    shown, held_out = load_face_sets(config)
    sets = validation_sets(held_out, config)
    model, network = start(config)
    batch = batch_source(training_source(shown, config), config.batch_size)
    return Task(model, network, batch, lambda: validate(network, sets))


def batch_source(source: FaceSource, count: int) -> Callable[[np.random.Generator], Batch]:
    """Return a function that composes batches of `count` samples, see `Task.batch`."""
    return lambda rng: collate([source(rng) for _ in range(count)])


def start(config: TrainConfig) -> tuple["keras.Model", "keras.Model"]:
    """Build and compile the model for the start of a run.

    Args:
        config: The configuration, with initial weights, learning rates and length of the run.

    Returns:
        The compiled model, whose outputs are those of `LOSS_WEIGHTS`, and the
        `networks.face_lite()` inside it.

    Raises:
        WeightsError: The weights to start from cannot be used.
    """
    import keras

    network = networks.face_lite()
    slow = load_first_weights(network, config)
    if slow and not config.weights:
        _take_points(network, load_network("mediapipe_face"))
    outputs = {**network.output, "stage1": networks.first_stage(network)}
    image, normalised = image_input(config.size)
    model = keras.Model(image, keras.Model(network.input, outputs)(normalised))
    losses = {
        "stage1": face_heatmap_loss,
        "keypoints": face_heatmap_loss,
        "points": points_loss,
        "presence": probability_loss,
    }
    optimizer = make_optimizer(network, config, slow)
    # On a processor XLA takes minutes to compile these layers, and gains nothing.
    model.compile(optimizer, losses, loss_weights=LOSS_WEIGHTS, jit_compile=False)
    return model, network


def _take_points(network: "keras.Model", teacher: "keras.Model") -> None:
    """Initialise the points from the corresponding points of the teacher's mesh."""
    taken = []
    for array in teacher.get_layer("mesh").get_weights():
        mesh = array.reshape(*array.shape[:-1], -1, 3)[..., :2]
        parts = [mesh[..., list(vertices), :].mean(axis=-2) for vertices in MESH_VERTICES]
        parts += [mesh[..., list(vertices), :].mean(axis=-2) for vertices in _EYE_VERTICES]
        taken.append(np.stack(parts, axis=-2).reshape(*array.shape[:-1], -1))
    network.get_layer("points").set_weights(taken)


def face_heatmap_loss(
    faces: "keras.KerasTensor", predicted: "keras.KerasTensor"
) -> "keras.KerasTensor":
    """Return `heatmap_loss` of faces (n, 1, 70, 2)."""
    return heatmap_loss(faces, predicted, sigma_fraction=_SIGMA)


def collate(samples: Sequence[FaceSample]) -> Batch:
    """Combine samples to a batch of images and the targets of each output.

    Args:
        samples: Samples of the same size.

    Returns:
        Images (n, size, size, 3) uint8; `keypoints` and `stage1` (n, 1, 70, 2), `points`
        (n, 70, 2), `presence` (n,), see the losses.
    """
    xy = np.stack([sample.xy for sample in samples]).astype(np.float32)
    presence = np.array([sample.presence for sample in samples], np.float32)
    maps = dict.fromkeys(("keypoints", "stage1"), xy[:, None])
    # Points count from a pixel's outer edge.
    targets = {**maps, "points": xy + np.float32(0.5), "presence": presence}
    return np.stack([sample.image for sample in samples]), targets


def validate(network: "keras.Model", sets: dict[str, list[FaceSample]]) -> dict[str, float]:
    """Measure heatmaps, points and the presence.

    Args:
        network: `networks.face_lite()`.
        sets: Lists of samples by name.

    Returns:
        For each list with faces: `<name>_error` and `<name>_points_error`, the mean distance of
        peaks and of points from the labels, in units of the distance between the outer corners of
        the eyes. For every list, `<name>_presence`, the mean presence.
    """
    report: dict[str, float] = {}
    for name, samples in sets.items():
        images = normalise_batch(np.stack([sample.image for sample in samples]))
        found = network.predict(images, batch_size=32, verbose=0)
        report[f"{name}_presence"] = float(found["presence"].mean())
        if not samples[0].presence:
            continue
        truth = np.stack([sample.xy for sample in samples])
        units = np.array([sample.unit for sample in samples])
        for kind, xy in (("", peaks_of(found["keypoints"])), ("points_", found["points"] - 0.5)):
            away = np.linalg.norm(xy - truth, axis=-1) / units[:, None]
            report[f"{name}_{kind}error"] = float(away.mean())
    return report


def peaks_of(heatmaps: np.ndarray) -> np.ndarray:
    """Return the peaks (n, 70, 2) of heatmaps (n, h, w, 71), in input pixels."""
    cells = np.stack([peaks.subpixel_peaks(maps[..., :-1]) for maps in heatmaps])
    return peaks.to_input_frame(cells, networks.LITE_STRIDE)[..., :2]


def labelled_samples(
    config: TrainConfig, rng: np.random.Generator, count: int
) -> list[tuple[np.ndarray, list[Face]]]:
    """Return training samples of a configuration, each with its image and its face, if any."""
    shown, _ = load_face_sets(config)
    source = training_source(shown, config)
    samples = [source(rng) for _ in range(count)]
    return [
        (sample.image, [Face(sample.xy, label_scores(sample.xy))] if sample.presence else [])
        for sample in samples
    ]
