document.documentElement.classList.add("js");

for (const th of document.querySelectorAll("th.sortable")) {
  th.tabIndex = 0;
  const sort = () => {
    const table = th.closest("table"), body = table.tBodies[0], column = th.cellIndex;
    const down = th.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const key = row => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
    const compare = (a, b) => {
      if (a === "" || b === "") return (a === "") - (b === ""); // gaps stay at the end
      const difference = Number(a) - Number(b);
      return down * (Number.isNaN(difference) ? a.localeCompare(b, undefined, { numeric: true }) : difference);
    };
    const rows = [...body.rows].sort((a, b) => compare(key(a), key(b)));
    body.append(...rows);
    for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
    th.setAttribute("aria-sort", down === 1 ? "ascending" : "descending");
  };
  th.addEventListener("click", sort);
  th.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
}

for (const range of document.querySelectorAll("input[type=range]")) {
  const slider = range.previousElementSibling;
  const move = () => {
    slider.style.setProperty("--x", range.value + "%");
    slider.classList.add("moved");
  };
  range.addEventListener("input", move);
  slider.addEventListener("pointermove", event => {
    const box = slider.getBoundingClientRect();
    range.value = 100 * (event.clientX - box.left) / box.width;
    move();
  });
}

document.addEventListener("keydown", event => {
  const open = document.querySelector(".run:target");
  if (!open || event.target.matches("input")) return;
  const next = { ArrowRight: open.nextElementSibling, ArrowLeft: open.previousElementSibling }[event.key];
  if (next) location.hash = next.id;
  if (event.key === "Escape") location.hash = "sheet";
});
