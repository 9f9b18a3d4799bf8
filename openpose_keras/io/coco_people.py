"""COCO's labels of people with 17 keypoints, or with the 133 of COCO-WholeBody.

The files are `person_keypoints_*.json` (https://cocodataset.org/#format-data) and
`coco_wholebody_*.json` (`data_format.md` of jin-s13/COCO-WholeBody).
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.boxes import Box, check_box, keypoint_extent
from openpose_keras.core.errors import DataError
from openpose_keras.core.files import write_json
from openpose_keras.core.skeletons import COCO_17, COCO_FEET, COCO_WHOLE_BODY, Skeleton
from openpose_keras.geometry.axis_aligned import Size
from openpose_keras.io.coco_file import (
    LISTS,
    Json,
    box_entry,
    category,
    entry_of,
    image_entry,
    image_ids,
    image_paths,
    is_crowd,
    keypoint_lists,
    keypoint_table,
    known_skeleton,
    load_labels,
    next_id,
    require_images,
    valid_key,
    warn_of_unlisted,
)
from openpose_keras.io.coco_masks import (
    Segmentation,
    check_segmentation,
    fill_box,
    fill_segmentation,
)

_BOXES = {"face": "face_box", "left_hand": "lefthand_box", "right_hand": "righthand_box"}


@dataclass(frozen=True, eq=False)
class LabelledPerson:
    """A person with known keypoints, or a crowd of people who are not labelled one by one.

    Args:
        xy: (K, 2) pixels in the order of the skeleton; NaN where a keypoint is not labelled. A
            read-only float64 copy is kept.
        visibility: (K,) 2 if the keypoint is visible, 1 if it is labelled but hidden, 0 if it is
            not labelled. A few values of COCO-WholeBody lie in between.
        box: (x, y, width, height) in pixels; a side may be 0.
        area: Area of the segmentation in square pixels, which scales the object keypoint
            similarity.
        crowd: Whether this entry is a crowd.
        segmentation: Polygons or run lengths as in the file, or None; see
            `coco_masks.check_segmentation`.
        part_boxes: Boxes of "face", "left_hand" and "right_hand", if they are labelled.
        skeleton: Names of the keypoints.

    Raises:
        ValueError: A shape, a box or the segmentation is not valid.
    """

    xy: FloatArray
    visibility: FloatArray
    box: Box
    area: float
    crowd: bool = False
    segmentation: Segmentation | None = None
    part_boxes: Mapping[str, Box] = field(default_factory=dict)
    skeleton: Skeleton = COCO_17

    def __post_init__(self) -> None:
        """Check the fields and keep read-only copies."""
        count = len(self.skeleton)
        xy, visibility = np.array(self.xy, np.float64), np.array(self.visibility, np.float64)
        if xy.shape != (count, 2) or visibility.shape != (count,):
            shapes = f"{xy.shape} and {visibility.shape}"
            raise ValueError(f"expected xy ({count}, 2) and visibility ({count},), got {shapes}")
        labelled = visibility > 0
        if not (np.isfinite(xy[labelled]).all() and np.isfinite(visibility).all()):
            raise ValueError("expected a finite position where the visibility is above 0")
        xy[~labelled] = np.nan
        numbers = tuple(float(number) for number in (*self.box, self.area))
        if len(numbers) != 5 or not all(map(math.isfinite, numbers)) or min(numbers[2:]) < 0:
            raise ValueError(
                "expected a box (x, y, width, height) and an area, finite and of at least 0, got "
                f"{self.box} and {self.area}"
            )
        for array in (xy, visibility):
            array.setflags(write=False)
        boxes = {name: check_box(box) for name, box in self.part_boxes.items()}
        kept = {"xy": xy, "visibility": visibility, "box": numbers[:4], "area": numbers[4]}
        kept |= {"segmentation": check_segmentation(self.segmentation)}
        for name, value in (kept | {"part_boxes": boxes}).items():
            object.__setattr__(self, name, value)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(K,) bool: True if the keypoint is labelled."""
        return self.visibility > 0

    def unsure(self, skeleton: Skeleton) -> NDArray[np.bool_]:
        """Return which keypoints of another skeleton are undetermined by this person's labels.

        These are the keypoints that the labels do not contain, the midpoint of two keypoints if
        only one of them is labelled, and the feet of COCO-WholeBody if none of their keypoints is
        labelled, since `foot_valid` gives no more detail. Any other keypoint without a label counts
        as not visible (`lmdbJointsToOurModel` in `metaData.cpp` of CMU's openpose_caffe_train).

        Args:
            skeleton: The other skeleton; see `Skeleton.sources_of`.

        Returns:
            (K,) bool.
        """
        labelled = [self.labelled[list(each)] for each in self.skeleton.sources_of(skeleton)]
        unsure = np.array([each.any() != each.all() for each in labelled])  # True without sources
        own = np.isin(self.skeleton.keypoints, COCO_FEET.keypoints)
        if not self.labelled[own].any():
            unsure |= np.isin(skeleton.keypoints, COCO_FEET.keypoints)
        return unsure

    def converted(self, skeleton: Skeleton) -> "LabelledPerson":
        """Return the same person with the keypoints of another skeleton.

        A midpoint of two keypoints, such as the neck, is labelled if both of them are, and it takes
        the lower visibility of the two. Keypoints that these labels do not contain are not
        labelled.

        Args:
            skeleton: The other skeleton; see `Skeleton.sources_of`.
        """
        xy, visibility = np.full((len(skeleton), 2), np.nan), np.zeros(len(skeleton))
        for number, sources in enumerate(self.skeleton.sources_of(skeleton)):
            if sources:
                xy[number] = self.xy[list(sources)].mean(axis=0)
                visibility[number] = self.visibility[list(sources)].min()
        return replace(self, xy=xy, visibility=visibility, skeleton=skeleton)


