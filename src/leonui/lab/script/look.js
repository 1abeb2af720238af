/* Look: the page's colours, and what all charts share. */
const DASHES = ["solid", "6px,3px", "2px,3px", "9px,3px,2px,3px", "12px,4px", "4px,2px,1px,2px"];
const QUIET = { responsive: true, displayModeBar: false };
const CLEAR = "rgba(0,0,0,0)";

const ink = (name) => getComputedStyle(root).getPropertyValue(name).trim();
const color = (index) => ink(`--c${index + 1}`);
const terrain = () => ["--low", "--mid", "--high", "--top"].map((name, i) => [[0, 0.35, 0.7, 1][i], ink(name)]);

function axis(title, more = {}) {
  const font = { color: ink("--ink-soft"), size: 12 };
  return {
    title: { text: title, font, standoff: 6 }, tickfont: font, gridcolor: ink("--grid"), linecolor: ink("--line"),
    zeroline: false, automargin: true, fixedrange: true, ...more,
  };
}

function layout(more) {
  return {
    paper_bgcolor: CLEAR, plot_bgcolor: CLEAR, font: { family: ink("--font"), color: ink("--ink-soft"), size: 12 },
    margin: { l: 8, r: 8, t: 8, b: 8 }, showlegend: false, dragmode: false, uirevision: "kept",
    hoverlabel: { bgcolor: ink("--card"), bordercolor: ink("--line"), font: { color: ink("--ink") } },
    ...more,
  };
}
