/* The lab draws and asks; every number comes from leonui. */
const lab = JSON.parse(document.getElementById("lab").textContent);
const by = (id) => document.getElementById(id);
const surfaces = Object.fromEntries(lab.surfaces.map((one) => [one.name, one]));
const presets = Object.fromEntries(lab.presets.map((one) => [one.name, one]));
const DASHES = ["solid", "6px,3px", "2px,3px", "9px,3px,2px,3px", "12px,4px", "4px,2px,1px,2px"];
const LEAST = -5, MOST = 1.5; /* powers of ten of a learning rate's slider */
let state = {}, shown = null, at = Infinity, playing = 0, asking = null, again = false, webgl;

const say = (key, values = {}) =>
  Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, value), lab.words[key][root.lang]);
const short = (x) => (x === null ? "∞" : String(Number(x.toPrecision(3))));
const place = () => surfaces[state.surface];
const regression = () => state.surface === "regression";
const curve = () => !place().shade;
const length = () => Math.max(1, ...(shown?.climbers.map((one) => one.x.length - 1) ?? []));
const color = (index) => getComputedStyle(root).getPropertyValue(`--c${index + 1}`).trim();

/* state: a race as the server takes it, and how it is looked at; all of it stands in the address */
function pick(name) {
  state = { ...structuredClone(presets[name].race), preset: name, view: state.view ?? "2d", share: 1 };
  changed();
}

function write() {
  const words = new URLSearchParams({ on: state.surface, from: state.start.join(), steps: state.steps, view: state.view });
  for (const name of ["noise", "batch", "seed"]) words.set(name, state[name]);
  for (const one of state.climbers) words.append("climber", [one.kind, one.lr, one.momentum, one.batch].join("~"));
  if (state.preset) words.set("preset", state.preset);
  if (!lab.live) words.set("share", state.share);
  words.set("lang", root.lang);
  history.replaceState(null, "", "#" + words);
}

function read() {
  const words = new URLSearchParams(location.hash.slice(1));
  if (words.get("lang") in { en: 1, vi: 1 }) root.lang = words.get("lang");
  for (const button of document.querySelectorAll("[data-lang]")) button.ariaPressed = String(button.dataset.lang === root.lang);
  const preset = words.get("preset");
  const number = (name, otherwise) => (Number.isFinite(parseFloat(words.get(name))) ? parseFloat(words.get(name)) : otherwise);
  const climbers = words.getAll("climber").map((text) => text.split("~")).filter(([kind]) => kind in lab.kinds);
  state.view = words.get("view") === "3d" ? "3d" : "2d";
  if (!(words.get("on") in surfaces) || !climbers.length || (!lab.live && !(preset in presets))) {
    return pick(preset in presets ? preset : lab.presets[0].name);
  }
  if (!lab.live) {
    pick(preset);
    return share(number("share", 1));
  }
  const start = (words.get("from") ?? "").split(",").map(Number).filter(Number.isFinite);
  state = {
    ...state, preset: preset in presets ? preset : "", surface: words.get("on"),
    start: start.length === surfaces[words.get("on")].start.length ? start : surfaces[words.get("on")].start,
    steps: number("steps", 200), noise: number("noise", 0), batch: number("batch", 1), seed: number("seed", 0), share: 1,
    climbers: climbers.slice(0, lab.most.climbers).map(([kind, lr, momentum, batch]) => ({
      kind, lr: Number(lr) || lab.kinds[kind].lr, momentum: Number(momentum) || 0, batch: Number(batch) || 1,
    })),
  };
  changed();
}

function changed() {
  at = Infinity;
  write();
  controls();
  ask();
}

