"use strict";

const root = document.documentElement;
const specs = [...document.querySelectorAll(".spec")].map((node) => ({
  name: node.dataset.chart,
  place: document.getElementById("chart-" + node.dataset.chart),
  ...JSON.parse(node.textContent),
}));

/* A chart names the page's colours, and speaks English: put in this scheme's colours and this reader's language. */
function localize(value, words, style) {
  if (typeof value === "string") {
    const name = /^var\((--[\w-]+)\)$/.exec(value);
    return name ? style.getPropertyValue(name[1]).trim() : words[value]?.[root.lang] ?? value;
  }
  if (Array.isArray(value)) return value.map((item) => localize(item, words, style));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, localize(item, words, style)]));
}

function draw(width) {
  if (!window.Plotly) return;
  const style = getComputedStyle(root);
  for (const { place, figure, words } of specs) {
    const { data, layout } = localize(figure, words, style);
    /* A finger that drags scrolls the page; only a mouse zooms. */
    layout.dragmode = matchMedia("(pointer: coarse)").matches ? false : "zoom";
    layout.width = width;
    Plotly.react(place, data, layout, { responsive: true, displayModeBar: false });
  }
}

/* A picture that stands alone: with its title, on paper of the page's colour, as wide as a page can be. */
async function save(name) {
  const { figure, words } = specs.find((spec) => spec.name === name);
  const { data, layout } = localize(figure, words, getComputedStyle(root));
  const title = document.getElementById(name + "-title").innerText;
  const ink = getComputedStyle(root).getPropertyValue("--ink").trim();
  layout.title = { text: title, x: 0.02, y: 0.97, yanchor: "top", font: { size: 18, color: ink } };
  layout.margin = { ...layout.margin, t: (layout.margin?.t ?? 12) + 40 };
  layout.paper_bgcolor = getComputedStyle(root).getPropertyValue("--card").trim();
  const link = document.createElement("a");
  link.href = await Plotly.toImage({ data, layout }, { format: "png", width: 960, height: 480, scale: 2 });
  link.download = `leonui-${document.body.dataset.command}-${name}.png`;
  link.click();
}

async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

async function start() {
  if (!specs.length) return;
  try {
    const script = document.createElement("script");
    script.textContent = await unpack(document.getElementById("plotly").textContent);
    document.head.append(script);
    draw();
    root.dataset.charts = "drawn";
  } catch (error) {
    root.dataset.charts = "failed";
    console.error(error);
  }
}

for (const button of document.querySelectorAll("[data-lang]")) {
  button.addEventListener("click", () => {
    root.lang = button.dataset.lang;
    for (const other of document.querySelectorAll("[data-lang]")) other.ariaPressed = String(other === button);
    draw();
  });
}

/* Opened from a disk, a page may not reach the clipboard in every browser: then the text is selected and copied as by hand. */
async function copy(node) {
  try {
    await navigator.clipboard.writeText(node.textContent);
  } catch {
    getSelection().selectAllChildren(node);
    document.execCommand("copy");
  }
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await copy(document.querySelector(button.dataset.copy));
    button.classList.add("copied");
    setTimeout(() => button.classList.remove("copied"), 1500);
  });
}

for (const button of document.querySelectorAll("[data-save]")) {
  button.addEventListener("click", () => save(button.dataset.save));
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
addEventListener("beforeprint", () => {
  root.dataset.paper = "";
  draw(660);
});
addEventListener("afterprint", () => {
  delete root.dataset.paper;
  draw();
});

start();
