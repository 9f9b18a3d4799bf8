"""The explorer as a widget for a `Session`: controls, image, tables and buttons to save."""

import base64
from collections.abc import Callable
from functools import partial
from typing import Any

import ipywidgets as widgets

from openpose_keras.core.keypoints import Keypoints
from openpose_keras.viz.explorer.controls import (
    CHANGES,
    HELP,
    NONE,
    PEOPLE_HELP,
    SAVES,
    channels,
    make_controls,
)
from openpose_keras.viz.explorer.render import (
    compared_names,
    frame_of,
    part_label,
    part_name,
    render,
    static_figure,
)
from openpose_keras.viz.explorer.save import default_path, save
from openpose_keras.viz.explorer.session import PeopleSession, Session
from openpose_keras.viz.explorer.widgets import (
    DISTANCE,
    HAND_COLUMNS,
    KEYPOINT_COLUMNS,
    PART_COLUMNS,
    Canvas,
    Status,
    Table,
    hand_row,
    summary,
    table_rows,
)

VIEW = {"preview", "zoom", "skeletons"}  # choices that leave the message as it is
UNLIKELY = 0.5  # a presence below it is told as "probably no hand"


class Explorer(widgets.Box):
    """The explorer's widget, which `explore` creates.

    Args:
        session: The session to show. It can also be read and changed from other cells; `refresh`
            then shows the changes.
    """

    def __init__(self, session: Session) -> None:
        """Build the widgets and show the first image."""
        self.session = session
        self._updating = False
        self._people = isinstance(session, PeopleSession)
        self.canvas, self.second = Canvas(), Canvas(editable=False)
        self.status = Status()
        columns = PART_COLUMNS if self._people else HAND_COLUMNS
        self.hand_table = Table(field="hand", columns=columns)
        self.table = Table(field="channel", columns=KEYPOINT_COLUMNS)
        self.controls = make_controls(session)
        self.buttons = {
            name: widgets.Button(description=text, tooltip=hint)
            for name, (text, hint) in (CHANGES | SAVES).items()
        }
        self.paths = {kind: widgets.Text(continuous_update=False) for kind in SAVES}
        self.overwrite = widgets.Checkbox(description="replace existing files", indent=False)
        self._message = ("", False)  # what was done or went wrong, and whether it went wrong
        super().__init__([widgets.VBox(column) for column in self._columns()])
        self.add_class("opk-explorer")
        self._connect()
        self.refresh()

    def _columns(self) -> list[list[widgets.Widget]]:
        """Return the widgets by column, without the list of images if there is only one."""
        several = len(self.session.images) > 1
        controls = [each for name, each in self.controls.items() if several or name != "image"]
        changes = widgets.HBox([self.buttons[name] for name in CHANGES])
        saves = [widgets.HBox([self.buttons[kind], path]) for kind, path in self.paths.items()]
        return [
            [widgets.HBox([self.canvas, self.second]), self.status],
            [self.hand_table, self.table],
            [*controls, changes],
            [*saves, self.overwrite, widgets.HTML(PEOPLE_HELP if self._people else HELP)],
        ]

    def _connect(self) -> None:
        """Connect controls, mouse and buttons to the session."""
        session = self.session
        if "tool" in self.controls:
            widgets.dlink((self.controls["tool"], "value"), (self.canvas, "tool"))
        for name, control in self.controls.items():
            if name != "tool":
                control.observe(partial(self._choose, name), "value")
        for widget in (self.canvas, self.hand_table, self.table):
            widget.on_msg(self._handle_message)
        changes = (session.undo, session.redo, session.reset_keypoints, session.remove_hand)
        for name, change in zip(CHANGES, changes, strict=True):
            self.buttons[name].on_click(lambda _, change=change: self._apply(change))
        for kind in SAVES:
            self.buttons[kind].on_click(lambda _, kind=kind: self.save(kind))

    def _choose(self, name: str, change: dict[str, Any]) -> None:
        """Pass a control's value to the session, unless the session itself has set it."""
        value = None if change["new"] == NONE else change["new"]
        action = self.session.set_side if name == "side" else self.session.change
        if not self._updating:
            self._apply(action, **{name: value})

    def _handle_message(self, _: object, content: dict[str, Any], __: object) -> None:
        """Apply the user's action with the mouse or keyboard."""
        session = self.session
        actions: dict[str, Callable[..., object]] = {
            "change": session.change,
            "move_keypoint": session.move_keypoint,
            "move_box": session.move_box,
            "add_hand": session.add_hand,
            "undo": session.undo,
            "redo": session.redo,
        }
        self._apply(actions[content["method"]], **content["options"])

    def _apply(self, action: Callable[..., object], **options: Any) -> None:  # noqa: ANN401
        """Change the session and show the result, with a status message during the work."""
        if not options or not VIEW.issuperset(options):
            self._message = ("", False)
            self.status.busy = self._work(options.get("image"))
        self._try(partial(action, **options))
        self.refresh()
        self.status.busy = ""

    def _work(self, image: int | None) -> str:
        """Return the status message for a selection that takes time: an image, or anything else."""
        if image is not None and image not in self.session.annotations:
            name, finds = self.session.images[image].name, self.session.finds
            return f"Searching {name} for {finds} …"
        return "Looking at the part …" if self._people else "Running the network on the hand …"

    def save(self, kind: str) -> None:
        """Save the "image", the "json" or the "labels" under the path that is entered."""
        path = self.paths[kind].value or self.paths[kind].placeholder
        overwrite = self.overwrite.value
        self.status.busy = f"Saving {path} …"
        self._try(
            lambda: self._report(f"Saved {save(self.session, kind, path, overwrite=overwrite)}.")
        )
        self.status.busy = ""

    def refresh(self) -> None:
        """Show the current state of the session; an error is reported under the image."""
        self._try(self._show)

    def _try(self, action: Callable[[], object]) -> None:
        """Run an action and report errors in the widget, since callbacks hide exceptions.

        Controls that change in the meantime were set by `_show` and not by the user.
        """
        self._updating = True
        try:
            action()
        except Exception as error:
            exists = isinstance(error, FileExistsError)
            hint = " Tick “replace existing files” to allow it." if exists else ""
            self._report(f"{str(error) or 'This did not work'}.{hint}", error=True)
        finally:
            self._updating = False

    def _report(self, text: str, *, error: bool = False) -> None:
        """Show a line under the image: what was done, an error, or else what was found."""
        self._message = (text, error)
        self.status.text, self.status.is_error = self._message

    def _show(self) -> None:
        """Update the controls, the image, boxes, skeletons, tables and the message."""
        self._update_controls()
        session, state, compared = self.session, self.session.state, self.session.compared()
        found = [result.keypoints for result in session.results()]
        active, count = (found[state.hand] if found else None), len(session.skeleton)
        other = compared.result().keypoints if compared else None
        names = compared_names(session) if compared else ("", "")
        moved = session.hands[state.hand].moved if found else {}
        table = self.table
        with table.hold_sync(), self.hand_table.hold_sync():
            self._show_image(self.canvas, session, names[0])
            self.second.frame = self.canvas.frame  # so that it is zoomed alike when it is shown
            if compared:
                self._show_image(self.second, compared, names[1])
            table.columns = [*KEYPOINT_COLUMNS, *([DISTANCE] if other else [])]
            table.rows = table_rows(active, moved, other) if active else []
            table.selected = self.canvas.selected
            table.caption = f"Keypoints{self._whose()}: {len(moved)} of {count} corrected"
            pairs = enumerate(zip(session.hands, found, strict=True))
            self.hand_table.rows = [hand_row(index, *each) for index, each in pairs]
            self.hand_table.selected, self.hand_table.caption = state.hand, self._progress()
        (self.add_class if compared else self.remove_class)("opk-comparing")
        text, error = self._message
        self.status.text, self.status.is_error = text or self._finding(active, other), error

    def _show_image(self, canvas: Canvas, session: Session, title: str) -> None:
        """Show image, boxes and skeletons of the session, or of the one it is compared with.

        Args:
            canvas: The canvas on which to show them.
            session: The session to show.
            title: The recipe or stage, shown above the image; empty without a comparison.
        """
        state, name = session.state, session.images[session.state.image].name
        found = [result.keypoints for result in session.results()]
        caption = ""
        if title:
            row = hand_row(state.hand, session.hands[state.hand], found[state.hand])
            presence = "" if row["presence"] == "–" else f", presence {row['presence']}"
            caption = f"{title}: score {row['score']}{presence}"
        with canvas.hold_sync():
            canvas.show(*render(session, skeletons=False))
            canvas.frame = list(frame_of(session, close=state.close))
            canvas.boxes = [list(each.region.box) for each in session.hands]
            canvas.hands = list(map(self._drawn, range(len(found)), found))
            canvas.active, canvas.skeletons = state.hand, state.skeletons
            canvas.selected = state.channel if state.channel in range(len(session.skeleton)) else -1
            canvas.caption = caption
            canvas.label = ", ".join(filter(None, (name, session.counted, caption)))

    def _drawn(self, index: int, found: Keypoints) -> dict[str, Any]:
        """Return the drawing data of a hand, or of a part of a person with the person's number."""
        text = part_label(found)
        if self._people:
            numbers = [each.person for each in self.session.hands]
            first = numbers.index(numbers[index]) == index
            text = str(numbers[index] + 1) if first else ""
        return {"points": _points(found), "text": text, "layout": found.skeleton.name}

    def _whose(self) -> str:
        """Return the part and the person of the shown keypoints, for sessions with people."""
        hands = self.session.hands
        active = hands[self.session.state.hand] if hands and self._people else None
        return f" of the {part_name(active)}" if active else ""

    def _progress(self) -> str:
        """Return the table's heading, with the number of corrected images if there are several."""
        count = len(self.session.images)
        done = f": {len(self.session.corrected)} of {count} images corrected" if count > 1 else ""
        return f"{self.session.finds.capitalize()}{done}"

    def _finding(self, active: Keypoints | None, other: Keypoints | None) -> str:
        """Return a message about the active hand and the selected keypoint."""
        state = self.session.state
        if active is None:
            advice = "choose “box” and draw one around a hand."
            return (
                "Nobody found here." if self._people else f"No hand found in this image: {advice}"
            )
        moved, presence = self.session.hands[state.hand].moved, getattr(active, "presence", None)
        if not active.found.any():
            return f"Nothing found in this box: no score is above {state.threshold:.2f}."
        if presence is not None and presence < UNLIKELY and not moved:
            return f"Probably no hand in this box: its presence is {100 * presence:.0f} %."
        if state.channel is None or state.channel >= len(active.skeleton):
            return summary(active, other) if other else ""
        row = table_rows(active, moved, other)[state.channel]
        where = f"x {row['x']}, y {row['y']}, " if active.found[state.channel] else ""
        distance = ""
        if other and row["distance"] != "–":
            distance = f", {row['distance']} pixels from {compared_names(self.session)[1]}"
        return f"{row['name']}: {where}{row['score']}{distance}"

    def _update_controls(self) -> None:
        """Set the controls to the state, and suggest paths to save to."""
        session, state = self.session, self.session.state
        values = vars(state)
        if not self._people:
            scales = [("merged", NONE), *((f"{scale:g} only", scale) for scale in session.scales)]
            self.controls["scale"].options = scales
            self.controls["scale"].disabled = len(session.scales) < 2
            side = session.hands[state.hand].region.side if session.hands else None
            values = {**values, "side": side, "stage": state.stage or session.network.count}
        if list(self.controls["channel"].options) != (options := channels(session)):
            self.controls["channel"].options = options
        for name in self.controls.keys() & values.keys():
            self.controls[name].value = NONE if values[name] is None else values[name]
        for kind, path in self.paths.items():
            path.placeholder = str(default_path(session, kind))

    def _repr_mimebundle_(self, **options: object) -> tuple[dict[str, object], dict[str, object]]:
        """Return the widget, with an image and its alternative text for viewers without widgets."""
        data: dict[str, object] = super()._repr_mimebundle_(**options)
        figure = static_figure(self.session)
        data["image/png"] = base64.b64encode(figure._repr_png_()).decode()
        data["text/plain"] = figure.alt
        return data, {"image/png": {"alt": figure.alt}}


def _points(found: Keypoints) -> list[list[float] | None]:
    """Return (x, y) of each keypoint, or None where it is missing."""
    pairs = zip(found.xy.tolist(), found.found, strict=True)
    return [xy if is_found else None for xy, is_found in pairs]
