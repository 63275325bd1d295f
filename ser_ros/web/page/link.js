// The live line to the server: it comes back by itself, and says how long it was away.

const FIRST_S = 0.5;
const LONGEST_S = 10;
/** The server says something every two seconds. After so long without a word the line is dead, or we slept. */
const SILENT_S = 8;
/** A network that swallows everything would leave a new line waiting for minutes. */
const OPEN_S = 5;

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
    this.up = this.refused = false;
    this.lostAt = null;
    this.lastAt = Date.now();
    document.addEventListener("visibilitychange", () => this.wake());
    addEventListener("online", () => this.wake());
    setInterval(() => this.silent() && this.afresh(), 1000);
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    const socket = new WebSocket(lineTo("ws/live"));
    const before = this.socket;
    this.socket = socket;
    before?.close(); // a phone that wakes comes here twice, and has one line in the end
    this.timer = setTimeout(() => socket.close(), 1000 * OPEN_S);
    socket.onopen = () => socket === this.socket && this.opened();
    socket.onmessage = (event) => {
      if (socket !== this.socket) return;
      // What waited while we slept is old; how long that was, the new line tells.
      if (this.silent()) return this.afresh();
      this.lastAt = Date.now();
      const message = JSON.parse(event.data);
      if (message.type !== "alive") this.hear(message);
    };
    socket.onclose = () => socket === this.socket && this.closed();
  }

  opened() {
    clearTimeout(this.timer);
    const missed_s = this.lostAt === null ? 0 : (Date.now() - this.lostAt) / 1000;
    this.up = true;
    this.refused = false;
    this.tries = 0;
    this.lostAt = null;
    this.lastAt = Date.now();
    this.changed({ up: true, missed_s });
  }

  closed() {
    this.lostAt ??= this.lastAt;
    this.up = false;
    const retry_s = Math.min(FIRST_S * 2 ** this.tries, LONGEST_S);
    this.tries += 1;
    // Not all at once: twenty viewers of a robot that starts again would otherwise knock together.
    this.timer = setTimeout(() => this.open(), 1000 * retry_s * (0.8 + 0.4 * Math.random()));
    const tell = () => this.changed({ up: false, retry_s, refused: this.refused });
    tell();
    refused().then((is) => {
      if (this.up || is === this.refused) return;
      this.refused = is;
      tell();
    });
  }

  /** Try at once, for the phone is awake again or the network is back. */
  wake() {
    if (document.hidden) return;
    if (this.silent()) this.afresh();
    else if (!this.up) {
      this.tries = 0;
      this.open();
    }
  }

  silent() {
    return this.up && Date.now() - this.lastAt > 1000 * SILENT_S;
  }

  afresh() {
    this.lostAt = this.lastAt;
    this.up = false;
    this.socket.close();
    this.changed({ up: false });
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