/* asking: one question at a time; what changes meanwhile is asked after it */
async function ask() {
  if (!lab.live) {
    shown = presets[state.preset].answers[state.share.toFixed(1)];
    return arrived();
  }
  if (asking) return void (again = true);
  asking = state;
  root.dataset.busy = "";
  by("status").textContent = say("computing");
  const { surface, start, steps, noise, batch, seed, climbers } = state;
  try {
    const body = JSON.stringify({ surface, start, steps, noise, batch, seed, climbers });
    const response = await fetch("/race", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    const found = (response.headers.get("content-type") ?? "").includes("json") ? await response.json() : { error: response.statusText };
    if (!response.ok) throw Object.assign(new Error(found.error), { told: true });
    if (!again) {
      shown = { ...found, of: surface };
      by("trouble").hidden = true;
      arrived();
    }
  } catch (error) {
    by("trouble").textContent = error.told ? error.message : say("lost", { error: error.message });
    by("trouble").hidden = false;
    by("status").textContent = "";
  }
  asking = null;
  delete root.dataset.busy;
  if (again) {
    again = false;
    ask();
  }
}

function arrived() {
  by("status").textContent = say("computed", { ms: shown.ms });
  by("scrub").max = length();
  draw3();
  verdicts();
}

/* drawing */
const scale = (names) => names.map((name, index) => [[0, 0.3, 0.65, 1][index], getComputedStyle(root).getPropertyValue(name).trim()]);
const COLORS = () => scale(["--low", "--mid", "--high", "--top"]);
const cut = (values) => values.slice(0, Math.min(at, values.length - 1) + 1);
const height = (loss) => (loss === null ? null : Math.log10(1 + Math.max(0, loss - place().low) / place().scale));
const ended = (one) => at >= one.x.length - 1;
const inside = (one) => {
  const [[left, right], [low, high] = [-Infinity, Infinity]] = place().window;
  const seen = (i) => one.x[i] !== null && one.x[i] >= left && one.x[i] <= right && (curve() || (one.y[i] >= low && one.y[i] <= high));
  let last = Math.min(at, one.x.length - 1);
  while (last > 0 && !seen(last)) last -= 1;
  return last;
};

function paths() {
  return shown.climbers.flatMap((one, index) => {
    const x = cut(one.x), y = cut(one.y), few = one.x.length <= 130;
    const line = { color: color(index), width: 2.5, dash: DASHES[index] };
    const last = inside(one), broke = ended(one) && ["diverged", "fell"].includes(one.verdict);
    const head = broke ? "x" : "circle", edge = getComputedStyle(root).getPropertyValue("--halo").trim();
    return [
      { type: "scatter", mode: "lines", x, y, line: { color: edge, width: 5 }, opacity: 0.75, hoverinfo: "skip" },
      { type: "scatter", mode: few ? "lines+markers" : "lines", x, y, line, marker: { size: 4, color: color(index) }, name: name(index), hovertemplate: "%{x:.3g}, %{y:.3g}" },
      {
        type: "scatter", mode: broke ? "markers+text" : "markers", x: [one.x[last]], y: [one.y[last]], text: broke ? [` ${one.words[root.lang]} `] : [],
        textposition: one.x[last] > (place().window[0][0] + place().window[0][1]) / 2 ? "middle left" : "middle right", textfont: { color: color(index), size: 13, weight: 700 },
        marker: { symbol: head, size: broke ? 14 : 12, color: color(index), line: { color: edge, width: broke ? 1 : 2 } }, hoverinfo: "skip", cliponaxis: false,
      },
    ];
  });
}

const name = (index) => lab.kinds[state.climbers[index]?.kind]?.label ?? "";
const ink = (variable) => getComputedStyle(root).getPropertyValue(variable).trim();
function marks() {
  const heights = (points) => points.map((point) => (curve() ? interpolated(point[0]) : point[1]));
  const mark = (points, symbol, size, label, fill) => ({
    type: "scatter", mode: "markers", x: points.map((p) => p[0]), y: heights(points), hovertemplate: label, name: label,
    marker: { symbol, size, color: fill, line: { color: ink("--ink"), width: 1.5 } },
  });
  return [
    mark(place().minima, "star", 13, say("minimum"), "#ffd54a"),
    mark(place().saddles, "diamond-open", 10, say("saddle"), ink("--ink")),
    mark(regression() ? [place().start] : [state.start], "circle-open-dot", 17, say("start"), ink("--ink")),
  ];
}

function interpolated(x) {
  const { x: xs, loss } = place();
  const share = ((x - xs[0]) / (xs[xs.length - 1] - xs[0])) * (xs.length - 1);
  const i = Math.max(0, Math.min(xs.length - 2, Math.floor(share)));
  return loss[i] + (share - i) * (loss[i + 1] - loss[i]);
}

function layout(more) {
  const axis = { gridcolor: ink("--grid"), linecolor: ink("--line"), zeroline: false, automargin: true, tickfont: { color: ink("--ink-soft") }, title: { font: { color: ink("--ink-soft"), size: 13 } } };
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: ink("--font"), color: ink("--ink-soft"), size: 12 },
    margin: { l: 10, r: 10, t: 10, b: 10 }, showlegend: false, dragmode: false, hoverlabel: { bgcolor: ink("--card"), font: { color: ink("--ink") } },
    ...more, xaxis: { ...axis, ...more.xaxis, title: { ...axis.title, text: more.xaxis?.text } }, yaxis: { ...axis, ...more.yaxis, title: { ...axis.title, text: more.yaxis?.text } },
  };
}

