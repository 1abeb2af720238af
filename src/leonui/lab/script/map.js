/* The map: contours, or a curve; on it the paths up to a step, minima, saddles and the start. */
const cut = (values) => values.slice(0, at + 1);
const broken = (one) => at >= one.x.length - 1 && ["diverged", "fell"].includes(one.verdict);

function inside(one, i) {
  const [[left, right], [low, high] = [-Infinity, Infinity]] = place().window;
  return one.x[i] !== null && one.x[i] >= left && one.x[i] <= right && (curve() || (one.y[i] >= low && one.y[i] <= high));
}

/* The last step up to now at which a climber was on the map. */
function head(one) {
  let last = Math.min(at, one.x.length - 1);
  while (last > 0 && !inside(one, last)) last -= 1;
  return last;
}

function ground() {
  const one = place();
  if (curve()) {
    const line = { type: "scatter", mode: "lines", hoverinfo: "skip" }, [low] = reach();
    return [
      { ...line, x: [one.x[0], one.x.at(-1)], y: [low, low], line: { width: 0 } },
      { ...line, x: one.x, y: one.loss, line: { color: ink("--ink-soft"), width: 2 }, fill: "tonexty", fillcolor: ink("--land") },
    ];
  }
  return [{
    type: "contour", x: one.x, y: one.y, z: one.shade, ncontours: 26, colorscale: terrain(), showscale: false, hoverinfo: "skip",
    contours: { coloring: "heatmap" }, line: { width: 1, color: ink("--contour"), smoothing: 1 },
  }];
}

/* From where to where the losses of a curve are shown. */
function reach() {
  const losses = place().loss.filter((loss) => loss !== null), low = Math.min(...losses), span = Math.max(...losses) - low;
  return [low - 0.08 * span, low + 1.05 * span];
}

function trail(one, index) {
  const own = color(index), last = head(one), broke = broken(one);
  const x = one.x.slice(0, last + 2), y = one.y.slice(0, last + 2); /* where it leaves the map its path ends */
  const line = { color: own, width: 2.5, dash: DASHES[index] }, edge = ink("--halo");
  const dots = one.x.length <= 130 ? "lines+markers" : "lines";
  return [
    { type: "scatter", mode: "lines", x, y, line: { color: edge, width: 5 }, opacity: 0.7, hoverinfo: "skip" },
    { type: "scatter", mode: dots, x, y, line, marker: { size: 4.5, color: own }, name: label(shown.race.climbers[index]), hovertemplate: "%{x:.3g}, %{y:.3g}" },
    {
      type: "scatter", mode: "markers", x: [one.x[last]], y: [one.y[last]], hoverinfo: "skip", cliponaxis: false,
      marker: { symbol: broke ? "x" : "circle", size: broke ? 13 : 12, color: own, line: { color: edge, width: broke ? 1 : 2 } },
    },
  ];
}

function marks() {
  const up = (point) => (curve() ? height(point[0]) : point[1]);
  const mark = (points, symbol, size, name, fill) => ({
    type: "scatter", mode: "markers", x: points.map((point) => point[0]), y: points.map(up), name, hovertemplate: name,
    marker: { symbol, size, color: fill, line: { color: ink("--ink"), width: 1.5 } },
  });
  return [
    mark(place().minima, "star", 14, say("minimum"), "#ffd54a"),
    mark(place().saddles, "diamond-open", 11, say("saddle"), ink("--ink")),
    mark([batches() ? place().start : state.start], "circle-open-dot", 18, say("start"), ink("--ink")),
  ];
}

/* The height of a curve between the points that were sent. */
function height(x) {
  const { x: xs, loss } = place(), last = xs.length - 1;
  const share = Math.max(0, Math.min(1, (x - xs[0]) / (xs[last] - xs[0]))) * last, i = Math.min(last - 1, Math.floor(share));
  return loss[i] + (share - i) * (loss[i + 1] - loss[i]);
}

function flat() {
  const [first, second] = place().window;
  let y = axis(`${say("weight")} 2`, { range: second, showgrid: false });
  if (curve()) y = axis(say("loss"), { range: reach() });
  const x = axis(curve() ? say("weight") : `${say("weight")} 1`, { range: first, showgrid: false });
  const annotations = shown.climbers.map((one, i) => [one, i]).filter(([one]) => broken(one)).map(([one, i]) => ending(one, i, y.range));
  return [[...ground(), ...shown.climbers.flatMap(trail), ...marks()], layout({ xaxis: x, yaxis: y, annotations })];
}

/* What became of a climber that left the map, where it was last seen. */
function ending(one, index, [low, high]) {
  const last = head(one), [left, right] = place().window[0], east = one.x[last] > (left + right) / 2;
  return {
    x: one.x[last], y: one.y[last], text: one.words[root.lang], showarrow: false, font: { color: color(index), size: 13, weight: 700 }, bgcolor: ink("--card"), bordercolor: color(index), borderpad: 3,
    xanchor: east ? "right" : "left", xshift: east ? -14 : 14, yanchor: one.y[last] > low + 0.9 * (high - low) ? "top" : one.y[last] < low + 0.1 * (high - low) ? "bottom" : "middle",
  };
}