@dataclass(frozen=True, eq=False)
class LabelledPeople:
    """An image with all its labelled people.

    Args:
        image: The path of the image.
        people: The people and crowds in it.
        image_id: The image's id, a number in COCO's files.
        size: (height, width) in pixels, or None if the file does not state it.
    """

    image: Path
    people: tuple[LabelledPerson, ...]
    image_id: int | str
    size: Size | None = None


def read_people_labels(
    path: str | Path,
    images: str | Path | None = None,
    *,
    skeleton: Skeleton | None = COCO_17,
    limit: int | None = None,
) -> list[LabelledPeople]:
    """Read the labelled people of a label file.

    Args:
        path: The JSON file.
        images: The folder to which the `file_name` entries are relative; the images must exist
            there. Defaults to the label file's own folder, in which case the images need not exist.
        skeleton: `COCO_17`, or `COCO_WHOLE_BODY` if the file has its lists. None selects the one of
            these two whose lists the file has. `FACE` is for files of faces alone, such as those
            that `openpose-keras render heads` writes.
        limit: The maximum number of images to read, from the beginning of the file.

    Returns:
        One entry per image, in the order of the file, including images without people. Annotations
        of a category that is neither "person" nor has a person's keypoints are skipped. The order
        of the keypoints is taken from the names in the category, or is COCO's order if it has no
        names. A person without keypoints is not labelled; nor is a part of COCO-WholeBody that is
        marked as not valid. A person without a box gets the box around the keypoints, and a person
        without an area gets the area of the box, since labelling tools leave them out. Coordinates
        are not shifted: an integer is the centre of a pixel.

    Raises:
        DataError: The file is not a JSON label file, or images are missing from the folder. The
            message names the file and the entry.
        FileNotFoundError: The label file does not exist.
    """
    path, data = Path(path), load_labels(path)
    paths = image_paths(path, data, images)
    people = _read_people(path, data, known_skeleton(skeleton or _skeleton_of(data)))
    warn_of_unlisted(path, "people", people, paths)
    chosen = list(zip(data["images"], paths.values(), strict=True))[:limit]
    if images is not None:
        require_images(path, chosen)
    with entry_of(path, "an image"):
        return [
            LabelledPeople(image, tuple(people.get(str(e["id"]), ())), e["id"], _size(e))
            for e, image in chosen
        ]