const ground = () => curve()
  ? { type: "scatter", mode: "lines", x: place().x, y: place().loss, line: { color: ink("--ink-soft"), width: 2 }, fill: "tozeroy", fillcolor: ink("--mid") + "55", hoverinfo: "skip" }
  : { type: "contour", x: place().x, y: place().y, z: place().shade, ncontours: 24, colorscale: COLORS(), showscale: false, contours: { coloring: "heatmap" }, line: { width: 1, color: ink("--contour"), smoothing: 1 }, hoverinfo: "skip" };

function drawMap() {
  const axes = { xaxis: { text: say("weight") + " 1", range: place().window[0], fixedrange: true, showgrid: false }, yaxis: { text: say("weight") + " 2", fixedrange: true, showgrid: false } };
  if (curve()) {
    const span = Math.max(...place().loss) - Math.min(...place().loss);
    axes.xaxis.text = say("weight");
    axes.yaxis = { text: say("loss"), range: [Math.min(...place().loss) - 0.08 * span, Math.min(...place().loss) + 1.05 * span], fixedrange: true };
  } else axes.yaxis.range = place().window[1];
  return Plotly.react("map", [ground(), ...paths(), ...marks()], layout(axes), { responsive: true, displayModeBar: false });
}

function drawDeep() {
  const lines = shown.climbers.flatMap((one, index) => {
    const [[left, right], [low, high]] = place().window, end = inside(one);
    const kept = cut(one.x).map((x, i) => i).filter((i) => one.x[i] >= left && one.x[i] <= right && one.y[i] >= low && one.y[i] <= high);
    const [x, y, z] = [kept.map((i) => one.x[i]), kept.map((i) => one.y[i]), kept.map((i) => height(one.loss[i]) + 0.03)];
    return [
      { type: "scatter3d", mode: "lines", x, y, z, line: { color: color(index), width: 6 }, name: name(index), hoverinfo: "name" },
      { type: "scatter3d", mode: "markers", x: [one.x[end]], y: [one.y[end]], z: [height(one.loss[end]) + 0.05], marker: { size: 6, color: color(index) }, hoverinfo: "skip" },
    ];
  });
  const [x, y] = [say("weight") + " 1", say("weight") + " 2"];
  const axis = { color: ink("--ink-soft"), gridcolor: ink("--grid"), backgroundcolor: "rgba(0,0,0,0)" };
  const surface = { type: "surface", x: place().x, y: place().y, z: place().shade, colorscale: COLORS(), showscale: false, hoverinfo: "skip", contours: { z: { show: true, color: ink("--contour"), usecolormap: false } }, lighting: { ambient: 0.75, diffuse: 0.5, specular: 0.05 } };
  const scene = { uirevision: state.surface, xaxis: { ...axis, title: { text: x } }, yaxis: { ...axis, title: { text: y } }, zaxis: { ...axis, title: { text: say("loss") }, showticklabels: false }, camera: { eye: { x: 1.25, y: -1.25, z: 0.95 } }, aspectratio: { x: 1.15, y: 1.15, z: 0.6 } };
  return Plotly.react("map", [surface, ...lines], layout({ scene, margin: { l: 0, r: 0, t: 0, b: 0 }, dragmode: "turntable" }), { responsive: true, displayModeBar: false });
}

function drawLosses() {
  const shares = shown.climbers.map((one) => one.seen ?? one.x.map((_, i) => i));
  const first = shown.climbers[0].loss[0], all = shown.climbers.flatMap((one) => one.loss).filter((loss) => loss !== null);
  const lowest = Math.min(...all), logarithmic = lowest >= 0 && first > 0;
  const top = Math.min(Math.max(...all), 100 * Math.abs(first) + 1), low = Math.max(lowest, 1e-9 * first);
  const range = logarithmic ? [Math.log10(low) - 0.3, Math.log10(top) + 0.3] : [Math.max(lowest, -10 * Math.abs(first) - 10) - 0.05, top + 0.05];
  const data = shown.climbers.flatMap((one, index) => [
    { type: "scatter", mode: "lines", x: cut(shares[index]), y: cut(one.loss), line: { color: color(index), width: 2.5, dash: DASHES[index] }, name: name(index), hovertemplate: "%{y:.3g}" },
  ]);
  const xaxis = { text: say(regression() ? "samples" : "step"), range: [0, Math.max(...shares.map((one) => one[one.length - 1]))], fixedrange: true };
  return Plotly.react("losses", data, layout({ xaxis, yaxis: { text: say("loss"), type: logarithmic ? "log" : "linear", range, fixedrange: true, tickformat: "~g", nticks: 6 }, hovermode: "x unified" }), { responsive: true, displayModeBar: false });
}

