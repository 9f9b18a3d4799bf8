"""The error of the training part."""

from openpose_keras.errors import OpenPoseKerasError


class TrainingError(OpenPoseKerasError, ValueError):
    """A config or a request that no run could serve."""
