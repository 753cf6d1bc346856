"use strict";
for (const section of document.querySelectorAll("[data-sortable]")) {
  const body = section.querySelector("tbody");
  const rows = Array.from(body.rows);
  const heads = Array.from(section.querySelectorAll("thead th"));
  const search = section.querySelector("input");
  const select = section.querySelector("select");
  const count = section.querySelector("output");

  const valueOf = (row, column) => {
    const text = row.cells[column].textContent.trim();
    return heads[column].classList.contains("number") ? (text === "" ? -Infinity : parseFloat(text)) : text;
  };
  const sortBy = (column) => {
    const head = heads[column];
    const up = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach((each) => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const order = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));
    rows.sort((a, b) => (up ? 1 : -1) * order(valueOf(a, column), valueOf(b, column)));
    body.append(...rows);
  };
  const filter = () => {
    const wanted = search.value.toLowerCase();
    const group = select ? select.value : "";
    let shown = 0;
    for (const row of rows) {
      const fits = row.textContent.toLowerCase().includes(wanted) && (!group || row.dataset.group.split("\n").includes(group));
      row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${rows.length}`;
  };
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => sortBy(column)));
  search.addEventListener("input", filter);
  if (select) select.addEventListener("change", filter);
  filter();
}
