"""The training of face_lite: rendered heads, and photos that MediaPipe's networks label."""
