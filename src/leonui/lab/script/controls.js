/* Controls: what the visitor sets, and where it goes. */
const on = (id, event, action) => by(id)?.addEventListener(event, action);
const every = (selector, action) => document.querySelectorAll(selector).forEach(action);

function touched() {
  if (lab.live) state.preset = "";
  changed();
}

/* Another race altogether: its rows are made anew, so that nothing of the last one stays open in them. */
function anew() {
  delete by("climbers").dataset.same;
  changed();
}

function controls() {
  every("[data-preset]", (node) => (node.ariaPressed = String(node.dataset.preset === state.preset)));
  for (const [id, key, value] of [["flat", "view", "2d"], ["deep", "view", "3d"], ["by-step", "over", "steps"], ["by-rate", "over", "rates"]]) {
    by(id).ariaPressed = String(state[key] === value);
  }
  const told = presets[state.preset];
  by("title").textContent = (told ?? place()).title[root.lang];
  by("words").textContent = (told ?? place()).words[root.lang];
  by("section").hidden = !told;
  by("section").textContent = told ? say("section", { number: told.section }) : "";
  for (const option of by("surface").options) option.textContent = surfaces[option.value].title[root.lang];
  const values = {
    surface: state.surface, "start-x": short(state.start[0]), "start-y": short(state.start[1] ?? 0), steps: state.steps, noise: state.noise, batch: Math.log2(state.batch), seed: state.seed,
  };
  for (const [id, value] of Object.entries(values)) if (document.activeElement !== by(id) || by(id).type === "range") by(id).value = value;
  for (const [id, value] of [["steps", state.steps], ["noise", short(state.noise)], ["batch", state.batch]]) {
    by(`${id}-said`).textContent = by(id).ariaValueText = String(value);
  }
  by("start-y").hidden = curve();
  for (const id of ["start-field", "steps-field", "weather"]) by(id).hidden = batches();
  if (by("add")) by("add").disabled = state.climbers.length >= lab.most.climbers;
  for (const [id, share] of [["halve", lab.shares[0]], ["double", lab.shares.at(-1)]]) by(id).disabled = !lab.live && state.share === share;
  list();
}

function rates(factor) {
  if (!lab.live) preset(state.preset, state.share * factor);
  else for (const one of state.climbers) one.lr = Number((one.lr * factor).toPrecision(3));
  touched();
}

/* The start: where the map is clicked or dragged, or the arrow keys lead. */
const movable = () => lab.live && state.view === "2d" && !batches();
const rounded = (point) => point.map((x) => Number(x.toPrecision(4)));

function moveTo(event) {
  const box = by("map").getBoundingClientRect(), { xaxis, yaxis } = by("map")._fullLayout;
  const x = xaxis.p2d(event.clientX - box.left - xaxis._offset), y = yaxis.p2d(event.clientY - box.top - yaxis._offset);
  const point = curve() ? [x] : [x, y];
  if (point.some((one, i) => one < place().window[i][0] || one > place().window[i][1])) return false;
  state.start = rounded(point);
  touched();
  return true;
}

on("map", "pointerdown", (event) => {
  if (!movable() || !ready() || !moveTo(event)) return;
  const leave = () => {
    removeEventListener("pointermove", moveTo);
    for (const end of ["pointerup", "pointercancel"]) removeEventListener(end, leave);
  };
  addEventListener("pointermove", moveTo);
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, leave);
});

on("map", "keydown", (event) => {
  const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (!move || !movable()) return;
  event.preventDefault();
  state.start = rounded(state.start.map((x, i) => x + (move[i] * (place().window[i][1] - place().window[i][0])) / 50));
  touched();
});

on("surface", "change", () => {
  Object.assign(state, { surface: by("surface").value, start: [...surfaces[by("surface").value].start] });
  touched();
});
const SETS = {
  "start-x": (x) => (state.start = [x, ...state.start.slice(1)]), "start-y": (y) => (state.start = [state.start[0], y]), steps: (x) => (state.steps = x),
  noise: (x) => (state.noise = x), batch: (x) => (state.batch = 2 ** x), seed: (x) => (state.seed = Math.round(Math.abs(x))),
};
for (const [id, set] of Object.entries(SETS)) {
  on(id, "input", () => {
    if (by(id).value === "") return;
    set(Number(by(id).value));
    touched();
  });
}
on("add", "click", () => {
  state.climbers.push({ ...lab.plain, kind: "adam", lr: lab.kinds.adam.lr });
  touched();
});
on("halve", "click", () => rates(0.5));
on("double", "click", () => rates(2));
on("play", "click", play);
on("scrub", "input", () => {
  cancelAnimationFrame(playing);
  playing = 0;
  at = Number(by("scrub").value);
  redraw();
});

function see(key, value) {
  state[key] = value;
  history.replaceState(null, "", address());
  controls();
  if (state.over === "rates" && shown && !shown.rates) compare();
  redraw();
}
on("flat", "click", () => see("view", "2d"));
on("deep", "click", () => see("view", "3d"));
on("by-step", "click", () => see("over", "steps"));
on("by-rate", "click", () => see("over", "rates"));

every("[data-preset]", (node) => node.addEventListener("click", () => {
  preset(node.dataset.preset);
  anew();
}));
every("[data-lang]", (node) => node.addEventListener("click", () => {
  speak(node.dataset.lang);
  history.replaceState(null, "", address());
  controls();
  if (!shown) return;
  note("computed", { ms: shown.ms });
  verdicts();
  redraw();
}));

async function give(text) {
  const node = element("pre", { textContent: text, className: "unseen" });
  document.body.append(node);
  await copy(node);
  node.remove();
  note("copied");
}
on("link", "click", () => give(location.href));
on("python", "click", () => shown && give(shown.python));
on("controls", "submit", (event) => event.preventDefault());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("hashchange", () => {
  read();
  anew();
});

async function open() {
  root.dataset.live = String(lab.live);
  read();
  changed();
  try {
    document.head.append(element("script", { textContent: await unpack(by("plotly").textContent) }));
  } catch (error) {
    trouble(say("unseen", { error: error.message }));
  }
  redraw();
}
open();
