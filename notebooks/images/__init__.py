"""The photo of `openpose-keras demo`, installed in the package as `openpose_keras._images`."""
