// The browser's microphone as blocks of PCM: one way for Safari on iOS, Chrome on Android and all others.
//
// Samples rather than the browser's own recorder: its formats differ from browser to browser, are
// lossy, and cannot be streamed to the robot. The voice comes as it is, without the browser's noise
// suppression and automatic gain: these take away what an emotion is heard by.

const RATES = [48000, 44100, 16000];

export class Refused extends Error {
  constructor(kind, facts = {}) {
    super(kind);
    Object.assign(this, { kind, ...facts });
  }
}

/** Opens the microphone; `hear(pcm: Int16Array, level_dbfs)` is called for every block of it. */
export async function openMicrophone(hear, ended = () => {}) {
  if (!isSecureContext || !navigator.mediaDevices) throw new Refused("microphone_insecure");
  // Within the tap of a finger, or iOS gives a context that stays mute.
  const context = newContext();
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
    await context.resume();
    await context.audioWorklet.addModule("tap.js");
  } catch (error) {
    stream?.getTracks().forEach((track) => track.stop());
    context.close();
    throw refusal(error);
  }
  const source = context.createMediaStreamSource(stream);
  const tap = new AudioWorkletNode(context, "tap", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  tap.port.onmessage = ({ data }) => hear(toPcm(data), level(data));
  source.connect(tap);
  stream.getTracks().forEach((track) => { track.onended = ended; });
  return {
    rate: context.sampleRate,
    close() {
      tap.port.onmessage = null;
      stream.getTracks().forEach((track) => track.stop());
      context.close();
    },
  };
}

function newContext() {
  const Context = window.AudioContext ?? window.webkitAudioContext;
  const context = new Context();
  if (RATES.includes(context.sampleRate)) return context;
  context.close();
  return new Context({ sampleRate: 48000 });
}

function refusal(error) {
  if (error.name === "NotAllowedError" || error.name === "SecurityError") return new Refused("microphone_denied");
  if (error.name === "NotFoundError") return new Refused("microphone_missing");
  return new Refused("microphone_failed", { why: error.message || error.name });
}

function toPcm(samples) {
  return Int16Array.from(samples, (sample) => Math.round(Math.min(Math.max(sample, -1), 1) * 32767));
}

/** RMS in dBFS, −120 to 0. */
function level(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.max(10 * Math.log10(sum / samples.length + 1e-12), -120);
}

/** Blocks of PCM as a wav file, which every browser plays and every server reads. */
export function wav(blocks, rate) {
  const bytes = 2 * blocks.reduce((sum, block) => sum + block.length, 0);
  const head = new DataView(new ArrayBuffer(44));
  const text = (at, word) => [...word].forEach((letter, i) => head.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  head.setUint32(4, 36 + bytes, true);
  text(8, "WAVEfmt ");
  head.setUint32(16, 16, true);
  head.setUint16(20, 1, true); // PCM
  head.setUint16(22, 1, true); // channels
  head.setUint32(24, rate, true);
  head.setUint32(28, 2 * rate, true);
  head.setUint16(32, 2, true);
  head.setUint16(34, 16, true);
  text(36, "data");
  head.setUint32(40, bytes, true);
  return new Blob([head, ...blocks], { type: "audio/wav" });
}
