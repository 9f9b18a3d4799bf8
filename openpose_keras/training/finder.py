"""The training of hand_finder: its model, its batches, its validation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras import networks
from openpose_keras.networks.preprocessing import normalise_batch
from openpose_keras.training import data
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.finder_data import (
    FinderComposer,
    FinderSample,
    decode_photos,
    finder_batch,
)
from openpose_keras.training.finder_targets import finder_loss
from openpose_keras.training.optimization import load_first_weights, make_optimizer
from openpose_keras.training.task import Batch, Task

if TYPE_CHECKING:
    import keras

_VALIDATION_SEED = 1000


def make_task(config: TrainConfig) -> Task:
    """Load the data of a run, and build its network with its first weights.

    Args:
        config: The config.

    Raises:
        FileNotFoundError: An input is missing.
        WeightsError: The weights to start from cannot be used.
        TrainingError: There is too little data, or the config does not name a folder that the run
            needs.
    """
    shown, held_out = (_composer(sources, config) for sources in data.load_data_sources(config))
    rng = np.random.default_rng((config.seed, _VALIDATION_SEED))
    known = [held_out(rng) for _ in range(config.validation_samples)]
    model, network = start(config)

    def batch(rng: np.random.Generator) -> Batch:
        """Compose a batch."""
        images, truth = finder_batch([shown(rng) for _ in range(config.batch_size)])
        return images, {"answer": truth}

    return Task(model, network, batch, lambda: validate(network, known))


def _composer(sources: data.DataSources, config: TrainConfig) -> FinderComposer:
    """Return what draws samples from data sources."""
    photos = decode_photos(sources.sets)
    return FinderComposer(sources.hands or [], photos, sources.backgrounds, config.size)


def start(config: TrainConfig) -> tuple["keras.Model", "keras.Model"]:
    """Build and compile the model of a run's first step.

    Args:
        config: First weights, rates and length of the run.

    Returns:
        The compiled model, whose output is `answer` (n, a, 19), and `networks.hand_finder()` in it.

    Raises:
        WeightsError: The weights to start from cannot be used.
    """
    import keras

    network = networks.hand_finder()
    slow = load_first_weights(network, config)
    image = keras.Input((config.size, config.size, 3), name="uint8", dtype="uint8")
    found = network(keras.layers.Rescaling(1 / 256, offset=-0.5, name="normalise")(image))
    answer = keras.layers.Concatenate(name="answer")([found["palms"], found["logits"]])
    model = keras.Model(image, {"answer": answer})
    optimizer = make_optimizer(network, config, slow)
    model.compile(optimizer, loss={"answer": finder_loss(config.size)})
    return model, network


def validate(network: "keras.Model", known: Sequence[FinderSample]) -> dict[str, float]:
    """Measure a network on samples that training never shows.

    Args:
        network: `networks.hand_finder()`.
        known: The samples.

    Returns:
        `held_out_loss`, the mean loss of the samples.
    """
    from keras import ops

    images, truth = finder_batch(known)
    found = network.predict(normalise_batch(images), batch_size=32, verbose=0)
    answer = np.concatenate([found["palms"], found["logits"]], axis=-1)
    loss = finder_loss(images.shape[1])(*map(ops.convert_to_tensor, (truth, answer)))
    return {"held_out_loss": float(ops.mean(loss))}
