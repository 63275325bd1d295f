// The kiosk: the word and a simple face, for a screen on the robot.

import { svgElement } from "./look.js";
import { labelWord, t } from "./words.js";

const at = (id) => document.getElementById(id);
const STALE_MS = 6000;

const EYES = {
  open: [["circle", { cx: 68, cy: 84, r: 9, class: "eye" }], ["circle", { cx: 132, cy: 84, r: 9, class: "eye" }]],
  closed: [["path", { d: "M54 86q14 10 28 0" }], ["path", { d: "M118 86q14 10 28 0" }]],
  smiling: [["path", { d: "M54 90q14 -16 28 0" }], ["path", { d: "M118 90q14 -16 28 0" }]],
};
const BROWS = {
  angry: [["path", { d: "M48 58 84 72" }], ["path", { d: "M152 58 116 72" }]],
  sad: [["path", { d: "M48 72 82 58" }], ["path", { d: "M152 72 118 58" }]],
  raised: [["path", { d: "M50 58q16 -12 32 0" }], ["path", { d: "M118 58q16 -12 32 0" }]],
};
const mouth = (d, more = {}) => [["path", { d, ...more }]];

const FACES = {
  angry: [...EYES.open, ...BROWS.angry, ...mouth("M70 146q30 -18 60 0")],
  neutral: [...EYES.open, ...mouth("M70 138h60")],
  sad: [...EYES.open, ...BROWS.sad, ...mouth("M68 148q32 -28 64 0")],
  happy: [...EYES.smiling, ...mouth("M60 122q40 46 80 0")],
  fear: [...EYES.open, ...BROWS.sad, ...mouth("M66 142q11 -12 22 0t22 0t22 0")],
  disgust: [...EYES.closed, ...BROWS.angry, ...mouth("M66 144q22 -18 40 -4t28 -6")],
  surprise: [...EYES.open, ...BROWS.raised, ["ellipse", { cx: 100, cy: 138, rx: 14, ry: 18 }]],
  calm: [...EYES.closed, ...mouth("M72 132q28 16 56 0")],
  boredom: [...EYES.closed, ...mouth("M74 140l52 -6")],
  uncertain: [...EYES.open, ...mouth("M68 138h64", { class: "dashed" })],
  no_speech: [...EYES.closed, ...mouth("M84 138h32")],
};

/** Shows the newest of what `live` knows; says nothing but that. */
export function showKiosk(live) {
  const now = live.current();
  const old = live.heardAt === null || Date.now() - live.heardAt > STALE_MS;
  if (!live.line.up) face("uncertain", t("kiosk.away"), true);
  else if (!now || old) face("no_speech", t("kiosk.waiting"), true);
  else face(now.label, labelWord(now.label), false);
}

function face(label, word, away) {
  const text = at("kiosk-word");
  if (text.textContent === word) return;
  text.textContent = word;
  const svg = at("face");
  svg.style.setProperty("--tone", away ? "var(--edge)" : `var(--${label}, var(--edge))`);
  const parts = FACES[label] ?? FACES.uncertain;
  const head = ["circle", { cx: 100, cy: 100, r: 90, class: away ? "head dashed" : "head" }];
  svg.replaceChildren(...[head, ...parts].map(([name, attributes]) => svgElement(name, attributes)));
}

/** Keeps a screen awake where the browser allows it; asks again after a sleep. */
export function stayAwake(wanted) {
  const ask = () => {
    if (!document.hidden && wanted()) navigator.wakeLock?.request("screen").catch(() => {});
  };
  document.addEventListener("visibilitychange", ask);
  ask();
}
