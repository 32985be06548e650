// Chosen runs side by side. All that is chosen is in `state`, and in the address behind "#view=".
const viewer = document.querySelector(".viewer");
if (viewer) {
  const part = name => viewer.querySelector("." + name);
  const panes = part("panes"), boxes = [...viewer.querySelectorAll("fieldset input")];
  const runs = new Map(boxes.map(box => {
    const section = document.getElementById("run-" + box.value), image = section.querySelector(".slider img");
    const { settings, metrics } = section.dataset;
    return [box.value, {
      section, src: image.src, alt: image.alt, box, aspect: section.querySelector(".look").style.getPropertyValue("--aspect"),
      frames: [...section.querySelectorAll(".film details img")], settings: JSON.parse(settings), metrics: JSON.parse(metrics),
    }];
  }));
  const links = new Map([...runs.keys()].map(number => [number, []])); // to each run, found once: there are thousands
  for (const link of document.querySelectorAll('a[href^="#run-"]')) links.get(link.hash.slice(5))?.push(link);
  const whole = { zoom: 1, x: .5, y: .5 };
  const state = { chosen: [], label: "", metric: "", sense: "max", limit: "", time: 1, flicker: false, ...whole };
  let top = 0, drawn = "";

  // Ticks below the pictures of the sheet.
  for (const link of document.querySelectorAll(".sheet td > a")) {
    const number = link.hash.slice(5);
    if (!runs.has(number)) continue;
    const label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox", box.value = number, label.className = "pick";
    label.append(box, " look closer");
    box.setAttribute("aria-label", "look closer at " + runs.get(number).alt);
    link.after(label);
    boxes.push(box);
  }

  const caption = number => {
    const run = runs.get(number), { label } = state;
    return label === "#" ? number : label ? `${label}=${run.settings[label] ?? "?"}` : `${number}: ${run.alt}`;
  };
  const passes = run => {
    if (!state.metric || state.limit === "") return true;
    const value = run.metrics[state.metric];
    return value !== undefined && (state.sense === "max" ? value <= +state.limit : value >= +state.limit);
  };
  const pictureAt = run => run.frames[Math.round(state.time * run.frames.length)] ?? { src: run.src, alt: "result" };

  function draw() { // the panes, anew only where other pictures are shown
    const key = JSON.stringify([state.chosen, state.label, state.time, state.flicker]);
    if (key === drawn) return;
    drawn = key;
    const pictures = state.chosen.map(number => {
      const image = new Image(), picture = pictureAt(runs.get(number));
      image.src = picture.src, image.alt = `${caption(number)}, ${picture.alt}`, image.draggable = false;
      return image;
    });
    const groups = state.flicker && pictures.length > 1 ? [pictures] : pictures.map(image => [image]);
    top = 0;
    panes.replaceChildren(...groups.map((images, index) => {
      const figure = document.createElement("figure"), frame = document.createElement("div"), words = document.createElement("figcaption");
      const { aspect } = runs.get(state.chosen[index]);
      frame.className = "window", frame.style.aspectRatio = aspect, figure.style.setProperty("--aspect", aspect);
      images.forEach((image, place) => image.classList.toggle("top", place === 0));
      frame.append(...images), words.textContent = images[0].alt;
      figure.append(frame, words);
      return figure;
    }));
  }
  function place() { // all pictures at the same point and zoom
    const { zoom } = state, most = 1 - .5 / zoom, least = .5 / zoom;
    state.x = Math.min(most, Math.max(least, state.x)), state.y = Math.min(most, Math.max(least, state.y));
    for (const image of panes.querySelectorAll("img"))
      image.style.transform = `translate(${100 * (.5 - state.x * zoom)}%, ${100 * (.5 - state.y * zoom)}%) scale(${zoom})`;
    panes.classList.toggle("zoomed", zoom > 1), panes.classList.toggle("sharp", zoom > 4);
  }
  function sift() { // leave out runs that do not pass
    let passing = 0;
    for (const [number, run] of runs) {
      const out = !passes(run);
      passing += !out, run.section.hidden = out, run.box.parentElement.hidden = out && !run.box.checked;
      for (const link of links.get(number)) {
        if (link.closest(".sheet")) link.closest("td").classList.toggle("out", out);
        else if (link.closest("td") === link.closest("tr")?.cells[0]) link.closest("tr").hidden = out;
      }
    }
    return passing;
  }
  function say(passing) {
    const parts = [`${state.chosen.length} chosen`];
    if (passing < runs.size) parts.push(`${passing} of ${runs.size} runs pass`);
    if (state.zoom > 1) parts.push(`zoom ${state.zoom.toFixed(1)}`);
    if (state.time < 1) parts.push(`at ${Math.round(100 * state.time)} % of the snapshots`);
    part("said").textContent = parts.join(", ");
  }
  function show(remember = true) {
    for (const box of boxes) box.checked = state.chosen.includes(box.value);
    for (const name of ["label", "metric", "sense", "limit"]) part(name).value = state[name];
    part("time").value = 100 * state.time;
    viewer.querySelector("[data-do=flicker]").setAttribute("aria-pressed", state.flicker);
    draw(), place(), say(sift());
    if (remember) history.replaceState(null, "", "#" + written());
  }
  function written() {
    const { chosen, label, metric, sense, limit, zoom, x, y, time, flicker } = state;
    const params = new URLSearchParams({ view: chosen.join(" ") });
    if (label) params.set("label", label);
    if (metric && limit !== "") params.set(sense, `${metric} ${limit}`);
    if (zoom > 1) params.set("at", [zoom, x, y].map(value => +value.toFixed(4)).join(" "));
    if (time < 1) params.set("time", time.toFixed(2));
    if (flicker) params.set("flicker", 1);
    return params.toString();
  }
  function read() {
    const params = new URLSearchParams(location.hash.slice(1));
    if (!params.has("view")) return false;
    Object.assign(state, whole, { chosen: params.get("view").split(" ").filter(number => runs.has(number)) });
    state.label = params.get("label") ?? "", state.time = Math.min(1, Math.max(0, +(params.get("time") ?? 1) || 0));
    state.flicker = params.has("flicker"), state.metric = state.limit = "";
    for (const sense of ["max", "min"])
      if (params.has(sense)) [state.metric, state.limit] = params.get(sense).split(" "), state.sense = sense;
    const at = (params.get("at") ?? "").split(" ").map(Number);
    if (at.length === 3 && at.every(Number.isFinite)) state.zoom = Math.min(64, Math.max(1, at[0])), [, state.x, state.y] = at;
    return true;
  }

  function zoomBy(factor, x = state.x, y = state.y) { // the point x, y of the picture stays where it is
    const zoom = Math.min(64, Math.max(1, state.zoom * factor)), kept = state.zoom / zoom;
    state.x = x + (state.x - x) * kept, state.y = y + (state.y - y) * kept, state.zoom = zoom;
  }
  const steps = () => Math.max(1, ...state.chosen.map(number => runs.get(number).frames.length));
  const later = count => { state.time = Math.min(1, Math.max(0, Math.round(state.time * steps() + count) / steps())); };
  const actions = {
    in: () => zoomBy(1.5), out: () => zoomBy(1 / 1.5), whole: () => Object.assign(state, whole),
    flicker: () => { state.flicker = !state.flicker; }, none: () => { state.chosen = []; },
  };
  const move = (x, y) => () => { state.x += x / state.zoom, state.y += y / state.zoom; };
  const keys = {
    "+": actions.in, "=": actions.in, "-": actions.out, 0: actions.whole, f: actions.flicker,
    ArrowLeft: move(-.1, 0), ArrowRight: move(.1, 0), ArrowUp: move(0, -.1), ArrowDown: move(0, .1),
    ",": () => later(-1), ".": () => later(1), Escape: () => { state.flicker = false; },
  };
  panes.addEventListener("keydown", event => {
    const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault(), event.stopPropagation();
    action(), show();
  });
  for (const button of viewer.querySelectorAll("button")) button.addEventListener("click", () => { actions[button.dataset.do](), show(); });
  for (const box of boxes) box.addEventListener("change", () => {
    state.chosen = state.chosen.filter(number => number !== box.value);
    if (box.checked) state.chosen.push(box.value);
    show();
  });
  for (const name of ["label", "metric", "sense", "limit"]) part(name).addEventListener("input", event => { state[name] = event.target.value, show(); });
  part("time").addEventListener("input", event => { state.time = event.target.value / 100, show(); });

  // Fingers and mouse.
  const held = new Map();
  const pointOf = event => {
    const frame = event.target.closest(".window"), box = frame.getBoundingClientRect();
    const across = (event.clientX - box.left) / box.width - .5, down = (event.clientY - box.top) / box.height - .5;
    return [state.x + across / state.zoom, state.y + down / state.zoom, box];
  };
  panes.addEventListener("pointerdown", event => {
    if (!event.target.closest(".window")) return;
    held.set(event.pointerId, event);
    if (state.zoom > 1 || held.size > 1) event.target.closest(".window").setPointerCapture(event.pointerId);
  });
  panes.addEventListener("pointermove", event => {
    const before = held.get(event.pointerId);
    if (!before || !event.target.closest(".window")) return;
    const [x, y, box] = pointOf(event);
    if (held.size === 1) {
      state.x -= (event.clientX - before.clientX) / box.width / state.zoom, state.y -= (event.clientY - before.clientY) / box.height / state.zoom;
    } else {
      const other = [...held.values()].find(one => one.pointerId !== event.pointerId);
      const apart = one => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      zoomBy(apart(event) / Math.max(1, apart(before)), x, y);
    }
    held.set(event.pointerId, event), place();
  });
  for (const end of ["pointerup", "pointercancel"]) panes.addEventListener(end, event => { if (held.delete(event.pointerId)) show(); });
  panes.addEventListener("dblclick", event => {
    if (!event.target.closest(".window")) return;
    const [x, y] = pointOf(event);
    zoomBy(2, x, y), show();
  });
  panes.addEventListener("wheel", event => {
    if (!event.ctrlKey || !event.target.closest(".window")) return;
    event.preventDefault();
    const [x, y] = pointOf(event);
    zoomBy(Math.exp(-event.deltaY / 300), x, y), show();
  }, { passive: false });

  setInterval(() => { // under three changes a second, as flashes may be harmful
    const images = [...panes.querySelectorAll("img")];
    if (!state.flicker || state.chosen.length < 2 || document.hidden) return;
    top = (top + 1) % images.length;
    images.forEach((image, index) => image.classList.toggle("top", index === top));
    panes.querySelector("figcaption").textContent = images[top].alt;
  }, 700);

  if (read()) show(false), viewer.scrollIntoView();
  else show(false);
  window.addEventListener("hashchange", () => { if (read()) show(false); });
}
