import base64
import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from openpose_keras.core.keypoints import Hand, Person
from openpose_keras.core.skeletons import BODY_25, HAND
from openpose_keras.evaluation import Interval
from openpose_keras.heatmaps.connectors import MISSING, People
from openpose_keras.heatmaps.part_affinity import Limbs
from openpose_keras.viz.figures import (
    add_limb_graph,
    plot,
    plot_bars,
    plot_curves,
    plot_histograms,
    show_fields,
    show_images,
    show_maps,
)
from openpose_keras.viz.figures.canvas import COLORS, GREY

PHOTO = np.random.default_rng(4).integers(0, 256, (60, 80, 3), dtype=np.uint8)
LABELS = {"xlabel": "scale", "ylabel": "PCK@0.1"}
FIGURES = {
    "images": lambda: show_images([PHOTO, PHOTO[:30], PHOTO[..., 0]], ["a", "b", "c"]),
    "maps over an image": lambda: show_maps([np.eye(9), -np.eye(9)], image=PHOTO),
    "fields": lambda: show_fields(np.ones((6, 8, 2)), "limb", image=PHOTO, arrows=2),
    "curves": lambda: plot_curves([1, 2, 3], {"a": [1, 2, 3], "b": [3, np.nan, 1]}, **LABELS),
    "bars": lambda: plot_bars(["a", "b"], {"one": [1, 2], "two": [2, 1]}, ylabel="ms"),
    "histograms": lambda: plot_histograms({"a": [1, 2, np.nan], "b": [[3.0]]}, xlabel="score"),
}


def pixels(figure):
    """The figure at 100 pixels an inch, (h, w, 4)."""
    return np.asarray(Image.open(io.BytesIO(figure._repr_png_())).convert("RGBA"))


@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_the_same_transparent_png_700_pixels_wide_in_every_run(name):
    shown = pixels(FIGURES[name]())
    assert shown.shape[1] == 700
    assert (shown[..., 3] == 0).any()
    np.testing.assert_array_equal(pixels(FIGURES[name]()), shown)


def stored(figure):
    """The image that a notebook stores, and its metadata."""
    data, metadata = figure.mime_bundle()
    ((kind, about),) = metadata.items()
    assert data["text/plain"] == about["alt"] == repr(figure)
    return Image.open(io.BytesIO(base64.b64decode(data[kind]))), about


@pytest.mark.parametrize("name", FIGURES)
def test_notebook_stores_two_pixels_for_each_that_it_shows(name):
    image, about = stored(FIGURES[name]())
    assert about["width"] == 700
    assert image.size == (1400, 2 * about["height"])
    assert image.format == "PNG"


def test_photo_becomes_a_small_jpeg_with_its_colours():
    photo = np.asarray(
        Image.fromarray(PHOTO[:10, :12]).resize((480, 400), Image.Resampling.BICUBIC)
    )
    photo = (photo + np.random.default_rng(0).integers(-9, 10, photo.shape)).clip(0, 255)
    figure = show_images([photo.astype(np.uint8)] * 2)
    image, _ = stored(figure)
    assert image.format == "JPEG"
    assert len(figure.mime_bundle()[0]["image/jpeg"]) < 200_000
    shown = np.asarray(image.crop((4, 4, 692, 577)).resize((480, 400)), np.float64)
    assert np.abs(shown - photo).mean() < 6


def test_words_say_what_images_show():
    assert repr(FIGURES["images"]()) == "3 images: a, b, c."
    assert repr(show_images(PHOTO)) == "An image."
    assert repr(show_images([PHOTO] * 2, subject="noise")) == "2 images of noise."
    named = show_images([PHOTO] * 2, ["left, far", "right"], subject="noise")
    assert repr(named) == "2 images of noise: left, far; right."
    assert repr(FIGURES["maps over an image"]()) == "2 maps, colours from -1 to 1."
    maps = show_maps([np.eye(9)], "wrist", limits=(0, 2), subject="a hand")
    assert repr(maps) == "A map of a hand, colours from 0 to 2: wrist."
    assert repr(FIGURES["fields"]()) == "A part affinity field: limb."


def test_words_say_the_values_of_few_bars_and_points_with_their_intervals():
    words = "Chart, PCK@0.1 over scale. a: 1 at 1, 2 at 2, 3 at 3. b: 3 at 1, 1 at 3."
    assert repr(FIGURES["curves"]()) == words
    assert repr(FIGURES["bars"]()) == "Chart, ms. one: 1 for a, 2 for b. two: 2 for a, 1 for b."
    assert repr(plot_bars(["a"], {"": [0.001]}, ylabel="")) == "Chart. 0.001 for a."
    bars = plot_bars(["a"], {"one": [Interval(0.5, 0.4, 0.7)]}, ylabel="PCK")
    assert repr(bars) == "Chart, PCK. one: 0.5 (0.4 to 0.7) for a."


