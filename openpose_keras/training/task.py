"""The common parts of training tasks: batches, initial weights and the optimizer.

The `task` module of each network creates its `Task`. All tasks share the batches for
`keras.Model.fit`, the initial weights, and the optimizer with its learning rate schedule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from openpose_keras.networks.presets import PRESETS, find_weights, load_network, load_weights
from openpose_keras.training.config import TrainConfig

if TYPE_CHECKING:
    import keras

Batch = tuple[np.ndarray, dict[str, np.ndarray]]
"""Images (n, size, size, 3) uint8 RGB, and the targets of each output of the model."""
TEACHERS = {
    "hand_lite": "mediapipe_hand",
    "hand_finder": "mediapipe_palm",
    "face_lite": "mediapipe_face",
}
"""For each of our networks for hands and faces, MediaPipe's network with the same layer names."""


@dataclass(frozen=True, eq=False)
class Task:
    """A network in training, with its data and its validation.

    Args:
        model: The compiled model, which takes images (n, size, size, 3) uint8 RGB.
        network: The network inside the model, whose weights are the result.
        batch: A function that composes a batch with a random generator. The same state of the
            generator gives the same batch.
        validate: A function that measures the network and returns metrics by name.
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
        batch: A function that composes a batch, see `Task`.
        config: The configuration, with steps, processes and seed.
        first_epoch: Number of the first epoch of a resumed run.

    Returns:
        The dataset. Batch i of epoch e depends only on the seed, e and i.
    """
    import keras

    class Batches(keras.utils.PyDataset):
        """Composes each batch on demand, in worker processes if there are any."""

        def __init__(self) -> None:
            """Begin with the first epoch."""
            processes = config.processes
            options: dict[str, Any] = {"workers": processes, "use_multiprocessing": True}
            super().__init__(max_queue_size=2 * processes, **options if processes else {})
            self.epoch = first_epoch

        def __len__(self) -> int:
            """Return the number of steps per epoch."""
            return config.steps_per_epoch

        def on_epoch_end(self) -> None:
            """Advance to the samples of the next epoch."""
            self.epoch += 1

        def __getitem__(self, index: int) -> Batch:
            """Compose one batch."""
            return batch(np.random.default_rng((config.seed, self.epoch, index)))

    return Batches()


def load_first_weights(network: "keras.Model", config: TrainConfig) -> dict[str, bool]:
    """Load the initial weights of a run, if its configuration specifies any.

    Args:
        network: The network to be trained, changed in place. If no network of MediaPipe has its
            layers, it starts at random or from `config.weights`.
        config: The configuration, which names the weights or selects those of MediaPipe.

    Returns:
        A mapping with True for the path of each variable that was initialised from MediaPipe.

    Raises:
        WeightsError: The weights to start from cannot be used.
    """
    if config.weights:
        preset = PRESETS.get(config.weights)
        load_weights(network, find_weights(preset) if preset else config.weights)
    if network.name not in TEACHERS or not (config.weights or config.pretrained):
        return {}
    teacher = load_network(TEACHERS[network.name])
    weights = {layer.name: layer.get_weights() for layer in teacher.layers if layer.weights}
    layers = [layer for layer in network.layers if layer.name in weights]
    if not config.weights:
        for layer in layers:
            layer.set_weights(weights[layer.name])
    return {variable.path: True for layer in layers for variable in layer.weights}


def choose_layers(network: "keras.Model", config: TrainConfig) -> None:
    """Freeze the layers of a network that are not in the configuration's `layers`.

    Args:
        network: The network to be trained, changed in place.
        config: The configuration, which names the layers to train; None for all.
    """
    if config.layers is not None:
        for layer in network.layers:
            layer.trainable = layer.name.startswith(tuple(config.layers.split(",")))


def image_input(size: int) -> tuple["keras.KerasTensor", "keras.KerasTensor"]:
    """Return the input of a training model, (n, size, size, 3) uint8 RGB, and that of its network.

    A uint8 batch is a quarter of the size of a float32 one when it is sent from the processes that
    compose it.
    """
    import keras

    image = keras.Input((size, size, 3), name="uint8", dtype="uint8")
    return image, keras.layers.Rescaling(1 / 256, offset=-0.5, name="normalise")(image)


def make_optimizer(
    network: "keras.Model", config: TrainConfig, slow: Mapping[str, bool | np.ndarray]
) -> "keras.optimizers.Optimizer":
    """Build AdamW with averaged weights, and a separate learning rate for pretrained weights.

    Args:
        network: The network to be trained.
        config: The configuration, with the learning rates and the length of the run.
        slow: A mapping from the path of a variable to whether it uses the `pretrained_rate`, or to
            a bool array of its shape that states which of its weights do. All other weights use the
            full rate.

    Returns:
        The optimizer, built for the network's variables.
    """
    import keras

    variables = network.trainable_variables
    rates = [
        np.where(slow.get(variable.path, False), config.pretrained_rate, 1.0).astype(np.float32)
        for variable in variables
    ]

    class LayerwiseAdamW(keras.optimizers.AdamW):
        """AdamW with a learning rate for each weight."""

        def update_step(
            self, gradient: object, variable: "keras.Variable", learning_rate: "keras.KerasTensor"
        ) -> None:
            """Scale the learning rate, then update the variable."""
            rate = rates[self._get_variable_index(variable)]
            super().update_step(gradient, variable, learning_rate * rate)

    total = config.epochs * config.steps_per_epoch
    warmup = min(300, total // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, total - warmup, alpha=0.002, warmup_target=config.learning_rate, warmup_steps=warmup
    )
    optimizer = LayerwiseAdamW(
        schedule,
        weight_decay=config.weight_decay,
        global_clipnorm=1.0,
        use_ema=True,
        ema_momentum=min(0.998, total / (total + 10)),  # the last tenth of a short run
    )
    optimizer.build(variables)
    return optimizer