def _skeleton_of(data: Json) -> Skeleton:
    """Return the skeleton whose lists are all in the first annotation with keypoints."""
    first: Json = next((each for each in data["annotations"] if "keypoints" in each), {})
    return COCO_WHOLE_BODY if LISTS[COCO_WHOLE_BODY].keys() <= first.keys() else COCO_17


def _size(entry: Json) -> Size | None:
    """Return (height, width) of an image's entry, or None."""
    return (int(entry["height"]), int(entry["width"])) if "height" in entry else None


def _read_people(path: Path, data: Json, skeleton: Skeleton) -> dict[str, list[LabelledPerson]]:
    """Map the id of each image, as text, to the people of its annotations."""
    orders = {str(each.get("id")): _order(path, each, skeleton) for each in data["categories"]}
    people: defaultdict[str, list[LabelledPerson]] = defaultdict(list)
    for number, annotation in enumerate(data["annotations"]):
        order = orders.get(str(annotation.get("category_id")), list(range(len(skeleton))))
        if order:
            with entry_of(path, f"annotation {number}"):
                people[str(annotation["image_id"])].append(_labelled(annotation, skeleton, order))
    if data["annotations"] and not people:
        raise DataError(
            f'{path}: expected annotations of the category "person", got none: labels of hands are '
            "for hand_lite"
        )
    everyone = [person for found in people.values() for person in found]
    if everyone and not any(each.crowd or each.labelled.any() for each in everyone):
        raise DataError(f"{path}: expected labelled keypoints of people, got none")
    return people


def _order(path: Path, about: Json, skeleton: Skeleton) -> list[int]:
    """Return a skeleton's keypoint positions in a category's lists; empty for other categories."""
    own = [_plain(name) for name in skeleton.keypoints]
    head = own[: LISTS[skeleton]["keypoints"]]
    names = [_plain(name) for name in about.get("keypoints") or ()]
    if sorted(names) == sorted(head):
        return [names.index(name) for name in head] + list(range(len(head), len(own)))
    if _plain(about.get("name", "person")) != "person":
        return []
    if names:
        expected, got = ", ".join(skeleton.keypoints[: len(head)]), about["keypoints"]
        raise DataError(f"{path}: expected the keypoints {expected} in any order, got {got}")
    return list(range(len(own)))


def _plain(name: object) -> str:
    """Return a name in lower case, without the separators between its words."""
    return re.sub("[^a-z0-9]", "", str(name).lower())


def _labelled(annotation: Json, skeleton: Skeleton, order: Sequence[int]) -> LabelledPerson:
    """Return the person of one annotation, given the order of its keypoints."""
    crowd = is_crowd(annotation)
    bare = not any(annotation.get(name) for name in LISTS[skeleton])
    table = np.zeros((len(skeleton), 3)) if bare else keypoint_table(annotation, skeleton)
    table = table[list(order)]
    box = annotation.get("bbox")
    if box is None:
        (x, y), (width, height) = keypoint_extent(table[table[:, 2] > 0, :2])
        box = x - width / 2, y - height / 2, width, height
    boxes = {name: annotation.get(key) for name, key in _BOXES.items()}
    return LabelledPerson(
        table[:, :2],
        table[:, 2],
        box,
        annotation.get("area", float(np.prod(box[2:]))),
        crowd,
        annotation.get("segmentation"),
        {name: box for name, box in boxes.items() if box and min(box[2:]) > 0},
        skeleton,
    )


def write_people_labels(
    path: str | Path,
    samples: Sequence[LabelledPeople],
    *,
    description: str = "openpose_keras",
    force: bool = False,
) -> None:
    """Write labelled people as a new label file, which `read_people_labels` and pycocotools read.

    Args:
        path: The label file. Its folder must exist.
        samples: The images with their people, all with the same skeleton: `COCO_17`,
            `COCO_WHOLE_BODY` or `FACE`. An image whose size is None is read to determine it.
        description: The description to store in the file.
        force: Whether to replace an existing file.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
        FileNotFoundError: The folder does not exist.
        ImageError: An image can't be read.
        ValueError: The people have different skeletons, or one that the format does not support.
    """
    owned = [(sample.image_id, person) for sample in samples for person in sample.people]
    skeletons = {person.skeleton for _, person in owned} or {COCO_17}
    if len(skeletons) > 1:
        names = ", ".join(sorted(each.name for each in skeletons))
        raise ValueError(f"expected people of one skeleton, got {names}: convert them")
    skeleton = known_skeleton(skeletons.pop())
    images = [image_entry(each.image, Path(path), each.image_id, each.size) for each in samples]
    annotations = [
        {"id": number, "image_id": image_id, "category_id": 1} | annotation(person)
        for number, (image_id, person) in enumerate(owned, start=1)
    ]
    kind = COCO_17 if skeleton is COCO_WHOLE_BODY else skeleton
    data = {"info": {"description": description}, "images": images, "annotations": annotations}
    write_json(path, data | {"categories": [category(1, "person", kind)]}, force=force)


