// The answer as a picture of its own, to keep or to send.

import { drawCourse } from "./course.js";
import { colour, css, drawMark } from "./look.js";
import { drawWave, spectrogramImage } from "./pictures.js";
import { clock, labelWord, percent } from "./words.js";

const WIDTH = 1080, EDGE = 60, INNER = WIDTH - 2 * EDGE;

/** Draws 1080 pixels wide and as high as its words need, then calls done(png). */
export function drawCard(answer, remarks, done) {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = 2000; // cut to what was needed
  const context = canvas.getContext("2d");
  context.fillStyle = css("--paper");
  context.fillRect(0, 0, WIDTH, canvas.height);
  let y = EDGE + 60;
  drawMark(context, answer.label, EDGE + 40, y, 76, colour(answer.label));
  write(context, labelWord(answer.label), EDGE + 110, y + 28, "750 84px");
  y += 80;
  for (const remark of remarks) y = paragraph(context, remark, y + 16);
  y += 30;
  answer.labels.forEach((label, i) => {
    drawMark(context, label, EDGE + 18, y + 18, 30, colour(label));
    write(context, labelWord(label), EDGE + 50, y + 29, "30px");
    context.strokeStyle = css("--edge");
    context.strokeRect(EDGE + 280, y, INNER - 400, 36);
    context.fillStyle = colour(label);
    context.fillRect(EDGE + 280, y, (INNER - 400) * answer.probabilities[i], 36);
    write(context, percent(answer.probabilities[i]), WIDTH - EDGE - 90, y + 29, "30px");
    y += 52;
  });
  y += 24;
  shifted(context, y, () => drawCourse(context, answer, INNER, 220));
  y += 240;
  drawWave(context, answer.envelope, EDGE, INNER, y + 70, 140);
  y += 150;
  if (answer.spectrogram.frames) context.drawImage(spectrogramImage(answer.spectrogram), EDGE, y, INNER, 160);
  y += 200;
  write(context, `${answer.name} · ${clock(answer.duration_s)} · ${answer.model} · ser_ros`, EDGE, y, "26px", css("--faint"));
  cut(canvas, y + EDGE).toBlob(done, "image/png");
}

function shifted(context, y, draw) {
  context.save();
  context.translate(EDGE, y);
  draw();
  context.restore();
}

function write(context, text, x, y, font, paint = css("--ink")) {
  context.font = `${font} ${getComputedStyle(document.body).fontFamily}`;
  context.fillStyle = paint;
  context.textAlign = "left";
  context.fillText(text, x, y, WIDTH - EDGE - x);
}

/** Writes words in lines; returns where the next paragraph may begin. */
function paragraph(context, text, y) {
  context.font = `32px ${getComputedStyle(document.body).fontFamily}`;
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line ? `${line} ${word}` : word;
    if (line && context.measureText(longer).width > INNER) {
      write(context, line, EDGE, y + 32, "32px");
      y += 44;
      line = word;
    } else line = longer;
  }
  write(context, line, EDGE, y + 32, "32px");
  return y + 40;
}

function cut(canvas, height) {
  const part = document.createElement("canvas");
  part.width = canvas.width;
  part.height = Math.min(height, canvas.height);
  part.getContext("2d").drawImage(canvas, 0, 0);
  return part;
}
