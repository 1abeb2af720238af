/* The climbers: a row for each, with its rule, its numbers, its limit and what became of it. */
const LEAST = -5, MOST = 1.5; /* powers of ten of a rate's slider */
const onSlider = (lr) => (lr > 0 ? Math.max(0, Math.min(1, (Math.log10(lr) - LEAST) / (MOST - LEAST))) : 0);

function element(tag, values = {}, ...children) {
  const node = Object.assign(document.createElement(tag), values);
  node.append(...children);
  return node;
}

function list() {
  const rows = [...by("climbers").children], same = `${state.climbers.length} ${root.lang}`;
  if (by("climbers").dataset.same !== same) {
    by("climbers").replaceChildren(...state.climbers.map((_, index) => row(index)));
    by("climbers").dataset.same = same;
  }
  state.climbers.forEach((one, index) => fill(by("climbers").children[index], one));
}

function row(index) {
  const spoken = (what) => `${say("climber", { number: index + 1 })}: ${say(what)}`;
  const input = (what, values) => element("input", { ariaLabel: spoken(what), disabled: !lab.live, ...values });
  const number = (what) => input(what, { type: "number", step: "any", min: 0, name: what });
  const slider = (what, max, step) => input(what, { type: "range", min: 0, max, step, name: `${what}-slider` });
  const select = (what, options) =>
    element("select", { name: what, ariaLabel: spoken(what), disabled: !lab.live },
      ...Object.entries(options).map(([value, text]) => element("option", { value, textContent: text })));
  const field = (what, ...inputs) => element("div", { className: `field of-${what}` }, element("span", { textContent: say(what) }), ...inputs);
  const labels = Object.fromEntries(Object.entries(lab.kinds).map(([name, kind]) => [name, kind.label]));
  const plans = Object.fromEntries(Object.entries(lab.schedules).map(([name, title]) => [name, title[root.lang]]));
  const gone = element("button", { type: "button", className: "gone", textContent: "✕", title: say("remove"), ariaLabel: `${say("remove")} ${index + 1}` });
  const head = element("div", { className: "row" }, dash(index), select("kind", labels), gone);
  const rate = element("div", { className: "rate" }, slider("lr", 1, 0.0025), element("i"));
  const more = element("details", {}, element("summary", { textContent: say("more") }),
    field("schedule", select("schedule", plans)), field("clip", number("clip")));
  const node = element("li", { className: "climber" }, head, field("lr", rate, number("lr")), element("p", { className: "limit" }),
    field("momentum", slider("momentum", 0.99, 0.01), number("momentum")), field("batch", slider("batch", 4, 0.25), number("batch")),
    more, element("p", { className: "said" }));
  node.style.setProperty("--own", `var(--c${index + 1})`);
  node.addEventListener("input", (event) => turned(event.target, index));
  gone.addEventListener("click", () => {
    state.climbers.splice(index, 1);
    touched();
    by("add").focus();
  });
  return node;
}

function dash(index) {
  const dashes = DASHES[index].replaceAll("px", "").replace("solid", "");
  const node = element("span", { className: "dash" });
  node.innerHTML = `<svg viewBox="0 0 36 12" aria-hidden="true"><path d="M0 6h36" stroke-dasharray="${dashes}"/></svg>`;
  return node;
}

function fill(node, one) {
  const values = {
    kind: one.kind, lr: short(one.lr), "lr-slider": onSlider(one.lr), momentum: one.momentum, "momentum-slider": one.momentum,
    batch: one.batch, "batch-slider": Math.log10(one.batch), schedule: one.schedule, clip: one.clip,
  };
  for (const [name, value] of Object.entries(values)) {
    const input = node.querySelector(`[name="${name}"]`);
    if (document.activeElement !== input || input.type === "range") input.value = value;
  }
  node.querySelector(`[name="lr-slider"]`).ariaValueText = short(one.lr);
  node.querySelector(`[name="batch-slider"]`).ariaValueText = String(one.batch);
  node.querySelector(".of-momentum").hidden = !lab.kinds[one.kind].momentum;
  node.querySelector(".of-batch").hidden = !batches();
  node.querySelector(".of-clip").hidden = batches();
  node.querySelector(".gone").hidden = !lab.live || state.climbers.length < 2;
  if (one.schedule || one.clip) node.querySelector("details").open = true;
}

function turned(input, index) {
  const one = state.climbers[index], value = Number(input.value), least = input.name === "batch" ? 1 : 0;
  if (input.name === "kind") Object.assign(one, { kind: input.value, lr: lab.kinds[input.value].lr });
  else if (input.name === "schedule") one.schedule = input.value;
  else if (input.name === "lr-slider") one.lr = Number((10 ** (LEAST + value * (MOST - LEAST))).toPrecision(3));
  else if (input.name === "momentum-slider") one.momentum = value;
  else if (input.name === "batch-slider") one.batch = Math.round(10 ** value);
  else if (input.value === "" || !(value >= least)) return;
  else one[input.name] = input.name === "momentum" ? Math.min(value, 0.9999) : value;
  touched();
}

/* A climber by its rule and its numbers, as far as they matter here. */
function called({ kind, lr, batch, schedule, clip }) {
  const more = [batches() && `${say("batch")} ${batch}`, schedule && lab.schedules[schedule][root.lang], !batches() && clip && `${say("clip")} ${short(clip)}`];
  return [`${label({ kind })} ${short(lr)}`, ...more.filter(Boolean)].join(", ");
}

/* What was answered, beside each climber and below the map. */
function verdicts() {
  const said = shown.climbers.map((one, index) => {
    const node = by("climbers").children[index];
    if (node) judge(node, one, shown.race.climbers[index].lr);
    const item = element("li", {}, dash(index), element("b", { textContent: called(shown.race.climbers[index]) }), " ", element("span"));
    item.style.setProperty("--own", `var(--c${index + 1})`);
    return item;
  });
  by("legend").replaceChildren(...said);
  by("verdicts").textContent = shown.climbers.map((one, index) => `${called(shown.race.climbers[index])}: ${one.words[root.lang]}`).join("; ");
}

function judge(node, one, lr) {
  const limit = node.querySelector(".limit"), tick = node.querySelector(".rate i"), over = one.limit !== null && lr > one.limit;
  const figures = { percent: short((100 * lr) / one.limit), reach: one.reach === null ? "" : short(one.reach), limit: short(one.limit) };
  node.querySelector(".said").className = `said ${one.verdict}`;
  node.querySelector(".said").textContent = one.words[root.lang];
  limit.className = over ? "limit above" : "limit";
  limit.textContent = one.limit === null ? say("unlimited") : say(over ? "over" : "limit", figures);
  tick.hidden = one.limit === null || onSlider(one.limit) === 1;
  tick.style.setProperty("--limit", one.limit === null ? 0 : onSlider(one.limit));
}
