// What to say of an answer in plain words: which phrases, with which facts. It knows no language.

/** At least so sure, so is it said. */
const VERY = 0.9;
const FAIRLY = 0.75;
/** A second emotion that is so likely is named. */
const ALSO = 0.12;
const QUIET_DBFS = -50;
const LITTLE_SPEECH = 0.4;

/**
 * Returns [key, facts] pairs, to be said in this order. Facts that are labels are called label,
 * label2; shares of 1 are percent, percent2, speech; the rest are plain.
 */
export function remark(answer, window_s) {
  return [
    [`sounds.${answer.label}`, { label: answer.label }],
    ...sureness(answer),
    ...course(answer),
    ...sound(answer, window_s),
    ...baseline(answer),
    ["remark.end", {}],
  ];
}

function ranked({ labels, probabilities }) {
  return labels.map((label, i) => ({ label, share: probabilities[i] })).sort((a, b) => b.share - a.share);
}

function sureness(answer) {
  if (answer.label === "no_speech") return [];
  const [first, ...rest] = ranked(answer);
  if (answer.label === "uncertain") {
    return [["remark.nearest", { label: first.label, percent: first.share }], ...alternatives(rest)];
  }
  const grade = answer.confidence >= VERY ? "very" : answer.confidence >= FAIRLY ? "fairly" : "little";
  const others = ranked(answer).filter(({ label }) => label !== answer.label);
  const also = alternatives(others);
  return [[`remark.${grade}`, { percent: answer.confidence }], ...(also.length ? also : [["remark.nothing_else", {}]])];
}

function alternatives([one, two]) {
  if (!one || one.share < ALSO) return [];
  if (!two || two.share < ALSO) return [["remark.also", { label: one.label, percent: one.share }]];
  return [["remark.also_two", { label: one.label, percent: one.share, label2: two.label, percent2: two.share }]];
}

/** How often each label was heard, the most frequent first, as [label, parts]. */
export function counts(windows) {
  const found = new Map();
  for (const { label } of windows) found.set(label, (found.get(label) ?? 0) + 1);
  return [...found].sort((a, b) => b[1] - a[1]);
}

function course({ label, windows }) {
  const heard = windows.filter((window) => window.label !== "no_speech");
  if (heard.length < 2 || label === "no_speech") return [];
  const found = counts(heard);
  if (found.length === 1) return label === found[0][0] ? [["remark.steady", {}]] : [];
  return [["remark.changes", { counts: found, all: heard.length }]];
}

function sound({ label, duration_s, level_dbfs, speech_ratio }, window_s) {
  const said = [];
  if (level_dbfs < QUIET_DBFS) said.push(["remark.quiet", {}]);
  if (label === "no_speech") return said;
  if (duration_s < window_s) said.push(["remark.short", {}]);
  if (speech_ratio < LITTLE_SPEECH) said.push(["remark.little_speech", { percent: speech_ratio }]);
  return said;
}

function baseline(answer) {
  const without = answer.baseline?.without;
  if (!without || answer.label === "no_speech") return [];
  const facts = { label: without.label, percent: without.confidence };
  return [[without.label === answer.label ? "remark.baseline_same" : "remark.baseline_other", facts]];
}
