// The last minute: states, waveform and spectrogram above one another on one axis of time.

import { colour, css, drawMark } from "./look.js";
import { drawWave, fit, hatched, spectrogramImage } from "./pictures.js";
import { labelWord, t } from "./words.js";

const SPAN_S = 60;
/** A state that comes so long after the one before does not vouch for the time between. */
const SILENT_S = 5;

/** A stamp that lies so long before the newest is of another time: a clock was set, a bag begins anew. */
const BACK_S = 15;

/** What is known of the last minute, by the robot's clock. */
export class Minute {
  constructor() {
    this.windows = [];
    this.states = [];
    this.sounds = [];
    this.gaps = [];
    this.newest = null; // { stamp: robot's seconds, at: ours in ms }
  }

  /** The robot's time now, as far as its newest message tells. */
  now(at = Date.now()) {
    return this.newest === null ? at / 1000 : this.newest.stamp + (at - this.newest.at) / 1000;
  }

  /** Forget everything where time went back; what comes then is the beginning. */
  meet(stamp) {
    if (this.newest === null || stamp >= this.newest.stamp - BACK_S) return;
    Object.assign(this, { windows: [], states: [], sounds: [], gaps: [], newest: null });
  }

  seen(stamp) {
    if (this.newest === null || stamp >= this.now()) this.newest = { stamp, at: Date.now() };
    const oldest = this.now() - SPAN_S - 5;
    for (const kept of [this.windows, this.states, this.sounds, this.gaps]) {
      while (kept.length && kept[0].end < oldest) kept.shift();
    }
  }

  hearWindow({ stamp, duration_s, label }) {
    const end = stamp + duration_s;
    this.meet(end);
    this.windows.push({ start: stamp, end, label });
    this.seen(end);
  }

  /** A state holds from its beginning, or from where the one before it ends. */
  hearState({ stamp, since, label }) {
    this.meet(stamp);
    const last = this.states.at(-1);
    if (last && stamp <= last.end) return;
    const unbroken = last && stamp - last.end < SILENT_S && last.end >= (this.gaps.at(-1)?.end ?? -Infinity);
    if (unbroken && last.label === label) last.end = stamp;
    else {
      const start = unbroken ? Math.max(since, last.end) : Math.max(since, stamp - SILENT_S / 2);
      if (unbroken && start > last.end) last.end = Math.min(start, stamp);
      this.states.push({ start: Math.min(start, stamp), end: stamp, label });
    }
    this.seen(stamp);
  }

  hearSound({ stamp, seconds, low, high, spectrogram }) {
    this.meet(stamp + seconds);
    const image = spectrogram?.frames ? spectrogramImage(spectrogram) : null;
    this.sounds.push({ start: stamp, end: stamp + seconds, low, high, image });
    this.seen(stamp + seconds);
  }

  /** The line was down, or we were too slow, for `seconds` until `ago` seconds before now. */
  miss(seconds, ago = 0) {
    const end = this.now() - ago;
    this.gaps.push({ start: end - seconds, end });
  }

  /** Seconds of the last minute that were missed. */
  missed() {
    const oldest = this.now() - SPAN_S;
    return this.gaps.reduce((sum, gap) => sum + Math.max(0, gap.end - Math.max(gap.start, oldest)), 0);
  }

  shown() {
    return this.states.length ? this.states : this.windows;
  }

  /** The minute in words, for who does not see it. */
  sentence() {
    const oldest = this.now() - SPAN_S;
    const words = [];
    for (const { label, end } of this.shown()) {
      if (end > oldest && words.at(-1) !== labelWord(label)) words.push(labelWord(label));
    }
    return words.length ? t("live.picture", { states: words.join(", ") }) : t("live.picture_empty");
  }

  /** Draws everything; `now` is the robot's time at the right edge. */
  draw(canvas, now) {
    const { context, width, height } = fit(canvas);
    const x = (stamp) => width * (1 + (stamp - now) / SPAN_S);
    const foot = 18, band = Math.min(44, height * 0.22), space = 6;
    const wave = (height - foot - band) * 0.38;
    const tones = { top: band + wave + 2 * space, height: height - foot - band - wave - 2 * space };
    context.fillStyle = hatched(context);
    context.fillRect(0, 0, width, band);
    for (const part of this.shown()) drawState(context, part, x, band);
    for (const sound of this.sounds) {
      const left = x(sound.start), wide = x(sound.end) - left;
      if (left > width || left + wide < 0) continue;
      drawWave(context, sound, left, wide, band + space + wave / 2, wave);
      if (sound.image) context.drawImage(sound.image, left, tones.top, wide + 0.5, tones.height);
    }
    context.fillStyle = hatched(context);
    for (const gap of this.gaps) context.fillRect(x(gap.start), 0, x(gap.end) - x(gap.start), height - foot);
    drawAxis(context, width, height, x, now);
    if (!this.sounds.length) write(context, t("live.no_sound"), width / 2, band + (height - foot - band) / 2, "center");
  }
}

function drawState(context, { start, end, label }, x, band) {
  const left = Math.max(x(start), 0), wide = x(end) - left;
  if (wide <= 0) return;
  context.fillStyle = css("--card");
  context.fillRect(left, 0, wide, band);
  if (label === "no_speech") {
    context.fillStyle = colour(label);
    context.fillRect(left, band / 2 - 1, wide, 2);
    return;
  }
  context.globalAlpha = label === "uncertain" ? 0.28 : 1;
  context.fillStyle = colour(label);
  context.fillRect(left, 0, wide, band);
  context.globalAlpha = 1;
  const size = Math.min(band * 0.5, wide - 4);
  if (size >= 6) drawMark(context, label, left + wide / 2, band / 2, size, label === "uncertain" ? css("--ink") : css("--paper"));
}

function drawAxis(context, width, height, x, now) {
  for (const ago of [60, 45, 30, 15, 0]) {
    const at = x(now - ago);
    const align = ago === 60 ? "left" : ago === 0 ? "right" : "center";
    write(context, ago ? t("live.ago", { n: ago }) : t("live.now"), at, height - 4, align);
  }
}

function write(context, text, x, y, align) {
  context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  context.fillStyle = css("--faint");
  context.textAlign = align;
  context.fillText(text, x, y);
}
