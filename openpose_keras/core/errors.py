"""Errors of the package. Each message says what was expected, what came and how to mend it."""


class OpenPoseKerasError(Exception):
    """Base of every error that the package raises on purpose."""


class ImageError(OpenPoseKerasError, ValueError):
    """A file or an array is not the image that was expected."""


class WeightsError(OpenPoseKerasError, ValueError):
    """A weight file is missing, damaged or does not fit the network."""


class BackendError(OpenPoseKerasError, ImportError):
    """The backend that Keras should run on is not installed, or is none."""


class NetworkError(OpenPoseKerasError, ValueError):
    """A network's output is not the heatmaps that were expected."""


class DataError(OpenPoseKerasError, ValueError):
    """A file of labels is not what the reader expects."""


class FormatError(OpenPoseKerasError, ValueError):
    """A file or a dictionary is not OpenPose's JSON."""


class DownloadError(WeightsError):
    """A source did not have the file. The message is the reason, in one line."""


class LicenceError(WeightsError):
    """The licence of the weights was not accepted."""


class FetchError(WeightsError):
    """No source had the file. The message lists what was tried and what the user can do."""


class AssetError(OpenPoseKerasError, ValueError):
    """An asset of the renderer is missing or is not what it should be."""


class TrainingError(OpenPoseKerasError, ValueError):
    """A config or a request that no run could serve."""


class DivergenceError(TrainingError):
    """The loss of a training run is no number any more."""