def test_words_say_the_ends_and_the_extremes_of_a_long_curve():
    values = [3, 4, 5, 6, 1404, 6, 0.5, 5, 4, 3]
    curve = repr(plot_curves(range(10), {"a": values, "b": range(10)}, **LABELS))
    assert "a: 3 at 0, highest 1400 at 4, lowest 0.5 at 6, 3 at 9. b: 0 at 0, 9 at 9." in curve
    names = list("abcdefghi")
    many = plot_bars(names, {"one": [Interval(0.5, 0.4, 0.7)] * 9}, ylabel="PCK")
    assert repr(many).startswith("Chart, PCK. one: 0.5 for a, 0.5 for b, ")


def test_words_say_where_most_values_of_a_histogram_lie():
    few = plot_histograms({"a": [0, 9, 9], "b": [1, 1, 10]}, xlabel="x", bins=10)
    assert repr(few) == (
        "Chart, fraction of the values over x. "
        "a: most at 9.5, 0.67 of them. b: most at 1.5, 0.67 of them."
    )


def test_figures_leave_pyplot_alone():
    code = (
        "import sys, numpy; from openpose_keras.viz.figures import show_images;"
        "show_images(numpy.zeros((9, 9, 3), 'u1'))._repr_png_();"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def luminance(color):
    """Relative luminance of #rrggbb, as WCAG 2 defines it."""
    values = np.array(to_rgb(color))
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)


@pytest.mark.parametrize("background", ["#ffffff", "#111111"])
@pytest.mark.parametrize(("color", "least"), [(GREY, 4), *((color, 3) for color in COLORS)])
def test_colours_read_on_a_white_and_on_a_dark_page(color, least, background):
    low, high = sorted((luminance(color), luminance(background)))
    assert (high + 0.05) / (low + 0.05) > least


def test_small_pixels_are_enlarged_as_squares_of_their_own_brightness():
    checks = (np.indices((2, 2)).sum(axis=0) % 2 * 160 + 90).astype(np.uint8)
    shown = pixels(show_images(checks))[..., 0].astype(int)
    assert shown.shape == (700, 700)  # two of each side are the room for the frame
    inner = shown[5:-5, 5:-5]
    for square, value in ((inner[:340, :340], 90), (inner[:340, -340:], 250)):
        np.testing.assert_allclose(square, value, atol=3)  # 256 colours


def test_images_keep_their_aspect_and_stand_in_rows():
    figure = show_images([PHOTO] * 5, columns=2)
    boxes = [axes.get_window_extent() for axes in figure.axes]
    assert all(box.width / box.height == pytest.approx(80 / 60) for box in boxes)
    assert boxes[0].y0 == boxes[1].y0 > boxes[2].y0 > boxes[4].y0 >= 0
    assert boxes[0].x0 == boxes[2].x0 < boxes[1].x0
    assert boxes[1].x1 <= 700.001


def test_keypoints_can_be_marked_in_pixels():
    figure = show_images(np.zeros((20, 20, 3), np.uint8))
    figure.axes[0].plot([10, 500], [5, 500], "o", color="red", markersize=12)
    shown = pixels(figure)
    red = np.argwhere((shown[..., 0] > 200) & (shown[..., 1] < 100) & (shown[..., 3] > 0))
    assert red.mean(axis=0) == pytest.approx([(5 + 0.5) * 35, (10 + 0.5) * 35], abs=2)


@pytest.mark.parametrize(
    ("values", "options", "limits", "colormap"),
    [
        ([0.5, 1.0], {}, (0, 1), "inferno"),
        ([np.nan, 2.0], {}, (0, 2), "inferno"),
        ([-0.04, 1.0], {}, (0, 1), "inferno"),
        ([-0.5, 1.0], {}, (-1, 1), "RdBu_r"),
        ([-2.0, 1.0], {}, (-2, 2), "RdBu_r"),
        ([1.0, 1.0], {"limits": (0, 4), "colormap": "viridis"}, (0, 4), "viridis"),
    ],
)
def test_maps_share_colours_that_fit_their_values(values, options, limits, colormap):
    figure = show_maps([np.full((4, 4), value) for value in values], **options)
    for axes in figure.axes[:2]:
        assert axes.images[0].get_clim() == limits
        assert axes.images[0].get_cmap().name == colormap


