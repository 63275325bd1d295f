// Asking the server what a recording sounds like: send, wait, fetch the answer.

const POLL_MS = 300;
const NETWORK = { kind: "network" };

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** One request to the server that may be given up. */
export class Asking {
  constructor() {
    this.id = null;
    this.given_up = false;
  }

  /**
   * Sends `sound` to `path` and waits; told(state, share) says how far it is, with "uploading" first.
   * Returns the answer, or null once given up; throws {kind, sentence}.
   */
  async ask(path, sound, told) {
    ({ id: this.id } = await this.send(path, sound, (share) => told("uploading", share)));
    while (!this.given_up) {
      const answer = await get(`api/try/${this.id}`);
      if (answer.state === "done") return answer.answer;
      if (answer.state === "failed") throw answer.error;
      told(answer.state, answer.share);
      await pause(POLL_MS);
    }
    forget(this.id);
    return null;
  }

  // fetch() does not say how much of a body has gone.
  send(path, sound, told) {
    return new Promise((done, failed) => {
      const request = new XMLHttpRequest();
      this.request = request;
      request.open("POST", path);
      request.upload.onprogress = ({ loaded, total }) => told(total ? loaded / total : 0);
      request.onload = () => (request.status < 300 ? done(JSON.parse(request.response)) : failed(errorOf(request.response, request.status)));
      request.onerror = () => failed(NETWORK);
      request.onabort = () => failed({ kind: "cancelled" });
      request.send(sound);
    });
  }

  giveUp() {
    this.given_up = true;
    if (this.id === null) this.request?.abort();
  }
}

/** GET, or throw {kind, sentence}. */
export async function get(path, method = "GET") {
  let answer;
  try {
    answer = await fetch(path, { method });
  } catch {
    throw NETWORK;
  }
  const text = await answer.text();
  if (!answer.ok) throw errorOf(text, answer.status);
  return text ? JSON.parse(text) : null;
}

export const forget = (id) => get(`api/try/${id}`, "DELETE").catch(() => {});

function errorOf(text, status) {
  try {
    return JSON.parse(text).error ?? { kind: "unknown", sentence: `HTTP ${status}` };
  } catch {
    return { kind: status === 401 || status === 403 ? "token" : "unknown", sentence: `HTTP ${status}` };
  }
}
