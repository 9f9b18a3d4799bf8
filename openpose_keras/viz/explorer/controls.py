"""The controls of the explorer, as ipywidgets, and where they stand."""

from collections.abc import Iterable, Sequence

import ipywidgets as widgets

from openpose_keras.viz.explorer.save import KINDS
from openpose_keras.viz.explorer.session import Session
from openpose_keras.viz.explorer.state import CHANNELS, PEAKS

# A list of ipywidgets shows nothing for the value None.
NONE = ""
OWN = "as the recipe"
SCALES = {
    OWN: NONE,
    "3: 0.8, 1, 1.25": (0.8, 1.0, 1.25),
    "5: 0.5 to 1.5": (0.5, 0.75, 1.0, 1.25, 1.5),
}
HELP = (
    "<b>Keypoints:</b> drag one, or choose one in the table and click its position; the arrow keys "
    "move it by a pixel, Delete marks it as not visible. <b>Box:</b> drag its inside or a corner; "
    "drag outside it for another hand. Leave room around the hand."
)
# CSS flex and greatest width of each column.
COLUMNS = (
    ("10 1 400px", "640px"),
    ("1 0 270px", "340px"),
    ("1 0 240px", "300px"),
    ("2 1 320px", "640px"),
)
BUTTONS = {
    "undo": ("Undo", "Undo the last change of a box, a side or a keypoint"),
    "reset": ("Reset keypoints", "Forget the corrections of this hand"),
    "remove": ("Remove hand", "Remove this hand from the list"),
    "image": ("Save image", "With the heatmap and the skeletons, as shown"),
    "json": ("Save JSON", "All hands of the image in OpenPose's format"),
    "labels": ("Save labels", "For openpose-keras train and evaluate"),
}


def make_controls(session: Session) -> dict[str, widgets.Widget]:
    """Return the controls of a session in their order, with the values of its state.

    Args:
        session: What they control. Each name but "side" and "tool" is a field of `State`.
    """
    state, stages = session.state, session.stages
    images = [(image.name, index) for index, image in enumerate(session.images)]
    channels = [("all keypoints", NONE), *((name, index) for index, name in enumerate(CHANNELS))]
    peaks = [(OWN, NONE), *((name.replace("_", " "), name) for name in PEAKS)]
    sides = [("auto", NONE), ("left", "left"), ("right", "right")]
    fraction = {"min": 0, "max": 1}
    threshold = {"value": state.threshold, "step": 0.01, **fraction, **_labelled("Threshold")}
    opacity = {"value": state.opacity, "step": 0.05, **fraction, **_labelled("Opacity")}
    return {
        "image": _dropdown("Image", images, 0),
        "hand": _dropdown("Hand", [("–", 0)], 0),
        "side": _buttons("Side", sides, NONE),
        "channel": _dropdown("Heatmap", channels, NONE),
        "stage": widgets.IntSlider(stages, min=1, max=max(stages, 2), **_labelled("Stage")),
        "recipe": _dropdown("Recipe", list(session.recipes), state.recipe),
        "scales": _dropdown("Scales", list(SCALES.items()), NONE),
        "scale": _dropdown("Show", [("merged", NONE)], NONE),
        "peak": _dropdown("Peaks", peaks, NONE),
        "threshold": widgets.FloatSlider(**threshold),
        "opacity": widgets.FloatSlider(**opacity),
        "close": _buttons("View", [("image", False), ("hand", True)], state.close),
        "tool": _buttons("Mouse", [("keypoints", "points"), ("box", "box")], "points"),
    }


def make_buttons() -> dict[str, widgets.Button]:
    """Return the buttons by name."""
    buttons = {}
    for name, (text, hint) in BUTTONS.items():
        layout = {"width": "112px" if name in KINDS else "auto", "flex": "0 0 auto"}
        buttons[name] = widgets.Button(description=text, tooltip=hint, layout=layout)
    return buttons


def make_paths() -> dict[str, widgets.Text]:
    """Return the fields of the paths under which each kind of file is saved."""
    layout = {"width": "auto", "flex": "1 1 auto"}
    return {kind: widgets.Text(continuous_update=False, layout=layout) for kind in KINDS}


def _labelled(label: str, **style: str) -> dict[str, object]:
    """Return the options of a control that stand for its label and its layout."""
    style, layout = {"description_width": "76px", **style}, {"width": "auto", "margin": "1px 0"}
    return {"description": label, "style": style, "layout": layout}


def _dropdown(label: str, options: Sequence[object], value: object) -> widgets.Dropdown:
    """Return a list to choose from."""
    return widgets.Dropdown(options=options, value=value, **_labelled(label))


def _buttons(label: str, options: Sequence[object], value: object) -> widgets.ToggleButtons:
    """Return a few buttons of which one is down."""
    labelled = _labelled(label, button_width="auto")
    return widgets.ToggleButtons(options=options, value=value, **labelled)


def arrange(columns: Iterable[Sequence[widgets.Widget]]) -> widgets.Box:
    """Arrange columns next to each other where there is room, else below each other.

    Args:
        columns: Widgets of each: the image, the controls, the table, and what can be saved.

    Returns:
        The box of all.
    """
    layout = {"min_width": "0", "margin": "0 12px 6px 0"}
    boxes = [
        widgets.VBox(column, layout={"flex": flex, "max_width": widest, **layout})
        for column, (flex, widest) in zip(columns, COLUMNS, strict=True)
    ]
    return widgets.Box(boxes, layout={"flex_flow": "row wrap", "align_items": "flex-start"})
