"""Presets: a named network with its weights and the input that it expects.

A preset is data, and so is a set of presets that find people together. `load_network` builds the
network, finds and checks the file and loads it; it never downloads. A weight file is searched for
first in the package's own folder (the shipped weights), then in the user's folder,
`<Keras home>/openpose_keras`.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Collection
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

from openpose_keras import networks
from openpose_keras.core.checks import Named, did_you_mean
from openpose_keras.core.errors import WeightsError
from openpose_keras.io.weight_record import ChannelOrder, read_record
from openpose_keras.networks._backend import claim_process, import_keras
from openpose_keras.networks.input_spec import InputSpec

if TYPE_CHECKING:
    import keras

Part = Literal["body", "face", "hand"]
PARTS: tuple[Part, ...] = ("body", "face", "hand")
DTYPES = ("float32", "mixed_bfloat16", "mixed_float16")
EngineName = Literal["auto", "keras", "onnx", "openvino", "litert"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
LEAST_SMALLEST = 0.01
"""The minimum of `smallest` for a search with a detector, whose inputs grow as 1 / smallest."""
_HDF5 = b"\x89HDF\r\n\x1a\n"  # what its files begin with
_INSPECT = "`openpose-keras inspect` shows"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A network, its weights and its input.

    Args:
        name: The key in `PRESETS`.
        network: Name of the function of `networks` that builds it.
        spec: The input that it expects.
        source: Where the weights come from.
        licence: What the weights may be used for.
        finds: The part of a person whose keypoints it finds; None for a detector of hands.
        recipe: Name of the recipe that it is used with; None for the estimator's own default.
        detector: The preset that finds hands for this network; None if it searches with its own
            heatmaps.
        sha256: SHA-256 of the shipped file; None if the user supplies the file.
        how_to_get: How the user gets the file, if it is not shipped.
    """

    name: str
    network: str
    spec: InputSpec
    source: str
    licence: str
    finds: Part | None = "hand"
    recipe: str | None = None
    detector: str | None = None
    sha256: str | None = None
    how_to_get: str = ""

    @property
    def file(self) -> str:
        """Name of the weight file."""
        return f"{self.name}.weights.h5"


class _Presets(Named[Preset]):
    """Presets by their names, printed as a table."""

    def __repr__(self) -> str:
        """Return one line per preset: what it finds, where its weights are, their licence."""
        rows = [("preset", "finds", "weights", "licence of the weights")]
        for name, preset in self.items():
            weights = "ship" if preset.sha256 else "to be fetched or converted"
            rows.append((name, preset.finds or "(a detector)", weights, preset.licence))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        pairs = (zip(row, widths, strict=True) for row in rows)
        return "\n".join("  ".join(text.ljust(n) for text, n in row).rstrip() for row in pairs)


def _openposes(name: str, file: str, spec: InputSpec, finds: Part) -> Preset:
    """Return the preset of one of OpenPose's own networks, whose weights the user supplies."""
    return Preset(
        name=name,
        network=name,
        spec=spec,
        finds=finds,
        source=f"OpenPose's {file}, converted; it does not ship",
        licence="academic or non-profit, non-commercial research only (OpenPose's licence)",
        how_to_get=(
            f"`openpose-keras fetch {name}` downloads and converts them, `openpose-keras convert "
            f"FILE --network {name}` takes a file that you have"
        ),
    )


def _of_mediapipe(name: str, file: str, spec: InputSpec) -> Preset:
    """Return the preset of one of MediaPipe's face networks, whose weights the user supplies."""
    return Preset(
        name=name,
        network=name,
        spec=spec,
        finds=None,
        source=f"MediaPipe's {file}, converted; it does not ship",
        licence="Apache-2.0 (Copyright Google LLC)",
        how_to_get=(
            f"`openpose-keras convert {file}` takes the file, which is in the PyPI package "
            "mediapipe 0.10.21"
        ),
    )


_WHOLE_IMAGE = InputSpec(box_size=368, stride=8, multiple=16, sides=None)

