"""OpenPose's keypoint networks in Keras 3: from a photo to hand keypoints, one public step at a time."""

__version__ = "0.1.0"
