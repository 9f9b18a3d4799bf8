"""All stages of a Keras network in one run."""

from typing import TYPE_CHECKING

from openpose_keras import networks
from openpose_keras.networks import HAND_CHANNELS

if TYPE_CHECKING:
    import keras


def stages_model(network: "keras.Model") -> "keras.Model | None":
    """Return a model with the same weights that returns the heatmaps of all stages as one array.

    Args:
        network: A Keras model, built by `networks` or not.

    Returns:
        A model of named outputs: `keypoints` (n, h', w', 22 * stages), first stage first, and
        whatever else the network returns by name. None where the network has one stage, as far as
        can be told.
    """
    import keras

    others: dict[str, keras.KerasTensor] = {}
    if len(network.outputs) == 1:
        network = _staged_twin(network)
        stages = network.outputs if network else []
    elif isinstance(network.output, dict):
        others = {name: each for name, each in network.output.items() if name != "keypoints"}
        stages = _lite_stages(network)
    else:
        stages = network.outputs
    if not stages or any(stage.shape[-1] != HAND_CHANNELS for stage in stages):
        return None
    together = keras.layers.Concatenate(dtype="float32", name="stages")(stages)
    outputs = {"keypoints": together, **others}
    return keras.Model(network.input, outputs, name=f"{network.name}_stages")


def _lite_stages(network: "keras.Model") -> list["keras.KerasTensor"]:
    """Return the heatmaps of both stages of `hand_lite`; none if the model is another one."""
    if network.name != "hand_lite" or not any(each.name == "heat1" for each in network.layers):
        return []
    return [networks.first_stage(network), network.output["keypoints"]]


def _staged_twin(network: "keras.Model") -> "keras.Model | None":
    """Build OpenPose's hand network again with all stages; None if the model is another one."""
    if network.name != "hand":
        return None
    twin = networks.hand(all_stages=True)
    named = {layer.name: layer for layer in network.layers}
    for layer in twin.layers:
        values = named[layer.name].get_weights() if layer.name in named else []
        if [each.shape for each in values] != [tuple(each.shape) for each in layer.weights]:
            return None  # another network of the same name
        layer.set_weights(values)
    return twin