PRESETS = _Presets(
    (preset.name, preset)
    for preset in (
        Preset(
            name="hand_lite",
            network="hand_lite",
            spec=InputSpec(
                box_size=224,
                stride=4,
                multiple=32,
                sides="both",
                upright=True,
                upright_margin=1.8,
            ),
            source="trained by this project; weights/README.md is its model card",
            licence="Apache-2.0",
            detector="mediapipe_palm",
            sha256="8816b58351ab09726641feddc6113a54e7eb6d938e94d8125d18f3222dece821",
        ),
        Preset(
            name="mediapipe_hand",
            network="mediapipe_hand",
            spec=InputSpec(
                box_size=224,
                stride=32,
                multiple=224,
                sides="both",
                upright=True,
                upright_margin=2.0,
                upright_shift=0.1,
            ),
            source="MediaPipe's hand_landmark_full.tflite, converted",
            licence="Apache-2.0 (Copyright Google LLC)",
            detector="mediapipe_palm",
            sha256="e128bf5407f9ddc4139be9f570f0145239e0e4a9bc9173401ad77fde21564009",
        ),
        Preset(
            name="mediapipe_palm",
            network="mediapipe_palm",
            spec=InputSpec(box_size=192, multiple=32, sides="both"),
            source="MediaPipe's palm_detection_full.tflite, converted",
            licence="Apache-2.0 (Copyright Google LLC)",
            finds=None,
            sha256="9c49721086c2ec1ea7b1a934734c8fa8afd46fd68e4ac849ca3f50864aebd1f5",
        ),
        _of_mediapipe(
            "mediapipe_face",
            "face_landmark.tflite",
            InputSpec(box_size=192, stride=32, multiple=192, sides=None),
        ),
        _of_mediapipe(
            "mediapipe_iris",
            "iris_landmark.tflite",
            InputSpec(box_size=64, multiple=64, sides=None),
        ),
        _of_mediapipe(
            "mediapipe_face_detector",
            "face_detection_short_range.tflite",
            InputSpec(box_size=128, multiple=16, sides=None),
        ),
        Preset(
            name="hand_finder",
            network="hand_finder",
            spec=InputSpec(box_size=320, multiple=32, sides="both"),
            source="not trained to the end yet, so that they do not ship",
            licence="Apache-2.0",
            finds=None,
            how_to_get="`openpose-keras train weights/hand_finder.json` trains them",
        ),
        _openposes(
            "hand",
            "hand/pose_iter_102000.caffemodel",
            InputSpec(box_size=368, stride=8, sides="right"),
            "hand",
        ),
        _openposes(
            "face",
            "face/pose_iter_116000.caffemodel",
            InputSpec(box_size=368, stride=8, sides=None),
            "face",
        ),
        _openposes("body_25", "pose/body_25/pose_iter_584000.caffemodel", _WHOLE_IMAGE, "body"),
        _openposes("body_coco", "pose/coco/pose_iter_440000.caffemodel", _WHOLE_IMAGE, "body"),
        _openposes("body_mpi", "pose/mpi/pose_iter_160000.caffemodel", _WHOLE_IMAGE, "body"),
        _openposes("body_mpi_4", "pose/mpi/pose_iter_160000.caffemodel", _WHOLE_IMAGE, "body"),
        Preset(
            name="face_lite",
            network="face_lite",
            spec=InputSpec(
                box_size=192,
                stride=4,
                multiple=192,
                sides="both",
                upright=True,
                upright_margin=1.75,
            ),
            finds="face",
            source="trained by this project; weights/README.md is its model card",
            licence="Apache-2.0",
            sha256="2930917b23a22903b1913842807b0b23eba50fded57cb202edf433ac55d017b4",
        ),
        Preset(
            name="body_lite",
            network="body_lite",
            # Trained at 256, it finds people best there, and small hands better in larger images.
            spec=InputSpec(box_size=304, stride=8, multiple=16, sides=None),
            finds="body",
            recipe="refined",
            source="trained by this project; weights/README.md is its model card",
            licence="Apache-2.0",
            sha256="3aff4b5b189099fc65b5adefb3084e6c3cbbde65fe203c13113ff61a0ce126ad",
        ),
        Preset(
            name="body_tiny",
            network="body_tiny",
            spec=InputSpec(box_size=128, stride=8, multiple=16, sides=None),
            finds="body",
            source="a demonstration that learns drawn stick people, so that they do not ship",
            licence="yours to choose",
            how_to_get="`openpose-keras train weights/body_tiny.json` trains them in a minute",
        ),
        Preset(
            name="body_mobilenet",
            network="body_mobilenet",
            spec=_WHOLE_IMAGE,
            finds="body",
            source="Open Model Zoo's human-pose-estimation-0001, converted; it does not ship",
            licence="Apache-2.0 (Copyright Intel Corporation)",
            how_to_get=(
                "`openpose-keras convert human-pose-estimation-0001.xml` takes Open Model Zoo's "
                "file, which needs its .bin in the same folder"
            ),
        ),
    )
)

