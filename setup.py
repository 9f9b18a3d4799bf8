"""What the package is called, what it needs and what is installed with it."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "([^"]+)"$', (ROOT / "openpose_keras/core/version.py").read_text("utf8"), re.M
)[1]

TRAIN = ["numba>=0.63,<1", "tflite>=2.18,<3"]
COCO = ["pycocotools>=2.0.8,<3"]  # fills polygons; tests take it as the oracle of label files too
ONNX = ["onnx>=1.17,<2"]  # writes .onnx files; running networks needs ONNX Runtime alone
OPENVINO = ["openvino>=2025"]
LITERT = ["ai-edge-litert>=2.1,<3"]  # runs MediaPipe's teachers in tests, the oracle of reading too
VIDEO = ["av>=18,<19"]  # PyAV, whose wheels bring FFmpeg; older ones mix up colour spaces
PARQUET = ["pyarrow>=18"]  # a version a quarter
CLUSTER = ["distributed>=2025.1"]  # named after the month
NOTEBOOKS = ["jupyter>=1.1,<2", "anywidget>=0.9.13,<1", "ipywidgets>=8.1,<9"]
COMPLETION = ["shtab>=1.7,<2"]  # completes options in bash, zsh and tcsh
HEIC = ["pillow-heif>=1.1,<2"]  # photos of iPhones; its wheels are GPL, for x265
PANDAS = ["pandas>=2.2,<4"]
TEST = [
    *COCO,
    *CLUSTER,
    *COMPLETION,
    *HEIC,
    *LITERT,
    *ONNX,
    *OPENVINO,
    *PANDAS,
    *PARQUET,
    *TRAIN,
    *VIDEO,
    "anywidget>=0.9.13,<1",
    "codespell>=2.4,<3",
    "hypothesis>=6.100,<7",
    "import-linter>=2.1,<3",
    "ipykernel>=6.29,<8",
    "ipywidgets>=8.1,<9",
    "jupyterlab>=4.2,<5",
    "mypy>=1.15,<3",
    "nbclient>=0.10,<1",
    "nbformat>=5.10,<6",
    "notebook>=7.2,<8",
    "pdoc>=15,<17",
    "playwright>=1.49,<2",  # drives Debian's chromium; it downloads no browser
    "pytest>=8.2,<10",
    "pytest-xdist>=3.6,<4",
    "ruff>=0.12,<1",
    "scikit-image>=0.25,<1",
    "scipy>=1.15,<2",
    "vulture>=2.14,<3",
]
TORCH = ["torch>=2.6,<3"]
# What some tests need beside [test], in an environment of its own: .ci/run runs them.
BACKENDS = [
    *TORCH,
    "jax>=0.6,<1",
    "opencv-python<5",  # OpenCV 5 has no importer of Caffe networks, an oracle of the tests
]

setup(
    name="openpose-keras",
    version=VERSION,
    description="OpenPose's keypoint networks in Keras 3: keypoints of hands and people",
    long_description=(ROOT / "README.md").read_text("utf8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
    python_requires=">=3.11,<3.14",
    # weights/ and the photo of `openpose-keras demo` are installed inside the package.
    packages=[
        *find_packages(include=["openpose_keras", "openpose_keras.*"]),
        "openpose_keras._images",
        "openpose_keras._shipped",
    ],
    package_dir={
        "openpose_keras._images": "notebooks/images",
        "openpose_keras._shipped": "weights",
    },
    package_data={
        "openpose_keras": ["py.typed"],
        "openpose_keras.engines": ["graphs/*"],
        "openpose_keras.viz.explorer": ["*.css", "*.js"],
        "openpose_keras._images": ["people.jpg"],
        "openpose_keras._shipped": ["*.h5", "*.json", "README.md"],
    },
    include_package_data=False,
    entry_points={"console_scripts": ["openpose-keras = openpose_keras.cli:main"]},
    install_requires=[
        "filelock>=3.16,<5",  # gdown brings it
        "gdown>=6.5,<7",  # downloads weights, from Google Drive too
        "h5py>=3.11,<3.15",  # TensorFlow wants it below 3.15
        "keras>=3.12,<4",
        "matplotlib>=3.10,<4",
        "numpy>=2.0,<3",
        "onnxruntime>=1.20,<2",
        "opencv-python>=4.13,<6",
        "pillow>=11.3,<14",  # reads images (11.3: AVIF too); Matplotlib brings it
        "tensorflow>=2.20,<3",
        "tqdm>=4.66,<5",
    ],
    extras_require={
        "train": TRAIN,
        "coco": COCO,
        "completion": COMPLETION,
        "heic": HEIC,
        "pandas": PANDAS,
        "notebooks": NOTEBOOKS,
        "litert": LITERT,
        "onnx": ONNX,
        "openvino": OPENVINO,
        "torch": TORCH,
        "video": VIDEO,
        "parquet": PARQUET,
        "cluster": CLUSTER,
        "test": TEST,
        "backends": BACKENDS,
    },
)
