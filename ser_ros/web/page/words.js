// The words of the page: one file per language in lang/, English where a word is missing.

const KEY = "ser_ros.language";
let words = {};
let english = {};
export let language = "en";

async function load(code) {
  const answer = await fetch(`lang/${code}.json`);
  if (!answer.ok) throw new Error(`lang/${code}.json: ${answer.status}`);
  return answer.json();
}

/** The stored language, else the first of the browser's that the server has, else English. */
export function preferred(available) {
  const asked = new URLSearchParams(location.search).get("lang");
  const stored = asked || localStorage.getItem(KEY);
  const wished = [stored, ...navigator.languages].filter(Boolean);
  for (const wish of wished) {
    const found = available.find((code) => wish.toLowerCase().split("-")[0] === code);
    if (found) return found;
  }
  return available.includes("en") ? "en" : available[0];
}

export async function speak(code) {
  if (!Object.keys(english).length) english = await load("en");
  words = code === "en" ? english : await load(code);
  language = code;
  document.documentElement.lang = code;
  translate(document);
}

export function remember(code) {
  localStorage.setItem(KEY, code);
}

/** Names of the languages in themselves, as [code, name]. */
export function names(codes) {
  return Promise.all(codes.map(async (code) => [code, (await load(code)).name]));
}

/** The sentence of a key, with {facts} filled in. */
export function t(key, facts = {}) {
  const sentence = words[key] ?? english[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => facts[name] ?? whole);
}

export const has = (key) => key in words || key in english;

export const labelWord = (label) =>
  has(`label.${label}`) ? t(`label.${label}`) : t("label.other", { label });

/** A whole sentence for a label. */
export const sounds = (label) =>
  has(`sounds.${label}`) ? t(`sounds.${label}`) : t("sounds.other", { label });

export const percent = (share) =>
  new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(share);

export const number = (value, digits = 0) =>
  new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

export const clock = (seconds) =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

/** What went wrong, in the page's language; an error is {kind, sentence}. */
export function trouble(error, facts = {}) {
  const key = `error.${error.kind}`;
  return has(key) ? t(key, { ...facts, ...error }) : t("error.unknown", { sentence: error.sentence ?? String(error) });
}

export function translate(root) {
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of root.querySelectorAll("[data-t-label]")) element.setAttribute("aria-label", t(element.dataset.tLabel));
}

/** The remark of remark.js as sentences. */
export const sentences = (remarks) => remarks.map(([key, facts]) => {
  if (key.startsWith("sounds.")) return sounds(facts.label);
  const filled = { ...facts };
  for (const name of ["label", "label2"]) if (name in facts) filled[name] = labelWord(facts[name]);
  for (const name of ["percent", "percent2"]) if (name in facts) filled[name] = percent(facts[name]);
  if (facts.counts) {
    filled.list = facts.counts.map(([label, n]) => t("remark.count", { label: labelWord(label), n, all: facts.all })).join(", ");
  }
  return t(key, filled);
});
