"""The configuration of a training run."""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from openpose_keras.core.checks import did_you_mean
from openpose_keras.core.errors import TrainingError
from openpose_keras.core.files import read_json
from openpose_keras.estimators.body import BODY_NETWORKS
from openpose_keras.networks.lite import FACE_INPUT

NETWORKS = ("hand_lite", "hand_finder", "face_lite", *BODY_NETWORKS)
_COUNTS = ("validation_hands", "validation_samples", "batch_size", "epochs", "steps_per_epoch")
_LEAST = dict.fromkeys(_COUNTS, 1) | {"pretrained_rate": 0, "weight_decay": 0, "processes": 0}


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The configuration of a training run.

    Args:
        network: "hand_lite"; "hand_finder", which finds the palms of hands in whole images;
            "face_lite", which learns from sets of faces on disk; or a body network such as
            "body_tiny", which learns from the photos of `labels` or from drawn stick figures. Body
            networks ignore the fields about hands and MediaPipe's network. "body_lite" can also
            have a teacher.
        out: Folder of the run. Rendered hands are stored in its subfolders `hands-SEED` and
            `validation-SEED`.
        assets: Folder with `rigged_hand/`, `hand_photos/` and `hand_photos_2/`, if they are used.
            For "face_lite", sets of `openpose-keras render heads` and `face_photos` in folders
            whose names begin with "heads" and "photos"; every eighth image is held out.
        backgrounds: Folder of images without hands. Every eighth one is held out for validation.
            None for only procedural backgrounds.
        labels: Label file of your own photos, which replace those of the assets. It lies next to
            the photos, in the format of `openpose_keras.io.coco`, or of `io.coco_people` for
            bodies. About every seventh photo is held out for validation. None for no such file.
        teacher: Weight file of `body_mobilenet`, or this name if the file is in the user's folder,
            for "body_lite". The network starts from these weights, unless `weights` are given, and
            its outputs for `photos` are kept close to the teacher's. None for no teacher.
        photos: Folder of photos for the teacher, with or without people. They make up
            `photo_fraction` of each batch, rounded to whole samples, but at least one and not all.
        hands: Number of hands to render for training; 0 for no rendered hands, if there are labels.
        validation_hands: Number of hands to render for validation, with another seed.
        photo_fraction: Fraction of the hands in samples that come from labelled photos; 0 for no
            photos.
        negatives: Fraction of the samples of "hand_lite" that show no hand.
        validation_samples: Number of samples of rendered hands, and of photos, for the validation
            of each epoch.
        pretrained: Whether to start from MediaPipe's network instead of random weights.
        weights: Weight file of the same network to start from instead, or the name of a preset,
            such as "hand_lite". The first layers of "hand_lite" are frozen then. None for no file.
        layers: For "hand_lite" and "body_lite", prefixes of the names of the layers to train,
            separated by commas, such as "presence,right"; all others are frozen. None for all.
        untaught_weight: For "body_lite" with a teacher, the weight of the loss of those maps that
            the teacher lacks: the middle of the hips, the feet and their limbs.
        teacher_weight: The weight of the loss of the photos for the teacher.
        size: Side of the network's input in training, a multiple of 32.
        batch_size: Number of samples per step.
        epochs: Number of epochs. Each ends with a validation and a checkpoint.
        steps_per_epoch: Number of steps per epoch.
        learning_rate: Maximum learning rate of randomly initialised weights. It rises to this value
            and decays to nearly zero along half a cosine.
        pretrained_rate: The learning rate of weights that were initialised from MediaPipe, or from
            the teacher of "body_lite", as a fraction of that of the other weights.
        weight_decay: Weight decay of AdamW.
        processes: Number of processes that render and compose samples; 0 composes them in the main
            process.
        seed: Seed of hands, samples and initial weights.

    Raises:
        TrainingError: The values are not valid for any run.
    """

    out: str
    network: str = "hand_lite"
    assets: str | None = None
    backgrounds: str | None = None
    labels: str | None = None
    teacher: str | None = None
    photos: str | None = None
    hands: int = 24000
    validation_hands: int = 1500
    photo_fraction: float = 0.25
    negatives: float = 0.22
    validation_samples: int = 384
    pretrained: bool = True
    weights: str | None = None
    layers: str | None = None
    untaught_weight: float = 1.0
    teacher_weight: float = 1.0
    size: int = 224
    batch_size: int = 32
    epochs: int = 21
    steps_per_epoch: int = 500
    learning_rate: float = 1.5e-3
    pretrained_rate: float = 0.3
    weight_decay: float = 1e-4
    processes: int = 0
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse values that are not valid for any run."""
        for name, kind in get_type_hints(type(self)).items():
            self._require(name, _is_of_type(getattr(self, name), kind), _type_name(kind))
        hint = did_you_mean(self.network, NETWORKS)
        known = f"one of {', '.join(NETWORKS)}"
        self._require("network", self.network in NETWORKS, known, hint)
        least = 0 if self.labels else 1
        for name in ("assets", "backgrounds") if self.network in BODY_NETWORKS else ():
            self._require(name, getattr(self, name) is None, "None for a network of bodies")
        if self.network != "body_lite":
            self._require(
                "teacher", self.teacher is None, "None for another network than body_lite"
            )
        fits = self.layers is None or self.network in ("hand_lite", "body_lite")
        self._require("layers", fits, "None for another network than hand_lite and body_lite")
        for name in ("untaught_weight", "teacher_weight"):
            fits = getattr(self, name) > 0 and (
                self.teacher is not None or getattr(self, name) == 1
            )
            self._require(name, fits, "above 0, and 1 without a teacher")
        if self.network == "face_lite":
            self._require("labels", self.labels is None, "None for face_lite, which has assets")
            self._require("size", self.size == FACE_INPUT, f"{FACE_INPUT} for face_lite")
        both = (self.teacher is None) == (self.photos is None)
        self._require("photos", both, "a folder if there is a teacher, else None")
        enough = self.teacher is None or self.batch_size > 1
        self._require("batch_size", enough, "2 or more with a teacher, which answers some of them")
        self._require("hands", self.hands >= least, "1 or more, or 0 if there are labels")
        self._require("size", self.size > 0 and self.size % 32 == 0, "a multiple of 32")
        for name in ("photo_fraction", "negatives"):
            self._require(name, 0 <= getattr(self, name) <= 1, "between 0 and 1")
        shown = not self.labels or self.photo_fraction > 0
        self._require("photo_fraction", shown, "above 0, so that the labelled photos are shown")
        for name, least in _LEAST.items():
            self._require(name, getattr(self, name) >= least, f"{least} or more")
        self._require("learning_rate", self.learning_rate > 0, "above 0")
        self._require("seed", 0 <= self.seed < 2**32, "between 0 and 2**32 - 1")

    def _require(self, name: str, fits: bool, expected: str, hint: str = "") -> None:
        """Raise TrainingError if a field does not fit."""
        if not fits:
            got = f"got {getattr(self, name)!r}{hint}"
            raise TrainingError(f"expected {name} to be {expected}, {got}")


