"""The controls of the explorer, as ipywidgets."""

from dataclasses import dataclass, fields

import ipywidgets as widgets

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
ALL = "all keypoints"
_LABEL = "76px"


@dataclass(frozen=True, eq=False)
class Controls:
    """Everything that can be set, by name; each name but the last few is a field of `State`."""

    picture: widgets.Dropdown
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
        """Give the controls in their order."""
        return [getattr(self, field.name) for field in fields(self)]


def make_controls(session: Session) -> Controls:
    """Make the controls for a session, as its state is."""
    state = session.state
    names = [picture.name for picture in session.pictures]
    recipes = list(session.recipes)
    channels = [(ALL, NONE), *((name, index) for index, name in enumerate(CHANNELS))]
    peaks = [(OWN, NONE), *((name.replace("_", " "), name) for name in PEAKS)]
    return Controls(
        picture=_choice("Picture", [(name, index) for index, name in enumerate(names)], 0),
        hand=_choice("Hand", [("–", 0)], 0),
        side=_buttons("Side", [("auto", NONE), ("left", "left"), ("right", "right")], NONE),
        channel=_choice("Heatmap", channels, NONE),
        stage=_slider(
            widgets.IntSlider, "Stage", value=session.stages, min=1, max=max(session.stages, 2)
        ),
        recipe=_choice("Recipe", recipes, state.recipe),
        scales=_choice("Scales", list(SCALES.items()), NONE),
        scale=_choice("Show", [("merged", NONE)], NONE),
        peak=_choice("Peaks", peaks, NONE),
        threshold=_slider(
            widgets.FloatSlider, "Threshold", value=state.threshold, min=0, max=1, step=0.01
        ),
        opacity=_slider(
            widgets.FloatSlider, "Opacity", value=state.opacity, min=0, max=1, step=0.05
        ),
        close=_buttons("View", [("picture", False), ("hand", True)], state.close),
        tool=_buttons("Mouse", [("keypoints", "points"), ("box", "box")], "points"),
    )


def _layout(**options: object) -> widgets.Layout:
    """Give the layout of a control."""
    return widgets.Layout(width="auto", margin="1px 0", **options)


def _choice(label: str, options: list, value: object) -> widgets.Dropdown:
    """Make a list to choose from."""
    style = {"description_width": _LABEL}
    made = {"description": label, "style": style, "layout": _layout()}
    return widgets.Dropdown(options=options, value=value, **made)


def _buttons(label: str, options: list, value: object) -> widgets.ToggleButtons:
    """Make a few buttons of which one is down."""
    style = {"description_width": _LABEL, "button_width": "auto"}
    made = {"description": label, "style": style, "layout": _layout()}
    return widgets.ToggleButtons(options=options, value=value, **made)


def _slider(kind: type, label: str, **options: float) -> widgets.Widget:
    """Make a slider that answers while it moves."""
    style = {"description_width": _LABEL}
    return kind(description=label, style=style, layout=_layout(), **options)