function hasWebgl() {
  webgl ??= Boolean(document.createElement("canvas").getContext("webgl"));
  return webgl;
}

let kind = "";
function draw3() {
  if (!window.Plotly || !shown || (shown.of && shown.of !== state.surface)) return;
  const why = state.view === "3d" ? (curve() ? "flat" : hasWebgl() ? "" : "noWebgl") : "";
  by("no3d").hidden = !why;
  by("no3d").textContent = why ? say(why) : "";
  const deep = state.view === "3d" && !why, now = deep ? "deep" : curve() ? "curve" : "map";
  if (kind && kind !== now) Plotly.purge("map");
  kind = now;
  try {
    (deep ? drawDeep : drawMap)();
    drawLosses();
    root.dataset.charts = "drawn";
  } catch (error) {
    by("trouble").textContent = say("unseen", { error: error.message });
    by("trouble").hidden = false;
  }
  const count = shown.climbers.length;
  by("map").ariaLabel = say("picture", { title: place().title[root.lang], count, start: state.start.map(short).join(", ") });
  by("losses").ariaLabel = say("losses", { count }) + " " + shown.climbers.map((one, i) => `${name(i)}: ${one.words[root.lang]}`).join("; ");
  const step = Math.min(at, length());
  by("scrub").value = step;
  by("at").textContent = regression() ? `${Math.round((100 * step) / length())}%` : say("at", { step, steps: length() });
  by("play").textContent = say(playing ? "pause" : "play");
}

/* playing: the paths grow, all at the same step */
function play() {
  if (playing) return stop();
  const begin = at >= length() ? 0 : at, started = performance.now(), lasts = 4000;
  const frame = (now) => {
    at = Math.min(length(), Math.round(begin + ((now - started) / lasts) * length()));
    if (at >= length()) return stop();
    playing = requestAnimationFrame(frame);
    draw3();
  };
  at = begin;
  playing = requestAnimationFrame(frame);
}

function stop() {
  cancelAnimationFrame(playing);
  playing = 0;
  if (at >= length()) at = Infinity;
  draw3();
}

/* controls */
function controls() {
  for (const button of document.querySelectorAll("[data-preset]")) button.ariaPressed = String(button.dataset.preset === state.preset);
  const chosen = document.querySelector(`[data-preset="${CSS.escape(state.preset || "-")}"]`);
  by("title").textContent = chosen ? chosen.querySelector(`[lang="${root.lang}"]`)?.textContent ?? chosen.textContent : place().title[root.lang];
  by("words").textContent = chosen ? lab.lessons[state.preset][root.lang] : place().words[root.lang];
  by("about").textContent = place().words[root.lang];
  by("about").hidden = !chosen;
  for (const option of by("surface").options) option.textContent = option.dataset[root.lang];
  const values = { surface: state.surface, "start-x": short(state.start[0]), "start-y": short(state.start[1] ?? 0), steps: state.steps, noise: state.noise, batch: Math.log2(state.batch), seed: state.seed };
  for (const [id, value] of Object.entries(values)) if (document.activeElement !== by(id)) by(id).value = value;
  by("start-y").hidden = curve();
  for (const id of ["start-field", "weather"]) by(id).hidden = regression();
  by("steps").parentElement.hidden = regression();
  by("steps-said").textContent = state.steps;
  by("noise-said").textContent = short(state.noise);
  by("batch-said").textContent = state.batch;
  by("flat").ariaPressed = String(state.view === "2d");
  by("deep").ariaPressed = String(state.view === "3d");
  if (by("add")) by("add").disabled = state.climbers.length >= lab.most.climbers;
  if (!lab.live) {
    by("halve").disabled = state.share <= 0.5;
    by("double").disabled = state.share >= 2;
  }
  list();
}

function element(tag, values = {}, ...children) {
  const node = Object.assign(document.createElement(tag), values);
  node.append(...children);
  return node;
}

