// An answer, shown: the word, a remark, a bar per emotion, pictures with a cursor, downloads.

import { showBars, showKey } from "./bars.js";
import { drawCard } from "./card.js";
import { drawCourse } from "./course.js";
import { make, setMark } from "./look.js";
import { drawWave, fit, spectrogramImage } from "./pictures.js";
import { counts, remark } from "./remark.js";
import { clock, labelWord, number, percent, sentences, t } from "./words.js";

/**
 * Fills `element`. `sound` is what the person gave, as a Blob; `actions` are {save, forget}, or null
 * where there is nothing to do.
 */
export function showAnswer(element, id, answer, sound, window_s, actions) {
  const remarks = sentences(remark(answer, window_s));
  const pictures = makePictures(answer);
  element.replaceChildren(
    head(answer, remarks),
    make("section", { className: "card" }, ...playback(sound, pictures, answer), pictures, key(answer)),
    make("section", { className: "card" }, table(answer)),
    downloads(id, answer, remarks, actions),
  );
  element.hidden = false;
  drawPictures(pictures, answer);
}

function head(answer, remarks) {
  const shape = make("span", { className: "mark" });
  setMark(shape, answer.label);
  const title = make("h2", { tabIndex: -1, className: "hidden", textContent: t("answer.title"), id: "answer-title" });
  const list = make("ul", { className: "remark" }, ...remarks.map((textContent) => make("li", { textContent })));
  const bars = make("div", { className: "bars" });
  const parts = new Map(counts(answer.windows));
  showBars(bars, answer.labels, answer.probabilities, (label) => t("answer.parts", { n: parts.get(label) ?? 0, all: answer.windows.length }));
  const facts = t("answer.length", { time: clock(answer.duration_s), speech: percent(answer.speech_ratio) });
  return make("section", { className: "card answer-top" },
    make("div", {}, title,
      make("div", { className: "word" }, shape, make("span", { textContent: labelWord(answer.label) })), list),
    make("div", {}, make("h2", { textContent: t("answer.histogram") }), bars,
      make("p", { className: "small", textContent: `${answer.name}: ${facts}, ${t("level.value", { dbfs: number(answer.level_dbfs) })}` })));
}

function makePictures(answer) {
  const picture = (name, label) => {
    const canvas = make("canvas", { className: name });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    return canvas;
  };
  return make("div", { className: "pictures" },
    make("h3", { textContent: t("answer.course") }), picture("course", t("answer.course_picture")),
    make("h3", { textContent: t("answer.waveform") }), picture("wave", t("answer.waveform")),
    make("h3", { textContent: t("answer.spectrogram") }), picture("tones", `${t("answer.spectrogram")}, ${clock(answer.duration_s)}`),
    make("div", { className: "cursor", hidden: true }));
}

/** Drawn again on another width or in another light. */
function drawPictures(pictures, answer) {
  const image = answer.spectrogram.frames ? spectrogramImage(answer.spectrogram) : null;
  const draw = () => {
    if (!pictures.isConnected) return;
    const course = fit(pictures.querySelector(".course"));
    drawCourse(course.context, answer, course.width, course.height);
    const wave = fit(pictures.querySelector(".wave"));
    drawWave(wave.context, answer.envelope, 0, wave.width, wave.height / 2, wave.height);
    const tones = fit(pictures.querySelector(".tones"));
    if (image) tones.context.drawImage(image, 0, 0, tones.width, tones.height);
  };
  new ResizeObserver(draw).observe(pictures);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

function playback(sound, pictures, answer) {
  const audio = make("audio", { controls: true, preload: "metadata", src: URL.createObjectURL(sound) });
  audio.setAttribute("aria-label", t("answer.play"));
  const trouble = make("p", { className: "small", hidden: true, textContent: t("answer.no_play") });
  audio.onerror = () => {
    audio.hidden = true;
    trouble.hidden = false;
  };
  const cursor = pictures.querySelector(".cursor");
  const move = () => {
    cursor.hidden = audio.currentTime === 0 && audio.paused;
    cursor.style.left = `${(100 * Math.min(audio.currentTime, answer.duration_s)) / answer.duration_s}%`;
    if (!audio.paused && audio.isConnected) requestAnimationFrame(move);
  };
  for (const event of ["play", "pause", "seeked", "timeupdate"]) audio.addEventListener(event, move);
  pictures.onclick = (event) => {
    const { left, width } = pictures.getBoundingClientRect();
    if (!audio.hidden) audio.currentTime = (answer.duration_s * (event.clientX - left)) / width;
  };
  return [audio, trouble];
}

function key(answer) {
  const element = make("p", { className: "key small" });
  showKey(element, [...answer.labels, "uncertain", "no_speech"]);
  return element;
}

function table(answer) {
  const names = ["answer.at", "answer.label", "answer.confidence"].map((name) => t(name));
  const heads = [...names, ...answer.labels.map(labelWord), t("speech"), t("level")];
  const rows = answer.windows.map((window) => [
    clock(window.start_s), labelWord(window.label), percent(window.confidence),
    ...window.probabilities.map(percent), percent(window.speech_ratio), t("level.value", { dbfs: number(window.level_dbfs) }),
  ]);
  const cells = (kind, row) => make("tr", {}, ...row.map((textContent) => make(kind, { textContent })));
  const grid = make("table", {}, make("thead", {}, cells("th", heads)), make("tbody", {}, ...rows.map((row) => cells("td", row))));
  const scroll = make("div", { className: "scroll", tabIndex: 0 }, grid);
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", t("answer.table"));
  return make("details", {}, make("summary", { textContent: `${t("answer.table")} (${rows.length})` }), scroll);
}

function downloads(id, answer, remarks, actions) {
  const link = (name, key) => make("a", { className: "button plain", href: `api/try/${id}/${name}`, download: `${stem(answer)}.${name.split(".")[1]}`, textContent: t(key) });
  const card = make("button", { className: "plain", type: "button", textContent: t("answer.card") });
  card.onclick = () => drawCard(answer, remarks, (blob) => keep(blob, `${stem(answer)}.png`));
  const more = Object.entries(actions).map(([name, act]) => {
    const button = make("button", { className: "plain", type: "button", textContent: t(`answer.${name}`) });
    button.onclick = () => act(button);
    return button;
  });
  return make("div", { className: "row" }, link("answer.json", "answer.json"), link("answer.csv", "answer.csv"), card, ...more);
}

const stem = ({ name }) => name.replace(/\.[^.]*$/, "") || "answer";

function keep(blob, download) {
  const href = URL.createObjectURL(blob);
  make("a", { href, download }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
