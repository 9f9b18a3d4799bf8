"""All stages of a Keras network in one run."""

from typing import TYPE_CHECKING

from openpose_keras import networks
from openpose_keras.networks import HAND_CHANNELS

if TYPE_CHECKING:
    import keras


def stages_model(network: "keras.Model") -> "keras.Model | None":
    """Return a model with the same weights whose one output is the heatmaps of all stages.

    Args:
        network: A Keras model, built by `networks` or not.

    Returns:
        (n, h, w, 3) -> (n, h', w', 22 * stages), first stage first. It calculates in float32
        whatever the network does. None where the network has one stage, as far as can be told.
    """
    import keras

    if len(network.outputs) == 1:
        network = _staged_twin(network)
    if network is None or any(output.shape[-1] != HAND_CHANNELS for output in network.outputs):
        return None
    together = keras.layers.Concatenate(dtype="float32", name="stages")(network.outputs)
    return keras.Model(network.input, together, name=f"{network.name}_stages")


def _staged_twin(network: "keras.Model") -> "keras.Model | None":
    """Build the network again with all stages as outputs; None if the model is not one of ours."""
    if network.name not in ("hand", "hand_lite"):
        return None
    twin = getattr(networks, network.name)(all_stages=True)
    named = {layer.name: layer for layer in network.layers}
    for layer in twin.layers:
        values = named[layer.name].get_weights() if layer.name in named else []
        if [each.shape for each in values] != [tuple(each.shape) for each in layer.weights]:
            return None  # another network of the same name
        layer.set_weights(values)
    return twin