function list() {
  const same = by("climbers").children.length === state.climbers.length && [...by("climbers").children].every((row) => row.dataset.lang === root.lang && row.dataset.on === state.surface);
  if (!same) by("climbers").replaceChildren(...state.climbers.map(row));
  state.climbers.forEach((one, index) => fill(by("climbers").children[index], one, index));
}

function row(one, index) {
  const dash = `<svg class="dash" viewBox="0 0 36 12" aria-hidden="true"><path d="M0 6h36" stroke-dasharray="${index ? DASHES[index].replaceAll("px", "") : ""}"/></svg>`;
  const rule = element("select", { className: "kind", ariaLabel: `${say("climber", { number: index + 1 })}: ${say("rule")}` });
  rule.append(...Object.entries(lab.kinds).map(([value, it]) => element("option", { value, textContent: it.label })));
  const gone = element("button", { type: "button", className: "gone", textContent: "✕", title: say("remove"), ariaLabel: `${say("remove")} ${index + 1}` });
  const slider = (what, min, max, step) => element("input", { type: "range", className: what, min, max, step, ariaLabel: `${say("climber", { number: index + 1 })}: ${say(what)}` });
  const exact = (what) => element("input", { type: "number", className: `${what}-exact`, step: "any", min: 0, ariaLabel: `${say("climber", { number: index + 1 })}: ${say(what)}` });
  const field = (what, ...inputs) => element("div", { className: `field of-${what}` }, element("span", { textContent: say(what) }), ...inputs);
  const rate = element("div", { className: "rate" }, slider("lr", 0, 1, 0.0025), element("i"));
  const head = element("div", { className: "row" });
  head.innerHTML = dash;
  head.append(rule, gone);
  const node = element("li", { className: "climber" }, head, field("lr", rate, exact("lr")), element("p", { className: "limit" }),
    field("momentum", slider("momentum", 0, 0.99, 0.01), exact("momentum")), field("batch", slider("batch", 0, 4, 0.25), exact("batch")), element("p", { className: "said" }));
  node.dataset.lang = root.lang;
  node.dataset.on = state.surface;
  node.style.setProperty("--own", `var(--c${index + 1})`);
  for (const input of node.querySelectorAll("input, select, .gone")) input.disabled = !lab.live;
  node.addEventListener("input", (event) => turned(event.target, index));
  gone.addEventListener("click", () => {
    if (state.climbers.length > 1) state.climbers.splice(index, 1);
    touched();
  });
  return node;
}

const toSlider = (lr) => (Math.log10(lr) - LEAST) / (MOST - LEAST);
function fill(node, one, index) {
  const put = (selector, value) => {
    const input = node.querySelector(selector);
    if (document.activeElement !== input) input.value = value;
  };
  put(".kind", one.kind);
  put(".lr", toSlider(one.lr));
  put(".lr-exact", short(one.lr));
  put(".momentum", one.momentum);
  put(".momentum-exact", one.momentum);
  put(".batch", Math.log10(one.batch));
  put(".batch-exact", one.batch);
  node.querySelector(".of-momentum").hidden = !lab.kinds[one.kind].momentum;
  node.querySelector(".of-batch").hidden = !regression();
  node.querySelector(".gone").hidden = !lab.live || state.climbers.length < 2;
}

function turned(input, index) {
  const one = state.climbers[index], value = Number(input.value);
  if (input.className === "kind") Object.assign(one, { kind: input.value, lr: lab.kinds[input.value].lr });
  else if (input.className === "lr") one.lr = Number((10 ** (LEAST + value * (MOST - LEAST))).toPrecision(3));
  else if (input.className === "batch") one.batch = Math.round(10 ** value);
  else if (input.className.endsWith("-exact") && !(input.value !== "" && value >= 0)) return;
  else one[input.className.replace("-exact", "")] = value;
  touched();
}

function touched() {
  state.preset = lab.live ? "" : state.preset;
  changed();
}

function verdicts() {
  shown.climbers.forEach((one, index) => {
    const node = by("climbers").children[index];
    if (!node) return;
    const said = node.querySelector(".said"), limit = node.querySelector(".limit"), tick = node.querySelector(".rate i");
    said.className = `said ${one.verdict}`;
    said.textContent = one.words[root.lang];
    const lr = state.climbers[index].lr, over = one.limit !== null && lr > one.limit;
    limit.className = over ? "limit over" : "limit";
    limit.textContent = one.limit === null ? say("unlimited") : over ? say("over", { limit: short(one.limit) }) : say("limit", { percent: short((100 * lr) / one.limit), limit: short(one.limit) });
    tick.hidden = one.limit === null || one.limit > 10 ** MOST;
    tick.style.setProperty("--limit", one.limit === null ? 0 : Math.max(0, Math.min(1, toSlider(one.limit))));
  });
}

