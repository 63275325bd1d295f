// How the nodes are doing; what they say and advise is theirs, in English.

import { make } from "./look.js";
import { t } from "./words.js";

const SIGNS = ["✓", "!", "✕", "?"];

/** Shows a list of {name, level, message, values}; what is opened stays open. */
export function showHealth(element, statuses) {
  if (!statuses.length) {
    element.dataset.key = "";
    element.replaceChildren(make("li", { textContent: t("health.none") }));
    return;
  }
  const key = JSON.stringify([document.documentElement.lang, statuses.map(({ name, level }) => [name, level])]);
  if (element.dataset.key !== key) {
    element.dataset.key = key;
    element.replaceChildren(...statuses.map(item));
  }
  statuses.forEach(({ message, values }, i) => {
    const [said, , table] = parts(element.children[i]);
    if (said.textContent !== message) said.textContent = message;
    const rows = values.map(([name, value]) => `${name}\u0000${value}`).join("\n");
    if (table.dataset.rows === rows) return;
    table.dataset.rows = rows;
    table.replaceChildren(...values.flatMap(([name, value]) => [
      make("dt", { textContent: name }), make("dd", { textContent: value }),
    ]));
  });
}

const parts = (element) => ["p", "details", "dl"].map((name) => element.querySelector(name));

function item({ name, level }) {
  const head = make("strong", { textContent: `${SIGNS[level] ?? "?"} ${name}: ${t(`health.${level}`)}` });
  const said = make("p", { lang: "en" });
  const values = make("details", {}, make("summary", { textContent: t("health.more") }), make("dl", { className: "facts small", lang: "en" }));
  return make("li", { className: `l${level}` }, head, said, values);
}