def add_people_labels(
    path: str | Path, image: str | Path, people: Sequence[LabelledPerson]
) -> None:
    """Write the labelled people of one image to a label file, replacing its previous people.

    Everything else in the file is kept. If the file does not exist, it is created.

    Args:
        path: The label file. Its folder must exist.
        image: The image's path.
        people: All people in the image, with the keypoints of `COCO_WHOLE_BODY`.

    Raises:
        DataError: The file is not a label file, or does not store whole people.
        FileNotFoundError: The folder does not exist.
        ImageError: The image can't be read.
    """
    path, image = Path(path), Path(image)
    if not path.exists():
        write_people_labels(path, [LabelledPeople(image, tuple(people), 1)])
        return
    data = load_labels(path)
    category_id = _category_of_people(path, data)
    listed = image_ids(data, path, image)
    image_id = listed[0] if listed else next_id(data["images"])
    kept = [each for each in data["annotations"] if str(each.get("image_id")) != str(image_id)]
    about, first = {"image_id": image_id, "category_id": category_id}, next_id(data["annotations"])
    new = [{"id": id_} | about | annotation(each) for id_, each in enumerate(people, first)]
    images = data["images"] if listed else [*data["images"], image_entry(image, path, image_id)]
    write_json(path, data | {"images": images, "annotations": [*kept, *new]}, force=True)


def _category_of_people(path: Path, data: Json) -> object:
    """Return the id of the category of whole people in a label file, or raise."""
    named = [each for each in data["categories"] if each.get("name") == "person"]
    if named and (not data["annotations"] or _skeleton_of(data) is COCO_WHOLE_BODY):
        return named[0].get("id")
    raise DataError(
        f"{path} keeps hands, or people without faces and hands: choose the name of a new file"
    )


def annotation(person: LabelledPerson) -> Json:
    """Return the annotation of a person, without ids."""
    xy = np.where(person.labelled[:, None], person.xy, 0).round(2)
    lists = keypoint_lists(np.column_stack([xy, person.visibility]), person.skeleton)
    entry: Json = {
        "iscrowd": int(person.crowd),
        "bbox": box_entry(person.box),
        "area": round(person.area, 4),
        "segmentation": person.segmentation or [],
        "num_keypoints": sum(third > 0 for third in lists["keypoints"][2::3]),
        **lists,
    }
    if person.skeleton == COCO_WHOLE_BODY:
        entry |= {valid_key(name): any(each[2::3]) for name, each in lists.items() if "_" in name}
        boxes = ((key, person.part_boxes.get(name)) for name, key in _BOXES.items())
        entry |= {key: box_entry(box) if box else [0.0] * 4 for key, box in boxes}
    return entry


def unlabelled_mask(people: Sequence[LabelledPerson], size: Size) -> NDArray[np.bool_]:
    """Return a mask of the people without labelled keypoints, which training ignores.

    Args:
        people: All labelled people and crowds of an image.
        size: (height, width) of the image in pixels.

    Returns:
        (H, W) bool: True inside the segmentation of each crowd and each person without labelled
        keypoints, or inside the box if there is no segmentation.

    Raises:
        ImportError: A segmentation has polygons, and pycocotools is not installed.
        ValueError: A segmentation belongs to an image of another size.
    """
    mask = np.zeros(size, bool)
    for person in people:
        if person.crowd or not person.labelled.any():
            shape = person.segmentation
            mask |= fill_segmentation(shape, size) if shape else fill_box(person.box, size)
    return mask
