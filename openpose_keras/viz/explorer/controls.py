"""The controls of the explorer, as ipywidgets, and where they stand."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

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
BUTTONS = {
    "undo": ("Undo", "Undo the last change of a box, a side or a keypoint"),
    "reset": ("Reset keypoints", "Forget the corrections of this hand"),
    "remove": ("Remove hand", "Remove this hand from the list"),
    "image": ("Save image", "With the heatmap and the skeletons, as shown"),
    "json": ("Save JSON", "All hands of the image in OpenPose's format"),
    "labels": ("Save labels", "For openpose-keras train and evaluate"),
}
_LABEL = "76px"


@dataclass(frozen=True, eq=False)
class Controls:
    """Everything that can be set; each name but `side` and `tool` is a field of `State`."""

    image: widgets.Dropdown
    hand: widgets.Dropdown
    side: widgets.ToggleButtons
    channel: widgets.Dropdown
    stage: widgets.IntSlider
    recipe: widgets.Dropdown
    scales: widgets.Dropdown
    scale: widgets.Dropdown
    peak: widgets.Dropdown
    threshold: widgets.FloatSlider
    opacity: widgets.FloatSlider
    close: widgets.ToggleButtons
    tool: widgets.ToggleButtons

    def all(self) -> list[widgets.Widget]:
        """Return the controls in their order."""
        return [getattr(self, field.name) for field in fields(self)]


@dataclass(frozen=True, eq=False)
class Actions:
    """Buttons by name, see `BUTTONS`, and where files are saved."""

    buttons: dict[str, widgets.Button] = field(
        default_factory=lambda: {
            name: widgets.Button(
                description=text,
                tooltip=hint,
                layout={"width": "112px" if name in KINDS else "auto", "flex": "0 0 auto"},
            )
            for name, (text, hint) in BUTTONS.items()
        }
    )
    paths: dict[str, widgets.Text] = field(
        default_factory=lambda: {
            kind: widgets.Text(
                continuous_update=False, layout={"width": "auto", "flex": "1 1 auto"}
            )
            for kind in KINDS
        }
    )
    overwrite: widgets.Checkbox = field(
        default_factory=lambda: widgets.Checkbox(description="replace existing files", indent=False)
    )


def make_controls(session: Session) -> Controls:
    """Return the controls of a session, with the values of its state."""
    state, stages = session.state, session.stages
    images = [(image.name, index) for index, image in enumerate(session.images)]
    channels = [("all keypoints", NONE), *((name, index) for index, name in enumerate(CHANNELS))]
    peaks = [(OWN, NONE), *((name.replace("_", " "), name) for name in PEAKS)]
    sides = [("auto", NONE), ("left", "left"), ("right", "right")]
    fraction = {"min": 0, "max": 1}
    return Controls(
        image=_dropdown("Image", images, 0),
        hand=_dropdown("Hand", [("–", 0)], 0),
        side=_buttons("Side", sides, NONE),
        channel=_dropdown("Heatmap", channels, NONE),
        stage=widgets.IntSlider(stages, min=1, max=max(stages, 2), **_labelled("Stage")),
        recipe=_dropdown("Recipe", list(session.recipes), state.recipe),
        scales=_dropdown("Scales", list(SCALES.items()), NONE),
        scale=_dropdown("Show", [("merged", NONE)], NONE),
        peak=_dropdown("Peaks", peaks, NONE),
        threshold=widgets.FloatSlider(
            state.threshold, step=0.01, **fraction, **_labelled("Threshold")
        ),
        opacity=widgets.FloatSlider(state.opacity, step=0.05, **fraction, **_labelled("Opacity")),
        close=_buttons("View", [("image", False), ("hand", True)], state.close),
        tool=_buttons("Mouse", [("keypoints", "points"), ("box", "box")], "points"),
    )


def _labelled(label: str, **style: str) -> dict[str, object]:
    """Return the options of a control that stand for its label and its layout."""
    layout = {"width": "auto", "margin": "1px 0"}
    return {
        "description": label,
        "style": {"description_width": _LABEL, **style},
        "layout": layout,
    }


def _dropdown(label: str, options: Sequence[object], value: object) -> widgets.Dropdown:
    """Return a list to choose from."""
    return widgets.Dropdown(options=options, value=value, **_labelled(label))


def _buttons(label: str, options: Sequence[object], value: object) -> widgets.ToggleButtons:
    """Return a few buttons of which one is down."""
    labelled = _labelled(label, button_width="auto")
    return widgets.ToggleButtons(options=options, value=value, **labelled)


def arrange(
    views: Sequence[widgets.Widget],
    controls: Sequence[widgets.Widget],
    table: widgets.Widget,
    actions: Actions,
) -> widgets.Box:
    """Arrange the widgets in columns where there is room, or below each other.

    Args:
        views: The image, and what stands below it.
        controls: All controls.
        table: The keypoints.
        actions: Buttons and paths.

    Returns:
        The box of all.
    """
    buttons = actions.buttons
    changes = widgets.HBox([button for name, button in buttons.items() if name not in KINDS])
    saves = [widgets.HBox([buttons[kind], path]) for kind, path in actions.paths.items()]
    columns = [
        widgets.VBox(views, layout=_column("10 1 400px", "640px")),
        widgets.VBox([*controls, changes], layout=_column("1 0 270px", "340px")),
        widgets.VBox([table], layout=_column("1 0 240px", "300px")),
        widgets.VBox(
            [*saves, actions.overwrite, widgets.HTML(HELP)], layout=_column("2 1 320px", "640px")
        ),
    ]
    return widgets.Box(columns, layout={"flex_flow": "row wrap", "align_items": "flex-start"})


def _column(flex: str, widest: str) -> dict[str, str]:
    """Return the layout of a column."""
    return {"flex": flex, "max_width": widest, "min_width": "0", "margin": "0 12px 6px 0"}
