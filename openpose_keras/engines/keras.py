"""The Keras engine: compiled inference on TensorFlow, JAX or PyTorch, and all stages of a model."""

import itertools
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from openpose_keras import networks
from openpose_keras.core.errors import BackendError
from openpose_keras.engines.maps import Maps
from openpose_keras.engines.together import Engine
from openpose_keras.networks import HAND_CHANNELS
from openpose_keras.networks._backend import claim_process

if TYPE_CHECKING:
    import keras

    Model: TypeAlias = keras.Model
    Network: TypeAlias = Model | Engine


def is_model(network: object) -> bool:
    """Return whether an object is a `keras.Model`, without importing Keras.

    Args:
        network: Any object.

    Returns:
        Whether it is a Keras model.
    """
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(network, keras.Model)


def as_engine(network: "Network") -> Engine:
    """Return the engine of a network: a Keras model is compiled, a function is already an engine.

    Args:
        network: A Keras model, or a function (n, h, w, 3) float32 -> `Maps` or heatmaps.

    Returns:
        A function of arrays.

    Raises:
        TypeError: The network cannot be called.
    """
    if not callable(network):
        mend = ": from_preset(name) loads a preset" if isinstance(network, str | None) else ""
        raise TypeError(f"expected a Keras model or a function as network, got {network!r}{mend}")
    return compile_model(network) if is_model(network) else network


def compile_model(model: "keras.Model") -> Callable[[np.ndarray], Maps]:
    """Return the inference of a Keras model as a function of arrays.

    TensorFlow compiles one graph for all sizes. JAX compiles one program per size, and a batch is
    split into powers of two to keep the number of programs small. PyTorch runs without gradients.
    On any other backend the model is called without compilation.

    If a model has several outputs, they are the outputs of its stages, and the last one is
    `keypoints`. If the outputs are a dictionary, its keys are their names.

    Args:
        model: A built model with its weights, on any backend of Keras.

    Returns:
        A function (n, h, w, 3) float32 -> `Maps`, all float32. In a fork of the process it raises a
        `BackendError`, since the backend's threads do not survive the fork.
    """
    import keras

    claim_process()
    compilers = {"tensorflow": _compile_tensorflow, "jax": _compile_jax, "torch": _compile_torch}
    forward = compilers.get(keras.backend.backend(), _compile_nothing)(model)

    def call(batch: np.ndarray) -> Maps:
        """Return the network's maps by name; raise an error in a fork of the process."""
        claim_process()
        return forward(batch)

    return call


def _named(outputs: Any) -> dict[str, Any]:  # noqa: ANN401 - tensors of whichever backend
    """Name a model's outputs: the last of several is `keypoints`."""
    if isinstance(outputs, Mapping):
        return dict(outputs)
    return {"keypoints": outputs[-1] if isinstance(outputs, list | tuple) else outputs}


def _compile_tensorflow(model: "keras.Model") -> Callable[[np.ndarray], Maps]:
    """Trace one graph with variable batch size, height and width."""
    import tensorflow as tf

    if not tf.executing_eagerly():
        raise BackendError(
            "expected TensorFlow to execute eagerly, as Keras 3 needs it: remove "
            "tf.compat.v1.disable_eager_execution() or disable_v2_behavior() from your program"
        )
    signature = [tf.TensorSpec((None, None, None, 3), tf.float32)]

    @tf.function(input_signature=signature, autograph=False)
    def forward(batch: tf.Tensor) -> dict[str, tf.Tensor]:
        """Compute what is compiled: the maps by name, in float32."""
        named = _named(model(batch, training=False))
        return {name: tf.cast(each, tf.float32) for name, each in named.items()}

    def call(batch: np.ndarray) -> Maps:
        """Return the network's maps by name."""
        return {name: each.numpy() for name, each in forward(tf.constant(batch)).items()}

    return call


def _compile_jax(model: "keras.Model") -> Callable[[np.ndarray], Maps]:
    """Compile a pure function of weights and batch."""
    import jax
    import jax.numpy as jnp

    @jax.jit
    def forward(trainable: list[Any], fixed: list[Any], batch: jax.Array) -> dict[str, jax.Array]:
        """Compute what is compiled: the maps by name, in float32."""
        outputs, _ = model.stateless_call(trainable, fixed, batch, training=False)
        return {name: each.astype(jnp.float32) for name, each in _named(outputs).items()}

    def call(batch: np.ndarray) -> Maps:
        """Return the network's maps by name."""
        trainable = [variable.value for variable in model.trainable_variables]
        fixed = [variable.value for variable in model.non_trainable_variables]
        parts = np.split(batch, _power_ends(len(batch)))
        answers = [forward(trainable, fixed, part) for part in parts]
        return {name: np.concatenate([each[name] for each in answers]) for name in answers[0]}

    return call


def _power_ends(count: int) -> list[int]:
    """Return the indices that split a batch into powers of two: [4, 6] for 7 images."""
    powers = [1 << bit for bit in reversed(range(count.bit_length())) if count >> bit & 1]
    return list(itertools.accumulate(powers[:-1]))


def _compile_torch(model: "keras.Model") -> Callable[[np.ndarray], Maps]:
    """Return a function that runs the model without gradients, in evaluation mode."""
    import torch

    def call(batch: np.ndarray) -> Maps:
        """Return the network's maps by name."""
        with torch.inference_mode():
            named = _named(model(batch, training=False))
            return {name: each.float().cpu().numpy() for name, each in named.items()}

    return call


def _compile_nothing(model: "keras.Model") -> Callable[[np.ndarray], Maps]:
    """Return a function that calls the model without compilation, on any backend of Keras."""
    import keras

    def call(batch: np.ndarray) -> Maps:
        """Return the network's maps by name."""
        named = _named(model(batch, training=False))
        arrays = {name: keras.ops.convert_to_numpy(each) for name, each in named.items()}
        return {name: each.astype(np.float32, copy=False) for name, each in arrays.items()}

    return call


def stages_model(network: "keras.Model") -> "keras.Model | None":
    """Return a model with the same weights that returns the heatmaps of all stages as one array.

    Args:
        network: A Keras model, built by `networks` or by other code.

    Returns:
        A model with named outputs: `keypoints` (n, h', w', 22 * stages), in the order of the
        stages, and all other outputs of the network. None if only one stage of the network is
        known.
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
    """Return the heatmaps of both stages of `hand_lite`; empty for any other model."""
    if network.name != "hand_lite" or not any(each.name == "heat1" for each in network.layers):
        return []
    return [networks.first_stage(network), network.output["keypoints"]]


def _staged_twin(network: "keras.Model") -> "keras.Model | None":
    """Rebuild OpenPose's hand network with all stages; return None for any other model."""
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
