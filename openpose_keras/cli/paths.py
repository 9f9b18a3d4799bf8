"""The photos that arguments name, and the names of what comes of them."""

import glob
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from openpose_keras.core.errors import OpenPoseKerasError
from openpose_keras.core.files import PHOTO_SUFFIXES

OUTPUT_SUFFIXES = {
    "picture": "_keypoints.png",
    "json": "_keypoints.json",
    "heatmaps": "_heatmaps.png",
}


class InputError(OpenPoseKerasError, ValueError):
    """An argument names no photo, or asks for what is not possible."""


def expand(argument: str) -> list[Path]:
    """Give the photos that an argument names: a file, a folder's photos, or a pattern's matches.

    Shells on Windows leave patterns to the program. A file whose name looks like a pattern is taken
    as the file. What an earlier run wrote (NAME_keypoints.png, NAME_heatmaps.png) is left out of
    folders and patterns, so that `--out` may be the folder itself; named one by one it is taken.

    Args:
        argument: A path, or a pattern with * ? [] and ** (any number of folders).

    Returns:
        At least one path, sorted by name.

    Raises:
        InputError: There is no such file, or no photo in the folder or of the pattern.
    """
    path = Path(argument)
    if path.is_dir():
        photos = sorted(entry for entry in path.iterdir() if _is_photo(entry))
        if not photos:
            raise InputError(
                f"{path}: no photo in this folder (looked for {_list_suffixes()}); for its "
                f"subfolders write '{path}/**/*.jpg'"
            )
        return photos
    if not path.exists() and glob.has_magic(argument):
        found = sorted(Path(match) for match in glob.glob(argument, recursive=True))
        photos = [match for match in found if match.is_file() and not _is_result(match)]
        if not photos:
            raise InputError(
                f"{argument}: no file matches this pattern, leaving out results of earlier runs"
            )
        return photos
    if not path.exists():
        raise InputError(f"{path}: there is no such file")
    return [path]


def _is_photo(path: Path) -> bool:
    """Tell a photo from other files, and from the results of an earlier run."""
    return path.suffix.lower() in PHOTO_SUFFIXES and not _is_result(path) and path.is_file()


def _is_result(path: Path) -> bool:
    """Tell by its name what an earlier run wrote."""
    return path.name.endswith(tuple(OUTPUT_SUFFIXES.values()))


def _list_suffixes() -> str:
    """Name the suffixes of photos."""
    return " ".join(PHOTO_SUFFIXES)


def output_stems(photos: Sequence[Path]) -> list[str]:
    """Give each photo the start of its outputs' names, so that no two photos share one.

    Usually that is the photo's name without its suffix. Photos of the same name get what tells them
    apart: their suffix, their folder, both, and if that does not help a number. Names that differ
    only in case count as the same, for file systems that think so.

    Args:
        photos: Paths, no two the same.

    Returns:
        One stem a photo.

    Example:
        >>> output_stems([Path("left/a.jpg"), Path("right/a.jpg"), Path("right/b.jpg")])
        ['left_a', 'right_a', 'b']
    """
    stems = [photo.stem for photo in photos]
    for make in (_with_suffix, _with_folder, _with_both):
        counts = Counter(stem.casefold() for stem in stems)
        stems = [
            make(photo) if counts[stem.casefold()] > 1 else stem
            for photo, stem in zip(photos, stems, strict=True)
        ]
    taken: set[str] = set()
    unique = []
    for stem in stems:
        name, number = stem, 2
        while name.casefold() in taken:
            name, number = f"{stem}_{number}", number + 1
        taken.add(name.casefold())
        unique.append(name)
    return unique


def _with_suffix(photo: Path) -> str:
    """Name a photo by its stem and suffix: a_jpg."""
    return f"{photo.stem}_{photo.suffix[1:]}"


def _with_folder(photo: Path) -> str:
    """Name a photo by its folder and stem: left_a."""
    return f"{photo.resolve().parent.name}_{photo.stem}"


def _with_both(photo: Path) -> str:
    """Name a photo by its folder, stem and suffix: left_a_jpg."""
    return f"{photo.resolve().parent.name}_{_with_suffix(photo)}"
