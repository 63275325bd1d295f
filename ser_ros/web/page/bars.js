// A bar per emotion, made once and then only moved.

import { make, mark, setMark } from "./look.js";
import { labelWord, percent } from "./words.js";

/** Shows probabilities in `element`; `more(label)` adds words to a row. */
export function showBars(element, labels, probabilities, more = null) {
  const key = labels.join() + document.documentElement.lang;
  if (element.dataset.key !== key) {
    element.dataset.key = key;
    element.replaceChildren(...labels.map(row));
  }
  const top = Math.max(...probabilities);
  labels.forEach((label, i) => {
    const bar = element.children[i];
    const share = probabilities[i] ?? 0;
    const track = bar.querySelector(".track");
    bar.classList.toggle("top", share === top && share > 0);
    track.firstElementChild.style.transform = `scaleX(${share})`;
    track.setAttribute("aria-valuenow", Math.round(share * 100));
    bar.querySelector(".share").textContent = percent(share);
    if (more) bar.title = more(label);
  });
}

function row(label) {
  const fill = make("span");
  fill.style.background = `var(--${label}, var(--uncertain))`;
  const track = make("span", { className: "track" }, fill);
  track.setAttribute("role", "meter");
  track.setAttribute("aria-label", labelWord(label));
  track.setAttribute("aria-valuemin", 0);
  track.setAttribute("aria-valuemax", 100);
  return make("div", { className: "bar" },
    make("span", { className: "mark" }, mark(label)),
    make("span", { textContent: labelWord(label) }),
    track,
    make("span", { className: "share" }));
}

/** A legend: the shape and the word of each label. */
export function showKey(element, labels) {
  const key = labels.join() + document.documentElement.lang;
  if (element.dataset.key === key) return;
  element.dataset.key = key;
  element.replaceChildren(...labels.map((label) => {
    const shape = make("span", { className: "mark" });
    setMark(shape, label);
    return make("span", {}, shape, labelWord(label));
  }));
}