def test_image_is_visible_where_a_map_is_zero():
    plane = np.zeros((6, 8))
    plane[:, 4:] = 1
    shown = pixels(show_maps(plane, image=np.full((60, 80, 3), (0, 200, 0), np.uint8)))
    assert shown[100, 50, :3] == pytest.approx([0, 200, 0], abs=8)
    assert shown[100, 600, 0] > 150


def test_field_is_coloured_by_direction_and_dark_where_it_is_short():
    right, left, short = (np.full((4, 4, 2), (x, 0.0)) for x in (1, -1, 0.1))
    figure = show_fields([right, left, short], columns=3)
    shown = pixels(figure).astype(int)
    height, (*centres, wheel) = shown.shape[0], [axes.get_window_extent() for axes in figure.axes]
    colours = [shown[height // 2, int((box.x0 + box.x1) / 2), :3] for box in centres]
    assert colours[0].argmax() == colours[1].argmin() == 0
    assert colours[2].max() < 40
    middle = height - int((wheel.y0 + wheel.y1) / 2)
    for x, colour in ((wheel.x1 - 6, colours[0]), (wheel.x0 + 6, colours[1])):
        np.testing.assert_allclose(shown[middle, int(x), :3], colour, atol=50)


def test_arrows_point_along_a_field_where_it_is_long():
    field = np.zeros((6, 8, 2))
    field[:, :4] = 0, 1
    (arrows,) = show_fields(field, image=PHOTO, arrows=2).axes[0].collections
    assert arrows.X.max() < 40  # half of the image
    assert np.column_stack([arrows.U, arrows.V]).tolist() == [[0, 1]] * 6


def test_limbs_of_people_are_bold_and_other_pairs_as_wide_as_their_score():
    candidates = [np.empty((0, 3))] * len(BODY_25)
    one, other = BODY_25.limb_indices[0]
    candidates[one] = np.array([[1, 2, 0.9]])
    candidates[other] = np.array([[3, 4, 0.9], [30, 40, 0.5]])
    limbs = [Limbs(np.array([[0, 0], [0, 1]]), np.array([1.0, 0.5]))]
    members = np.full((1, len(BODY_25)), MISSING)
    members[0, [one, other]] = 0
    axes = show_images(PHOTO).axes[0]
    add_limb_graph(axes, candidates, BODY_25, limbs, People(members, np.ones(1), np.ones(1)))
    good, weak, bold = axes.lines[:3]
    assert good.get_linewidth() == 2 * weak.get_linewidth() < bold.get_linewidth()
    assert bold.get_xydata().tolist() == [[1, 2], [3, 4]]
    assert good.get_color() == weak.get_color() == GREY != bold.get_color()


def test_curves_keep_their_values_and_a_single_one_needs_no_legend():
    figure = plot_curves([1, 10], {"a": [3, 4]}, **LABELS, logx=True, title="t")
    (line,) = figure.axes[0].lines
    assert line.get_xydata().tolist() == [[1, 3], [10, 4]]
    assert figure.axes[0].get_xscale() == "log"
    assert not figure.legends
    several = plot_curves([1], {str(k): [k] for k in range(6)}, **LABELS)
    assert [text.get_text() for text in several.legends[0].get_texts()] == list("012345")
    lines = several.axes[0].lines
    assert len({line.get_color() for line in lines}) == 6
    assert len({line.get_marker() for line in lines}) == 6


def test_map_from_0_on_leaves_the_image_as_it_is_where_it_is_negative():
    plane = np.array([[-0.9, 0.0]]).repeat(2, axis=0)
    green = np.full((60, 80, 3), (0, 200, 0), np.uint8)
    below, zero = pixels(show_maps(plane, image=green, limits=(0, 1)))[200, [100, 500], :3]
    np.testing.assert_allclose(below.astype(int), zero, atol=8)  # 256 colours


def test_lower_end_of_an_interval_reads_on_its_bar():
    figure = plot_bars(["a"], {"one": [Interval(0.8, 0.4, 0.9)]}, ylabel="y")
    shown = pixels(figure)
    bar = np.round(255 * np.array(to_rgb(COLORS[0])))
    inside = shown[(np.abs(shown[..., :3] - bar).max(axis=-1) < 8).any(axis=1)]
    light = (inside[..., :3].min(axis=-1) > 200) & (inside[..., 3] > 200)
    assert light.any(axis=1).mean() > 0.3  # its line, from 0.4 on, is bright beside the grey


def test_intervals_are_drawn():
    ends = [Interval(0.5, 0.4, 0.7), Interval(0.6, 0.6, 0.9)]
    curve = plot_curves([1, 2], {"a": ends, "b": [1, 2]}, **LABELS).axes[0]
    assert curve.lines[0].get_ydata().tolist() == [0.5, 0.6]
    (band,) = curve.collections
    assert sorted(set(band.get_paths()[0].vertices[:, 1])) == [0.4, 0.6, 0.7, 0.9]
    for name in ("a", "a" * 40):
        axes = plot_bars([name, name[::-1]], {"one": ends}, ylabel="y").axes[0]
        (caps,) = [each for each in axes.containers if hasattr(each, "has_yerr")]
        (lines,) = caps[2]
        along = 1 if name == "a" else 0
        assert [each[:, along].tolist() for each in lines.get_segments()] == [
            [0.4, 0.7],
            [0.6, 0.9],
        ]


def test_y_axis_begins_at_0_unless_a_value_lies_below():
    for top in (0.9, 0):
        low, high = plot_curves([1, 2], {"a": [0, top]}, **LABELS).axes[0].get_ylim()
        assert low == 0
        assert high > top
    assert plot_curves([1, 2], {"a": [-3, -2]}, **LABELS).axes[0].get_ylim()[0] < -3


def test_bars_lie_when_their_names_are_long():
    upright = plot_bars(["a", "b"], {"one": [1, 2]}, ylabel="ms").axes[0]
    lying = plot_bars(["a" * 40, "b" * 40], {"one": [1, 2]}, ylabel="ms").axes[0]
    assert [bar.get_height() for bar in upright.patches] == [1, 2]
    assert [bar.get_width() for bar in lying.patches] == [1, 2]
    assert upright.get_ylabel() == lying.get_xlabel() == "ms"
    assert lying.yaxis_inverted()


def test_histogram_shows_fractions_of_the_finite_values():
    axes = plot_histograms({"a": [0, 0, 0, 1, np.nan, np.inf]}, xlabel="x", bins=2).axes[0]
    assert axes.patches[-1].get_data().values.tolist() == [0.75, 0.25]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: show_images([]), "nothing to show"),
        (lambda: show_images(np.zeros((4, 4, 2))), "RGB"),
        (lambda: show_images(PHOTO, ["a", "b"]), "expected 1 titles"),
        (lambda: show_images(PHOTO, columns=0), "columns"),
        (lambda: show_maps([]), "finite|nothing"),
        (lambda: show_maps([np.zeros((2, 2, 2))]), "expected maps"),
        (lambda: show_maps(np.full((2, 2), np.nan)), "finite"),
        (lambda: show_fields([np.zeros((4, 4))]), "expected fields"),
        (lambda: plot_curves([1, 2], {"a": [1]}, **LABELS), "expected 2 values"),
        (lambda: plot_curves([1, 2], {}, **LABELS), "at least one"),
        (lambda: plot_bars([], {"a": []}, ylabel="y"), "at least one"),
        (lambda: plot_histograms({"a": [np.nan]}, xlabel="x"), "finite"),
        (lambda: plot_histograms({}, xlabel="x"), "at least one"),
    ],
)
def test_data_that_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- people


