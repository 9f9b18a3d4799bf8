// What was done or is being done, for eyes and for screen readers; and names for the controls around
// it: ipywidgets gives its sliders, switches and fields none.

const PAUSE = 80; // milliseconds: what takes less needs no announcement

function render({ model, el }) {
  const line = document.createElement("div");
  line.className = "opk-status";
  line.setAttribute("role", "status");
  line.setAttribute("aria-live", "polite");
  el.append(line);
  let timer = null;

  function show() {
    clearTimeout(timer);
    timer = null;
    line.textContent = model.get("text");
    line.classList.toggle("opk-error", model.get("is_error"));
    line.classList.remove("opk-busy");
  }

  function wait() {
    if (!model.get("busy")) show();
    else timer ??= setTimeout(() => {
      line.textContent = model.get("busy");
      line.classList.remove("opk-error");
      line.classList.add("opk-busy");
    }, PAUSE);
  }

  function nameControls() {
    const root = el.closest(".opk-explorer");
    root?.querySelectorAll(".widget-slider, .widget-toggle-buttons").forEach((each) => {
      const text = each.querySelector(".widget-label").textContent;
      each.querySelectorAll(".noUi-handle").forEach((handle) => handle.setAttribute("aria-label", text));
      const readout = each.querySelector(".widget-readout");
      if (readout) {
        readout.setAttribute("role", "textbox");
        readout.setAttribute("aria-label", `${text}, as a number`);
      }
      const buttons = each.querySelectorAll(".widget-toggle-button");
      buttons.forEach((button) => button.setAttribute("aria-pressed", button.classList.contains("mod-active")));
      if (!buttons.length) return;
      each.setAttribute("role", "group");
      each.setAttribute("aria-label", text);
    });
    root?.querySelectorAll(".widget-hbox .widget-text input").forEach((each) => {
      const text = each.closest(".widget-hbox").querySelector("button").textContent;
      each.setAttribute("aria-label", `${text} as`);
    });
  }

  const names = ["text", "is_error"];
  names.forEach((name) => model.on(`change:${name}`, show));
  model.on("change:busy", wait);
  wait();
  const watcher = new MutationObserver(nameControls); // controls come later, and switches change
  requestAnimationFrame(() => {
    const root = el.closest(".opk-explorer");
    if (root) watcher.observe(root, { subtree: true, childList: true, attributeFilter: ["class"] });
    nameControls();
  });
  return () => {
    clearTimeout(timer);
    watcher.disconnect();
    names.forEach((name) => model.off(`change:${name}`, show));
    model.off("change:busy", wait);
  };
}

export default { render };
