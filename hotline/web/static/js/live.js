// Follows the line over one WebSocket: keeps the calls that are going on, resumes where it left off.

import { ask } from "./api.js";

const PING_MS = 25000;
const WAITS_MS = [500, 1000, 2000, 5000, 10000];

export class Live extends EventTarget {
  calls = new Map();
  connected = false;
  #socket = null;
  #epoch = "";
  #after = 0;
  #tries = 0;
  #stopped = false;
  #ping = 0;

  async start() {
    this.#stopped = false;
    await this.#connect();
  }

  // Goes on after somebody has signed in again.
  resume() {
    if (this.#socket?.readyState === WebSocket.OPEN || this.#socket?.readyState === WebSocket.CONNECTING) return;
    this.#tries = 0;
    this.#connect();
  }

  stop() {
    this.#stopped = true;
    clearInterval(this.#ping);
    this.#socket?.close();
    this.calls.clear();
  }

  async #connect() {
    let ticket;
    try {
      ({ ticket } = await ask("POST", "/api/v1/live/ticket"));
    } catch (error) {
      if (error.status !== 401 && error.status !== 403) this.#again();
      return;
    }
    if (this.#stopped) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1/live`);
    this.#socket = socket;
    socket.addEventListener("open", () => socket.send(JSON.stringify({ ticket, epoch: this.#epoch, after: this.#after })));
    socket.addEventListener("message", (message) => this.#take(JSON.parse(message.data).events));
    socket.addEventListener("close", (event) => this.#closed(event));
    clearInterval(this.#ping);
    this.#ping = setInterval(() => {
      if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"ping"}');
    }, PING_MS);
  }

  #closed(event) {
    if (this.#stopped) return;
    this.#setConnected(false, event.code);
    this.#again();
  }

  #again() {
    if (this.#stopped) return;
    const wait = WAITS_MS[Math.min(this.#tries, WAITS_MS.length - 1)];
    this.#tries += 1;
    setTimeout(() => this.#stopped || this.#connect(), wait * (0.8 + Math.random() * 0.4));
  }

  #setConnected(connected, code = 0) {
    this.connected = connected;
    this.dispatchEvent(new CustomEvent("connection", { detail: { connected, code } }));
  }

  #take(events) {
    this.#tries = 0;
    if (!this.connected) this.#setConnected(true);
    const touched = new Set();
    for (const event of events) {
      if (event.type === "snapshot") {
        this.#epoch = event.epoch;
        this.calls = new Map(event.calls.map((call) => [call.call, fromSnapshot(call)]));
        this.#after = event.n;
        this.dispatchEvent(new CustomEvent("reset"));
        continue;
      }
      if (event.n) this.#after = Math.max(this.#after, event.n);
      this.#apply(event);
      touched.add(event.call);
    }
    this.dispatchEvent(new CustomEvent("change", { detail: { calls: touched, events } }));
  }

  #apply(event) {
    if (event.type === "call.ended") {
      this.calls.delete(event.call);
      return;
    }
    if (event.type === "call.started") {
      this.calls.set(event.call, fromSnapshot({ ...event, utterances: [], orders: [], intent: null }));
      return;
    }
    const call = this.calls.get(event.call);
    if (!call) return;
    if (event.type === "utterance") this.#utter(call, event);
    else if (event.type === "intent") call.intent = event.intent;
    else if (event.type === "alert") call.alerts.set(event.alert.kind, event.alert);
    else if (event.type === "order") call.orders.set(event.order.number, event.order);
    else for (const key of ["node", "recording", "recording_origin", "attended"]) call[key] = event[key] ?? call[key];
  }

  #utter(call, event) {
    const known = call.utterances.get(event.utterance);
    if (known?.final && !event.final) return;
    call.utterances.set(event.utterance, event);
  }
}

function fromSnapshot(call) {
  return {
    ...call,
    live: true,
    utterances: new Map(call.utterances.map((item) => [item.utterance, item])),
    orders: new Map(call.orders.map((order) => [order.number, order])),
    alerts: new Map((call.alerts ?? []).map((alert) => [alert.kind, alert])),
  };
}
