"""Three systems' ways from a image to 21 keypoints, plain and slow, to hold the recipes against.

Written from the description of those systems only, with NumPy, SciPy and scikit-image: no OpenCV,
and nothing of the package. Images are (H, W, 3) uint8 RGB. A network takes (1, h, w, 3) float32
in the channel order that OpenPose's weights want, BGR, and gives (1, ceil(h/8), ceil(w/8), 22).
Each way gives (21, 3): x, y in pixels of the image, and the score; (nan, nan, 0) where missing.
"""

import numpy as np
from scipy import ndimage
from skimage import measure, morphology

SIDE, STRIDE, KEYPOINTS = 368, 8, 21
MISSING = (np.nan, np.nan, 0.0)

# ---------------------------------------------------------------- OpenCV's resize and warp, by hand


def linear(distance):
    """The weight of a pixel at a distance."""
    return np.maximum(1 - np.abs(distance), 0)


def cubic(distance, a=-0.75):
    """Keys's kernel with OpenCV's a."""
    d = np.abs(distance)
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def resize_matrix(source, target, step, kernel):
    """(target, source) weights: pixel i shows (i + 0.5) * step - 0.5; the edge pixel goes on."""
    matrix = np.zeros((target, source))
    for i in range(target):
        place = (i + 0.5) * step - 0.5
        for tap in range(int(np.floor(place)) - 1, int(np.floor(place)) + 3):
            matrix[i, min(max(tap, 0), source - 1)] += kernel(place - tap)
    return matrix


def resize_cubic(image, factor):
    """Resize a uint8 image to round(side * factor) pixels; the factor itself is the scale."""
    rows, columns = (
        resize_matrix(side, int(np.rint(side * factor)), 1 / factor, cubic)
        for side in image.shape[:2]
    )
    exact = np.einsum("yh,hwc,xw->yxc", rows, image.astype(float), columns, optimize=True)
    return np.clip(np.rint(exact), 0, 255).astype(np.uint8)


def resize_linear(image, factor):
    """The same; OpenCV counts in 2048ths here and cuts on the way, an eighth of a level too low."""
    (top, bottom, y0, y1), (left, right, x0, x1) = (taps(side, factor) for side in image.shape[:2])
    whole = image.astype(int)
    across = whole[:, left] * x0[:, None] + whole[:, right] * x1[:, None] >> 4
    upper, lower = across[top] * y0[:, None, None] >> 16, across[bottom] * y1[:, None, None] >> 16
    return (upper + lower + 2 >> 2).astype(np.uint8)


def taps(source, factor):
    """For each pixel of an axis the two pixels that it lies between, and their weights."""
    positions = (np.arange(np.rint(source * factor)) + 0.5) / factor - 0.5
    positions = positions.astype(np.float32)
    first = np.floor(positions).astype(int)
    weights = (
        np.rint(2048 * part).astype(int) for part in (1 - (positions - first), positions - first)
    )
    return np.clip(first, 0, source - 1), np.clip(first + 1, 0, source - 1), *weights


def warp(image, step_x, start_x, step_y, start_y):
    """Show pixel (start + step * i) linearly, black outside.

    OpenCV 4's warp rounds positions to 1024ths (along x the step and the start each by itself), and
    these to 32nds of a pixel.
    """
    x, y = (step * np.arange(SIDE) + start for step, start in ((step_x, 0), (step_y, start_y)))
    x, y, start_x = np.rint(x * 1024), np.rint(y * 1024), np.rint(start_x * 1024)
    x, y = (np.floor(units / 32 + 0.5) / 32 for units in (x + start_x, y))
    grid = np.meshgrid(y, x, indexing="ij")
    planes = [
        ndimage.map_coordinates(plane, grid, order=1, mode="grid-constant", cval=0.0)
        for plane in np.moveaxis(image.astype(float), -1, 0)
    ]
    return np.floor(np.stack(planes, axis=-1) + 0.5).clip(0, 255).astype(np.uint8)


# ---------------------------------------------------------------- steps that the ways share


def answer(network, image):
    """Normalise and run: x / 256 - 0.5, in the order that the image has."""
    batch = (image[None].astype(float) / 256 - 0.5).astype(np.float32)
    return np.asarray(network(batch))[0].astype(float)


