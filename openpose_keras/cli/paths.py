"""Resolve arguments to photos, and choose the names of the output files."""

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
"""The commands whose first argument is a file with such a name."""


class InputError(OpenPoseKerasError, ValueError):
    """An argument names no photo, or requests something impossible."""


def right_command(path: Path, command: str) -> str:
    """Return the end of a message with the commands for a file; empty if this one accepts it."""
    suffix = path.suffix.lower()
    commands = next((names for suffixes, names in _COMMANDS.items() if suffix in suffixes), ())
    if command in commands or not commands:
        return "; save its pages as images first" if suffix == ".pdf" else ""
    names = " and ".join(f"`openpose-keras {name}`" for name in commands)
    return f"; {suffix} files are for {names}"


def expand(argument: str, *, recursive: bool = False) -> list[Path]:
    """Return the photos that an argument names: a file, those in a folder, or a pattern's matches.

    Shells on Windows do not expand patterns. Names of existing folders and files are never
    interpreted as patterns. Outputs of an earlier run (NAME_keypoints.png, NAME_heatmaps.png) in
    folders and patterns are left out, so that `--out` may be the folder itself. Hidden files, such
    as the ._NAME.jpg of macOS, are left out too. Both are used if they are named individually.

    Args:
        argument: A path, or a pattern with * ? [] and ** (any number of folders, links excluded).
        recursive: Whether a folder includes its subfolders, except links and hidden ones.

    Returns:
        At least one path, sorted by name.

    Raises:
        InputError: There is no such file, it is a video, or the folder or pattern contains no
            photo.
        ValueError: The pattern is not valid.
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
    """Describe the photos, videos and subfolders of a folder that are not read, with advice.

    Args:
        folder: The folder.
        recursive: As for `expand`.
        out: The results folder, which is ignored.

    Returns:
        Part of a line, such as "left out: 3 raw photos (save as JPEG first)"; empty if all are
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
    """Create the folder that an option names, if it is missing.

    Raises:
        InputError: The path is a file, or the folder cannot be created.
    """
    if folder.is_file():
        raise InputError(f"{option} {folder}: it is a file; name a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{option} {folder}: can't make this folder: {error.strerror}") from error


def _files(folder: Path, recursive: bool) -> Iterator[Path]:
    """Return the files in a folder, optionally with those in its subfolders."""
    return _walk(folder) if recursive else folder.iterdir()


def _walk(folder: Path) -> Iterator[Path]:
    """Yield all files in a folder and its subfolders; raise an error if one can't be read."""

    def fail(error: OSError) -> None:
        """Raise an error that os.walk would silently ignore."""
        raise error

    for place, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in names)


def _is_left_out(path: Path) -> bool:
    """Return whether a file is hidden or was written by an earlier run."""
    return path.name.startswith(".") or path.name.endswith(_OUTPUTS)


def output_stems(photos: Sequence[Path], folders: Sequence[Path] | None = None) -> list[str]:
    """Return a unique prefix for the names of each photo's outputs.

    Usually it is the photo's name without its suffix. For photos with the same name, the folder and
    the suffix are added, and if necessary a number. Names that differ only in case count as the
    same, as they do on some file systems.

    Args:
        photos: Paths without duplicates.
        folders: For each photo, a folder that contains it. The subfolders between the folder and
            the photo are kept for the outputs. None if there are no subfolders.

    Returns:
        One stem per photo, with slashes.

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
