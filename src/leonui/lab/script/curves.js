/* The losses: over the steps, or, where each climber ends, over the rate that it is given. */
function bounds(losses, first) {
  const known = losses.filter((loss) => loss !== null), low = Math.min(...known), logarithmic = low >= 0 && first > 0;
  const top = Math.min(Math.max(...known), logarithmic ? 100 * first : Math.max(...known, first));
  if (logarithmic) {
    const [least, most] = [Math.max(low, 1e-9 * first), Math.max(top, first)].map(Math.log10);
    return { type: "log", range: [least - 0.2, most + 0.2], tickformat: "~g", nticks: 6 };
  }
  const room = 0.06 * (Math.max(top, first) - Math.max(low, first - 1e3)) || 1;
  return { type: "linear", range: [Math.max(low, first - 1e3) - room, Math.max(Math.min(top, first + 1e3), first) + room], tickformat: "~g", nticks: 6 };
}

function steps() {
  const along = shown.climbers.map((one) => one.seen ?? one.x.map((_, i) => i));
  const lines = shown.climbers.map((one, i) => ({
    type: "scatter", mode: "lines", x: cut(along[i]), y: cut(one.loss), line: { color: color(i), width: 2.5, dash: DASHES[i] },
    name: label(shown.race.climbers[i]), hovertemplate: "%{y:.3g}",
  }));
  const range = [0, Math.max(...along.map((one) => one[one.length - 1]), 1)];
  const y = bounds(shown.climbers.flatMap((one) => one.loss), shown.climbers[0].loss[0]);
  return [lines, layout({ xaxis: axis(say(shown.climbers[0].seen ? "samples" : "step"), { range }), yaxis: axis(say("loss"), y), hovermode: "x unified" })];
}

function overRates() {
  const { climbers } = shown.rates, first = shown.climbers[0].loss[0], y = bounds(climbers.flatMap((one) => one.loss), first);
  const lines = climbers.map((one, i) => ({
    type: "scatter", mode: "lines+markers", x: one.lr, y: one.loss, line: { color: color(i), width: 2, dash: DASHES[i] }, marker: { size: 4 },
    name: label(shown.race.climbers[i]), hovertemplate: "%{x:.3g}: %{y:.3g}",
  }));
  const now = climbers.map((one, i) => ({
    type: "scatter", mode: "markers", x: [shown.race.climbers[i].lr], y: [shown.climbers[i].loss.at(-1)], hoverinfo: "skip",
    marker: { size: 11, color: color(i), line: { color: ink("--halo"), width: 2 } }, name: say("now"),
  }));
  const shapes = shown.climbers.map((one, i) => ({ one, i })).filter(({ one }) => one.limit !== null).map(({ one, i }) => ({
    type: "line", x0: one.limit, x1: one.limit, yref: "paper", y0: 0, y1: 1, line: { color: color(i), width: 1.5, dash: "dash" },
    label: { text: `${short(one.reach)}/λ`, textposition: "end", textangle: 0, yanchor: "top", font: { color: color(i), size: 11 }, xanchor: "left" },
  }));
  const logs = climbers.flatMap((one) => one.lr).filter((lr) => lr > 0).map(Math.log10);
  const range = [Math.min(...logs), Math.max(...logs)];
  return [[...lines, ...now], layout({ shapes, xaxis: axis(say("lr"), { type: "log", range, tickformat: "~g" }), yaxis: axis(say("end"), y) })];
}