def person(score=1.0):
    xy = np.column_stack([np.linspace(20, 50, 21), np.linspace(20, 40, 21)])
    return Person(left_hand=Hand(xy, np.full(21, score), side="left"))


def drawn(axes, kind):
    """The one collection of a kind."""
    [found] = [each for each in axes.collections if isinstance(each, kind)]
    return found


def test_people_are_plotted_at_their_keypoints_in_their_colours():
    axes, hand = plot(np.zeros((60, 80, 3), np.uint8), [person()]).axes[0], person().left_hand
    points, lines = drawn(axes, PathCollection), drawn(axes, LineCollection)
    np.testing.assert_allclose(points.get_offsets(), hand.xy)
    np.testing.assert_allclose(points.get_facecolors()[:, :3] * 255, HAND.colors)
    edges = HAND.edge_indices
    np.testing.assert_allclose(lines.get_segments(), [hand.xy[[*edge]] for edge in edges])
    ends = [HAND.colors[end] for _, end in edges]
    np.testing.assert_allclose(lines.get_colors()[:, :3] * 255, ends)


def test_plot_leaves_out_what_draw_leaves_out_and_takes_axes_of_ones_own():
    image, axes = np.zeros((60, 80, 3), np.uint8), Figure().add_subplot()
    assert plot(image, [person(0.1)], axes=axes) is axes.figure
    assert len(drawn(axes, PathCollection).get_offsets()) == 0
    assert (axes.get_xlim(), axes.get_ylim()) == ((-0.5, 79.5), (59.5, -0.5))
    shown = plot(image, [person(0.1)], thresholds=0.05).axes[0]
    assert len(drawn(shown, PathCollection).get_offsets()) == len(HAND)
