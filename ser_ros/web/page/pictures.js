// Waveform and spectrogram on a canvas, for a minute of live sound and for a whole recording.

import { css } from "./look.js";

const RAMP = [[8, 8, 28], [66, 24, 104], [152, 44, 98], [226, 92, 62], [250, 178, 60], [252, 250, 190]];
/** Dark for little energy, light for much; readable without colour, for its lightness only grows. */
const PALETTE = Array.from({ length: 256 }, (_, value) => {
  const at = (value / 255) * (RAMP.length - 1);
  const low = Math.min(Math.floor(at), RAMP.length - 2);
  return RAMP[low].map((part, i) => Math.round(part + (RAMP[low + 1][i] - part) * (at - low)));
});

/** Fits the canvas to its place on a screen of any density; returns its context in CSS pixels. */
export function fit(canvas) {
  const density = Math.min(devicePixelRatio || 1, 2);
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * density) || canvas.height !== Math.round(height * density)) {
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
  }
  const context = canvas.getContext("2d");
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** A spectrogram {bands, frames, data} as an image, low tones at its foot. */
export function spectrogramImage({ bands, frames, data }) {
  const image = sheet(frames, bands);
  const context = image.getContext("2d");
  const pixels = context.createImageData(frames, bands);
  const values = atob(data);
  for (let band = 0; band < bands; band++) {
    for (let frame = 0; frame < frames; frame++) {
      const [r, g, b] = PALETTE[values.charCodeAt(band * frames + frame)];
      const at = 4 * ((bands - 1 - band) * frames + frame);
      pixels.data.set([r, g, b, 255], at);
    }
  }
  context.putImageData(pixels, 0, 0);
  return image;
}

function sheet(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(width, 1);
  canvas.height = Math.max(height, 1);
  return canvas;
}

/** Draws {low, high} of −128 to 127 between x and x + width, around y, `height` high. */
export function drawWave(context, { low, high }, x, width, y, height, paint = css("--accent")) {
  if (!low.length) return;
  const step = width / low.length, scale = height / 256;
  context.beginPath();
  context.moveTo(x, y - high[0] * scale);
  for (let i = 0; i < high.length; i++) context.lineTo(x + i * step, y - high[i] * scale - 0.5);
  for (let i = low.length - 1; i >= 0; i--) context.lineTo(x + i * step, y - low[i] * scale + 0.5);
  context.closePath();
  context.fillStyle = paint;
  context.fill();
}

let hatch = null;
let hatchInk = "";
/** Stripes that stand for time of which nothing is known. */
export function hatched(context) {
  const ink = css("--edge");
  if (hatch && ink === hatchInk) return hatch;
  hatchInk = ink;
  const tile = sheet(8, 8);
  const pen = tile.getContext("2d");
  pen.strokeStyle = ink;
  pen.globalAlpha = 0.55;
  for (const shift of [-8, 0, 8]) {
    pen.moveTo(shift, 8);
    pen.lineTo(shift + 8, 0);
  }
  pen.stroke();
  hatch = context.createPattern(tile, "repeat");
  return hatch;
}
