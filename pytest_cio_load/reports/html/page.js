"use strict";
(() => {
  const root = document.documentElement;

  // The page follows the system's choice of light or dark until its reader makes another.
  const button = document.getElementById("theme");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const name = () => { button.textContent = isDark() ? "Light page" : "Dark page"; };
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); });
  system.addEventListener("change", name);
  name();
  button.hidden = false;

  const dataOf = (element) => JSON.parse(element.querySelector(":scope > script").textContent);
  const digits = (value, most) => value.toLocaleString("en-US", { maximumFractionDigits: most, minimumFractionDigits: most });
  const shown = (value, unit) => {
    if (value === null || value === undefined) return "–";
    if (unit !== "ms") return (Number.isInteger(value) ? digits(value, 0) : String(Number(value.toPrecision(4)))) + unit;
    if (value === 0) return "0 ms";
    return digits(value, value >= 999.95 ? 0 : value >= 10 ? 1 : value >= 0.1 ? 2 : 3) + " ms";
  };

  const rowsOf = (columns) => {
    const names = Object.keys(columns);
    return columns.at.map((_, index) => Object.fromEntries(names.map((name) => [name, columns[name][index]])));
  };

  const nearest = (places, at) => {
    let low = 0;
    let high = places.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (places[middle] < at) low = middle + 1; else high = middle;
    }
    return low > 0 && at - places[low - 1] < places[low] - at ? low - 1 : low;
  };

  class Figure {
    constructor(element, moved) {
      const { spec, columns } = dataOf(element);
      this.columns = columns;
      this.spec = { ...spec, datasets: { rows: rowsOf(columns) } };
      this.values = [...element.querySelectorAll("output[data-column]")];
      this.plot = element.querySelector(".plot");
      this.view = null;
      this.moved = moved;
    }

    async draw() {
      const how = { mode: "vega-lite", renderer: "svg", actions: false, ast: true, tooltip: false, defaultStyle: false };
      const { view } = await window.vegaEmbed(this.plot, this.spec, how);
      this.view = view;
      this.plot.addEventListener("pointermove", (event) => this.point(event));
      this.plot.addEventListener("pointerdown", (event) => this.point(event));
    }

    point(event) {
      const box = this.plot.querySelector("svg").getBoundingClientRect();
      const at = this.view.scale("x").invert(event.clientX - box.left - this.view.origin()[0]);
      if (Number.isFinite(at)) this.moved(nearest(this.columns.at, at));
    }

    read(index) {
      if (this.view) this.view.signal("here", this.columns.at[index]).runAsync();
      return this.values.map((output) => {
        output.textContent = shown(this.columns[output.dataset.column][index], output.dataset.unit);
        return `${output.parentElement.textContent.slice(0, -output.textContent.length)} ${output.textContent}`;
      });
    }
  }

  class Group {
    constructor(element) {
      this.labels = dataOf(element);
      this.reader = element.querySelector(".reader");
      this.slider = this.reader.querySelector("input");
      this.place = this.reader.querySelector("output");
      this.figures = [...element.querySelectorAll("figure")].map((figure) => new Figure(figure, (index) => this.move(index)));
      this.slider.addEventListener("input", () => this.move(Number(this.slider.value)));
    }

    async draw() {
      for (const figure of this.figures) await figure.draw().catch((error) => console.error(error));
      this.reader.hidden = false;
    }

    move(index) {
      if (index === this.at) return;
      this.at = index;
      const said = this.figures.flatMap((figure) => figure.read(index));
      this.slider.value = index;
      this.place.textContent = this.labels[index];
      this.slider.setAttribute("aria-valuetext", `${this.labels[index]}: ${said.join(", ")}`);
    }
  }

  // Only what scrolls is a stop for whoever goes by key.
  const boxes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const scrolls = target.scrollWidth > target.clientWidth || target.scrollHeight > target.clientHeight;
      if (scrolls) target.tabIndex = 0; else target.removeAttribute("tabindex");
    }
  });
  for (const each of document.querySelectorAll(".scroll, pre")) boxes.observe(each);

  const open = [];
  window.addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("details.failure:not([open])")) { each.open = true; open.push(each); }
  });
  window.addEventListener("afterprint", () => { for (const each of open.splice(0)) each.open = false; });

  const drawn = (async () => {
    for (const element of document.querySelectorAll(".group")) await new Group(element).draw();
  })();
  drawn.then(() => { root.dataset.drawn = "yes"; });
})();
