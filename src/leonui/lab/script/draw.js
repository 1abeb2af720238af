/* Drawing: what was answered, up to the step that is looked at. */
let at = Infinity, kind = "";
const length = () => Math.max(1, ...(shown?.climbers.map((one) => one.x.length - 1) ?? []));
const ready = () => window.Plotly && shown && shown.race.surface === state.surface;

function redraw() {
  if (!ready()) return;
  at = Math.min(at, length());
  try {
    drawMap();
    drawLosses();
    root.dataset.charts = "drawn";
    by("js-plotly-tester")?.setAttribute("aria-hidden", "true"); /* Plotly's own, which nobody is to see or hear */
  } catch (error) {
    trouble(say("unseen", { error: error.message }));
  }
  tell();
}

function drawMap() {
  const why = state.view === "2d" ? "" : curve() ? "curved" : hasWebgl() ? "" : "noWebgl";
  by("no3d").hidden = !why;
  by("no3d").textContent = why && say(why);
  const now = state.view === "3d" && !why ? "deep" : "flat";
  if (kind && kind !== now) Plotly.purge("map");
  kind = now;
  by("hint").hidden = now === "deep" || !movable() && lab.live;
  Plotly.react("map", ...(now === "deep" ? deep() : flat()), QUIET);
}

function drawLosses() {
  if (state.over === "rates" && !shown.rates) return;
  Plotly.react("losses", ...(state.over === "rates" ? overRates() : steps()), QUIET);
}

/* The same in words, for who does not see it. */
function tell() {
  const start = state.start.map(short).join(", "), count = shown.climbers.length;
  const verdicts = shown.climbers.map((one, i) => `${label(shown.race.climbers[i])}: ${one.words[root.lang]}`).join("; ");
  by("map").ariaLabel = say("picture", { title: place().title[root.lang], count, start });
  by("losses").ariaLabel = `${say("losses", { count })} ${verdicts}`;
  shown.climbers.forEach((one, i) => {
    const ended = at >= one.x.length - 1, item = by("legend").children[i];
    item.className = ended ? one.verdict : "";
    item.lastChild.textContent = ended ? one.words[root.lang] : `${say("loss")} ${short(one.loss[at])}`;
  });
  by("scrub").max = length();
  by("scrub").value = at;
  by("at").textContent = batches() ? `${Math.round((100 * at) / length())}%` : say("at", { step: at, steps: length() });
  by("scrub").ariaValueText = by("at").textContent;
  by("play").textContent = say(playing ? "pause" : "play");
}

/* Playing: the paths grow, all at the same step. */
let playing = 0;
function play() {
  if (playing) return stop();
  const from = at >= length() ? 0 : at, lasts = 4500 * (1 - from / length()), began = performance.now();
  const frame = (now) => {
    at = Math.min(length(), from + Math.round(((now - began) / lasts) * (length() - from)));
    if (at >= length()) return stop();
    playing = requestAnimationFrame(frame);
    redraw();
  };
  at = from;
  playing = requestAnimationFrame(frame);
}

function stop() {
  cancelAnimationFrame(playing);
  playing = 0;
  redraw();
}
