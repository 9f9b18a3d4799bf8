"""The controls of the explorer, as ipywidgets; `style.css` lays them out."""

import ipywidgets as widgets

from openpose_keras.viz.explorer.session import PEAKS, PeopleSession, Session

# A list of ipywidgets shows nothing for the value None.
NONE = ""
OWN = "as the recipe"
SCALES = (
    (OWN, NONE),
    ("3: 0.8, 1, 1.25", (0.8, 1.0, 1.25)),
    ("5: 0.5 to 1.5", (0.5, 0.75, 1.0, 1.25, 1.5)),
)
HELP = (
    "<b>Keypoints:</b> drag one, or choose one in the table and click its position; the arrow keys "
    "move it by a pixel, Delete marks it as not visible. <b>Box:</b> drag its inside or a corner; "
    "drag outside it for another hand. Leave room around the hand. <b>Zoom:</b> Ctrl and the "
    "wheel, or + and −; Shift and the mouse pan."
)
PEOPLE_HELP = (
    "<b>Parts:</b> choose one in the table of people, or click on it. <b>Keypoints:</b> drag one, "
    "or choose one in the table and click its position; the arrow keys move it by a pixel, Delete "
    "marks it as not visible. <b>Zoom:</b> Ctrl and the wheel, or + and −; Shift and the mouse pan."
)
# Buttons that change the hands, or the parts of people, with their hints.
CHANGES = {
    "undo": ("Undo", "Undo the last change of a box, a side or a keypoint (Ctrl Z)"),
    "redo": ("Redo", "Make the change again that was undone last (Ctrl Shift Z)"),
    "reset": ("Reset keypoints", "Forget the corrections of the keypoints in the table"),
    "remove": ("Remove", "Remove this one from the list"),
}
# What each control does, in their order.
HINTS = {
    "image": "The image that is shown",
    "side": "Whose hand it is: auto leaves it to the network",
    "channel": "The heatmap that is shown over the image",
    "stage": "The stage of the network whose heatmaps are used",
    "recipe": "The steps from the image to the keypoints",
    "against": "Another recipe or stage, which is shown beside this one",
    "scales": "The sizes at which the network sees the hand",
    "scale": "The heatmaps of one of these sizes, or all merged",
    "peak": "How keypoints are found in the heatmaps",
    "threshold": "Keypoints whose score is not above it are missing",
    "opacity": "Of the heatmap",
    "close": "All of the image, or the surroundings of what is chosen",
    "tool": "What the mouse moves in the image",
}
# Buttons that save a kind of file, see `save`, with their hints.
SAVES = {
    "image": ("Save image", "With the heatmap and the skeletons, as shown"),
    "json": ("Save JSON", "All that was found in the image, in OpenPose's format"),
    "labels": ("Save labels", "For openpose-keras train and evaluate"),
}


def make_controls(session: Session) -> dict[str, widgets.Widget]:
    """Return the controls of a session in display order; their values are set later.

    Args:
        session: The session to control. Each name except "side" and "tool" is a field of `State`.
    """
    people = isinstance(session, PeopleSession)
    images = [(image.name, index) for index, image in enumerate(session.images)]
    views = [("image", False), ("part" if people else "hand", True)]
    controls = {
        "image": widgets.Dropdown(description="Image", options=images),
        "channel": widgets.Dropdown(description="Heatmap"),
        "threshold": widgets.FloatSlider(description="Threshold", max=1, step=0.01),
        "opacity": widgets.FloatSlider(description="Opacity", max=1, step=0.05),
        "close": widgets.ToggleButtons(description="View", options=views),
        **({} if people else _network_controls(session)),
    }
    for name, control in controls.items():
        control.tooltip = HINTS[name]
    return {name: controls[name] for name in HINTS if name in controls}


def channels(session: Session) -> list[tuple[str, str | int]]:
    """Return the selectable heatmaps, which are those of the active hand or part."""
    names = (*session.skeleton.keypoints, "background")
    return [("all keypoints", NONE), *((name, index) for index, name in enumerate(names))]


def _network_controls(session: Session) -> dict[str, widgets.Widget]:
    """Return the controls for the detection of hands and for their boxes."""
    peaks = [(OWN, NONE), *((name.replace("_", " "), name) for name in PEAKS)]
    sides = [("auto", NONE), ("left", "left"), ("right", "right")]
    tools = [("keypoints", "points"), ("box", "box")]
    others: list[tuple[str, str | int]] = [
        ("nothing", NONE),
        *((f"recipe {name}", name) for name in session.recipes),
    ]
    stages = session.stages if len(session.stages) > 1 else ()
    others += [(f"stage {stage}", stage) for stage in stages]
    controls = {
        "side": widgets.ToggleButtons(description="Side", options=sides),
        "stage": widgets.IntSlider(description="Stage", min=1, max=max(len(session.stages), 2)),
        "recipe": widgets.Dropdown(description="Recipe", options=list(session.recipes)),
        "against": widgets.Dropdown(description="Compare", options=others),
        "scales": widgets.Dropdown(description="Scales", options=SCALES),
        "scale": widgets.Dropdown(description="Show"),
        "peak": widgets.Dropdown(description="Peaks", options=peaks),
        "tool": widgets.ToggleButtons(description="Mouse", options=tools),
    }
    controls["stage"].disabled = not stages
    return controls
