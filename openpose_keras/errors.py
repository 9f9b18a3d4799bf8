"""Errors of the package. Each message says what was expected, what came and how to mend it."""


class OpenPoseKerasError(Exception):
    """Base of every error that the package raises on purpose."""


class ImageError(OpenPoseKerasError, ValueError):
    """A file or an array is not the image that was expected."""


class WeightsError(OpenPoseKerasError, ValueError):
    """A weight file is missing, damaged or does not fit the network."""


class BackendError(OpenPoseKerasError, ImportError):
    """The backend that Keras should run on is not installed, or is none."""
