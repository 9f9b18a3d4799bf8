"""Read weight files of all kinds to a common form: the arrays of each layer in Keras's layout.

The kind is recognised by the content, not by the file's name:

* "caffemodel": Caffe's own, see `openpose_keras.conversion.caffe.caffemodel`. * "keras2": an HDF5
file of Keras 2, weights alone or a whole saved model. * "keras3": a .weights.h5 of Keras 3; this
package writes them. * "keras": a whole model of Keras 3, a zip file. * "pth": a PyTorch file of
tensors, "conv1_1.weight" and so on; requires torch. * "tflite": a file of TensorFlow Lite, as
MediaPipe's networks are; needs tflite. * "openvino": the .xml and .bin of OpenVINO, as Open Model
Zoo's networks are. * "npy": a folder of W_name.npy and b_name.npy, in Caffe's layout.
"""

from openpose_keras.conversion.readers.detect import KINDS, WeightFile, read_weights

__all__ = ["KINDS", "WeightFile", "read_weights"]
