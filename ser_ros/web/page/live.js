// The live view: what the running nodes say, as soon as they say it.

import { showBars, showKey } from "./bars.js";
import { showHealth } from "./health.js";
import { levelShare, setMark, setMeter } from "./look.js";
import { Minute } from "./minute.js";
import { labelWord, number, percent, sounds, t } from "./words.js";

const at = (id) => document.getElementById(id);

/** Seconds without a word from the robot after which the last word is marked as old. */
const STALE_S = 6;
/** A voice that reads aloud needs longer than a hearing that changes its mind. */
const SAY_EVERY_MS = 4000;

export class Live {
  constructor() {
    this.minute = new Minute();
    this.state = null;
    this.window = null;
    this.health = [];
    this.lost = 0;
    this.saidAt = 0;
    this.heardAt = null;
    this.line = { up: false };
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.drawnAt = 0;
    setInterval(() => this.tick(), 1000);
    requestAnimationFrame(() => this.frame());
  }

  hear(message) {
    if (message.type === "hello") this.latched = message;
    if (message.type === "window") {
      this.window = message;
      this.lost += message.lost ?? 0;
      this.minute.hearWindow(message);
    } else if (message.type === "state") {
      this.state = message;
      this.minute.hearState(message);
    } else if (message.type === "sound") this.minute.hearSound(message);
    else if (message.type === "health") this.health = message.statuses;
    else if (message.type === "gap") this.minute.miss(message.seconds, message.ago);
    if (message.type === "window" || message.type === "state") this.heardAt = Date.now() - 1000 * this.age(message);
    this.show(message.type);
  }

  /** The state that a newcomer is told first may be of long ago; all else is news. */
  age({ type, stamp }) {
    const first = this.latched;
    this.latched = null;
    return first && type === "state" ? Math.max(0, first.now - stamp) : 0;
  }

  lineChanged(line) {
    if (line.up && line.missed_s > 0.3) {
      this.minute.miss(line.missed_s);
      say(t("link.back"));
    }
    this.line = line;
    this.showLine();
  }

  showLine() {
    const { up, retry_s } = this.line;
    const element = at("link");
    element.classList.toggle("up", up);
    element.textContent = up ? t("link.up") : retry_s ? t("link.down", { n: number(Math.max(retry_s, 1)) }) : t("link.trying");
  }

  /** What the big word is taken from: the state, or the windows where nobody smooths them. */
  current() {
    return this.state ?? this.window;
  }

  show(what = "all") {
    const now = this.current();
    if (what === "health" || what === "all") showHealth(at("health"), this.health);
    if (!now) {
      at("live-word").textContent = t("live.waiting");
      return;
    }
    setMark(at("live-mark"), now.label);
    setText(at("live-word"), labelWord(now.label));
    setText(at("live-sure"), this.sure(now));
    showBars(at("live-bars"), now.labels, now.probabilities);
    showKey(at("key"), [...now.labels, "uncertain", "no_speech"]);
    setMeter(at("live-speech-bar"), now.speech_ratio);
    setText(at("live-speech"), percent(now.speech_ratio));
    setMeter(at("live-level-bar"), levelShare(now.level_dbfs));
    setText(at("live-level"), t("level.value", { dbfs: number(now.level_dbfs) }));
    if (this.window) {
      setText(at("live-lost"), t("samples", { n: number(this.lost) }));
      setText(at("live-latency"), t("milliseconds", { n: number(1000 * this.window.latency_s) }));
      setText(at("live-model"), this.window.model);
    }
    this.announce(now);
  }

  sure({ label, confidence, labels, probabilities }) {
    if (this.heardAt !== null && Date.now() - this.heardAt > 1000 * STALE_S) {
      return t("live.stale", { n: number((Date.now() - this.heardAt) / 1000) });
    }
    if (label === "no_speech") return t("live.no_speech");
    if (label === "uncertain") {
      const nearest = probabilities.indexOf(Math.max(...probabilities));
      return t("live.uncertain", { label: labelWord(labels[nearest]), percent: percent(confidence) });
    }
    return t("live.sure", { percent: percent(confidence) });
  }

  /** Says a new state aloud, and no more often than somebody can listen. */
  announce({ label }) {
    if (document.body.classList.contains("kiosk") || at("view-live").hidden) return;
    if (label === this.saidLabel || Date.now() - this.saidAt < SAY_EVERY_MS) return;
    this.saidLabel = label;
    this.saidAt = Date.now();
    say(sounds(label));
  }

  /** Once a second: what grows old, and the picture's words. */
  tick() {
    const stale = this.heardAt !== null && Date.now() - this.heardAt > 1000 * STALE_S;
    at("live").classList.toggle("stale", stale);
    const now = this.current();
    if (now && stale) setText(at("live-sure"), this.sure(now));
    if (now && !stale) this.announce(now);
    at("minute").setAttribute("aria-label", this.minute.sentence());
    const missed = this.minute.missed();
    setText(at("missed"), missed >= 0.5 ? t("link.missed", { n: number(missed) }) : "");
  }

  /** Ten pictures a second are smooth enough; who wants less motion gets one. */
  frame() {
    requestAnimationFrame(() => this.frame());
    const now = performance.now();
    if (now - this.drawnAt < (this.calm.matches ? 1000 : 95) || at("view-live").hidden || !at("minute").clientWidth) return;
    this.drawnAt = now;
    this.minute.draw(at("minute"), this.minute.now());
  }
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Says something to who listens to a screen reader. */
export function say(text) {
  at("say").textContent = text;
}
