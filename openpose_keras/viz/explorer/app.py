"""The explorer as a widget: controls, picture, table and what can be saved, around a `Session`."""

import html
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import ipywidgets as widgets

from openpose_keras.viz.explorer.controls import NONE, make_controls
from openpose_keras.viz.explorer.layout import arrange, make_buttons
from openpose_keras.viz.explorer.render import show
from openpose_keras.viz.explorer.save import KINDS, default_path, save
from openpose_keras.viz.explorer.session import Session
from openpose_keras.viz.explorer.state import BACKGROUND
from openpose_keras.viz.explorer.widgets import Canvas, Table

_CHOICES = ("channel", "scales", "scale", "peak", "threshold", "opacity", "close", "recipe")


class Explorer(widgets.VBox):
    """Looks inside the network with one's own pictures; `explore` makes it.

    Args:
        session: What is looked at. It can be read and changed from other cells too; `refresh` then
            shows it.
        fallback: Gives the PNG that a viewer shows which runs no widgets.
    """

    def __init__(self, session: Session, fallback: Callable[[], bytes]) -> None:
        """Build the widgets and show the first picture."""
        self.session, self._fallback = session, fallback
        self._busy, self._suggested = False, {}
        self.canvas, self.table = Canvas(), Table()
        self.controls = make_controls(session)
        self.message = widgets.HTML(layout=widgets.Layout(min_height="24px"))
        self.paths = {kind: widgets.Text(continuous_update=False) for kind in KINDS}
        self.overwrite = widgets.Checkbox(description="replace what is there", indent=False)
        self.buttons = make_buttons()
        super().__init__([self._arrange()])
        self.add_class("opk-explorer")
        self._connect()
        self._suggest_paths()
        self.refresh()

    def _repr_mimebundle_(self, **options: object) -> dict[str, object]:
        """Give the widget, and a picture for viewers that show none."""
        import base64

        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data["image/png"] = base64.b64encode(self._fallback()).decode()
        return bundle

    def refresh(self) -> None:
        """Show the session as it is now; what goes wrong is said under the picture."""
        with self._said():
            self._fill_lists()
            self._draw()

    def save(self, kind: str) -> None:
        """Save the "picture", the "json" or the "labels" under the name that stands there."""
        with self._said():
            path = save(self.session, kind, self.paths[kind].value, overwrite=self.overwrite.value)
            self._say(f"Saved {path}.")

    def _arrange(self) -> widgets.Box:
        """Put the parts beside each other; a list of one picture is left out."""
        controls = self.controls.all()[1 if len(self.session.pictures) == 1 else 0 :]
        return arrange(
            [self.canvas, self.message],
            controls,
            self.table,
            buttons=self.buttons,
            paths=self.paths,
            overwrite=self.overwrite,
        )

    def _connect(self) -> None:
        """Let controls and mouse have their effect."""
        for name in _CHOICES:
            getattr(self.controls, name).observe(partial(self._chosen, name), "value")
        self.controls.stage.observe(partial(self._chosen, "stage"), "value")
        self.controls.picture.observe(self._other_picture, "value")
        self.controls.hand.observe(partial(self._chosen, "hand"), "value")
        self.controls.side.observe(self._side, "value")
        self.controls.tool.observe(self._tool, "value")
        for widget in (self.canvas, self.table):
            widget.on_msg(self._message)
        deeds = {
            "undo": self.session.undo,
            "reset": self.session.reset_keypoints,
            "remove": self.session.remove_hand,
        }
        for name, deed in deeds.items():
            self.buttons[name].on_click(partial(self._do, deed))
        for kind in KINDS:
            self.buttons[kind].on_click(lambda _, kind=kind: self.save(kind))

    def _chosen(self, name: str, change: dict[str, object]) -> None:
        """Take over a control's value."""
        self._do(partial(self.session.change, **{name: _from_list(change["new"])}))

    def _other_picture(self, change: dict[str, object]) -> None:
        """Look at another picture."""
        self._do(partial(self.session.change, picture=change["new"]))
        self._suggest_paths()

    def _side(self, change: dict[str, object]) -> None:
        """Say which hand it is."""
        self._do(partial(self.session.set_side, _from_list(change["new"])))

    def _tool(self, change: dict[str, object]) -> None:
        """Say what the mouse does."""
        self.canvas.tool = change["new"]

    def _message(self, _: object, content: dict[str, object], __: object) -> None:
        """Do what the user did with the mouse or a key."""
        session, index = self.session, content.get("index")
        deeds = {
            "select": lambda: session.change(channel=index),
            "hand": lambda: session.change(hand=index),
            "point": lambda: session.move_keypoint(index, content["at"]),
            "absent": lambda: session.move_keypoint(index, None),
            "box": lambda: session.move_box(content["box"]),
            "new": lambda: session.add_hand(content["box"]),
        }
        self._do(deeds[content["kind"]])

    def _do(self, deed: Callable[[], object], _: object = None) -> None:
        """Do something to the session and show what follows."""
        if self._busy:
            return
        with self._said():
            deed()
            self._say("")
        self.refresh()

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Say what goes wrong in the widget: an exception in a callback is seen by nobody."""
        try:
            yield
        except Exception as error:
            hint = " Tick “replace what is there” to allow it." * isinstance(error, FileExistsError)
            self._say(f"{error or type(error).__name__}.{hint}", wrong=True)

    def _say(self, text: str, *, wrong: bool = False) -> None:
        """Show a line under the picture."""
        color = "var(--jp-error-color1, #c62828)" if wrong else "inherit"
        self.message.value = f'<span style="color: {color}">{html.escape(text)}</span>'

    def _fill_lists(self) -> None:
        """Let the controls show the state, without taking that for the user's choice."""
        session, state, controls = self.session, self.session.state, self.controls
        self._busy = True
        try:
            hands = [(f"{index + 1} of {len(session.hands)}", index) for index in session.numbers]
            _offer(controls.hand, hands or [("none: draw a box", 0)], state.hand)
            scales = [("merged", NONE), *((f"{scale:g} only", scale) for scale in session.scales)]
            _offer(controls.scale, scales, _to_list(state.scale))
            controls.scale.disabled = len(session.scales) < 2
            controls.side.value = _to_list(session.mark.side if session.mark else None)
            controls.stage.value = state.stage or session.stages
            controls.stage.disabled = session.stages < 2
            for name in ("picture", *_CHOICES):
                getattr(controls, name).value = _to_list(getattr(state, name))
        finally:
            self._busy = False

    def _draw(self) -> None:
        """Show picture, boxes, keypoints and table."""
        session, state = self.session, self.session.state
        screen = show(session)
        answers = session.answers()
        chosen = state.channel if state.channel not in (None, BACKGROUND) else -1
        points = answers[state.hand].hand.xy if answers else []
        with self.canvas.hold_sync():
            self.canvas.show(screen.picture, screen.window)
            self.canvas.boxes = [list(answer.hand.box) for answer in answers]
            self.canvas.active, self.canvas.selected = state.hand, chosen
            self.canvas.points = [[float(x), float(y)] if x == x else None for x, y in points]
            self.canvas.label = f"{session.pictures[state.picture].name}, {len(answers)} hands"
        with self.table.hold_sync():
            self.table.show(session.table())
            self.table.selected = chosen

    def _suggest_paths(self) -> None:
        """Say where things would be saved; a name of the user's own stays."""
        for kind, text in self.paths.items():
            if text.value in ("", self._suggested.get(kind)):
                text.value = self._suggested[kind] = str(default_path(self.session, kind))


def _from_list(value: object) -> object:
    """Give what a list's entry stands for."""
    return None if isinstance(value, str) and value == NONE else value


def _to_list(value: object) -> object:
    """Give the list's entry that stands for a value."""
    return NONE if value is None else value


def _offer(choice: widgets.Dropdown, options: list, value: object) -> None:
    """Give a list other entries, if they are other ones."""
    if list(choice.options) != options:
        choice.options = options
    choice.value = value
