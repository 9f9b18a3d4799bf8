// A table of which a row can be chosen, with a click or with the arrow keys; a row under the mouse
// shows its heatmap for a moment.

const PAUSE = 120; // milliseconds that the mouse rests on a row before its heatmap is shown
const WORDS = ["name", "side", "part"]; // columns of words; all others are numbers

function render({ model, el }) {
  const table = document.createElement("table");
  const field = model.get("field");
  let columns = [];
  table.className = `opk-table opk-${field}`;
  table.setAttribute("role", "grid");
  const caption = table.createCaption();
  const head = table.createTHead().insertRow();
  const body = table.createTBody();
  el.classList.add("opk-table-holder");
  el.append(table);

  function setColumns() {
    columns = model.get("columns");
    head.replaceChildren(...columns.map(([key, title]) => {
      const item = document.createElement("th");
      item.scope = "col";
      item.textContent = title;
      item.className = WORDS.includes(key) ? "" : "opk-number";
      return item;
    }));
    const focused = [...body.rows].indexOf(document.activeElement);
    body.replaceChildren();
    fill();
    body.rows[focused]?.focus();
  }

  let timer = null;
  let previewed = null;

  function preview(index) {
    clearTimeout(timer);
    if (field !== "channel") return;
    timer = setTimeout(() => {
      if (index === previewed) return;
      previewed = index;
      model.send({ method: "change", options: { preview: index } });
    }, PAUSE);
  }

  const canvas = () => el.closest(".opk-explorer")?.querySelector(".opk-canvas");

  function choose(index) {
    if (index === model.get("selected")) return;
    model.set("selected", index); // at once, as in the canvas; the kernel says it again
    if (field === "channel") canvas()?.dispatchEvent(new CustomEvent("opk-select", { detail: index }));
    model.send({ method: "change", options: { [field]: index } });
  }

  function addRow() {
    const row = body.insertRow();
    const index = row.sectionRowIndex;
    row.setAttribute("data-lm-suppress-shortcuts", "true"); // arrow keys are ours
    const first = row.insertCell();
    const dot = document.createElement("span");
    dot.className = "opk-dot";
    first.append(dot, "");
    columns.slice(1).forEach(([key]) => { row.insertCell().className = WORDS.includes(key) ? "" : "opk-number"; });
    row.addEventListener("click", () => { row.focus(); choose(index); });
    row.addEventListener("pointerenter", () => preview(index));
  }

  function fill() {
    const rows = model.get("rows");
    const selected = model.get("selected");
    caption.textContent = model.get("caption");
    table.classList.toggle("opk-empty", !rows.length);
    while (body.rows.length > rows.length) body.deleteRow(-1);
    while (body.rows.length < rows.length) addRow();
    rows.forEach((each, index) => {
      const row = body.rows[index];
      row.className = { missing: "opk-missing", "by hand": "opk-moved" }[each.note] ?? "";
      row.classList.toggle("opk-selected", index === selected);
      row.setAttribute("aria-selected", index === selected);
      row.tabIndex = index === (rows[selected] ? selected : 0) ? 0 : -1;
      row.title = field === "channel" ? "Click: choose this keypoint and show its heatmap" : "Click: choose it and show its keypoints";
      const dot = row.cells[0].firstChild;
      dot.hidden = !each.color;
      dot.style.background = each.color ?? "";
      dot.nextSibling.data = each.name;
      columns.slice(1).forEach(([key], column) => { row.cells[column + 1].textContent = each[key]; });
    });
  }

  function keyDown(event) {
    const last = body.rows.length - 1;
    const now = [...body.rows].indexOf(document.activeElement);
    const next = { ArrowDown: Math.min(now + 1, last), ArrowUp: Math.max(now - 1, 0), Home: 0, End: last, " ": now };
    if (now < 0) return;
    if (event.key === "Enter") {
      choose(now);
      canvas()?.focus(); // its arrow keys move it
    } else if (event.key in next) {
      body.rows[next[event.key]].focus();
      choose(next[event.key]);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  table.addEventListener("keydown", keyDown);
  body.addEventListener("pointerleave", () => preview(null));
  const names = ["rows", "selected", "caption"];
  names.forEach((name) => model.on(`change:${name}`, fill));
  model.on("change:columns", setColumns);
  setColumns();
  return () => {
    clearTimeout(timer);
    names.forEach((name) => model.off(`change:${name}`, fill));
    model.off("change:columns", setColumns);
  };
}

export default { render };
