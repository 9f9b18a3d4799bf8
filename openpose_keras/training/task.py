"""What a training run needs to know of the network that it trains."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from openpose_keras.training.config import TrainConfig

if TYPE_CHECKING:
    import keras

Batch = tuple[np.ndarray, dict[str, np.ndarray]]
"""Images (n, size, size, 3) uint8 RGB, and for each output of the model its targets."""


@dataclass(frozen=True, eq=False)
class Task:
    """A network in training, its data and how it is measured.

    Args:
        model: Compiled; it takes images (n, size, size, 3) uint8 RGB.
        network: The network in it, whose weights are the result.
        batch: Composes a batch with a random generator. The same state leads to the same batch.
        validate: Measures the network, and returns numbers by name.
    """

    model: "keras.Model"
    network: "keras.Model"
    batch: Callable[[np.random.Generator], Batch]
    validate: Callable[[], dict[str, float]]


def batches(
    batch: Callable[[np.random.Generator], Batch], config: TrainConfig, *, first_epoch: int = 0
) -> "keras.utils.PyDataset":
    """Return the training data for `keras.Model.fit`.

    Args:
        batch: Composes a batch, see `Task`.
        config: Steps, processes and seed.
        first_epoch: Number of the epoch that a resumed run begins with.

    Returns:
        The dataset. Batch i of epoch e depends only on the seed, e and i.
    """
    import keras

    class Batches(keras.utils.PyDataset):
        """Composes each batch when it is asked for, in processes of its own if there are any."""

        def __init__(self) -> None:
            """Begin with the first epoch."""
            processes = config.processes
            options: dict[str, Any] = {"workers": processes, "use_multiprocessing": True}
            super().__init__(max_queue_size=2 * processes, **options if processes else {})
            self.epoch = first_epoch

        def __len__(self) -> int:
            """Return the steps of an epoch."""
            return config.steps_per_epoch

        def on_epoch_end(self) -> None:
            """Draw other samples in the next epoch."""
            self.epoch += 1

        def __getitem__(self, index: int) -> Batch:
            """Compose one batch."""
            return batch(np.random.default_rng((config.seed, self.epoch, index)))

    return Batches()
