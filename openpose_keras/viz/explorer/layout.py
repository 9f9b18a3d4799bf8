"""Where the explorer's parts stand: beside each other where there is room, else below."""

from collections.abc import Mapping, Sequence

import ipywidgets as widgets

from openpose_keras.viz.explorer.save import KINDS

HELP = (
    "<b>Keypoints:</b> drag one, or choose one in the table and click its place; the arrow keys "
    "move it by a pixel, Delete marks it as not seen. <b>Box:</b> drag its inside or a corner; "
    "drag beside it for another hand. Leave room around the hand."
)


def make_buttons() -> dict[str, widgets.Button]:
    """Make the buttons, by name."""
    words = {
        "undo": ("Undo", "Take back the last change of a box, a side or a keypoint"),
        "reset": ("Reset keypoints", "Forget the corrections of this hand"),
        "remove": ("Remove hand", "Take this hand out of the list"),
        "picture": ("Save picture", "With the heatmap and the skeletons, as shown"),
        "json": ("Save JSON", "All hands of the picture in OpenPose's format"),
        "labels": ("Save labels", "For openpose-keras train and evaluate"),
    }
    layout = {"width": "auto", "flex": "0 0 auto"}
    return {
        name: widgets.Button(description=text, tooltip=hint, layout=widgets.Layout(**layout))
        for name, (text, hint) in words.items()
    }


def arrange(
    views: Sequence[widgets.Widget],
    controls: Sequence[widgets.Widget],
    table: widgets.Widget,
    *,
    buttons: Mapping[str, widgets.Button],
    paths: Mapping[str, widgets.Text],
    overwrite: widgets.Checkbox,
) -> widgets.Box:
    """Put the widgets beside each other where there is room, or below each other.

    Args:
        views: The image, and what stands below it.
        controls: All controls.
        table: The keypoints.
        buttons: By name, from `make_buttons`.
        paths: Where each kind of file is saved.
        overwrite: Whether files may be replaced.

    Returns:
        The box of all.
    """
    actions = widgets.HBox([buttons[name] for name in ("undo", "reset", "remove")])
    lines = [_save_line(buttons[kind], paths[kind]) for kind in KINDS]
    columns = [
        widgets.VBox(views, layout=_column("10 1 400px", "640px")),
        widgets.VBox([*controls, actions], layout=_column("1 0 270px", "340px")),
        widgets.VBox([table], layout=_column("1 0 240px", "300px")),
        widgets.VBox([*lines, overwrite, widgets.HTML(HELP)], layout=_column("2 1 320px", "640px")),
    ]
    box = widgets.Box(columns)
    box.layout.flex_flow, box.layout.align_items = "row wrap", "flex-start"
    return box


def _column(flex: str, widest: str) -> widgets.Layout:
    """Give the layout of a column."""
    return widgets.Layout(flex=flex, max_width=widest, min_width="0", margin="0 12px 6px 0")


def _save_line(button: widgets.Button, path: widgets.Text) -> widgets.HBox:
    """Put a button beside the name of its file."""
    button.layout.width, path.layout.width = "112px", "auto"
    path.layout.flex = "1 1 auto"
    return widgets.HBox([button, path])
