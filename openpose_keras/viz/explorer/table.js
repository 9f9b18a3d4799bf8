// The keypoints of a hand as a table; a click on a row selects the keypoint.

function render({ model, el }) {
  const table = document.createElement("table");
  table.className = "opk-table";
  el.append(table);

  function cell(row, text, name) {
    const item = row.insertCell();
    item.textContent = text;
    item.className = name;
    return item;
  }

  function fill() {
    table.replaceChildren();
    const head = table.createTHead().insertRow();
    for (const [text, name] of [["keypoint", ""], ["x", "opk-number"], ["y", "opk-number"], ["score", "opk-number"]]) {
      const item = document.createElement("th");
      item.textContent = text;
      item.className = name;
      head.append(item);
    }
    const body = table.createTBody();
    model.get("rows").forEach((each, index) => body.append(line(each, index)));
  }

  function line({ name, x, y, score, color, note }, index) {
    const row = document.createElement("tr");
    row.className = [
      index === model.get("selected") ? "opk-selected" : "",
      note === "missing" ? "opk-missing" : "",
      note === "by hand" ? "opk-moved" : "",
    ].join(" ");
    const first = cell(row, "", "opk-name");
    const dot = document.createElement("span");
    dot.className = "opk-dot";
    dot.style.background = color;
    first.append(dot, name);
    cell(row, x, "opk-number");
    cell(row, y, "opk-number");
    cell(row, score, "opk-number");
    row.addEventListener("click", () => model.send({ method: "change", options: { channel: index } }));
    return row;
  }

  model.on("change:rows", fill);
  model.on("change:selected", fill);
  fill();
  return () => {
    model.off("change:rows", fill);
    model.off("change:selected", fill);
  };
}

export default { render };
