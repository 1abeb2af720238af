/* Asking: one question at a time; what changes meanwhile is asked after it. */
let asking = false, again = false, later = 0;

function changed() {
  cancelAnimationFrame(playing);
  playing = 0;
  history.replaceState(null, "", address());
  controls();
  ask();
}

async function ask() {
  if (!lab.live) {
    const { answers, rates } = presets[state.preset];
    return arrived({ ...answers[lab.shares.indexOf(state.share)], rates }, structuredClone(state));
  }
  if (asking) return void (again = true);
  asking = true;
  note("computing");
  root.dataset.busy = "";
  try {
    do {
      again = false;
      const race = structuredClone(state);
      arrived(await post("race", race), race);
      trouble("");
    } while (again);
  } catch (error) {
    trouble(error.told ? error.message : say("lost", { error: error.message }));
    note("");
  }
  asking = false;
  delete root.dataset.busy;
  if (again) ask();
}

async function post(path, { surface, start, steps, noise, batch, seed, climbers }) {
  const body = JSON.stringify({ surface, start, steps, noise, batch, seed, climbers });
  const response = await fetch(`/${path}`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  if (response.ok) return response.json();
  const text = await response.text();
  throw Object.assign(new Error(text.startsWith("{") ? JSON.parse(text).error : text), { told: true });
}

function arrived(found, race) {
  shown = { ...found, race };
  at = Infinity;
  note("computed", { ms: found.ms });
  verdicts();
  redraw();
  clearTimeout(later);
  if (state.over === "rates" && !shown.rates) later = setTimeout(compare, 200);
}

/* Where every climber would end with other rates: asked for only where that is looked at, and after all else. */
async function compare() {
  const of = shown;
  try {
    of.rates = await post("rates", of.race);
    if (of === shown) redraw();
  } catch (error) {
    trouble(error.told ? error.message : say("lost", { error: error.message }));
  }
}

function trouble(text) {
  by("trouble").textContent = text;
  by("trouble").hidden = !text;
}

function note(key, values) {
  by("status").textContent = key && say(key, values);
}
