// The course over time: which emotion each part sounds like, and how likely each emotion is.

import { colour, css, drawMark } from "./look.js";
import { hatched } from "./pictures.js";

const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3], [4, 2, 1, 2], [12, 5], [1, 4], [6, 2, 2, 2], [3, 6]];

/** The stretches of time for which the windows speak, without overlaps: each ends at the next,
 * the last with the sound. */
export function stretches({ windows, duration_s }) {
  return windows.map((window, i) => ({
    ...window,
    end_s: Math.min(window.start_s + window.duration_s, windows[i + 1]?.start_s ?? duration_s),
  }));
}

/** Draws the answer's windows into width × height: a band of shapes above, a line per emotion below. */
export function drawCourse(context, answer, width, height) {
  const x = (seconds) => (width * seconds) / answer.duration_s;
  const band = 30, top = band + 8, tall = height - top - 4;
  context.fillStyle = hatched(context);
  context.fillRect(0, 0, width, band);
  for (const { start_s, end_s, label } of stretches(answer)) {
    const left = x(start_s), wide = Math.max(x(end_s) - left - 1, 1);
    context.fillStyle = css("--card");
    context.fillRect(left, 0, wide, band);
    const plain = label === "uncertain" || label === "no_speech";
    context.globalAlpha = plain ? 0.25 : 1;
    context.fillStyle = colour(label);
    context.fillRect(left, label === "no_speech" ? band / 2 - 1 : 0, wide, label === "no_speech" ? 2 : band);
    context.globalAlpha = 1;
    const size = Math.min(16, wide - 4);
    if (size >= 6 && label !== "no_speech") {
      drawMark(context, label, left + wide / 2, band / 2, size, plain ? css("--ink") : css("--paper"));
    }
  }
  context.strokeStyle = css("--line");
  context.lineWidth = 1;
  for (const share of [0, 0.5, 1]) line(context, [[0, top + tall * (1 - share)], [width, top + tall * (1 - share)]]);
  answer.labels.forEach((label, i) => {
    context.strokeStyle = colour(label);
    context.lineWidth = 2.2;
    context.setLineDash(DASHES[i % DASHES.length]);
    const points = stretches(answer)
      .filter((window) => window.label !== "no_speech")
      .flatMap(({ start_s, end_s, probabilities }) => {
        const y = top + tall * (1 - probabilities[i]);
        return [[x(start_s), y], [x((start_s + end_s) / 2), y], [x(end_s), y]];
      })
      .filter((_, i, all) => i % 3 === 1 || i === 0 || i === all.length - 1);
    line(context, points);
    if (points.length) drawMark(context, label, ...inside(points.at(-1), width), 11, colour(label));
  });
  context.setLineDash([]);
}

const inside = ([x, y], width) => [Math.min(x, width - 8), y];

function line(context, points) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
}
