"""Read and write Caffe's files: .caffemodel and .prototxt."""
