"""Train one of our networks with `keras.Model.fit` in resumable runs, from a small configuration.

The run's folder contains `config.json`, `log.csv` (one row per epoch), `state.weights.h5` (the
checkpoint from which a run is resumed) and `<network>.weights.h5` (the averaged weights of the last
epoch, which are the result). The folder of a run for hands also contains the rendered hands and
`misleading.json`, the objects in the photos and backgrounds that look like hands.
"""

import csv
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openpose_keras.core.checks import did_you_mean
from openpose_keras.core.errors import DivergenceError, TrainingError
from openpose_keras.core.files import atomic_write, write_json
from openpose_keras.core.keypoints import Hand, Keypoints, label_scores
from openpose_keras.core.progress import show_progress
from openpose_keras.estimators.body import BODY_NETWORKS
from openpose_keras.networks._backend import import_keras
from openpose_keras.networks.presets import PRESETS
from openpose_keras.training.config import TrainConfig, read_config
from openpose_keras.training.hands.data import load_data_sources
from openpose_keras.training.task import Task, batches

if TYPE_CHECKING:
    import keras

STATE = "state.weights.h5"
CONFIG = "config.json"
_PREVIEWS = 40
FREE_ON_RESUME = ("out", "assets", "backgrounds", "labels", "epochs", "processes")


def train(config: TrainConfig) -> Path:
    """Run or resume a training.

    Args:
        config: The configuration. If the run's folder contains `state.weights.h5`, the run is
            resumed; only the folders and the number of epochs may then differ from its original
            configuration.

    Returns:
        The file of the averaged weights.

    Raises:
        FileNotFoundError: An input is missing.
        DataError: The label file is not valid, or an image of it is missing.
        WeightsError: MediaPipe's network, or the weights to start from, do not fit.
        TrainingError: The state in the folder belongs to another run, or there is too little data.
        DivergenceError: The loss became NaN or infinite. The files of the previous epoch are kept.
    """
    require_inputs(config)
    keras = import_keras()

    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    if (out / STATE).exists():
        _check_same_run(config, out / CONFIG)
    write_json(out / CONFIG, dataclasses.asdict(config), indent=2, force=True)
    keras.utils.set_random_seed(config.seed)
    result = out / f"{config.network}.weights.h5"
    task = make_task(config)
    if (out / STATE).exists():
        _load_state(task.model, out / STATE)
    done = int(task.model.optimizer.iterations) // config.steps_per_epoch
    if done >= config.epochs:
        print(f"{out} has all its {done} epochs already; with more of them it goes on", flush=True)
        return result
    task.model.fit(
        batches(task.batch, config, first_epoch=done),
        epochs=config.epochs,
        initial_epoch=done,
        callbacks=[
            _end_of_epoch(task, result),
            keras.callbacks.TerminateOnNaN(),
            _show_steps(config.steps_per_epoch),
        ],
        shuffle=False,  # each batch is random already; so a resumed run takes the same steps
        verbose=2,
    )
    return result


def require_inputs(config: TrainConfig) -> None:
    """Raise an error if a file or folder of a configuration is missing; Keras is not needed.

    The assets are not asked for: a run whose hands are rendered may do without them.

    Raises:
        FileNotFoundError: There is no such file or folder.
    """
    for name in ("backgrounds", "labels", "photos", "teacher", "weights"):
        value = getattr(config, name)
        if value and value not in PRESETS and not Path(value).exists():
            hint = did_you_mean(value, PRESETS) or "; paths are those of the current folder"
            raise FileNotFoundError(f"expected {name}, got none: there is no {value}{hint}")


def make_task(config: TrainConfig) -> Task:
    """Load the data of a run, and build its network with its initial weights."""
    from openpose_keras.training.bodies import task as bodies
    from openpose_keras.training.faces import task as faces
    from openpose_keras.training.finder import task as finder
    from openpose_keras.training.hands import task as hands

    makers = {
        "hand_lite": hands.make_task,
        "hand_finder": finder.make_task,
        "face_lite": faces.make_task,
    }
    return makers.get(config.network, bodies.make_task)(config)


