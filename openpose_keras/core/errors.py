"""All errors of the package.

Each message says in one line what was expected, what was given and how to fix it.
"""


class OpenPoseKerasError(Exception):
    """Base of all errors that the package raises on purpose."""


class ImageError(OpenPoseKerasError, ValueError):
    """A file or an array is not the image that was expected."""


class VideoError(OpenPoseKerasError, ValueError):
    """A source is not the video that was expected, or its decoder is missing."""


class DataError(OpenPoseKerasError, ValueError):
    """A label file is not what the reader expects."""


class FormatError(OpenPoseKerasError, ValueError):
    """A file or a dictionary is not OpenPose's JSON."""


class NetworkError(OpenPoseKerasError, ValueError):
    """The output of a network is not the heatmaps that were expected."""


class BackendError(OpenPoseKerasError, ImportError):
    """A package that is needed cannot be imported: Keras, its backend, or one of an extra."""


class WeightsError(OpenPoseKerasError, ValueError):
    """A weight file is missing, damaged or not for the network."""


class LicenceError(WeightsError):
    """The licence of the weights was not accepted."""


class FetchError(WeightsError):
    """No source had the file; the message says what to do, its cause why each source failed."""


class DownloadError(WeightsError):
    """A source did not deliver the file; the message is the reason."""


class NoAnswerError(DownloadError):
    """No connection to the server of a source; the message is the reason."""


class TrainingError(OpenPoseKerasError, ValueError):
    """A training config or request that cannot be carried out."""


class DivergenceError(TrainingError):
    """The loss of a training run is not finite any more."""


class AssetError(OpenPoseKerasError, ValueError):
    """An asset of the renderer is missing or is not the one that was expected."""
