"""Write OpenPose's hand weights as five kinds of file; at full size, to try the commands on.

From the repository's root, random weights of 147 MB each (a .pth needs PyTorch):

    python -m tests.helpers.weight_files OUT
    openpose-keras convert OUT/pose_iter_102000.caffemodel
    openpose-keras detect notebooks/images/hands.jpg --preset hand --box whole

The weights find no hands, of course: with noise as weights the keypoints lie anywhere.
"""

import argparse
from pathlib import Path

import h5py
import numpy as np

from tests.helpers.caffe_files import caffemodel, hand_arrays, hand_prototxt

SIZE = (368, 368)
Arrays = dict[str, tuple[np.ndarray, np.ndarray]]


def write_caffe(path: Path, arrays: Arrays) -> None:
    """Write Caffe's two files, as OpenPose's authors offer them."""
    path.write_bytes(caffemodel(arrays))
    path.with_name("pose_deploy.prototxt").write_text(hand_prototxt(divide=1, size=SIZE))


def write_keras2(path: Path, arrays: Arrays, *, whole: bool = False) -> None:
    """Write what Keras 2's save_weights wrote, or the whole model that its save did."""
    with h5py.File(path, "w") as file:
        top = file.create_group("model_weights") if whole else file
        if whole:
            file.attrs["model_config"] = "{}"
            file.create_group("optimizer_weights").create_dataset("a", data=np.zeros(3))
        top.attrs["backend"] = b"tensorflow"
        top.attrs["layer_names"] = np.array([b"image", *(name.encode() for name in arrays)])
        top.create_group("image").attrs["weight_names"] = np.zeros(0)
        for name, (kernel, bias) in arrays.items():
            group = top.create_group(name)
            group.attrs["weight_names"] = [f"{name}/kernel:0", f"{name}/bias:0"]
            group.create_dataset(f"{name}/kernel:0", data=kernel.transpose(2, 3, 1, 0))
            group.create_dataset(f"{name}/bias:0", data=bias)


def write_pth(
    path: Path, arrays: Arrays, *, prefix: str = "", old: bool = False, nested: bool = False
) -> None:
    """Write a file of PyTorch, as its ports have it."""
    import torch

    content = {}
    for name, (kernel, bias) in arrays.items():
        content[f"{prefix}{name}.weight"] = torch.from_numpy(kernel)
        content[f"{prefix}{name}.bias"] = torch.from_numpy(bias)
    content = {"epoch": 3, "state_dict": content} if nested else content
    torch.save(content, path, _use_new_zipfile_serialization=not old)


def write_folder(path: Path, arrays: Arrays) -> None:
    """Write a folder of W_name.npy and b_name.npy, as the Keras port of the body network has it."""
    path.mkdir(exist_ok=True)
    for name, (kernel, bias) in arrays.items():
        np.save(path / f"W_{name}.npy", kernel)
        np.save(path / f"b_{name}.npy", bias)


WRITERS = {
    "pose_iter_102000.caffemodel": write_caffe,
    "hand_keras2_weights.h5": write_keras2,
    "hand_keras2_model.h5": lambda path, arrays: write_keras2(path, arrays, whole=True),
    "hand_pose_model.pth": write_pth,
    "hand_npy": write_folder,
}


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, help="folder")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    arrays = hand_arrays(divide=1)
    for name, write in WRITERS.items():
        try:
            write(args.out / name, arrays)
        except ImportError as error:
            print(f"{name}: left out, {error}")
        else:
            print(args.out / name)


if __name__ == "__main__":
    main()
