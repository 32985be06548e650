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

for (const range of document.querySelectorAll(".look > input")) {
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
  const way = { ArrowRight: "nextElementSibling", ArrowLeft: "previousElementSibling" }[event.key];
  let next = way && open[way];
  while (next?.hidden) next = next[way]; // the viewer has left it out
  if (next) location.hash = next.id;
  if (event.key === "Escape") location.hash = "sheet";
});

for (const film of document.querySelectorAll(".film")) { // its slider shows snapshots in place of the result
  const run = film.closest(".run"), shown = run.querySelector(".slider img"), result = shown.src;
  const frames = [...film.querySelectorAll("img")], range = film.querySelector("input"), said = film.querySelector("output");
  range.addEventListener("input", () => {
    const frame = frames[range.value];
    shown.src = frame ? frame.src : result;
    said.textContent = frame ? frame.alt : "result";
  });
}

const live = document.querySelector(".live");
if (live) {
  setInterval(() => {
    const { written, stale } = live.dataset;
    if (Date.now() / 1000 - written > stale) {
      live.textContent = "Nobody has rewritten this report for long: the sweep was killed.";
    } else if (live.querySelector("input").checked && !document.hidden && !document.activeElement.matches("select, [type=number]")) {
      location.reload(); // the place on the page stays, and so does what is chosen
    }
  }, live.dataset.every * 1000);
}
