// A recording with the microphone: from a press to a press, or to the limit.

import { levelShare, setMeter } from "./look.js";
import { openMicrophone, Refused, wav } from "./microphone.js";
import { clock, t } from "./words.js";

const at = (id) => document.getElementById(id);

const SHORTEST_S = 1;
const QUIET_DBFS = -50;
const LOUD = 32700;
/** Seconds before somebody is told to speak up. */
const PATIENCE_S = 2;

export class Recorder {
  /** `told(seconds)` is called while it records; `full()` once the limit is reached. */
  constructor(limit_s, told, full) {
    Object.assign(this, { limit_s, told, full });
    this.blocks = [];
    this.samples = 0;
    this.loudest = -120;
  }

  async start() {
    this.microphone = await openMicrophone((pcm, dbfs) => this.hear(pcm, dbfs), () => this.full());
    at("recording").hidden = false;
    this.hint(t("try.hint", { time: clock(this.limit_s) }));
  }

  seconds() {
    return this.samples / this.microphone.rate;
  }

  hear(pcm, dbfs) {
    this.blocks.push(pcm);
    this.samples += pcm.length;
    this.loudest = Math.max(this.loudest * 0.99 - 1, dbfs);
    const clipped = pcm.some((sample) => Math.abs(sample) >= LOUD);
    if (clipped) this.loudAt = this.seconds();
    const loud = this.loudAt !== undefined && this.seconds() - this.loudAt < PATIENCE_S;
    setMeter(at("record-level"), levelShare(dbfs));
    at("record-level").classList.toggle("loud", loud);
    at("record-time").textContent = clock(this.seconds());
    if (loud) this.hint(t("try.loud"));
    else if (this.seconds() > PATIENCE_S && this.loudest < QUIET_DBFS) this.hint(t("try.quiet"));
    else this.hint(t("try.hint", { time: clock(this.limit_s) }));
    this.told(this.seconds());
    if (this.seconds() >= this.limit_s) this.full();
  }

  hint(text) {
    const element = at("record-hint");
    if (element.textContent !== text) element.textContent = text;
  }

  /** Closes the microphone; returns the recording, or throws `too_short`. */
  stop() {
    this.microphone.close();
    at("recording").hidden = true;
    if (this.seconds() < SHORTEST_S) throw new Refused("too_short");
    return wav(this.blocks, this.microphone.rate);
  }
}
