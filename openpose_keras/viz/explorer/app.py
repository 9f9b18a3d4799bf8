"""The explorer as a widget: controls, image, table and what can be saved, around a `Session`."""

import base64
import html
from collections.abc import Callable
from functools import partial
from typing import Any

import ipywidgets as widgets

from openpose_keras.core.skeletons import HAND
from openpose_keras.viz.drawing import hand_label
from openpose_keras.viz.explorer.controls import CHANGES, HELP, NONE, SAVES, make_controls
from openpose_keras.viz.explorer.render import render, static_figure
from openpose_keras.viz.explorer.save import default_path, save
from openpose_keras.viz.explorer.session import Session
from openpose_keras.viz.explorer.widgets import Canvas, Table, table_rows


class Explorer(widgets.Box):
    """Shows what is inside the network, for one's own images; `explore` makes it.

    Args:
        session: What is shown. It can be read and changed from other cells too; `refresh` then
            shows it.
    """

    def __init__(self, session: Session) -> None:
        """Build the widgets and show the first image."""
        self.session = session
        self._updating = False
        self.canvas, self.table = Canvas(), Table()
        self.controls = make_controls(session)
        self.buttons = {
            name: widgets.Button(description=text, tooltip=hint)
            for name, (text, hint) in (CHANGES | SAVES).items()
        }
        self.paths = {kind: widgets.Text(continuous_update=False) for kind in SAVES}
        self.overwrite = widgets.Checkbox(description="replace existing files", indent=False)
        self.message = widgets.HTML()
        super().__init__([widgets.VBox(column) for column in self._columns()])
        self.add_class("opk-explorer")
        self._connect()
        self.refresh()

    def _columns(self) -> list[list[widgets.Widget]]:
        """Return the parts column by column; a list of one image is left out."""
        several = len(self.session.images) > 1
        controls = [each for name, each in self.controls.items() if several or name != "image"]
        changes = widgets.HBox([self.buttons[name] for name in CHANGES])
        saves = [widgets.HBox([self.buttons[kind], path]) for kind, path in self.paths.items()]
        return [
            [self.canvas, self.message],
            [*controls, changes],
            [self.table],
            [*saves, self.overwrite, widgets.HTML(HELP)],
        ]

    def _connect(self) -> None:
        """Connect controls, mouse and buttons with the session."""
        session = self.session
        widgets.dlink((self.controls["tool"], "value"), (self.canvas, "tool"))
        for name, control in self.controls.items():
            if name != "tool":
                control.observe(partial(self._choose, name), "value")
        for widget in (self.canvas, self.table):
            widget.on_msg(self._handle_message)
        changes = (session.undo, session.reset_keypoints, session.remove_hand)
        for name, change in zip(CHANGES, changes, strict=True):
            self.buttons[name].on_click(lambda _, change=change: self._apply(change))
        for kind in SAVES:
            self.buttons[kind].on_click(lambda _, kind=kind: self.save(kind))

    def _choose(self, name: str, change: dict[str, Any]) -> None:
        """Pass a control's value to the session, unless the session has set it."""
        value = None if change["new"] == NONE else change["new"]
        action = self.session.set_side if name == "side" else self.session.change
        if not self._updating:
            self._apply(action, **{name: value})

    def _handle_message(self, _: object, content: dict[str, Any], __: object) -> None:
        """Apply what the user did with the mouse or a key."""
        session = self.session
        actions: dict[str, Callable[..., object]] = {
            "change": session.change,
            "move_keypoint": session.move_keypoint,
            "move_box": session.move_box,
            "add_hand": session.add_hand,
        }
        self._apply(actions[content["method"]], **content["options"])

    def _apply(self, action: Callable[..., object], **options: Any) -> None:  # noqa: ANN401
        """Change the session, and show the result."""
        self._report("")
        self._try(partial(action, **options))
        self.refresh()

    def save(self, kind: str) -> None:
        """Save the "image", the "json" or the "labels" under the path that is entered."""
        path = self.paths[kind].value or self.paths[kind].placeholder
        overwrite = self.overwrite.value
        self._try(
            lambda: self._report(f"Saved {save(self.session, kind, path, overwrite=overwrite)}.")
        )

    def refresh(self) -> None:
        """Show the session as it is now; an error is reported under the image."""
        self._try(self._show)

    def _try(self, action: Callable[[], object]) -> None:
        """Do something, and report errors in the widget: nobody sees an exception in a callback.

        A control that changes meanwhile was set by `_show` and not by the user.
        """
        self._updating = True
        try:
            action()
        except Exception as error:
            exists = isinstance(error, FileExistsError)
            hint = " Tick “replace existing files” to allow it." if exists else ""
            self._report(f"{str(error) or type(error).__name__}.{hint}", error=True)
        finally:
            self._updating = False

    def _report(self, text: str, *, error: bool = False) -> None:
        """Show a line under the image."""
        color = "var(--jp-error-color1, #c62828)" if error else "inherit"
        self.message.value = f'<span style="color: {color}">{html.escape(text)}</span>'

    def _show(self) -> None:
        """Show the state in the controls, and image, boxes, keypoints and table."""
        self._update_controls()
        session, state = self.session, self.session.state
        image, window = render(session)
        hands = [result.hand for result in session.results()]
        points: list[list[float] | None] = []
        rows: list[dict[str, str]] = []
        if hands:
            hand = hands[state.hand]
            pairs = zip(hand.xy.tolist(), hand.found, strict=True)
            points = [xy if found else None for xy, found in pairs]
            rows = table_rows(hand, session.hands[state.hand].moved)
        selected = state.channel if state.channel in range(len(HAND)) else -1
        with self.canvas.hold_sync(), self.table.hold_sync():
            self.canvas.show(image, window)
            self.canvas.boxes = [list(hand.region.box) for hand in session.hands]
            self.canvas.points, self.table.rows = points, rows
            self.canvas.active, self.canvas.selected = state.hand, selected
            self.table.selected = selected
            self.canvas.label = f"{session.images[state.image].name}, {len(hands)} hands"

    def _update_controls(self) -> None:
        """Set the controls to the state, and suggest where to save."""
        session, state = self.session, self.session.state
        count = len(session.hands)
        known = [hand_label(result.hand) for result in session.results()]
        names = [f"{number} of {count}" for number in range(1, count + 1)]
        pairs = zip(names, known, strict=True)
        hands = [(": ".join(filter(None, pair)), index) for index, pair in enumerate(pairs)]
        self.controls["hand"].options = hands or [("none: draw a box", 0)]
        scales = [("merged", NONE), *((f"{scale:g} only", scale) for scale in session.scales)]
        self.controls["scale"].options = scales
        self.controls["scale"].disabled = len(session.scales) < 2
        side = session.hands[state.hand].region.side if count else None
        values = {**vars(state), "side": side, "stage": state.stage or session.network.count}
        for name, value in values.items():
            self.controls[name].value = NONE if value is None else value
        for kind, path in self.paths.items():
            path.placeholder = str(default_path(session, kind))

    def _repr_mimebundle_(self, **options: object) -> dict[str, object]:
        """Return the widget, and an image for viewers that show no widgets."""
        data: dict[str, object] = super()._repr_mimebundle_(**options)
        data["image/png"] = base64.b64encode(static_figure(self.session)._repr_png_()).decode()
        return data
