"""The controls of the explorer, as ipywidgets; `style.css` lays them out."""

import ipywidgets as widgets

from openpose_keras.viz.explorer.session import CHANNELS, PEAKS, Session

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
    "drag outside it for another hand. Leave room around the hand."
)
# Buttons that change the hands, with their hints.
CHANGES = {
    "undo": ("Undo", "Undo the last change of a box, a side or a keypoint"),
    "reset": ("Reset keypoints", "Forget the corrections of this hand"),
    "remove": ("Remove hand", "Remove this hand from the list"),
}
# Buttons that save a kind of file, see `save`, with their hints.
SAVES = {
    "image": ("Save image", "With the heatmap and the skeletons, as shown"),
    "json": ("Save JSON", "All hands of the image in OpenPose's format"),
    "labels": ("Save labels", "For openpose-keras train and evaluate"),
}


def make_controls(session: Session) -> dict[str, widgets.Widget]:
    """Return the controls of a session in their order; their values are set later.

    Args:
        session: What they control. Each name but "side" and "tool" is a field of `State`.
    """
    images = [(image.name, index) for index, image in enumerate(session.images)]
    channels = [("all keypoints", NONE), *((name, index) for index, name in enumerate(CHANNELS))]
    peaks = [(OWN, NONE), *((name.replace("_", " "), name) for name in PEAKS)]
    sides = [("auto", NONE), ("left", "left"), ("right", "right")]
    stages = {"min": 1, "max": max(session.network.count, 2)}
    return {
        "image": widgets.Dropdown(description="Image", options=images),
        "hand": widgets.Dropdown(description="Hand"),
        "side": widgets.ToggleButtons(description="Side", options=sides),
        "channel": widgets.Dropdown(description="Heatmap", options=channels),
        "stage": widgets.IntSlider(description="Stage", **stages),
        "recipe": widgets.Dropdown(description="Recipe", options=list(session.recipes)),
        "scales": widgets.Dropdown(description="Scales", options=SCALES),
        "scale": widgets.Dropdown(description="Show"),
        "peak": widgets.Dropdown(description="Peaks", options=peaks),
        "threshold": widgets.FloatSlider(description="Threshold", max=1, step=0.01),
        "opacity": widgets.FloatSlider(description="Opacity", max=1, step=0.05),
        "close": widgets.ToggleButtons(
            description="View", options=[("image", False), ("hand", True)]
        ),
        "tool": widgets.ToggleButtons(
            description="Mouse", options=[("keypoints", "points"), ("box", "box")]
        ),
    }
