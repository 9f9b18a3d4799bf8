"""The photos that arguments name, and the names of the files that are written for them."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from openpose_keras.core.errors import OpenPoseKerasError
from openpose_keras.core.files import PHOTO_SUFFIXES, VIDEO_SUFFIXES, photo_suffixes, select_photos

OUTPUT_SUFFIXES = {
    "image": "_keypoints.png",
    "json": "_keypoints.json",
    "heatmaps": "_heatmaps.png",
}

_OUTPUTS = (*OUTPUT_SUFFIXES.values(), "_keypoints.mp4")

_COMMANDS = {
    PHOTO_SUFFIXES: ("detect", "explore"),
    VIDEO_SUFFIXES: ("video",),
    (".caffemodel", ".h5", ".pth", ".tflite", ".npy"): ("convert", "inspect", "verify", "average"),
    (".json",): ("evaluate", "train"),
}
"""The commands whose first argument is a file of such a name."""


class InputError(OpenPoseKerasError, ValueError):
    """An argument names no photo, or asks for what is not possible."""


def right_command(path: Path, command: str) -> str:
    """Return the end of a message: which commands take such a file; empty if this one does."""
    suffix = path.suffix.lower()
    commands = next((names for suffixes, names in _COMMANDS.items() if suffix in suffixes), ())
    if command in commands or not commands:
        return "; save its pages as images first" if suffix == ".pdf" else ""
    names = " and ".join(f"`openpose-keras {name}`" for name in commands)
    return f"; {suffix} files are for {names}"


def expand(argument: str, *, recursive: bool = False) -> list[Path]:
    """Return the photos that an argument names: a file, a folder's photos, or a pattern's matches.

    Shells on Windows leave patterns to the program. Names of folders and files that exist are never
    taken for patterns. What an earlier run wrote (NAME_keypoints.png, NAME_heatmaps.png) is left
    out of folders and patterns, so that `--out` may be the folder itself; so are hidden files, such
    as the ._NAME.jpg of macOS. Named one by one they are taken.

    Args:
        argument: A path, or a pattern with * ? [] and ** (any number of folders, links excluded).
        recursive: Whether a folder stands for the folders in it too, links and hidden ones
            excluded.

    Returns:
        At least one path, sorted by name.

    Raises:
        InputError: There is no such file, it is a video, or there is no photo in the folder or of
            the pattern.
        ValueError: It is not a valid pattern.
    """
    path = Path(argument)
    if not argument:
        raise InputError("expected a photo, a folder or a pattern, got an empty name")
    if path.is_dir():
        files = select_photos(_files(path, recursive))[0]
        problem = f"no photo in this folder (expected {' '.join(photo_suffixes())})"
    elif path.exists():
        if path.suffix.lower() in VIDEO_SUFFIXES:
            raise InputError(
                f"{argument} is a video: `openpose-keras video {argument}` finds people in videos"
            )
        if others := right_command(path, "detect"):
            raise InputError(f"{argument} is no photo{others}")
        return [path]
    elif "://" in argument:
        raise InputError(f"{argument} is an address: download it first")
    elif not any(sign in argument for sign in "*?["):
        raise InputError(f"{argument}: no such file or folder")
    else:
        folder = next(parent for parent in path.parents if parent.is_dir())
        files = list(folder.glob(str(path.relative_to(folder))))
        problem = "no such file, and as a pattern it matches none, leaving out earlier results"
    photos = sorted(file for file in files if file.is_file() and not _is_left_out(file))
    if not photos:
        if path.is_dir():  # it is read again for the message alone
            unread = left_out(path, recursive=recursive)
            problem += f"; {unread}" if unread else ""
        raise InputError(f"{argument}: {problem}")
    return photos


def left_out(folder: Path, *, recursive: bool = False, out: Path | None = None) -> str:
    """Return which photos, videos and subfolders of a folder are not read, and how to mend it.

    Args:
        folder: The folder.
        recursive: As for `expand`.
        out: The folder of the results, which does not count.

    Returns:
        Part of a line, such as "left out: 3 raw photos (save as JPEG first)"; empty where all are
        read.
    """
    inside = [] if recursive else [each for each in folder.iterdir() if each.is_dir()]
    inside = [each for each in inside if not each.name.startswith(".")]
    if out is not None:
        inside = [each for each in inside if each.resolve() != out.resolve()]
    files = [file for file in _files(folder, recursive) if not _is_left_out(file)]
    told = [select_photos(files)[1]]
    if videos := sum(file.suffix.lower() in VIDEO_SUFFIXES for file in files):
        told.append(f"{videos} video{'s' * (videos > 1)} (for `openpose-keras video`)")
    lines = [f"left out: {', '.join(filter(None, told))}"] if any(told) else []
    if inside:
        many = "s" * (len(inside) > 1)
        lines.append(f"{len(inside)} subfolder{many} not looked into: --recursive")
    return "; ".join(lines)


def make_folder(option: str, folder: Path) -> None:
    """Make the folder that an option names, where it is missing.

    Raises:
        InputError: It is a file, or it cannot be made.
    """
    if folder.is_file():
        raise InputError(f"{option} {folder}: it is a file; name a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{option} {folder}: can't make this folder: {error.strerror}") from error


def _files(folder: Path, recursive: bool) -> Iterator[Path]:
    """Return the files of a folder, or of the folders in it too."""
    return _walk(folder) if recursive else folder.iterdir()


def _walk(folder: Path) -> Iterator[Path]:
    """Yield all files in a folder and in the folders in it; raise where one can't be read."""

    def fail(error: OSError) -> None:
        """Raise what os.walk would leave out in silence."""
        raise error

    for place, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in names)


def _is_left_out(path: Path) -> bool:
    """Return whether a file is hidden, or written by an earlier run."""
    return path.name.startswith(".") or path.name.endswith(_OUTPUTS)


def output_stems(photos: Sequence[Path], folders: Sequence[Path] | None = None) -> list[str]:
    """Return the start of the names of each photo's outputs, so that no two photos share one.

    Usually that is the photo's name without its suffix. Photos of the same name get their folder
    and their suffix too, and if that does not help a number. Names that differ only in case count
    as the same, as they do on some file systems.

    Args:
        photos: Paths, no two the same.
        folders: For each photo a folder that it lies in; the folders between are those of its
            outputs too. None: there are none between.

    Returns:
        One stem a photo, with slashes.

    Example:
        >>> output_stems([Path("left/a.jpg"), Path("right/a.jpg"), Path("right/b.jpg")])
        ['left_a_jpg', 'right_a_jpg', 'b']
        >>> output_stems([Path("left/a.jpg"), Path("right/a.jpg")], [Path(), Path()])
        ['left/a', 'right/a']
    """
    between = [Path()] * len(photos)
    if folders is not None:
        pairs = zip(photos, folders, strict=True)
        between = [photo.parent.relative_to(folder) for photo, folder in pairs]
    plain = [(place / photo.stem).as_posix() for place, photo in zip(between, photos, strict=True)]
    counts = Counter(stem.casefold() for stem in plain)
    stems: dict[str, str] = {}
    for photo, place, stem in zip(photos, between, plain, strict=True):
        if counts[stem.casefold()] > 1:
            own = f"{photo.resolve().parent.name}_{photo.stem}_{photo.suffix[1:]}"
            stem = (place / own).as_posix()
        name, number = stem, 2
        while name.casefold() in stems:
            name, number = f"{stem}_{number}", number + 1
        stems[name.casefold()] = name
    return list(stems.values())
