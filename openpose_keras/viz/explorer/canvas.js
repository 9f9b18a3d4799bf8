// The image with what can be dragged: keypoints and boxes. All positions are pixels of the session's
// image. The model's `image` shows the part `window` of it; `frame` is what is shown without a zoom,
// and `view` here is what is on the screen: a part of the frame, of its shape. A second canvas, which is
// not `editable`, shows another recipe or stage in the same view.

const REACH = 9; // screen pixels around a keypoint or a corner that belong to it
const SMALLEST = 8; // image pixels: a smaller box is a slip of the mouse
const DEEPEST = 16; // image pixels: the shorter side of the view at least
const STEP = 1.25; // of the zoom
const PAUSE = 150; // milliseconds without a zoom before a sharper image is asked for
const HELP = "Page Up and Page Down choose a keypoint, the arrow keys move it by a pixel, with Shift by ten, "
  + "Delete marks it as not visible. Plus, minus and 0 zoom, Control with the arrow keys pans, "
  + "S hides the skeletons, Control Z undoes.";

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  const editable = model.get("editable");
  canvas.className = "opk-canvas";
  canvas.setAttribute("role", editable ? "application" : "img");
  if (editable) {
    canvas.tabIndex = 0;
    canvas.setAttribute("data-lm-suppress-shortcuts", "true"); // arrow keys are ours
    canvas.setAttribute("aria-description", HELP);
  }
  el.classList.add("opk-canvas-holder");
  el.classList.toggle("opk-second", !editable);
  const tools = document.createElement("div");
  tools.className = "opk-tools";
  tools.setAttribute("role", "toolbar");
  tools.setAttribute("aria-label", "View of the image");
  const caption = document.createElement("div");
  caption.className = "opk-caption";
  el.append(...(editable ? [tools] : []), caption, canvas);

  let sharp = null; // the latest image: { bitmap, window }
  let whole = null; // the latest image of the whole frame, shown where the sharp one does not reach
  let view = model.get("frame");
  let width = 1; // of the canvas, in screen pixels
  let height = 1;
  let timer = null;
  let drag = null; // what the mouse is dragging

  const scale = () => width / view[2];
  const toScreen = ([x, y]) => [(x + 0.5 - view[0]) * scale(), (y + 0.5 - view[1]) * scale()];
  const boxToScreen = ([x, y, w, h]) => [...toScreen([x - 0.5, y - 0.5]), w * scale(), h * scale()];
  const toImage = (event) => {
    const bounds = canvas.getBoundingClientRect();
    const k = view[2] / bounds.width;
    return [
      (event.clientX - bounds.left) * k + view[0] - 0.5,
      (event.clientY - bounds.top) * k + view[1] - 0.5,
    ];
  };
  const active = () => model.get("hands")[model.get("active")];
  const points = () => active()?.points ?? [];
  const layout = (hand = active()) => model.get("layouts")[hand?.layout ?? "hand"]; // its skeleton
  const near = (a, b, reach = REACH) => Math.hypot(a[0] - b[0], a[1] - b[1]) <= reach;
  const activeBox = () => (drag && drag.box) || model.get("boxes")[model.get("active")];

  function keypointAt(point) {
    const at = toScreen(point);
    const chosen = model.get("selected");
    const position = points()[chosen];
    if (position && near(toScreen(position), at)) return chosen;
    let best = -1;
    let least = REACH;
    points().forEach((each, index) => {
      if (!each) return;
      const [x, y] = toScreen(each);
      const distance = Math.hypot(x - at[0], y - at[1]);
      if (distance <= least) [best, least] = [index, distance];
    });
    return best;
  }

  // The smallest box at a point; where a box is to be dragged, the active one before all others.
  function boxAt(point) {
    const boxes = model.get("boxes");
    const area = (index) => boxes[index][2] * boxes[index][3];
    const order = [...boxes.keys()].sort((first, second) => area(first) - area(second));
    if (model.get("tool") === "box") order.unshift(model.get("active"));
    const inside = ([x, y, w, h]) =>
      point[0] >= x - 0.5 && point[0] < x + w - 0.5 && point[1] >= y - 0.5 && point[1] < y + h - 0.5;
    return order.find((index) => boxes[index] && inside(boxes[index])) ?? -1;
  }

  function corners([x, y, w, h]) {
    return [[x - 0.5, y - 0.5], [x + w - 0.5, y - 0.5], [x - 0.5, y + h - 0.5], [x + w - 0.5, y + h - 0.5]];
  }

  // A square from a fixed corner towards the mouse.
  function squareFrom(from, to) {
    const side = Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]), 1);
    const left = to[0] < from[0] ? from[0] - side : from[0];
    const top = to[1] < from[1] ? from[1] - side : from[1];
    return [left + 0.5, top + 0.5, side, side];
  }

  // The view: zoom and pan, of all canvases of the explorer at once.

  const canvases = () => el.closest(".opk-explorer")?.querySelectorAll(".opk-canvas") ?? [canvas];

  function look([x, y, w, h]) {
    const [left, top, fullWidth, fullHeight] = model.get("frame");
    const part = Math.min(Math.max(w / fullWidth, DEEPEST / Math.min(fullWidth, fullHeight)), 1);
    const size = [fullWidth * part, fullHeight * part];
    const middle = [x + w / 2, y + h / 2];
    const within = (low, length, inner, centre) => Math.min(Math.max(centre - inner / 2, low), low + length - inner);
    const detail = [within(left, fullWidth, size[0], middle[0]), within(top, fullHeight, size[1], middle[1]), ...size];
    canvases().forEach((each) => each.dispatchEvent(new CustomEvent("opk-look", { detail })));
  }

  function follow({ detail }) {
    view = detail;
    draw();
    clearTimeout(timer);
    if (editable) timer = setTimeout(askForSharper, PAUSE); // for all
  }

  function askForSharper() {
    const [x, y, w, h] = view;
    const [left, top] = [Math.floor(x + 1e-6), Math.floor(y + 1e-6)];
    const wanted = [left, top, Math.ceil(x + w - 1e-6) - left, Math.ceil(y + h - 1e-6) - top];
    const isAll = String(wanted) === String(model.get("frame"));
    if (String(wanted) !== String(model.get("window"))) send("change", { zoom: isAll ? null : wanted });
  }

  // Zoom in or out; what is at a position of the image stays where it is on the screen.
  function zoom(factor, at = [view[0] + view[2] / 2, view[1] + view[3] / 2]) {
    const [x, y, w, h] = view;
    const k = Math.max(1 / factor, DEEPEST / Math.min(w, h));
    look([at[0] + (x - at[0]) * k, at[1] + (y - at[1]) * k, w * k, h * k]);
  }

  const fit = () => look(model.get("frame"));
  const pan = ([x, y]) => look([view[0] + x, view[1] + y, view[2], view[3]]);

  function reframe() {
    whole = null;
    if (editable) fit();
  }

  // Drawing.

  function draw() {
    const ratio = window.devicePixelRatio || 1;
    const [, , w, h] = model.get("frame");
    const highest = Math.max(Math.min(0.75 * window.innerHeight, 720), 240); // so that a portrait fits
    width = Math.max(Math.min(el.clientWidth, Math.round((highest * w) / h)), 1);
    height = Math.max(Math.round((width * h) / w), 1);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    for (const each of [whole, sharp]) {
      if (!each) continue;
      const [x, y, ...size] = each.window;
      pen.drawImage(each.bitmap, ...boxToScreen([x, y, ...size]));
    }
    drawBoxes(pen);
    if (model.get("skeletons")) model.get("hands").forEach((each, index) => drawHand(pen, each, index));
    drawSelected(pen);
  }

  function drawHand(pen, hand, index) {
    const { points: found, text } = hand;
    const { edges, colors } = layout(hand);
    const moved = index === model.get("active") && drag && drag.kind === "point" && drag.at;
    const at = found.map((each, k) => (moved && k === drag.index ? drag.at : each)).map((each) => each && toScreen(each));
    const there = at.filter(Boolean);
    if (!there.length) return;
    const xs = there.map((each) => each[0]);
    const ys = there.map((each) => each[1]);
    const extent = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
    const thick = Math.min(Math.max(extent / 80, 1), 2.5); // thinner than the fingers of a small hand
    pen.lineCap = "round";
    pen.lineWidth = thick;
    for (const [start, end] of edges) {
      if (!at[start] || !at[end]) continue;
      pen.strokeStyle = colors[end];
      pen.beginPath();
      pen.moveTo(...at[start]);
      pen.lineTo(...at[end]);
      pen.stroke();
    }
    at.forEach((each, k) => {
      if (!each) return;
      pen.fillStyle = colors[k];
      pen.beginPath();
      pen.arc(...each, 1.6 * thick, 0, 2 * Math.PI);
      pen.fill();
    });
    pen.font = "600 13px system-ui, sans-serif";
    pen.lineWidth = 3;
    pen.lineJoin = "round";
    pen.strokeStyle = "#000000";
    pen.fillStyle = "#ffffff";
    const corner = [Math.max(Math.min(...xs), 4), Math.max(Math.min(...ys) - 10, 16)];
    pen.strokeText(text, ...corner);
    pen.fillText(text, ...corner);
  }

  function drawBoxes(pen) {
    const active = model.get("active");
    model.get("boxes").forEach((each, index) => {
      if (index !== active) outline(pen, boxToScreen(each), "rgba(255, 255, 255, 0.6)", 1, [4, 4]);
    });
    const box = activeBox();
    if (!box) return;
    outline(pen, boxToScreen(box), "#ffffff", 1.5, []);
    if (model.get("tool") !== "box") return;
    for (const corner of corners(box)) {
      const [x, y] = toScreen(corner);
      pen.fillStyle = "#ffffff";
      pen.fillRect(x - 4, y - 4, 8, 8);
      outline(pen, [x - 4, y - 4, 8, 8], "#000000", 1, []);
    }
  }

  function outline(pen, [x, y, w, h], color, width, dash) {
    pen.setLineDash([]);
    pen.lineWidth = width + 2;
    pen.strokeStyle = "rgba(0, 0, 0, 0.35)";
    pen.strokeRect(x, y, w, h);
    pen.setLineDash(dash);
    pen.lineWidth = width;
    pen.strokeStyle = color;
    pen.strokeRect(x, y, w, h);
    pen.setLineDash([]);
  }

  function drawSelected(pen) {
    const index = drag && drag.kind === "point" ? drag.index : model.get("selected");
    const point = drag && drag.kind === "point" ? drag.at : points()[index];
    if (!point) return;
    const [x, y] = toScreen(point);
    for (const [color, width] of [["#000000", 4], ["#ffffff", 2]]) {
      pen.beginPath();
      pen.arc(x, y, 8, 0, 2 * Math.PI);
      pen.lineWidth = width;
      pen.strokeStyle = color;
      pen.stroke();
    }
  }

  function pointerDown(event) {
    if (event.button > 1) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    const at = toImage(event);
    if (!editable || event.shiftKey || event.button === 1) drag = { kind: "pan", from: at };
    else drag = model.get("tool") === "box" ? startBox(at) : startPoint(at);
    draw();
  }

  function startPoint(at) {
    const index = keypointAt(at);
    return { kind: "point", index: index < 0 ? model.get("selected") : index, hit: index, from: at, at: null };
  }

  function startBox(at) {
    const box = model.get("boxes")[model.get("active")];
    if (box) {
      const ends = corners(box);
      const index = ends.findIndex((each) => near(toScreen(each), toScreen(at)));
      if (index >= 0) return { kind: "resize", fixed: ends[3 - index], from: at };
    }
    const hit = boxAt(at);
    if (hit >= 0 && hit === model.get("active")) return { kind: "move", start: box, from: at };
    return { kind: "new", hit, fixed: at, from: at };
  }

  function pointerMove(event) {
    const at = toImage(event);
    if (!drag) return hover(at);
    if (drag.kind === "pan") return pan([drag.from[0] - at[0], drag.from[1] - at[1]]);
    const moved = !near(toScreen(at), toScreen(drag.from), 3);
    if (!moved && !drag.moved) return undefined;
    drag.moved = true;
    if (drag.kind === "point") drag.at = drag.hit >= 0 ? at : null;
    if (drag.kind === "move") {
      const [x, y, w, h] = drag.start;
      drag.box = [x + at[0] - drag.from[0], y + at[1] - drag.from[1], w, h];
    }
    if (drag.kind === "resize" || drag.kind === "new") drag.box = squareFrom(drag.fixed, at);
    return draw();
  }

  function pointerUp(event) {
    if (!drag) return;
    const done = drag;
    const at = toImage(event);
    drag = null;
    if (done.kind === "point") finishPoint(done, at);
    else if (done.kind !== "pan") finishBox(done);
    draw();
  }

  function finishPoint(done, at) {
    // A click on a keypoint selects it; a click elsewhere moves the selected one there.
    if (done.hit >= 0 && !done.moved) return send("change", { channel: done.hit });
    if (done.index < 0) {
      const hand = boxAt(at);
      return hand >= 0 && hand !== model.get("active") ? send("change", { hand }) : undefined;
    }
    return send("move_keypoint", { index: done.index, point: at });
  }

  function finishBox(done) {
    if (!done.box) {
      if (done.kind === "new" && done.hit >= 0) send("change", { hand: done.hit });
      return;
    }
    if (Math.min(done.box[2], done.box[3]) < SMALLEST) return;
    send(done.kind === "new" ? "add_hand" : "move_box", { box: done.box });
  }

  function wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    zoom(event.deltaY < 0 ? STEP : 1 / STEP, toImage(event));
  }

  function hover(at) {
    if (model.get("tool") === "box") {
      const box = model.get("boxes")[model.get("active")];
      const corner = box ? corners(box).findIndex((each) => near(toScreen(each), toScreen(at))) : -1;
      const inside = boxAt(at) === model.get("active") && box;
      canvas.style.cursor = ["nwse-resize", "nesw-resize", "nesw-resize", "nwse-resize"][corner] ?? (inside ? "move" : "crosshair");
      return;
    }
    const index = keypointAt(at);
    canvas.style.cursor = !editable ? "move" : index >= 0 ? "grab" : model.get("selected") >= 0 ? "crosshair" : "default";
    canvas.title = index >= 0 ? layout().names[index] : "";
  }

  function keyDown(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key];
    const control = event.ctrlKey || event.metaKey;
    const index = model.get("selected");
    const point = points()[index];
    const key = event.key.toLowerCase();
    const { names } = layout();
    if (key === "escape") {
      drag = null;
      draw();
    } else if (step && (control || !point)) pan([(step[0] * view[2]) / 10, (step[1] * view[3]) / 10]);
    else if (step) {
      const size = event.shiftKey ? 10 : 1;
      send("move_keypoint", { index, point: [point[0] + step[0] * size, point[1] + step[1] * size] });
    } else if ((key === "delete" || key === "backspace") && index >= 0) {
      send("move_keypoint", { index, point: null });
    } else if (key === "pagedown") send("change", { channel: Math.min(index + 1, names.length - 1) });
    else if (key === "pageup") send("change", { channel: Math.max(index - 1, 0) });
    else if (control && (key === "y" || (key === "z" && event.shiftKey))) send("redo", {});
    else if (control && key === "z") send("undo", {});
    else if (control) return;
    else if (key === "+" || key === "=") zoom(STEP);
    else if (key === "-") zoom(1 / STEP);
    else if (key === "0") fit();
    else if (key === "s") toggleSkeletons();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  const send = (method, options) => model.send({ method, options }); // of the session
  const select = (event) => model.set("selected", event.detail); // a row of the table
  const toggleSkeletons = () => send("change", { skeletons: !model.get("skeletons") });

  function addTool(text, name, hint, action) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.setAttribute("aria-label", name);
    button.title = hint;
    button.addEventListener("click", action);
    tools.append(button);
    return button;
  }

  addTool("−", "Zoom out", "Zoom out (key −, or Ctrl and the wheel)", () => zoom(1 / STEP));
  addTool("+", "Zoom in", "Zoom in (key +, or Ctrl and the wheel); pan with Shift and the mouse", () => zoom(STEP));
  addTool("Fit", "Fit", "Show all again (key 0)", fit);
  const switcher = addTool("Skeletons", "Skeletons", "Show or hide the skeletons (key S)", toggleSkeletons);

  function describe() {
    switcher.setAttribute("aria-pressed", model.get("skeletons"));
    canvas.setAttribute("aria-label", model.get("label"));
    caption.textContent = model.get("caption");
  }

  async function decode() {
    const bytes = model.get("image");
    if (!bytes || !bytes.byteLength) return;
    const latest = { window: model.get("window"), bitmap: await createImageBitmap(new Blob([bytes], { type: "image/jpeg" })) };
    if (bytes !== model.get("image")) return; // a newer one is on its way
    sharp = latest;
    if (String(latest.window) === String(model.get("frame"))) whole = latest;
    draw();
  }

  canvas.addEventListener("pointerdown", pointerDown);
  canvas.addEventListener("pointermove", pointerMove);
  canvas.addEventListener("pointerup", pointerUp);
  canvas.addEventListener("pointercancel", () => { drag = null; draw(); });
  canvas.addEventListener("wheel", wheel, { passive: false });
  canvas.addEventListener("opk-look", follow);
  canvas.addEventListener("opk-select", select);
  if (editable) canvas.addEventListener("keydown", keyDown);
  const watcher = new ResizeObserver(() => draw());
  watcher.observe(el);
  const actions = { image: decode, frame: reframe, label: describe, caption: describe };
  ["boxes", "active", "hands", "selected", "tool"].forEach((name) => { actions[name] = draw; });
  actions.skeletons = () => { describe(); draw(); };
  for (const [name, action] of Object.entries(actions)) model.on(`change:${name}`, action);
  describe();
  decode();
  return () => {
    clearTimeout(timer);
    watcher.disconnect();
    for (const [name, action] of Object.entries(actions)) model.off(`change:${name}`, action);
  };
}

export default { render };
