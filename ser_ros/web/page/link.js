// The live line to the server: it comes back by itself, and says how long it was away.

const FIRST_S = 0.5;
const LONGEST_S = 10;
/** A second that took so long was slept through; the line then has so long to prove that it lives. */
const SLEPT_S = 5;
const PROOF_S = 3;

/** What tells this page from other viewers; chance, for a name in a cookie would be one for all tabs. */
const PAGE = Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) => part.toString(36)).join("");

/** The address of a WebSocket of the server. */
export function lineTo(path) {
  const address = new URL(path, document.baseURI);
  address.protocol = address.protocol.replace("http", "ws");
  address.searchParams.set("page", PAGE);
  return address;
}

/**
 * Calls hear(message) for each message and changed({up, retry_s, missed_s, refused}) when the line
 * comes or goes.
 */
export class Link {
  constructor(hear, changed) {
    this.hear = hear;
    this.changed = changed;
    this.tries = 0;
    this.up = false;
    this.lostAt = null;
    this.lastAt = Date.now();
    document.addEventListener("visibilitychange", () => this.wake());
    addEventListener("online", () => this.wake());
    setInterval(() => this.slept(), 1000);
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    const socket = new WebSocket(lineTo("ws/live"));
    this.socket = socket;
    socket.onopen = () => this.opened();
    socket.onmessage = (event) => {
      if (socket !== this.socket) return;
      this.lastAt = Date.now();
      this.hear(JSON.parse(event.data));
    };
    socket.onclose = () => socket === this.socket && this.closed();
  }

  opened() {
    const missed_s = this.lostAt === null ? 0 : (Date.now() - this.lostAt) / 1000;
    this.up = true;
    this.tries = 0;
    this.lostAt = null;
    this.changed({ up: true, missed_s });
  }

  async closed() {
    this.lostAt ??= Date.now();
    this.up = false;
    const retry_s = Math.min(FIRST_S * 2 ** this.tries, LONGEST_S);
    this.tries += 1;
    // Not all at once: twenty viewers of a robot that starts again would otherwise knock together.
    this.timer = setTimeout(() => this.open(), 1000 * retry_s * (0.8 + 0.4 * Math.random()));
    this.changed({ up: false, retry_s, refused: await refused() });
  }

  /** Try at once, for the phone is awake again or the network is back. */
  wake() {
    if (document.hidden || this.up) return;
    this.tries = 0;
    this.open();
  }

  /** A clock that jumped means that the device slept; its line may be dead without a word. */
  slept() {
    const now = Date.now();
    const asleep_s = (now - (this.tickAt ?? now)) / 1000;
    this.tickAt = now;
    if (asleep_s < SLEPT_S || document.hidden || !this.up) return;
    const before = this.lastAt;
    setTimeout(() => this.lastAt === before && this.up && this.afresh(before), 1000 * PROOF_S);
  }

  afresh(lostAt) {
    this.lostAt = lostAt;
    this.up = false;
    this.socket.close();
    this.open();
  }
}

/** Whether the server answers, and refuses: then the token is missing or is another one. */
async function refused() {
  try {
    const answer = await fetch("api/about");
    return answer.status === 401 || answer.status === 403;
  } catch {
    return false;
  }
}
