"""The loss, the schedule and the optimizer of a training run."""

from pathlib import Path
from typing import TYPE_CHECKING

from openpose_keras import networks
from openpose_keras.core.errors import TrainingError
from openpose_keras.networks.presets import PRESETS, find_weights, load_weights
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.mediapipe_backbone import backbone_layers, load_mediapipe_backbone

if TYPE_CHECKING:
    import keras

# MediaPipe's first layers saw more real photos than we have: keeping them also halves the cost.
_FROZEN = ("stem", "block0_", "block1_")


def heatmap_loss(truth: "keras.KerasTensor", predicted: "keras.KerasTensor") -> "keras.KerasTensor":
    """Return squared differences; cells near a keypoint, which are few, count up to nine times.

    Args:
        truth: (n, h, w, 22) target heatmaps, the background last.
        predicted: The network's heatmaps, of the same shape.

    Returns:
        (n, h, w) loss, a mean over the channels.
    """
    from keras import ops

    near = ops.concatenate([truth[..., :-1], 1 - truth[..., -1:]], axis=-1)
    return ops.mean(ops.square(truth - predicted) * (1 + 8 * near), axis=-1)


def start(config: TrainConfig) -> "keras.Model":
    """Build and compile the network of a run's first step, with its first weights.

    Args:
        config: First weights, rates and length of the run.

    Returns:
        A compiled `networks.hand_lite(all_stages=True)`.

    Raises:
        WeightsError: MediaPipe's file, or the weights to start from, cannot be used.
        TrainingError: MediaPipe's network is to be used, but there are no assets.
    """
    model = networks.hand_lite(all_stages=True)
    _load_first_weights(model, config)
    if config.pretrained_backbone:
        for layer in model.layers:
            layer.trainable = not layer.name.startswith(_FROZEN)
    optimizer = _optimizer(model, config)
    model.compile(optimizer, loss=[heatmap_loss, heatmap_loss], loss_weights=[0.4, 1.0])
    optimizer.build(model.trainable_variables)
    return model


def _load_first_weights(model: "keras.Model", config: TrainConfig) -> None:
    """Load the weights that the config asks for, if any."""
    if config.weights:
        preset = PRESETS.get(config.weights)
        load_weights(model, find_weights(preset) if preset else config.weights)
    elif config.pretrained_backbone:
        if config.assets is None:
            raise TrainingError(
                "expected assets with teacher/, as pretrained_backbone is true, got none: set "
                "assets, or weights to start from, or set pretrained_backbone to false"
            )
        path = Path(config.assets) / "teacher" / "hand_landmark_full.tflite"
        load_mediapipe_backbone(model, path)


def _optimizer(model: "keras.Model", config: TrainConfig) -> "keras.optimizers.Optimizer":
    """Build AdamW with averaged weights, and another learning rate for the backbone."""
    import keras

    backbone = {weight.path for layer in backbone_layers(model) for weight in layer.weights}
    in_backbone = [weight.path in backbone for weight in model.trainable_variables]

    class LayerwiseAdamW(keras.optimizers.AdamW):
        """AdamW with a learning rate for each variable."""

        def update_step(
            self, gradient: object, variable: "keras.Variable", learning_rate: "keras.KerasTensor"
        ) -> None:
            """Scale the rate, then take the step."""
            if in_backbone[self._get_variable_index(variable)]:
                learning_rate = learning_rate * config.backbone_rate
            super().update_step(gradient, variable, learning_rate)

    total = config.epochs * config.steps_per_epoch
    warmup = min(300, total // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, total - warmup, alpha=0.002, warmup_target=config.learning_rate, warmup_steps=warmup
    )
    return LayerwiseAdamW(
        schedule,
        weight_decay=config.weight_decay,
        global_clipnorm=1.0,
        use_ema=True,
        ema_momentum=min(0.998, total / (total + 10)),  # the last tenth of a short run
    )
