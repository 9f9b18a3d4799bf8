"""The one small config that decides a training run."""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path

from openpose_keras.core.errors import TrainingError
from openpose_keras.core.files import write_json

_COUNTS = ("held_hands", "validation_samples", "batch_size", "epochs", "steps_per_epoch")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """All that decides a run.

    Attributes:
        out: folder of the run; rendered hands go into `hands-SEED` and `held-SEED` in it.
        assets: folder with `rigged_hand/`, and `hand_photos/` and `teacher/` where they are used;
            None where none of them is.
        backgrounds: folder of pictures without hands; every eighth one is held back for validation.
            None for made-up grounds only.
        labels: label file (`openpose_keras.io.coco`) of your own photos, which are used instead of
            `hand_photos/`; about every seventh is held back for validation. None without.
        hands: how many hands to render for training; 0 goes without rendered hands, where there are
            labels.
        held_hands: how many to render for validation, of another seed.
        photo_share: share of the hands in samples that come from labelled photos; 0 goes without
            them.
        validation_samples: how many samples of rendered hands, and how many of photos, each epoch
            is measured on.
        from_teacher: whether to start from the teacher's convolutions and keep the first of them as
            they are, or to start at random.
        weights: weight file of the same network to start from instead, or "hand_lite" for the one
            that ships; None without.
        size: side of the network's input in training, a multiple of 32.
        batch_size: samples a step.
        epochs: rounds; each ends with a validation and a checkpoint.
        steps_per_epoch: steps a round.
        learning_rate: peak of the decoder's rate; a warm-up leads to it, half a cosine to nearly
            zero.
        backbone_rate: the backbone's rate as a share of the decoder's.
        weight_decay: of AdamW.
        seed: of hands, samples and initial weights.
    """

    out: str
    assets: str | None = None
    backgrounds: str | None = None
    labels: str | None = None
    hands: int = 24000
    held_hands: int = 1500
    photo_share: float = 0.25
    validation_samples: int = 384
    from_teacher: bool = True
    weights: str | None = None
    size: int = 160
    batch_size: int = 32
    epochs: int = 21
    steps_per_epoch: int = 500
    learning_rate: float = 1.5e-3
    backbone_rate: float = 0.2
    weight_decay: float = 1e-4
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse what no run could use."""
        for field in dataclasses.fields(self):
            _check_type(field.name, getattr(self, field.name), field.type)
        if self.size % 32 or self.size <= 0:
            raise TrainingError(f"size should be a multiple of 32, not {self.size}")
        if not 0 <= self.photo_share <= 1:
            raise TrainingError(f"photo_share should lie in [0, 1], not {self.photo_share}")
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} should be at least 1, not {getattr(self, name)}")
        for name in ("backbone_rate", "weight_decay"):
            if not getattr(self, name) >= 0:
                raise TrainingError(f"{name} should be 0 or more, not {getattr(self, name)}")
        self._check_sources()
        if not self.learning_rate > 0:
            raise TrainingError(f"learning_rate should be above 0, not {self.learning_rate}")
        if not 0 <= self.seed < 2**32:
            raise TrainingError(f"seed should lie in [0, 2**32), not {self.seed}")

    def _check_sources(self) -> None:
        """Refuse a run that would show no hand, or labels that it would never show."""
        if self.hands < (0 if self.labels else 1):
            raise TrainingError(
                f"hands should be at least 1, or 0 where there are labels, not {self.hands}"
            )
        if self.labels and not self.photo_share:
            raise TrainingError(
                "photo_share should be above 0 where there are labels, or their photos are never "
                "shown"
            )

    def write(self, path: str | Path) -> None:
        """Write the config as JSON, whole or not at all; a file of this name is replaced."""
        write_json(path, dataclasses.asdict(self), indent=2, force=True)


def _check_type(name: str, value: object, kind: type) -> None:
    """Refuse a value of another type; a whole number will do as a float, a bool as nothing else."""
    fits = isinstance(value, int | float if kind is float else kind)
    if not fits or isinstance(value, bool) != (kind is bool):
        raise TrainingError(f"{name} should be a {_name(kind)}, not {value!r}")
    if kind is float and not math.isfinite(value):
        raise TrainingError(f"{name} should be finite, not {value!r}")


def _name(kind: type) -> str:
    """Name a type, and a union as it is written."""
    return getattr(kind, "__name__", str(kind))


def read_config(path: str | Path, **changes: object) -> TrainConfig:
    """Read a config from a JSON file.

    Args:
        path: a JSON object with fields of `TrainConfig`; the rest have their defaults.
        changes: fields that count instead of the file's.

    Returns:
        The config.

    Raises:
        TrainingError: The file is no JSON object, or has a field that is unknown or unusable.
        FileNotFoundError: There is no such file.
    """
    try:
        fields = json.loads(Path(path).read_text(encoding="utf8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"expected a JSON object in {path}: {error}") from error
    known = {field.name for field in dataclasses.fields(TrainConfig)}
    if not isinstance(fields, dict) or set(fields) - known:
        odd = sorted(set(fields) - known) if isinstance(fields, dict) else type(fields).__name__
        raise TrainingError(f"expected fields among {sorted(known)} in {path}, found {odd}")
    if "out" not in {*fields, *changes}:
        raise TrainingError(f"{path} lacks the field out: the folder of the run")
    return TrainConfig(**{**fields, **changes})
