"""The explorer as a widget: controls, image, table and what can be saved, around a `Session`."""

import base64
import html
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import ipywidgets as widgets

from openpose_keras.viz.explorer.controls import (
    HELP,
    NONE,
    arrange,
    make_buttons,
    make_controls,
    make_paths,
)
from openpose_keras.viz.explorer.render import render, static_figure
from openpose_keras.viz.explorer.save import KINDS, default_path, save
from openpose_keras.viz.explorer.session import Session
from openpose_keras.viz.explorer.state import CHANNELS
from openpose_keras.viz.explorer.widgets import Canvas, Table

# The fields of `State` that a control of the same name shows as they are.
_CHOICES = (
    *("image", "channel", "recipe", "scales", "scale", "peak"),
    *("threshold", "opacity", "close"),
)


class Explorer(widgets.VBox):
    """Shows what is inside the network, for one's own images; `explore` makes it.

    Args:
        session: What is shown. It can be read and changed from other cells too; `refresh` then
            shows it.
    """

    def __init__(self, session: Session) -> None:
        """Build the widgets and show the first image."""
        self.session = session
        self._updating = False
        self._suggested: dict[str, str] = {}
        self.canvas, self.table = Canvas(), Table()
        self.controls, self.buttons = make_controls(session), make_buttons()
        self.paths = make_paths()
        self.overwrite = widgets.Checkbox(description="replace existing files", indent=False)
        self.message = widgets.HTML(layout={"min_height": "24px"})
        super().__init__([arrange(self._columns())])
        self.add_class("opk-explorer")
        self._connect()
        self.refresh()

    def _columns(self) -> list[list[widgets.Widget]]:
        """Return the parts column by column; a list of one image is left out."""
        several = len(self.session.images) > 1
        controls = [each for name, each in self.controls.items() if several or name != "image"]
        changes = [button for name, button in self.buttons.items() if name not in KINDS]
        saves = [widgets.HBox([self.buttons[kind], path]) for kind, path in self.paths.items()]
        return [
            [self.canvas, self.message],
            [*controls, widgets.HBox(changes)],
            [self.table],
            [*saves, self.overwrite, widgets.HTML(HELP)],
        ]

    def _repr_mimebundle_(self, **options: object) -> dict[str, object]:
        """Return the widget, and an image for viewers that show no widgets."""
        data: dict[str, object] = super()._repr_mimebundle_(**options)
        data["image/png"] = base64.b64encode(static_figure(self.session)._repr_png_()).decode()
        return data

    def refresh(self) -> None:
        """Show the session as it is now; an error is reported under the image."""
        with self._report_errors():
            self._update_controls()
            self._suggest_paths()
            self._draw()

    def save(self, kind: str) -> None:
        """Save the "image", the "json" or the "labels" under the path that is entered."""
        path, overwrite = self.paths[kind].value, self.overwrite.value
        with self._report_errors():
            self._report(f"Saved {save(self.session, kind, path, overwrite=overwrite)}.")

    def _connect(self) -> None:
        """Connect controls, mouse and buttons with the session."""
        session, controls = self.session, self.controls
        for name in (*_CHOICES, "stage", "hand"):
            controls[name].observe(partial(self._choose, name), "value")
        controls["side"].observe(
            lambda change: self._apply(lambda: session.set_side(change["new"] or None)), "value"
        )
        widgets.dlink((controls["tool"], "value"), (self.canvas, "tool"))
        for widget in (self.canvas, self.table):
            widget.on_msg(self._handle_message)
        actions: dict[str, Callable[[], object]] = {
            "undo": session.undo,
            "reset": session.reset_keypoints,
            "remove": session.remove_hand,
        }
        for name, action in actions.items():
            self.buttons[name].on_click(partial(self._apply, action))
        for kind in KINDS:
            self.buttons[kind].on_click(lambda _, kind=kind: self.save(kind))

    def _choose(self, name: str, change: dict[str, Any]) -> None:
        """Pass a control's value to the session."""
        value = None if change["new"] == NONE else change["new"]
        self._apply(partial(self.session.change, **{name: value}))

    def _handle_message(self, _: object, content: dict[str, Any], __: object) -> None:
        """Apply what the user did with the mouse or a key."""
        session, index = self.session, content.get("index")
        actions: dict[str, Callable[[], object]] = {
            "select": lambda: session.change(channel=index),
            "hand": lambda: session.change(hand=index),
            "point": lambda: session.move_keypoint(content["index"], content["at"]),
            "absent": lambda: session.move_keypoint(content["index"], None),
            "box": lambda: session.move_box(content["box"]),
            "new": lambda: session.add_hand(content["box"]),
        }
        self._apply(actions[content["kind"]])

    def _apply(self, action: Callable[[], object], _: object = None) -> None:
        """Change the session and show the result, unless the controls are being updated."""
        if self._updating:
            return
        with self._report_errors():
            action()
            self._report("")
        self.refresh()

    @contextmanager
    def _report_errors(self) -> Iterator[None]:
        """Report errors in the widget: nobody sees an exception in a callback."""
        try:
            yield
        except Exception as error:
            exists = isinstance(error, FileExistsError)
            hint = " Tick “replace existing files” to allow it." if exists else ""
            self._report(f"{error or type(error).__name__}.{hint}", error=True)

    def _report(self, text: str, *, error: bool = False) -> None:
        """Show a line under the image."""
        color = "var(--jp-error-color1, #c62828)" if error else "inherit"
        self.message.value = f'<span style="color: {color}">{html.escape(text)}</span>'

    def _update_controls(self) -> None:
        """Set the controls to the state, without taking that for the user's choice."""
        session, state, controls = self.session, self.session.state, self.controls
        self._updating = True
        try:
            count = len(session.hands)
            hands = [(f"{index + 1} of {count}", index) for index in range(count)]
            _set_options(controls["hand"], hands or [("none: draw a box", 0)], state.hand)
            scales = [("merged", NONE), *((f"{scale:g} only", scale) for scale in session.scales)]
            _set_options(controls["scale"], scales, _or_none(state.scale))
            controls["scale"].disabled = len(session.scales) < 2
            controls["side"].value = _or_none(session.hand and session.hand.side)
            controls["stage"].value = state.stage or session.stages
            controls["stage"].disabled = session.stages < 2
            for name in _CHOICES:
                controls[name].value = _or_none(getattr(state, name))
        finally:
            self._updating = False

    def _draw(self) -> None:
        """Show image, boxes, keypoints and table."""
        session, state = self.session, self.session.state
        rendering, results = render(session), session.results()
        is_keypoint = state.channel is not None and CHANNELS[state.channel] != "background"
        selected = state.channel if is_keypoint else -1
        points = results[state.hand].hand.xy.tolist() if results else []
        with self.canvas.hold_sync():
            self.canvas.show(rendering.image, rendering.window)
            self.canvas.boxes = [list(result.hand.box or ()) for result in results]
            self.canvas.active, self.canvas.selected = state.hand, selected
            self.canvas.points = [[x, y] if x == x else None for x, y in points]
            self.canvas.label = f"{session.images[state.image].name}, {len(results)} hands"
        with self.table.hold_sync():
            self.table.show(session.table())
            self.table.selected = selected

    def _suggest_paths(self) -> None:
        """Suggest where to save; a path of the user's own stays."""
        for kind, text in self.paths.items():
            if text.value in ("", self._suggested.get(kind)):
                text.value = self._suggested[kind] = str(default_path(self.session, kind))


def _or_none(value: object) -> object:
    """Return the entry of a list that stands for a value."""
    return NONE if value is None else value


def _set_options(choice: widgets.Dropdown, options: Sequence[object], value: object) -> None:
    """Set the entries of a list, if they are others than before."""
    if list(choice.options) != options:
        choice.options = options
    choice.value = value