def enlarge(maps, rows, columns):
    """Put (h, w, K) maps through a matrix along each axis."""
    return np.einsum("yh,hwk,xw->yxk", rows, maps, columns, optimize=True)


# ---------------------------------------------------------------- the C++ program


def openpose(network, image, box, *, left=False, scales=(1.0,)):
    """Crop, mirror a left hand, enlarge by 8, argmax; the scale of the best mean score wins."""
    x, y, width = box
    best = None
    for scale in scales:
        side = width if len(scales) == 1 else int(np.floor(width * scale + 0.5)) // 2 * 2
        corner_x, corner_y = x + width / 2 - side / 2, y + width / 2 - side / 2
        s = side / SIDE
        step, start = (-s, corner_x + side) if left else (s, corner_x)
        crop = warp(image, step, start, s, corner_y)
        maps = answer(network, crop[..., ::-1])[..., :KEYPOINTS]
        grow = resize_matrix(SIDE // STRIDE, SIDE, 1 / STRIDE, cubic)
        points = []
        for plane in np.moveaxis(enlarge(maps, grow, grow), -1, 0):
            row, column = np.unravel_index(plane.argmax(), plane.shape)
            points.append((start + step * column, corner_y + s * row, plane[row, column]))
        points = np.array(points)
        if best is None or points[:, 2].mean() > best[:, 2].mean():
            best = points
    return best


# ---------------------------------------------------------------- the Python ports


def pytorch_openpose(network, image):
    """Four heights, cubic, padded with grey; the mean of the maps; the heaviest blob's maximum."""
    height, width = image.shape[:2]
    total = np.zeros((height, width, KEYPOINTS))
    for scale in (0.5, 1.0, 1.5, 2.0):
        small = resize_cubic(image, scale * SIDE / height)
        h, w = small.shape[:2]
        padded = np.full((-(-h // STRIDE) * STRIDE, -(-w // STRIDE) * STRIDE, 3), 128, np.uint8)
        padded[:h, :w] = small
        maps = answer(network, padded[..., ::-1])[..., :KEYPOINTS]
        ways = []
        for cells, used, wanted in zip(maps.shape, (h, w), (height, width), strict=False):
            grow = resize_matrix(cells, cells * STRIDE, 1 / STRIDE, cubic)[:used]  # padding cut
            ways.append(resize_matrix(used, wanted, used / wanted, cubic) @ grow)
        total += enlarge(maps, *ways) / 4
    return np.array([blob_peak(plane) for plane in np.moveaxis(total, -1, 0)])


def blob_peak(plane):
    """The maximum of the map in the blob of the blurred map whose unblurred sum is largest."""
    labels = measure.label(ndimage.gaussian_filter(plane, sigma=3) > 0.05, connectivity=2)
    blobs = [labels == number for number in range(1, labels.max() + 1)]
    if not blobs:
        return MISSING
    heaviest = max(blobs, key=lambda blob: plane[blob].sum())
    row, column = np.unravel_index(np.where(heaviest, plane, -np.inf).argmax(), plane.shape)
    return column, row, plane[row, column]


# ---------------------------------------------------------------- mmittek's notebook


def mmittek(network, image):
    """368 wide, linear, in RGB; maps brought to the image linearly; the best local maximum."""
    height, width = image.shape[:2]
    maps = answer(network, resize_linear(image, SIDE / width))[..., :KEYPOINTS]
    ways = [
        resize_matrix(cells, wanted, cells / wanted, linear)
        for cells, wanted in zip(maps.shape, (height, width), strict=False)
    ]
    planes = np.moveaxis(enlarge(maps, *ways), -1, 0)
    return np.array([strongest_maximum(plane) for plane in planes])


def strongest_maximum(plane):
    """Of the blurred map's local maxima above 0.1 the one with the greatest unblurred value."""
    blurred = ndimage.gaussian_filter(plane, sigma=3)
    tops = np.argwhere(morphology.local_maxima(blurred, connectivity=1) & (blurred > 0.1))
    if not len(tops):
        return MISSING
    row, column = max(tops, key=lambda top: plane[tuple(top)])
    return column, row, plane[row, column]
