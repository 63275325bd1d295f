// The view "try a voice": record or drop, wait, read the answer; with or without a baseline.

import { showAnswer } from "./answer.js";
import { Asking, forget, get } from "./asking.js";
import { say } from "./live.js";
import { Recorder } from "./recorder.js";
import { clock, number, percent, t, trouble } from "./words.js";

const at = (id) => document.getElementById(id);

const BASELINE_S = 10;
const MIB = 2 ** 20;
/** Bytes a second of the largest recording: 48 kHz, 16 bits, one channel. */
const RECORDED_BYTES = 96_000;

export class Trying {
  constructor(about) {
    this.about = about;
    this.baseline = null; // { id, seconds }
    this.last = null; // { id, answer, sound }
    this.recorder = null;
    at("record").onclick = () => this.press("try");
    at("baseline").onclick = () => this.press("baseline");
    at("baseline-off").onclick = () => this.dropBaseline();
    at("cancel").onclick = () => this.asking?.giveUp();
    at("file").onchange = ({ target }) => {
      const [file] = target.files;
      target.value = "";
      if (file) this.listen("try", file, file.name);
    };
    this.takeDrops();
  }

  limits() {
    const { upload_mb, seconds } = this.about.limits;
    return { ...this.about.limits, recorded_s: Math.min(seconds, Math.floor((upload_mb * MIB) / RECORDED_BYTES)) };
  }

  takeDrops() {
    const zone = at("view-try");
    zone.ondragover = (event) => {
      event.preventDefault();
      at("drop").classList.add("over");
    };
    zone.ondragleave = () => at("drop").classList.remove("over");
    zone.ondrop = (event) => {
      event.preventDefault();
      at("drop").classList.remove("over");
      const [file] = event.dataTransfer.files;
      if (file && !this.busy()) this.listen("try", file, file.name);
    };
  }

  busy() {
    return Boolean(this.asking || this.recorder);
  }

  /** Everything in the language of now. */
  show() {
    const { upload_mb, seconds } = this.limits();
    at("try-limits").textContent = t("try.limits", { mb: upload_mb, time: clock(seconds) });
    this.showBaseline();
    this.showButtons();
    if (this.last) this.showAnswer();
  }

  showButtons(left_s = BASELINE_S) {
    const recording = this.recorder?.purpose;
    at("record").textContent = recording === "try" ? t("try.stop") : t("try.record");
    at("baseline").textContent = recording === "baseline"
      ? t("baseline.stop", { n: number(Math.max(left_s, 0)) })
      : t(this.baseline ? "baseline.again" : "baseline.record");
    at("record").disabled = Boolean(this.asking) || recording === "baseline";
    at("baseline").disabled = Boolean(this.asking) || recording === "try";
    at("file").disabled = this.busy();
  }

  showBaseline() {
    at("baseline-state").textContent = this.baseline ? t("baseline.on", { n: number(this.baseline.seconds) }) : "";
    at("baseline-off").hidden = !this.baseline;
  }

  async press(purpose) {
    if (this.recorder) return this.finish();
    this.complain(null);
    const limit_s = purpose === "baseline" ? BASELINE_S : this.limits().recorded_s;
    const recorder = new Recorder(limit_s, (seconds) => purpose === "baseline" && this.showButtons(Math.ceil(BASELINE_S - seconds)), () => this.finish());
    recorder.purpose = purpose;
    this.recorder = recorder;
    try {
      await recorder.start();
      say(t("try.recording"));
    } catch (error) {
      this.recorder = null;
      this.complain(error);
    }
    this.showButtons();
  }

  finish() {
    const { recorder } = this;
    if (!recorder?.microphone) return;
    this.recorder = null;
    try {
      const sound = recorder.stop();
      this.listen(recorder.purpose, sound, `${t("try.mine")}-${new Date().toTimeString().slice(0, 8).replaceAll(":", "")}.wav`);
    } catch (error) {
      this.complain(error);
      this.showButtons();
    }
  }

  async listen(purpose, sound, name) {
    if (this.asking) return;
    this.complain(null);
    const { upload_mb } = this.about.limits;
    if (sound.size > upload_mb * MIB) return this.complain({ kind: "too_large" });
    this.asking = new Asking();
    at("working").hidden = false;
    at("working").scrollIntoView({ block: "nearest" });
    this.showButtons();
    try {
      const query = new URLSearchParams({ name });
      if (purpose === "try" && this.baseline) query.set("baseline", this.baseline.id);
      const answer = await this.asking.ask(`api/${purpose}?${query}`, sound, (state, share) => this.progress(purpose, name, state, share));
      // First the progress goes, or what is shown would move from under the eyes.
      at("working").hidden = true;
      if (answer) this.take(purpose, this.asking.id, answer, sound);
    } catch (error) {
      if (error.kind === "unknown_baseline") this.dropBaseline();
      if (error.kind !== "cancelled") this.complain(error);
    } finally {
      this.asking = null;
      at("working").hidden = true;
      this.showButtons();
    }
  }

  progress(purpose, name, state, share) {
    const words = state === "listening" && purpose === "baseline" ? t("baseline.working") : t(`try.${state}`, { name, percent: percent(share ?? 0) });
    at("working-words").textContent = words;
    if (state === "waiting" || !share) at("share").removeAttribute("value");
    else at("share").value = share;
  }

  take(purpose, id, answer, sound) {
    if (purpose === "baseline") {
      this.baseline = { id, seconds: answer.seconds };
      this.showBaseline();
      say(at("baseline-state").textContent);
      return;
    }
    if (this.last) forget(this.last.id);
    this.last = { id, answer, sound };
    this.showAnswer();
    at("answer-title").focus({ preventScroll: true });
    at("answer").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    say(t("try.done"));
  }

  showAnswer() {
    const { id, answer, sound } = this.last;
    const actions = { forget: () => this.forgetLast() };
    if (this.about.saving !== false && !this.last.saved) actions.save = (button) => this.save(button);
    showAnswer(at("answer"), id, answer, sound, this.about.model.window_s, actions);
  }

  async save(button) {
    const { last } = this;
    this.complain(null);
    button.disabled = true;
    try {
      await get(`api/try/${last.id}/save`, "POST");
      last.saved = true;
      button.textContent = t("answer.saved");
      say(t("answer.saved"));
    } catch (error) {
      button.disabled = false;
      this.complain(error);
    }
  }

  forgetLast() {
    forget(this.last.id);
    this.last = null;
    at("answer").hidden = true;
    at("answer").replaceChildren();
    say(t("answer.forgotten"));
    at("record").focus();
  }

  dropBaseline() {
    if (this.baseline) forget(this.baseline.id);
    this.baseline = null;
    this.showBaseline();
    this.showButtons();
    at("baseline").focus();
  }

  complain(error) {
    const element = at("try-trouble");
    element.hidden = !error;
    element.textContent = error ? trouble(error, { mb: this.about.limits.upload_mb }) : "";
    if (error) element.scrollIntoView({ block: "nearest" });
  }
}
