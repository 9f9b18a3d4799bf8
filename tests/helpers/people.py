"""Maps of people as a body network would see them, drawn plainly, and OpenPose's rules as loops."""

import math

import numpy as np

from openpose_keras.geometry.network_size import fit_factor

IMAGE = np.zeros((240, 320, 3), np.uint8)
PEOPLE = [((90, 120), 180), ((220, 118), 150)]  # in pixels of the image

SIGMA, WIDTH = 7.0, 8.0  # of a peak and of a limb, in pixels


def standing(skeleton, middle, height):
    """Return the keypoints (K, 2) of a person who stands: a column for each side, apart enough."""
    rng = np.random.default_rng(len(skeleton))
    rows = {"nose": 0, "head": 0, "eye": -0.05, "ear": -0.02, "neck": 0.15, "shoulder": 0.17}
    rows |= {"elbow": 0.32, "wrist": 0.45, "hip": 0.5, "knee": 0.72, "ankle": 0.92, "chest": 0.3}
    rows |= {"heel": 0.97, "small_toe": 0.96, "big_toe": 0.99}
    out = {"eye": 0.04, "ear": 0.09, "elbow": 0.17, "wrist": 0.2, "small_toe": 0.16, "heel": 0.05}
    xy = []
    for name in skeleton.keypoints:
        side = {"left": 1, "right": -1}.get(name.split("_")[0], 0)
        kind = name.removeprefix("left_").removeprefix("right_").removeprefix("mid_")
        xy.append((side * out.get(kind, 0.1), rows[kind] - 0.5))
    return np.array(xy) * height + middle + rng.uniform(-1, 1, (len(skeleton), 2))


def draw_maps(skeleton, people, size, *, noise=0.0):
    """Return the maps (h, w, K + 1 + 2 L) float32 of people (K, 2), NaN where missing."""
    height, width = size
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width].astype(float)
    count = len(skeleton)
    maps = np.zeros((height, width, count + 1 + 2 * len(skeleton.limbs)))
    for points in people:
        for k, (px, py) in enumerate(points):
            if np.isfinite(px):
                blob = np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * SIGMA**2))
                maps[..., k] = np.maximum(maps[..., k], 0.9 * blob)
        for (a, b), channel in zip(skeleton.limb_indices, skeleton.fields, strict=True):
            along = points[b] - points[a]
            length = np.hypot(*along)
            if not length > 1:
                continue
            ux, uy = along / length
            t = ux * (x - points[a][0]) + uy * (y - points[a][1])
            off = np.abs(uy * (x - points[a][0]) - ux * (y - points[a][1]))
            inside = (t >= -2) & (t <= length + 2) & (off <= WIDTH)
            maps[inside, count + 1 + channel] = ux
            maps[inside, count + 2 + channel] = uy
    maps[..., count] = 1 - maps[..., :count].max(axis=2)
    return (maps + noise * rng.standard_normal(maps.shape)).astype(np.float32)


def peaks_by_loops(plane, threshold):
    """OpenPose's rule for peaks, pixel by pixel: (n, 3) x, y, score."""
    height, width = plane.shape
    found = []
    for y in range(height):
        for x in range(width):
            value = plane[y, x]
            ring = y in (1, height - 2) or x in (1, width - 2)
            inside = 2 <= x <= width - 3 and 2 <= y <= height - 3
            if not value > threshold or not (ring or inside):
                continue
            around = [
                plane[y + dy, x + dx] if 0 <= y + dy < height and 0 <= x + dx < width else threshold
                for dy in (-1, 0, 1)
                for dx in (-1, 0, 1)
                if dx or dy
            ]
            if all(value >= other for other in around) and (
                ring or all(value > other for other in around)
            ):
                found.append((*_centroid(plane, y, x), value))
    return np.array(found[:127]).reshape(-1, 3)


def _centroid(plane, y, x):
    """Return the centroid of the positive values around a pixel."""
    top, left = max(y - 3, 0), max(x - 3, 0)
    window = np.maximum(plane[top : y + 4, left : x + 4], 0).astype(float)
    rows, columns = np.indices(window.shape)
    total = window.sum()
    return (columns * window).sum() / total + left, (rows * window).sum() / total + top


def limb_score_by_loops(maps, channel, a, b, *, threshold, fraction, short_score):
    """OpenPose's score of a limb from a to b, sample by sample."""
    height, width = maps.shape[:2]
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = math.hypot(dx, dy)
    if length <= 1e-6:
        return 0.0
    count = min(max(int(math.sqrt(5 * max(abs(dx), abs(dy))) + 0.5), 5), 25)
    good = []
    for step in range(count):
        x = min(max(int(a[0] + step * dx / count + 0.5), 0), width - 1)
        y = min(max(int(a[1] + step * dy / count + 0.5), 0), height - 1)
        value = (dx * maps[y, x, channel] + dy * maps[y, x, channel + 1]) / length
        good += [value] if value > threshold else []
    if np.float32(len(good)) / np.float32(count) > np.float32(fraction):
        return float(np.mean(good))
    return short_score if length < math.sqrt(width * height) / 150 else 0.0


