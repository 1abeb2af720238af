/* State: the race as the server takes it, and how it is looked at. All of it stands in the address. */
const lab = JSON.parse(document.getElementById("lab").textContent);
const by = (id) => document.getElementById(id);
const named = (list) => Object.fromEntries(list.map((one) => [one.name, one]));
const surfaces = named(lab.surfaces), presets = named(lab.presets);
let state = { view: "2d", over: "steps" };
let shown = null; /* the last answer, with the race that it is of */

const place = () => surfaces[state.surface];
const batches = () => state.surface === lab.regression;
const curve = (one = place()) => !one.shade;
const label = (climber) => lab.kinds[climber.kind].label;
const short = (x) => (x === null ? "∞" : String(Number(x.toPrecision(3))));
const say = (key, values = {}) =>
  Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, value), lab.words[key][root.lang]);

/* A race from a preset, every rate times a share: what a page without a server can show. */
function preset(name, share = 1) {
  const race = structuredClone(presets[name].race);
  for (const one of race.climbers) one.lr *= share;
  state = { ...state, ...race, preset: name, share };
}

function address() {
  const words = new URLSearchParams({ on: state.surface, from: state.start.join() });
  for (const name of ["steps", "noise", "batch", "seed", "view", "over"]) words.set(name, state[name]);
  for (const one of state.climbers) words.append("climber", lab.fields.map((field) => one[field]).join("~"));
  if (state.preset) words.set("preset", state.preset);
  if (!lab.live) words.set("share", state.share);
  words.set("lang", root.lang);
  return `#${words}`;
}

function read() {
  const words = new URLSearchParams(location.hash.slice(1));
  speak(lab.words.weight[words.get("lang")] ? words.get("lang") : root.lang);
  state.view = words.get("view") === "3d" ? "3d" : "2d";
  state.over = words.get("over") === "rates" ? "rates" : "steps";
  const name = words.get("preset") in presets ? words.get("preset") : "";
  const climbers = words.getAll("climber").map(climber).filter((one) => one.kind in lab.kinds);
  if (lab.live && words.get("on") in surfaces && climbers.length) {
    state = { ...state, ...race(words), climbers: climbers.slice(0, lab.most.climbers), preset: name, share: 1 };
  } else {
    preset(name || lab.presets[0].name, lab.shares.find((share) => share === Number(words.get("share"))));
  }
}

function race(words) {
  const number = (name) => (words.get(name) && isFinite(words.get(name)) ? Number(words.get(name)) : lab.plain[name]);
  const surface = words.get("on"), from = (words.get("from") ?? "").split(",").map(Number);
  const fits = from.every(isFinite) && from.length === surfaces[surface].start.length;
  const start = fits ? from : surfaces[surface].start;
  const numbers = ["steps", "noise", "batch", "seed"].map((name) => [name, number(name)]);
  return { surface, start, ...Object.fromEntries(numbers) };
}

function climber(text) {
  const words = text.split("~");
  const value = (plain, word) => (typeof plain === "number" ? (word && isFinite(word) ? Number(word) : plain) : word ?? plain);
  const one = Object.fromEntries(lab.fields.map((field, i) => [field, value(lab.plain[field], words[i])]));
  return { ...one, schedule: one.schedule in lab.schedules ? one.schedule : "" };
}

function speak(lang) {
  root.lang = lang;
  document.title = say("title");
  for (const button of document.querySelectorAll("[data-lang]")) button.ariaPressed = String(button.dataset.lang === lang);
}
