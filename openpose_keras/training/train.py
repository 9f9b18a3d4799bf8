"""Train hand_lite with `keras.Model.fit`: one small config in, weights and a log out; resumable.

The run's folder holds `config.json`, `log.csv` (a row an epoch), `state.weights.h5` (everything
that a resumed run needs) and `hand_lite.weights.h5` (the averaged weights of the last epoch, what
one ships).
"""

import csv
import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openpose_keras import networks
from openpose_keras.core.errors import DivergenceError, TrainingError
from openpose_keras.core.files import atomic_write
from openpose_keras.training import optimization, samples, scenes, validation
from openpose_keras.training.config import TrainConfig, read_config

if TYPE_CHECKING:
    import keras

STATE = "state.weights.h5"
RESULT = "hand_lite.weights.h5"
CONFIG = "config.json"
FREE_ON_RESUME = ("out", "assets", "backgrounds", "labels", "epochs")


def train(config: TrainConfig) -> Path:
    """Run the training, or go on with it.

    Args:
        config: What to do. A folder with a `state.weights.h5` is resumed; of its config only the
            places and the number of epochs may change.

    Returns:
        The file of the averaged weights.

    Raises:
        FileNotFoundError: An input is missing.
        DataError: The label file is none, or lacks a picture.
        WeightsError: The teacher, or the weights to start from, do not fit.
        TrainingError: The state in the folder is of another run, or an input is too small.
        DivergenceError: The loss became NaN; the files are still those of the epoch before.
    """
    import keras

    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    if (out / STATE).exists():
        _check_same_run(config, out / CONFIG)
    config.write(out / CONFIG)
    keras.utils.set_random_seed(config.seed)
    shown, held = samples.load_ingredients(config)
    composer = samples.make_composer(shown, photo_share=config.photo_share, size=config.size)
    sets = validation.validation_sets(held, config)
    model = optimization.start(config)
    if (out / STATE).exists():
        _load_state(model, out / STATE)
    done = int(model.optimizer.iterations) // config.steps_per_epoch
    model.fit(
        samples.batches(composer, config, first_epoch=done),
        epochs=config.epochs,
        initial_epoch=done,
        callbacks=[_end_of_epoch(out, sets), keras.callbacks.TerminateOnNaN()],
        shuffle=False,  # each batch is random already; so a resumed run takes the same steps
        verbose=2,
    )
    return out / RESULT


def _check_same_run(config: TrainConfig, path: Path) -> None:
    """Refuse to go on with a run by another config than it was begun with."""
    if not path.exists():
        return
    old = read_config(path)
    kept = [field.name for field in dataclasses.fields(config) if field.name not in FREE_ON_RESUME]
    changed = [
        f"{name} {getattr(old, name)!r} -> {getattr(config, name)!r}"
        for name in kept
        if getattr(old, name) != getattr(config, name)
    ]
    if changed:
        raise TrainingError(
            f"a run goes on with its own config, only {', '.join(FREE_ON_RESUME)} may change; "
            f"{path} has other values: {', '.join(changed)}; mend them, or give another `out`"
        )


def _load_state(model: "keras.Model", path: Path) -> None:
    """Load what a run left; Keras only warns, and starts anew, where the optimizer is another."""
    model.load_weights(path)
    if int(model.optimizer.iterations) == 0:
        raise TrainingError(
            f"expected in {path} the state of a run that trains the same layers; go on with the "
            "run's own config, or give another `out`"
        )


def _end_of_epoch(out: Path, sets: dict[str, list[scenes.Sample]]) -> "keras.callbacks.Callback":
    """Write the averaged weights, validate, log; then write the state and go on from it."""
    import keras

    class EndOfEpoch(keras.callbacks.Callback):
        """Keeps the run's folder up to date."""

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            """Write all files under temporary names, then rename them."""
            if logs and not math.isfinite(logs["loss"]):
                raise DivergenceError(
                    f"the loss became {logs['loss']} in epoch {epoch + 1}; {out} is as the epoch "
                    "before left it: go on with a lower learning_rate"
                )
            current = self.model.get_weights()
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
            shipped = networks.hand_lite(all_stages=True)
            shipped.set_weights(self.model.get_weights())
            _write(shipped, out / RESULT)
            row = {"epoch": epoch + 1, **(logs or {}), **validation.validate(self.model, sets)}
            _log(out / "log.csv", row)
            self.model.set_weights(current)
            _write(self.model, out / STATE)  # last: it says that the epoch is done

    return EndOfEpoch()


def _write(model: "keras.Model", path: Path) -> None:
    """Save weights (and the optimizer, where there is one) so that no half file is ever seen."""
    with atomic_write(path, force=True) as part:
        model.save_weights(part)


def _log(path: Path, row: dict[str, Any]) -> None:
    """Add a row to the log, in the place of what a killed run said of this epoch and later ones."""
    rows: list[dict[str, Any]] = []
    if path.exists():
        with path.open(newline="", encoding="utf8") as file:
            rows = [old for old in csv.DictReader(file) if int(old["epoch"]) < row["epoch"]]
    rows.append({key: round(value, 6) for key, value in row.items()})
    names = list(dict.fromkeys(name for each in rows for name in each))
    with atomic_write(path, force=True) as part, part.open("w", newline="", encoding="utf8") as f:
        writer = csv.DictWriter(f, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