class DrawnNetwork:
    """An engine that answers with the maps of people who stand where they are said to stand."""

    def __init__(self, skeleton, people=PEOPLE, image=IMAGE):
        self.skeleton = skeleton
        self.people = [standing(skeleton, middle, height) for middle, height in people]
        self.shape = image.shape[:2]
        self.seen = []

    def __call__(self, batch):
        self.seen.append(batch.shape)
        size = batch.shape[1:3]
        factor = fit_factor(self.shape, size)
        maps = draw_maps(self.skeleton, [xy * factor for xy in self.people], size)
        cells = maps.reshape(size[0] // 8, 8, size[1] // 8, 8, -1)[:, 3:5, :, 3:5].mean((1, 3))
        count = len(self.skeleton) + 1
        answer = {"keypoints": cells[..., :count], "affinity": cells[..., count:]}
        return {name: array[None].repeat(len(batch), axis=0) for name, array in answer.items()}


def targets_by_loops(people, skeleton, size, *, stride=8, sigma=7.0, width=1.0):
    """CMU's rules for the targets of a body network, cell by cell: heatmaps, fields."""
    rows, columns = (math.ceil(side / stride) for side in size)
    heatmaps = np.zeros((rows, columns, len(skeleton) + 1))
    fields = np.zeros((rows, columns, 2 * len(skeleton.limbs)))
    for row in range(rows):
        for column in range(columns):
            centre = stride * column + (stride - 1) / 2, stride * row + (stride - 1) / 2
            for k in range(len(skeleton)):
                known = [xy[k] for xy in people if np.isfinite(xy[k]).all()]
                exponents = [math.dist(centre, xy) ** 2 / (2 * sigma**2) for xy in known]
                heatmaps[row, column, k] = sum(math.exp(-e) for e in exponents if e <= 4.6052)
            heatmaps[row, column] = np.minimum(heatmaps[row, column], 1)
            heatmaps[row, column, -1] = 1 - heatmaps[row, column].max()
            for limb, channel in zip(skeleton.limb_indices, skeleton.fields, strict=True):
                drawn = (_field_by_loops(xy[[*limb]], column, row, stride, width) for xy in people)
                vectors = [vector for vector in drawn if vector]
                if vectors:
                    fields[row, column, channel : channel + 2] = np.mean(vectors, axis=0)
    return heatmaps, fields


def _field_by_loops(ends, column, row, stride, width):
    """Return the unit vector of a limb in a cell, or None where the cell is not of the limb."""
    (ax, ay), (bx, by) = ends / stride
    length = math.hypot(bx - ax, by - ay)
    if not length > 1e-8:
        return None
    for cell, a, b in ((column, ax, bx), (row, ay, by)):
        if not math.floor(min(a, b) - width + 0.5) <= cell < math.floor(max(a, b) + width + 0.5):
            return None
    ux, uy = (bx - ax) / length, (by - ay) / length
    return (ux, uy) if abs((column - ax) * uy - (row - ay) * ux) <= width else None


def weights_by_loops(people, known, unsure, cells, targets, skeleton, *, stride=8):
    """CMU's rules for what counts of the targets (oPDataTransformer.cpp), in order."""
    boxes = [_roi_by_loops([(x / stride, y / stride) for x, y in xy if x == x]) for xy in people]
    found = [np.zeros(each.shape) for each in targets]
    for cell in np.ndindex(cells.shape):
        row, column = cell
        masked = ~np.append(known, True)
        for (x, y, width, height), gaps in zip(boxes, unsure, strict=True):
            if gaps.any() and x <= column < x + width and y <= row < y + height:
                masked |= np.append(gaps, True)
        heatmaps, fields = (np.full(len(each[cell]), cells[cell]) for each in targets)
        heatmaps[masked] = 0
        for ends, channel in zip(skeleton.limb_indices, skeleton.fields, strict=True):
            fields[channel : channel + 2] *= not masked[[*ends]].any()
            if targets[1][cell][channel : channel + 2].any():
                fields[channel : channel + 2] = 1
        heatmaps[:-1][targets[0][cell][:-1] > 0] = 1
        heatmaps[-1] = 1 if targets[0][cell][-1] < 0.85 else heatmaps[-1]
        found[0][cell], found[1][cell] = heatmaps, fields
    return found


def _roi_by_loops(points):
    """CMU's getObjROI: the box (x, y, width, height) in cells about a person's keypoints."""
    xs, ys = zip(*points, strict=True)
    width, height = max(xs) - min(xs), max(ys) - min(ys)
    if width < height / 2:
        width = height / 2
    elif height < width / 2:
        height = width / 2
    x, y = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    edges = x - width / 2 - 0.3 * width, y - height / 2 - 0.3 * height, width * 1.6, height * 1.6
    return [math.floor(edge + 0.5) for edge in edges]