PRESET_SETS = {
    "lite": ("body_lite", "face_lite", "hand_lite"),
    "openpose": ("body_25", "face", "hand"),
}
"""Presets that find people together: the shipped ones, and OpenPose's own."""


def check_dtype(dtype: str, engine: str) -> None:
    """Check that an engine supports a dtype.

    Args:
        dtype: One of `DTYPES`.
        engine: One of `ENGINES`.

    Raises:
        ValueError: There is no such dtype or engine, or the engine does not support it.

    Example:
        >>> check_dtype("mixed_bfloat16", "openvino")
    """
    for name, value, known in (("dtype", dtype, DTYPES), ("engine", engine, ENGINES)):
        if value not in known:
            raise ValueError(f"expected the {name} among {', '.join(known)}, got {value!r}")
    fits = engine in ("auto", "keras") or (engine, dtype) == ("openvino", "mixed_bfloat16")
    if dtype != "float32" and not fits:
        raise ValueError(
            f"expected float32 with the engine {engine}, got {dtype}: take the engine keras"
        )


def check_parts(parts: str | Collection[str]) -> tuple[Part, ...]:
    """Return parts of people in the order of `PARTS`; plurals such as "hands" are accepted.

    Args:
        parts: Names such as "body,hands", or a list of names.

    Raises:
        ValueError: No part is named, or an unknown one.

    Example:
        >>> check_parts("hands,body")
        ('body', 'hand')
    """
    names = parts.split(",") if isinstance(parts, str) else list(parts)
    singular = {name.strip().replace("bodies", "body").removesuffix("s") for name in names}
    known = tuple(part for part in PARTS if part in singular)
    if not known or set(known) != singular:
        raise ValueError(f'expected some of "body,face,hands", got {",".join(names)!r}')
    return known


def get_presets(names: str) -> dict[Part, Preset]:
    """Return the presets of a set, or of several names, by the part that each finds.

    Args:
        names: A key of `PRESET_SETS`, or comma-separated keys of `PRESETS`, in any case.

    Raises:
        ValueError: There is no such preset, one finds no keypoints, or two find the same part.

    Example:
        >>> {part: preset.name for part, preset in get_presets("body_25,hand_lite").items()}
        {'body': 'body_25', 'hand': 'hand_lite'}
    """
    found: dict[Part, Preset] = {}
    names = "".join(names.lower().split())
    for name in PRESET_SETS.get(names, names.split(",")):
        if name in PRESET_SETS:
            raise ValueError(f"{name!r} is a whole set of presets: take it alone, got {names!r}")
        preset = get_preset(name)
        if preset.finds is None or preset.finds in found:
            raise ValueError(
                f"expected a preset each for some of {', '.join(PARTS)}, got {names!r}: {name} "
                f"finds {f'the {preset.finds} again' if preset.finds else 'no keypoints'}"
            )
        found[preset.finds] = preset
    return found


