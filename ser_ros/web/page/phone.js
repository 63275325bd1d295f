// This device as the robot's microphone: on only after a press, with a sign for as long as it lasts.

import { levelShare, setMeter } from "./look.js";
import { lineTo } from "./link.js";
import { say } from "./live.js";
import { openMicrophone } from "./microphone.js";
import { t, trouble } from "./words.js";

const at = (id) => document.getElementById(id);

/** Bytes that may wait to be sent; more is old sound, which nobody wants to hear. */
const WAITING = 200_000;

export class Phone {
  constructor() {
    this.microphone = null;
    this.socket = null;
    at("phone-start").onclick = () => this.start();
    at("phone-stop").onclick = () => this.stop();
  }

  on() {
    return this.microphone !== null;
  }

  async start() {
    at("phone-trouble").hidden = true;
    at("phone-start").disabled = true;
    try {
      this.microphone = await openMicrophone((pcm, dbfs) => this.send(pcm, dbfs), () => this.stop());
      this.connect();
    } catch (error) {
      this.stop(error);
    }
  }

  connect() {
    const socket = new WebSocket(lineTo("ws/microphone"));
    this.socket = socket;
    this.heard = false;
    socket.onopen = () => socket.send(JSON.stringify({ rate: this.microphone.rate, channels: 1 }));
    socket.onmessage = ({ data }) => {
      const answer = JSON.parse(data);
      if (answer.type === "on") this.sign();
      else if (answer.type === "refused") this.stop(answer);
    };
    // Not taken up by itself: who was cut off should know that the robot hears again.
    socket.onclose = () => this.socket === socket && this.stop({ kind: this.heard ? "ended" : "network" });
  }

  sign() {
    this.heard = true;
    at("on-air").hidden = false;
    document.title = `● ${t("phone.sign")}`;
    say(t("phone.sign"));
    at("phone-stop").focus();
  }

  send(pcm, dbfs) {
    setMeter(at("phone-level"), levelShare(dbfs));
    if (this.heard && this.socket.bufferedAmount < WAITING) this.socket.send(pcm);
  }

  stop(why = null) {
    const { socket, microphone } = this;
    this.socket = this.microphone = null;
    this.heard = false;
    microphone?.close();
    socket?.close();
    at("on-air").hidden = true;
    at("phone-start").disabled = false;
    document.title = "ser_ros";
    if (!why) return;
    at("phone-trouble").textContent = why.kind === "ended" ? t("phone.ended") : trouble(why);
    at("phone-trouble").hidden = false;
  }

  /** What the server says of the robot's microphone. */
  hear({ on, by_you }) {
    const other = on && !by_you && !this.on();
    at("phone-other").hidden = !other;
    at("phone-start").disabled = other || this.on();
  }
}