def _is_of_type(value: object, kind: Any) -> bool:  # noqa: ANN401 - a type, or a union of types
    """Return whether a value has a type; integers count as finite floats, but bools do not."""
    fits = isinstance(value, int | float if kind is float else kind)
    finite = not isinstance(value, float) or math.isfinite(value)
    return fits and finite and isinstance(value, bool) == (kind is bool)


def _type_name(kind: Any) -> str:  # noqa: ANN401 - a type, or a union of types
    """Return the name of a type, or the notation of a union."""
    names = {float: "a finite number", int: "a whole number", bool: "true or false", str: "a text"}
    return names.get(kind, f"of the type {kind}")


def read_config(path: str | Path, **changes: object) -> TrainConfig:
    """Read a configuration from a JSON file.

    Args:
        path: A JSON file with an object of fields of `TrainConfig`. The others have their defaults.
        changes: Fields that take the place of the file's.

    Raises:
        TrainingError: The file is not a JSON object, or one of its fields is unknown or not valid.
        FileNotFoundError: There is no such file.
    """
    try:
        given = read_json(path)
    except ValueError as error:
        raise TrainingError(f"expected a config, a JSON object, in {path}: {error}") from error
    if not isinstance(given, dict) or {"images", "annotations"} & set(given):
        raise TrainingError(
            f'expected a config in {path}, such as {{"out": "runs/mine", "labels": "labels.json"}}'
        )
    known = [field.name for field in dataclasses.fields(TrainConfig)]
    if unknown := [name for name in given if name not in known]:
        hint = did_you_mean(unknown[0], known) or f": take some of {', '.join(known)}"
        raise TrainingError(f"{path}: a config has no field {unknown[0]!r}{hint}")
    if "out" not in given | changes:
        raise TrainingError(f'{path}: expected "out", the folder of the run')
    try:
        return TrainConfig(**given | changes)
    except TrainingError as error:
        raise TrainingError(f"{path}: {error}") from error
