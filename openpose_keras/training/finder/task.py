"""The training task of hand_finder: its model, its batches, its validation."""

from typing import TYPE_CHECKING

import numpy as np

from openpose_keras import networks
from openpose_keras.estimators.palms import decode_palms, merge_palms
from openpose_keras.networks.mediapipe import PALM_ANCHORS, PALM_VALUES
from openpose_keras.networks.preprocessing import normalise_batch
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.finder.data import (
    DOUBTFUL,
    FinderComposer,
    FinderSample,
    decode_photos,
    finder_batch,
)
from openpose_keras.training.finder.targets import cut_off, finder_loss, palm_values
from openpose_keras.training.hands import data
from openpose_keras.training.task import (
    Batch,
    Task,
    image_input,
    load_first_weights,
    make_optimizer,
)

if TYPE_CHECKING:
    import keras

_VALIDATION_SEED = 1000
_FIRST_LAYERS = ("stem", "level2_", "level4_")  # most of the cost; general enough to be kept
_HAND_SIDE, _HAND_MIDDLE, _MIDDLE_MCP = 3, slice(16, 18), slice(8, 10)  # of the 18 values
_HAND_IN_PALMS = 1.8  # the longer side of a hand, as a rule
_MERGED = 0.3  # intersection over union from which two palms are one
_THRESHOLD = 0.5  # score from which a palm counts in validation


def make_task(config: TrainConfig) -> Task:
    """Load the data of a run, and build its network with its initial weights.

    Args:
        config: The configuration.

    Raises:
        FileNotFoundError: An input is missing.
        WeightsError: The weights to start from cannot be used.
        TrainingError: There is too little data, or the configuration lacks a folder that the run
            needs.
    """
    shown, held_out = (make_composer(sources, config) for sources in data.load_data_sources(config))
    rng = np.random.default_rng((config.seed, _VALIDATION_SEED))
    sets = {
        kind: [held_out(rng, kind=kind) for _ in range(config.validation_samples)]
        for kind in ("photo", "drawn", "negative")
    }
    model, network = start(config)

    def batch(rng: np.random.Generator) -> Batch:
        """Compose a batch."""
        images, truth = finder_batch([shown(rng) for _ in range(config.batch_size)])
        return images, {"answer": truth}

    return Task(model, network, batch, lambda: validate(network, sets))


def make_composer(sources: data.DataSources, config: TrainConfig) -> FinderComposer:
    """Create a composer that draws samples from data sources."""
    photos = decode_photos(sources.sets)
    return FinderComposer(sources.hands or [], photos, sources.backgrounds, config.size)


def start(config: TrainConfig) -> tuple["keras.Model", "keras.Model"]:
    """Build and compile the model for the start of a run.

    Args:
        config: The configuration, with initial weights, learning rates and length of the run.

    Returns:
        The compiled model, whose output is `answer` (n, a, 19), and the `networks.hand_finder()`
        inside it.

    Raises:
        WeightsError: The weights to start from cannot be used.
    """
    import keras

    network = networks.hand_finder()
    slow = load_first_weights(network, config)
    if config.pretrained and not config.weights:
        _start_heads(network)
    for layer in network.layers:
        layer.trainable = not (slow and layer.name.startswith(_FIRST_LAYERS))
    image, normalised = image_input(config.size)
    found = network(normalised)
    answer = keras.layers.Concatenate(name="answer")([found["palms"], found["logits"]])
    model = keras.Model(image, {"answer": answer})
    optimizer = make_optimizer(network, config, slow)
    model.compile(optimizer, loss={"answer": finder_loss(config.size)})
    return model, network


def _start_heads(network: "keras.Model") -> None:
    """Initialise the outputs that the palm detector lacks near a hand's typical side and centre."""
    for stride, count in PALM_ANCHORS.items():
        layer = network.get_layer(f"palms{stride}")
        changed = []
        for array in layer.get_weights():
            values = array.reshape(-1, count, PALM_VALUES)
            values[..., _HAND_SIDE] *= _HAND_IN_PALMS
            values[..., _HAND_MIDDLE] = values[..., _MIDDLE_MCP]
            changed.append(values.reshape(array.shape))
        layer.set_weights(changed)


def validate(network: "keras.Model", sets: dict[str, list[FinderSample]]) -> dict[str, float]:
    """Measure the recall, the accuracy and the false positives of palms.

    Args:
        network: `networks.hand_finder()`.
        sets: Lists of samples, by name.

    Returns:
        For each list with hands: `<name>_recall`, the fraction of the palms that are found, with an
        error of at most half a palm in the centre and a factor of two in the side; and
        `<name>_error`, the mean distance of a found hand's centre plus the difference of its side,
        over the true side. For every list, `<name>_false`, the number of other palms per image.
    """
    report: dict[str, float] = {}
    for name, samples in sets.items():
        images = normalise_batch(np.stack([sample.image for sample in samples]))
        found = network.predict(images, batch_size=32, verbose=0)
        size: int = images.shape[1]
        count, wrong = 0, 0
        errors: list[float] = []
        for sample, values, logits in zip(samples, found["palms"], found["logits"], strict=True):
            palms, scores = decode_palms(values, logits, (size, size), threshold=_THRESHOLD)
            palms, _ = merge_palms(palms, scores, _MERGED)
            hands, doubtful = cut_off(sample.hands, (size, size))
            boxes = np.concatenate([sample.boxes[sample.boxes[:, 4] == DOUBTFUL, :4], doubtful])
            matched, false = _match(palms, [palm_values(xy) for xy in hands], boxes)
            count, wrong, errors = count + len(hands), wrong + false, errors + matched
        if count:
            report[f"{name}_recall"] = len(errors) / count
            report[f"{name}_error"] = float(np.mean(errors or [np.nan]))
        report[f"{name}_false"] = wrong / len(samples)
    return report


def _match(
    palms: np.ndarray, hands: list[np.ndarray], doubtful: np.ndarray
) -> tuple[list[float], int]:
    """Match palms (n, 9, 2), best first, to hands; return the errors, and count the others."""
    free, errors, false = list(hands), [], 0
    for palm in palms:
        fits = [
            np.abs(palm[0] - hand[0]).max() <= hand[1, 0] / 2
            and 0.5 <= palm[1, 0] / hand[1, 0] <= 2
            for hand in free
        ]
        if any(fits):
            hand = free.pop(fits.index(True))
            away = np.hypot(*(palm[8] - hand[8])) + abs(palm[1, 1] - hand[1, 1])
            errors.append(float(away / hand[1, 1]))
        else:
            low, size = doubtful[:, :2], doubtful[:, 2:]
            false += not np.any(np.all((palm[0] >= low) & (palm[0] <= low + size), axis=1))
    return errors, false
