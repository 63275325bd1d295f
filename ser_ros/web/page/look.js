// How an answer looks: a colour and a shape each, so that nobody needs to tell colours apart.

const SHAPES = {
  angry: "M13 1 4 14h6l-2 9 11-14h-7z",
  neutral: "M3 3h18v18H3z",
  sad: "M12 1C8 8 4 11.5 4 16a8 7 0 0 0 16 0C20 11.5 16 8 12 1z",
  happy: "M12 1l3.2 7.2 7.8.8-5.9 5.2L18.9 22 12 18l-6.9 4 1.8-7.8L1 9l7.8-.8z",
  fear: "M12 2 23 22H1z",
  disgust: "M12 1 23 12 12 23 1 12z",
  surprise: "M12 1a11 11 0 1 0 .01 0zM12 7a5 5 0 1 1-.01 0z",
  calm: "M12 2a10 10 0 1 0 .01 0z",
  boredom: "M1 8h22v8H1z",
  uncertain: "M7 9a5 5 0 1 1 7.5 4.3c-1.5.9-2.5 1.5-2.5 3M12 22v.01",
  no_speech: "M3 12h18",
};
const OUTLINED = new Set(["uncertain", "no_speech"]);

const NAMESPACE = "http://www.w3.org/2000/svg";

const known = (label) => (label in SHAPES ? label : "uncertain");

export const colour = (label) => css(`--${known(label)}`);

export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The shape of a label as an SVG element; decoration, for the word stands beside it. */
export function mark(label) {
  const svg = svgElement("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" });
  const paint = OUTLINED.has(known(label))
    ? { fill: "none", stroke: `var(--${known(label)})`, "stroke-width": 3.5, "stroke-linecap": "round" }
    : { fill: `var(--${known(label)})`, "fill-rule": "evenodd" };
  svg.append(svgElement("path", { d: SHAPES[known(label)], ...paint }));
  return svg;
}

export function svgElement(name, attributes) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** Draws the shape of a label, `size` pixels wide, with its middle at x, y. */
export function drawMark(context, label, x, y, size, paint) {
  const path = new Path2D(SHAPES[known(label)]);
  context.save();
  context.translate(x - size / 2, y - size / 2);
  context.scale(size / 24, size / 24);
  if (OUTLINED.has(known(label))) {
    context.lineWidth = 3.5;
    context.lineCap = "round";
    context.strokeStyle = paint;
    context.stroke(path);
  } else {
    context.fillStyle = paint;
    context.fill(path, "evenodd");
  }
  context.restore();
}

export function setMark(element, label) {
  if (element.dataset.label === label) return;
  element.dataset.label = label;
  element.replaceChildren(mark(label));
}

/** Sets a meter of class `meter` to a share of 0 to 1. */
export function setMeter(element, share) {
  element.firstElementChild.style.transform = `scaleX(${Math.min(Math.max(share, 0), 1)})`;
}

/** −60 dBFS is an empty meter, 0 a full one. */
export const levelShare = (dbfs) => (dbfs + 60) / 60;

/** A short way to make an element. */
export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}
