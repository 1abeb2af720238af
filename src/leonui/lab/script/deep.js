/* The mountain: the same surface and paths in three dimensions. */
let webgl;
function hasWebgl() {
  webgl ??= Boolean(document.createElement("canvas").getContext("webgl"));
  return webgl;
}

/* Heights are compressed less than the map's shades, so that a bowl looks like one. */
const raised = (above) => Math.log10(1 + Math.max(0, above) / (4 * place().scale));
const peak = (loss) => (loss === null ? null : raised(loss - place().low));

function deep() {
  const { x, y, shade, scale } = place();
  const z = shade.map((row) => row.map((one) => (one === null ? null : raised(scale * (10 ** one - 1)))));
  const lift = 0.012 * Math.max(...z.flat().filter((one) => one !== null));
  const surface = {
    type: "surface", x, y, z, colorscale: terrain(), showscale: false, hoverinfo: "skip", opacity: 1,
    contours: { z: { show: true, color: ink("--contour"), start: 0, end: 9, size: Math.max(0.01, 6 * lift) } },
    lighting: { ambient: 0.62, diffuse: 0.75, specular: 0.08, roughness: 0.9, fresnel: 0.05 }, lightposition: { x: -600, y: -900, z: 2500 },
  };
  const line = { color: ink("--ink-soft"), gridcolor: ink("--grid"), showbackground: false, showspikes: false };
  const named = (text, more = {}) => ({ ...line, title: { text }, ...more });
  const scene = {
    uirevision: state.surface, camera: { eye: { x: 0.95, y: -1.15, z: 0.85 }, center: { x: 0, y: 0, z: -0.2 } }, aspectmode: "manual", aspectratio: { x: 1.3, y: 1.3, z: 0.65 },
    xaxis: named(`${say("weight")} 1`), yaxis: named(`${say("weight")} 2`), zaxis: named(say("loss"), { showticklabels: false }),
  };
  return [[surface, ...shown.climbers.flatMap((one, i) => rope(one, i, lift)), ...flags(lift)], layout({ scene, margin: { l: 0, r: 0, t: 0, b: 0 }, dragmode: "turntable" })];
}

function rope(one, index, lift) {
  const kept = cut(one.x).map((_, i) => i).filter((i) => inside(one, i)), end = head(one), own = color(index);
  const up = (i) => peak(one.loss[i]) + lift;
  return [
    { type: "scatter3d", mode: "lines", x: kept.map((i) => one.x[i]), y: kept.map((i) => one.y[i]), z: kept.map(up), line: { color: own, width: 7 }, name: label(shown.race.climbers[index]), hoverinfo: "name" },
    { type: "scatter3d", mode: "markers", x: [one.x[end]], y: [one.y[end]], z: [up(end) + lift], marker: { size: 6, color: own, symbol: broken(one) ? "diamond" : "circle" }, hoverinfo: "skip" },
  ];
}

function flags(lift) {
  const points = place().minima;
  return [{
    type: "scatter3d", mode: "markers", x: points.map((p) => p[0]), y: points.map((p) => p[1]), z: points.map(() => lift),
    marker: { size: 6, color: "#ffd54a", symbol: "diamond", line: { color: ink("--ink"), width: 1 } }, name: say("minimum"), hoverinfo: "name",
  }];
}
