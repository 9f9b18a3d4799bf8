// The image with what can be dragged: keypoints and boxes. All positions are pixels of the session's
// image; the model's `window` is the part of it that is shown.

const REACH = 9; // screen pixels around a keypoint or a corner that belong to it
const SMALLEST = 8; // image pixels: a smaller box is a slip of the mouse

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  canvas.className = "opk-canvas";
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("data-lm-suppress-shortcuts", "true"); // arrow keys are ours
  el.classList.add("opk-canvas-holder");
  el.append(canvas);

  let bitmap = null;
  let drag = null; // what the mouse is dragging

  const scale = () => canvas.clientWidth / model.get("window")[2];
  const toScreen = ([x, y]) => {
    const [left, top] = model.get("window");
    return [(x + 0.5 - left) * scale(), (y + 0.5 - top) * scale()];
  };
  const boxToScreen = ([x, y, width, height]) => [
    ...toScreen([x - 0.5, y - 0.5]), width * scale(), height * scale(),
  ];
  const toImage = (event) => {
    const bounds = canvas.getBoundingClientRect();
    const [left, top, width] = model.get("window");
    const k = width / bounds.width;
    return [
      (event.clientX - bounds.left) * k + left - 0.5,
      (event.clientY - bounds.top) * k + top - 0.5,
    ];
  };
  const near = (a, b, reach = REACH) => Math.hypot(a[0] - b[0], a[1] - b[1]) <= reach;
  const activeBox = () => (drag && drag.box) || model.get("boxes")[model.get("active")];

  function keypointAt(point) {
    const at = toScreen(point);
    const chosen = model.get("selected");
    const position = model.get("points")[chosen];
    if (position && near(toScreen(position), at)) return chosen;
    let best = -1;
    let least = REACH;
    model.get("points").forEach((each, index) => {
      if (!each) return;
      const [x, y] = toScreen(each);
      const distance = Math.hypot(x - at[0], y - at[1]);
      if (distance <= least) [best, least] = [index, distance];
    });
    return best;
  }

  function boxAt(point) {
    // The active hand comes first, where boxes overlap.
    const boxes = model.get("boxes");
    const order = [model.get("active"), ...boxes.keys()];
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

  function draw() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(canvas.clientWidth, 1);
    const [, , w, h] = model.get("window");
    const height = Math.max(Math.round((width * h) / w), 1);
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    if (bitmap) pen.drawImage(bitmap, 0, 0, width, height);
    drawBoxes(pen);
    drawSelected(pen);
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
    const point = drag && drag.kind === "point" ? drag.at : model.get("points")[index];
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
    if (event.button !== 0) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    const at = toImage(event);
    drag = model.get("tool") === "box" ? startBox(at) : startPoint(at);
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
    else finishBox(done);
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

  function hover(at) {
    if (model.get("tool") === "box") {
      const box = model.get("boxes")[model.get("active")];
      const corner = box ? corners(box).findIndex((each) => near(toScreen(each), toScreen(at))) : -1;
      const inside = boxAt(at) === model.get("active") && box;
      canvas.style.cursor = ["nwse-resize", "nesw-resize", "nesw-resize", "nwse-resize"][corner] ?? (inside ? "move" : "crosshair");
      return;
    }
    const index = keypointAt(at);
    canvas.style.cursor = index >= 0 ? "grab" : model.get("selected") >= 0 ? "crosshair" : "default";
    canvas.title = index >= 0 ? model.get("names")[index] : "";
  }

  function keyDown(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key];
    const index = model.get("selected");
    const point = model.get("points")[index];
    if (event.key === "Escape") {
      drag = null;
      draw();
    } else if (step && point) {
      const size = event.shiftKey ? 10 : 1;
      send("move_keypoint", { index, point: [point[0] + step[0] * size, point[1] + step[1] * size] });
    } else if ((event.key === "Delete" || event.key === "Backspace") && index >= 0) {
      send("move_keypoint", { index, point: null });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  const send = (method, options) => model.send({ method, options }); // of the session

  async function decode() {
    const bytes = model.get("image");
    if (!bytes || !bytes.byteLength) return;
    const latest = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
    if (bytes !== model.get("image")) return; // a newer one is on its way
    bitmap = latest;
    canvas.setAttribute("aria-label", model.get("label"));
    draw();
  }

  canvas.addEventListener("pointerdown", pointerDown);
  canvas.addEventListener("pointermove", pointerMove);
  canvas.addEventListener("pointerup", pointerUp);
  canvas.addEventListener("pointercancel", () => { drag = null; draw(); });
  canvas.addEventListener("keydown", keyDown);
  const watcher = new ResizeObserver(() => draw());
  watcher.observe(el);
  const names = ["window", "boxes", "active", "points", "selected", "tool"];
  names.forEach((name) => model.on(`change:${name}`, draw));
  model.on("change:image", decode);
  decode();
  return () => {
    watcher.disconnect();
    names.forEach((name) => model.off(`change:${name}`, draw));
    model.off("change:image", decode);
  };
}

export default { render };
