"""Presets: a named network together with its weights and how its input wants to be.

A preset is data. `load_network` builds the network, finds the file, checks it and fills the
network; it never downloads. A weight file is looked for where it may be, in this order: the
package's own folder (what ships), then the user's folder, `<Keras home>/openpose_keras`.
"""

import os
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from openpose_keras import networks
from openpose_keras.core.errors import WeightsError
from openpose_keras.io.weight_record import checksums, read_record
from openpose_keras.networks._backend import import_keras
from openpose_keras.networks.input_spec import InputSpec

if TYPE_CHECKING:
    import keras

DTYPES = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A network, its weights and its input.

    Attributes:
        name: what the user calls it.
        network: name of the function of `networks` that builds it.
        file: name of the weight file.
        spec: how the input wants to be.
        decoder: name of the function of `estimators.decode.DECODERS` that makes keypoints of maps.
        source: where the weights come from.
        licence: what the weights may be used for.
        sha256: of the file that ships; None where the user brings the file.
    """

    name: str
    network: str
    file: str
    spec: InputSpec
    source: str
    licence: str
    decoder: str = "one_each"
    sha256: str | None = None


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            name="hand_lite",
            network="hand_lite",
            file="hand_lite.weights.h5",
            spec=InputSpec(box_size=160, stride=4, multiple=32, sides="both", upright=True),
            source="trained by this project; weights/README.md is its model card",
            licence="Apache-2.0",
            sha256="aa3ac7c41105133304bee0809776e4bcb83038f88892f600f9404ee174614193",
        ),
        Preset(
            name="hand",
            network="hand",
            file="hand.weights.h5",
            spec=InputSpec(box_size=368, stride=8, sides="right"),
            source="OpenPose's hand/pose_iter_102000.caffemodel, converted; it does not ship",
            licence="academic or non-profit, non-commercial research only (OpenPose's licence)",
        ),
    )
}


def get_preset(name: str) -> Preset:
    """Give the preset of a name.

    Args:
        name: a key of `PRESETS`.

    Returns:
        The preset.

    Raises:
        ValueError: No preset has this name.

    Example:
        >>> get_preset("hand_lite").spec.stride
        4
    """
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}; there are {', '.join(sorted(PRESETS))}")
    return PRESETS[name]


def input_spec(name: str, *, weights: str | Path | None = None) -> InputSpec:
    """Tell how a preset's network wants its input with the weights that it will have.

    Args:
        name: a key of `PRESETS`.
        weights: another file of the same network.

    Returns:
        The preset's own `spec`; with the channel order of the file's record, if it has one.

    Raises:
        ValueError: No preset has this name.
        WeightsError: The file is missing, or its record is damaged.
    """
    preset = get_preset(name)
    record = read_record(Path(weights) if weights else find_weights(preset)) or {}
    order = record.get("channel_order", preset.spec.channel_order)
    return replace(preset.spec, channel_order=order)


def load_network(
    name: str,
    *,
    weights: str | Path | None = None,
    dtype: str = "float32",
    all_stages: bool = False,
) -> "keras.Model":
    """Build a preset's network and fill it with its weights.

    Args:
        name: a key of `PRESETS`.
        weights: another file of the same network, for example one of your own training.
        dtype: what the network calculates in: "float32", or "mixed_bfloat16" for about half the
            time where the processor knows it. The heatmaps are float32 in either case.
        all_stages: whether the heatmaps of every stage come out, first stage first.

    Returns:
        The `keras.Model`: (n, h, w, 3) in, (n, h / stride, w / stride, 22) out, or a list of them.

    Raises:
        ValueError: No preset has this name, or the dtype is another one.
        WeightsError: The file is missing, damaged, or of another network.
        BackendError: Keras's backend is not installed.
    """
    preset = get_preset(name)
    if dtype not in DTYPES:
        raise ValueError(f"expected a dtype among {', '.join(DTYPES)}, got {dtype!r}")
    path = Path(weights) if weights else find_weights(preset)
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such file; expected weights of {preset.network}")
    if weights is None and preset.sha256:
        _check_sum(path, preset.sha256)
    model = _build(preset.network, dtype, all_stages)
    load_weights(model, path)
    return model


def load_weights(model: "keras.Model", path: str | Path) -> None:
    """Fill a network with the weights of a file, in place.

    Args:
        model: of `networks`.
        path: a `.weights.h5` file of the same network.

    Raises:
        WeightsError: The file is missing, damaged, or of another network.
    """
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WeightsError(
            f"expected weights of the network {model.name} in {path}, "
            f"Keras could not load them: {reason}"
        ) from error


def _build(network: str, dtype: str, all_stages: bool) -> "keras.Model":
    """Build a network whose layers calculate in a dtype."""
    keras = import_keras()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        return getattr(networks, network)(all_stages=all_stages)
    finally:
        keras.config.set_dtype_policy(before)


def find_weights(preset: Preset) -> Path:
    """Find the weight file of a preset on this machine.

    Args:
        preset: one of `PRESETS`.

    Returns:
        Its path.

    Raises:
        WeightsError: The file is in neither folder; says where it was looked for and what one can
            do.
    """
    folders = (shipped_folder(), user_folder())
    for folder in folders:
        if (folder / preset.file).is_file():
            return folder / preset.file
    raise WeightsError(
        f"the weights of {preset.name!r} are not on this machine: expected {preset.file} in "
        f"{' or '.join(map(str, folders))}. They are {preset.source}; licence: {preset.licence}. "
        f"`openpose-keras fetch {preset.name}` downloads and converts them, "
        "`openpose-keras convert FILE` takes a file that you have; or use the preset 'hand_lite', "
        "whose weights ship with the package"
    )


def shipped_folder() -> Path:
    """Give the folder of the weights that ship: the package's own, or the checkout's `weights/`."""
    try:
        return Path(str(resources.files("openpose_keras._shipped")))
    except ModuleNotFoundError:  # a checkout that is on the path but not installed
        return Path(__file__).resolve().parents[2] / "weights"


def user_folder() -> Path:
    """Give the folder for weights that the user brings, without making it.

    It is `openpose_keras` in Keras's home: `KERAS_HOME`, or `~/.keras`.
    """
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home) / "openpose_keras"


@cache
def _sum(path: Path, size: int, modified: int) -> str:
    """Hash a file; once per state of it."""
    del size, modified
    return checksums(path).sha256


def _check_sum(path: Path, expected: str) -> None:
    """Refuse a shipped file that is not the one that was shipped."""
    facts = path.stat()
    found = _sum(path, facts.st_size, facts.st_mtime_ns)
    if found != expected:
        raise WeightsError(
            f"{path} is damaged or another file: expected SHA-256 {expected}, found {found}; "
            "install the package again, or pass your own file as `weights`"
        )
