"""Caffe's files: caffemodel and prototxt."""