def get_preset(name: str) -> Preset:
    """Return the preset with a given name.

    Args:
        name: A key of `PRESETS`.

    Raises:
        ValueError: No preset has this name.

    Example:
        >>> get_preset("hand_lite").spec.stride
        4
    """
    if name in PRESET_SETS:
        raise ValueError(
            f"{name!r} is a set of presets, {', '.join(PRESET_SETS[name])}: take one of them, or "
            f'WholeBodyEstimator.from_preset("{name}")'
        )
    if name not in PRESETS:
        hint = did_you_mean(name, [*PRESETS, *PRESET_SETS]) or f"; there are {', '.join(PRESETS)}"
        raise ValueError(f"there is no preset {name!r}{hint}")
    return PRESETS[name]


def input_spec(name: str, *, weights: str | Path | None = None) -> InputSpec:
    """Return the input that a preset's network expects with its weights or another file.

    Args:
        name: A key of `PRESETS`.
        weights: Another file for the same network.

    Returns:
        The preset's own `spec`, with the channel order of the file's record if it has one.

    Raises:
        ValueError: No preset has this name.
        WeightsError: The file is missing, or its record is damaged.
    """
    preset = get_preset(name)
    record = read_record(find_weights(preset, weights)) or {}
    order = record.get("channel_order", preset.spec.channel_order)
    return replace(preset.spec, channel_order=cast(ChannelOrder, order))


def load_network(
    name: str,
    *,
    weights: str | Path | None = None,
    dtype: str = "float32",
    all_stages: bool = False,
) -> "keras.Model":
    """Build a preset's network and load its weights.

    Args:
        name: A key of `PRESETS`.
        weights: Another file for the same network, for example one of your own training.
        dtype: Data type of the computation: "float32", or "mixed_bfloat16" for about half the
            time on a processor that supports it. The heatmaps are float32 in either case.
        all_stages: Whether to return the heatmaps of every stage, first stage first.

    Returns:
        The `keras.Model`, with input (n, h, w, 3), and its maps by name as output, or a list of
        them.

    Raises:
        ValueError: No preset has this name, or the dtype is not one of `DTYPES`.
        WeightsError: The file is missing, damaged, or for another network.
        BackendError: Keras's backend is not installed.
    """
    preset = get_preset(name)
    if dtype not in DTYPES:
        raise ValueError(f"expected a dtype among {', '.join(DTYPES)}, got {dtype!r}")
    path = verified_weights(preset, weights)
    model = _build(preset.network, dtype)
    load_weights(model, path)
    if not all_stages:
        return model
    stages = _build(preset.network, dtype, all_stages=True)  # may lack layers that the file has
    for layer in (layer for layer in stages.layers if layer.weights):
        layer.set_weights(model.get_layer(layer.name).get_weights())
    return stages