function share(factor) {
  state.share = Math.max(0.5, Math.min(2, factor));
  state.climbers = structuredClone(presets[state.preset].race.climbers).map((one) => ({ ...one, lr: one.lr * state.share }));
  changed();
}

function rates(factor) {
  if (!lab.live) return share(state.share * factor);
  for (const one of state.climbers) one.lr = Number((one.lr * factor).toPrecision(3));
  touched();
}

/* the start: where the map is clicked, dragged, or the arrow keys lead */
function moveTo(event) {
  const box = by("map").getBoundingClientRect(), { xaxis, yaxis } = by("map")._fullLayout;
  const x = xaxis.p2d(event.clientX - box.left - xaxis._offset), y = yaxis.p2d(event.clientY - box.top - yaxis._offset);
  const [[left, right], [low, high] = [-Infinity, Infinity]] = place().window;
  if (x < left || x > right || (!curve() && (y < low || y > high))) return false;
  state.start = (curve() ? [x] : [x, y]).map((value) => Number(value.toPrecision(4)));
  touched();
  return true;
}

const movable = () => lab.live && state.view === "2d" && !regression() && shown;
by("map").addEventListener("pointerdown", (event) => {
  if (!movable() || !moveTo(event)) return;
  const follow = (next) => moveTo(next);
  const leave = () => {
    removeEventListener("pointermove", follow);
    removeEventListener("pointerup", leave);
    removeEventListener("pointercancel", leave);
  };
  addEventListener("pointermove", follow);
  addEventListener("pointerup", leave);
  addEventListener("pointercancel", leave);
}, true);
by("map").addEventListener("keydown", (event) => {
  const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (!move || !movable()) return;
  event.preventDefault();
  state.start = state.start.map((x, i) => Number((x + (move[i] * (place().window[i][1] - place().window[i][0])) / 50).toPrecision(4)));
  touched();
});

const on = (id, event, action) => by(id)?.addEventListener(event, action);
on("surface", "change", () => {
  Object.assign(state, { surface: by("surface").value, start: [...surfaces[by("surface").value].start] });
  touched();
});
for (const [id, set] of Object.entries({
  "start-x": (x) => (state.start = [x, ...state.start.slice(1)]), "start-y": (y) => (state.start = [state.start[0], y]),
  steps: (x) => (state.steps = x), noise: (x) => (state.noise = x), batch: (x) => (state.batch = 2 ** x), seed: (x) => (state.seed = x),
})) {
  on(id, "input", (event) => {
    if (event.target.value === "") return;
    set(Number(event.target.value));
    touched();
  });
}
on("add", "click", () => {
  state.climbers.push({ ...state.climbers[state.climbers.length - 1], kind: "adam", lr: lab.kinds.adam.lr, momentum: 0.9 });
  touched();
});
on("halve", "click", () => rates(0.5));
on("double", "click", () => rates(2));
on("play", "click", play);
on("scrub", "input", () => {
  cancelAnimationFrame(playing);
  playing = 0;
  at = Number(by("scrub").value);
  draw3();
});
for (const [id, view] of [["flat", "2d"], ["deep", "3d"]]) {
  on(id, "click", () => {
    state.view = view;
    write();
    controls();
    verdicts();
    draw3();
  });
}
for (const button of document.querySelectorAll("[data-preset]")) button.addEventListener("click", () => pick(button.dataset.preset));
for (const button of document.querySelectorAll("[data-lang]")) {
  button.addEventListener("click", () => {
    write();
    controls();
    if (shown) arrived();
  });
}

async function give(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const node = element("pre", { textContent: text });
    document.body.append(node);
    await copy(node);
    node.remove();
  }
  by("status").textContent = say("copied");
}
on("link", "click", () => give(location.href));
on("python", "click", () => shown && give(shown.python));
on("controls", "submit", (event) => event.preventDefault());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw3());

async function open() {
  root.dataset.live = String(lab.live);
  read();
  try {
    const script = element("script", { textContent: await unpack(by("plotly").textContent) });
    document.head.append(script);
    draw3();
  } catch (error) {
    by("trouble").textContent = say("unseen", { error: error.message });
    by("trouble").hidden = false;
  }
}
open();
