// The page: views, language, and the line that feeds them.

import { get } from "./asking.js";
import { showKiosk, stayAwake } from "./kiosk.js";
import { Link } from "./link.js";
import { Live } from "./live.js";
import { make } from "./look.js";
import { Phone } from "./phone.js";
import { Trying } from "./try.js";
import { labelWord, names, number, percent, preferred, remember, speak, t, trouble } from "./words.js";

const at = (id) => document.getElementById(id);
const VIEWS = ["live", "try", "about"];
const TOLD = "ser_ros.told";
const kiosk = location.pathname.replace(/\/$/, "").endsWith("/kiosk");
const AGAIN_MS = 2000;

async function start() {
  let about;
  try {
    about = await get("api/about");
  } catch (error) {
    await speak(preferred(["en", "ko"]));
    at("trouble").textContent = trouble(error);
    at("trouble").hidden = false;
    if (error.kind !== "token") setTimeout(start, AGAIN_MS);
    return;
  }
  at("trouble").hidden = true;
  await speak(preferred(about.languages));
  const live = new Live();
  const trying = new Trying(about);
  const phone = new Phone();
  const show = () => showWords(about, live, trying);
  offerLanguages(about.languages, show);
  show();
  if (kiosk) openKiosk(live);
  else {
    addEventListener("hashchange", () => route(about, true));
    route(about, false);
    tellOnce();
    stayAwake(() => phone.on());
  }
  connect(live, phone, about, show);
}

function connect(live, phone, about, show) {
  const hear = (message) => {
    if (message.type === "hello") {
      // A server that started again may have another model.
      Object.assign(about, message.about);
      live.hear(message);
      show();
    } else if (message.type === "microphone") phone.hear(message);
    else live.hear(message);
    if (kiosk) showKiosk(live);
  };
  const changed = (line) => {
    live.lineChanged(line);
    at("trouble").hidden = !line.refused;
    if (line.refused) at("trouble").textContent = trouble({ kind: "token" });
    if (kiosk) showKiosk(live);
  };
  return new Link(hear, changed);
}

function openKiosk(live) {
  document.body.classList.add("kiosk");
  at("view-kiosk").hidden = false;
  showKiosk(live);
  setInterval(() => showKiosk(live), 1000);
  stayAwake(() => true);
  addEventListener("keydown", ({ key }) => {
    if (key === "Escape") location.href = ".";
  });
}

/** Shows the view that the address names; a person who chose it is taken to its heading. */
function route(about, chosen) {
  const wished = location.hash.slice(1);
  if (wished === "main") return;
  const view = VIEWS.includes(wished) ? wished : about.ros ? "live" : "try";
  for (const name of VIEWS) {
    at(`view-${name}`).hidden = name !== view;
    const link = document.querySelector(`nav a[href="#${name}"]`);
    if (name === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!chosen) return;
  scrollTo(0, 0);
  document.querySelector(`#view-${view} h1`).focus({ preventScroll: true });
}

async function offerLanguages(codes, show) {
  const select = at("language");
  for (const [code, name] of await names(codes)) select.append(make("option", { value: code, textContent: name, lang: code }));
  select.value = document.documentElement.lang;
  select.onchange = async () => {
    remember(select.value);
    await speak(select.value);
    show();
  };
}

function showWords(about, live, trying) {
  at("no-ros").hidden = about.ros;
  at("live").hidden = !about.ros;
  at("link").hidden = !about.ros;
  showAbout(about);
  live.showLine();
  live.show();
  trying.show();
}

function showAbout({ version, model }) {
  const labels = model.labels.map(labelWord).join(", ");
  for (const told of document.querySelectorAll(".told")) {
    told.replaceChildren(make("ul", {}, ...[1, 2, 3, 4, 5, 6].map((n) => make("li", { textContent: t(`about.${n}`, { labels }) }))));
  }
  const facts = [
    ["model", model.name],
    ["about.description", model.description, "en"],
    ["about.licence", model.licence, "en"],
    ["about.window", t("about.window_value", { n: number(model.window_s, 1) })],
    ["about.uncertain", percent(model.uncertain_below)],
    ["about.version", version],
  ];
  at("about-facts").replaceChildren(...facts.flatMap(([key, value, lang]) => [
    make("dt", { textContent: t(key) }), make("dd", { textContent: value, ...(lang && { lang }) }),
  ]));
}

/** What this can and cannot tell, before anything else, to who opens the page for the first time. */
function tellOnce() {
  if (localStorage.getItem(TOLD)) return;
  const dialog = at("first");
  dialog.onclose = () => localStorage.setItem(TOLD, "1");
  at("understood").onclick = () => dialog.close();
  dialog.showModal();
  dialog.scrollTop = 0;
}

start();