def preview_samples(config: TrainConfig) -> list[tuple[np.ndarray, Sequence[Keypoints]]]:
    """Return forty training samples of a configuration.

    Args:
        config: The configuration of the run. Missing hands are rendered.

    Returns:
        For each sample, its image (h, w, 3) uint8 RGB and its hands, faces or bodies, whose
        keypoints have the score 1.
    """
    from openpose_keras.training.bodies import task as bodies
    from openpose_keras.training.faces import task as faces
    from openpose_keras.training.finder import task as finder
    from openpose_keras.training.hands import task as hands

    rng = np.random.default_rng(config.seed)
    if config.network in BODY_NETWORKS:
        return [*bodies.labelled_samples(config, rng, _PREVIEWS)]
    if config.network == "face_lite":
        return [*faces.labelled_samples(config, rng, _PREVIEWS)]
    module = finder if config.network == "hand_finder" else hands
    sources, _ = load_data_sources(config)
    composer = module.make_composer(sources, config)
    samples = [composer(rng) for _ in range(_PREVIEWS)]
    return [
        (each.image, [Hand(xy, label_scores(xy)) for xy in (hand[:, :2] for hand in each.hands)])
        for each in samples
    ]


def _check_same_run(config: TrainConfig, path: Path) -> None:
    """Raise an error if a run is resumed with another configuration than its own."""
    old, new = dataclasses.asdict(read_config(path)), dataclasses.asdict(config)
    changed = [
        f"{name} {old[name]!r} -> {new[name]!r}"
        for name in new
        if name not in FREE_ON_RESUME and old[name] != new[name]
    ]
    if changed:
        raise TrainingError(
            f"expected the config of the run, {path}, or another {', '.join(FREE_ON_RESUME)}, got "
            f"{', '.join(changed)}: set them back, or set another `out`"
        )


def _load_state(model: "keras.Model", path: Path) -> None:
    """Load the state of a run; for another optimizer, Keras only warns and starts afresh."""
    model.load_weights(path)
    if int(model.optimizer.iterations) == 0:
        raise TrainingError(
            f"expected in {path} the state of a run that trains the same layers, got another one: "
            "resume with the run's own config, or set another `out`"
        )


def _end_of_epoch(task: Task, result: Path) -> "keras.callbacks.Callback":
    """Return a callback that saves the averaged weights, validates, logs and saves the state."""
    import keras

    model, network, out = task.model, task.network, result.parent

    def on_epoch_end(epoch: int, logs: dict[str, float]) -> None:
        """Validate and save the epoch; raise an error if the loss is no longer finite."""
        if not math.isfinite(logs["loss"]):
            raise DivergenceError(
                f"the loss became {logs['loss']} in epoch {epoch + 1}; {out} is as the epoch "
                "before left it: resume with a lower learning_rate"
            )
        current = network.get_weights()
        model.optimizer.finalize_variable_values(network.trainable_variables)
        _write(network, result)
        measured = task.validate()
        network.set_weights(current)
        _log(out / "log.csv", {"epoch": epoch + 1, **logs, **measured})
        _write(model, out / STATE)  # last: it says that the epoch is complete

    return keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)


def _show_steps(count: int) -> "keras.callbacks.Callback":
    """Return a callback that shows the steps of each epoch."""
    import keras

    class Steps(keras.callbacks.Callback):
        """A callback that advances the progress bar with each step."""

        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            """Start the progress bar."""
            desc = f"epoch {epoch + 1}"
            self.steps = iter(show_progress(range(count), unit="step", desc=desc))
            next(self.steps)

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            """Count a step; the last one closes the bar."""
            next(self.steps, None)

    return Steps()


def _write(model: "keras.Model", path: Path) -> None:
    """Save weights (and the optimizer, if there is one), completely or not at all."""
    with atomic_write(path, force=True) as part:
        model.save_weights(part)


def _log(path: Path, row: dict[str, Any]) -> None:
    """Add a row to the log, replacing rows of this and later epochs from an interrupted run."""
    lines = path.read_text(encoding="utf8").splitlines() if path.exists() else []
    rows: list[Any] = [old for old in csv.DictReader(lines) if int(old["epoch"]) < row["epoch"]]
    rows.append({key: round(value, 6) for key, value in row.items()})
    names = list(dict.fromkeys(name for each in rows for name in each))
    with atomic_write(path, force=True) as part, part.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