def load_weights(model: "keras.Model", path: str | Path) -> None:
    """Load the weights of a file into a network, in place.

    Args:
        model: A network of `networks`.
        path: A `.weights.h5` file for the same network.

    Raises:
        WeightsError: The file is missing, damaged, or for another network.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of each layer, before the error
            model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise unfit_weights(model.name, path, error) from error


def unfit_weights(network: str, path: str | Path, error: Exception) -> WeightsError:
    """Return the error for a file that is not a network's weights, which says what the file is.

    Args:
        network: Name of the network.
        path: The file.
        error: The error of the library that read it, which is reported if the file looks valid.
    """
    what = _describe_weights(network, Path(path)) if Path(path).is_file() else "no file"
    got = what or f"a file that cannot be loaded: {str(error).strip().splitlines()[0]}"
    return WeightsError(f"expected weights of the network {network} in {path}, got {got}")


def _describe_weights(network: str, path: Path) -> str:
    """Return what a file is instead of the weights of a network; empty if it looks like them."""
    import h5py

    with path.open("rb") as file:
        start = file.read(len(_HDF5))
    if start != _HDF5:
        return "an empty file" if not start else f"no HDF5 file; {_INSPECT} what it is"
    found: dict[str, list[int]] = {}

    def note(name: str, item: object) -> None:
        """Note the shape of a data set."""
        if isinstance(item, h5py.Dataset) and name.startswith("layers/"):
            found[name] = list(item.shape)

    try:
        with h5py.File(path) as opened:
            opened.visititems(note)
            if "optimizer" in opened:
                return f"the state of a training run: take {network}.weights.h5 of its folder"
    except (OSError, RuntimeError, ValueError, KeyError):
        return "an HDF5 file that is cut short or damaged: copy or download it again"
    graphs = Path(str(resources.files("openpose_keras"))) / "engines" / "graphs"
    places = {file.stem: json.loads(file.read_bytes()) for file in sorted(graphs.glob("*.json"))}
    known = {
        name: {place["data"]: place["shape"] for place in each.values()}
        for name, each in places.items()
    }
    others = [name for name, shapes in known.items() if shapes == found]
    if others:
        return "" if network in others else f"those of {' or '.join(others)}"
    own = known.get(network, {})
    wrong = [name for name in sorted({**found, **own}) if found.get(name) != own.get(name)]
    return f"other layers or shapes, such as {', '.join(wrong[:3])}; {_INSPECT} all of them"


def _build(network: str, dtype: str, *, all_stages: bool = False) -> "keras.Model":
    """Build a network whose layers compute in a dtype."""
    claim_process()
    config = import_keras().config
    before = config.dtype_policy()
    config.set_dtype_policy(dtype)
    try:
        options = {"all_stages": True} if all_stages else {}
        model: keras.Model = getattr(networks, network)(**options)
    finally:
        config.set_dtype_policy(before)
    return model


def find_weights(preset: Preset, weights: str | Path | None = None) -> Path:
    """Find the weight file of a preset on this machine.

    Args:
        preset: One of `PRESETS`.
        weights: Another file for the same network, which is used without a search.

    Raises:
        WeightsError: There is no such file, or it is in neither folder; the message says where it
            was searched for, and how to get it.
    """
    if weights:
        if not Path(weights).is_file():
            is_folder = Path(weights).is_dir()
            got = f"{weights} is a folder" if is_folder else f"there is no file {weights}"
            raise WeightsError(f"expected weights for {preset.name}: {got}")
        return Path(weights)
    for folder in (shipped_folder, user_folder):  # a user may have no home folder
        path = folder() / preset.file
        if path.is_file():
            return path
    lite = "; or use the preset 'hand_lite', whose weights ship with the package"
    instead = lite if preset.finds in (None, "hand") else ""
    raise WeightsError(
        f"the weights of {preset.name!r} are not on this machine: expected {preset.file} in "
        f"{shipped_folder()} or {user_folder()}. They are {preset.source}; licence: "
        f"{preset.licence}. {preset.how_to_get or 'Install the package again'}{instead}"
    )


def verified_weights(preset: Preset, weights: str | Path | None = None) -> Path:
    """Find the weight file of a preset as `find_weights` does, and verify a shipped file.

    Raises:
        WeightsError: As for `find_weights`; or the shipped file was changed.
    """
    path = find_weights(preset, weights)
    is_shipped = not weights and preset.sha256
    if is_shipped and hashlib.sha256(path.read_bytes()).hexdigest() != preset.sha256:
        raise WeightsError(
            f"{path} is damaged or another file: expected SHA-256 {preset.sha256}, found another; "
            "install the package again, or pass your own file as `weights`"
        )
    return path


def shipped_folder(package: str = "_shipped", checkout: str = "weights") -> Path:
    """Return the folder of the shipped weights: in the package, or a checkout's `weights/`.

    Args:
        package: Name of the folder in the installed package.
        checkout: Path of the folder in a checkout.
    """
    try:
        return Path(str(resources.files(f"openpose_keras.{package}")))
    except ModuleNotFoundError:  # a checkout that is on the path but not installed
        return Path(__file__).resolve().parents[2] / checkout


def user_folder() -> Path:
    """Return the folder for weights that the user supplies, without creating it.

    It is `openpose_keras` in Keras's home: `KERAS_HOME`, or `~/.keras`.

    Raises:
        WeightsError: `KERAS_HOME` is not set, and the user has no home folder.
    """
    try:
        home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    except RuntimeError as error:
        raise WeightsError(
            "expected a home folder for weights, got none: set KERAS_HOME"
        ) from error
    return home / "openpose_keras"
