// The agent's line: the console's socket, and the browser's own leg of a call.

import { ask } from "./api.js";
import { CallProblem, openMicrophone } from "./call_line.js";

const PING_MS = 15000;
const WAITS_MS = [300, 1000, 2000, 5000, 10000];

// Says "state", "offer", "offer_over", "refused", "connection" {connected}, "problem" {code}, "sound" {stream}.
export class StaffLine extends EventTarget {
  state = null;
  #socket = null;
  #ping = 0;
  #tries = 0;
  #stopped = true;
  #peer = null;
  #microphone = null;
  #attaching = false;
  #used = false;
  // Whether our leg was in the talk when we last heard of it.
  #joined = false;

  get connected() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  get inCall() {
    return this.#peer !== null;
  }

  async start() {
    if (!this.#stopped) return;
    this.#stopped = false;
    await this.#connect();
  }

  stop() {
    this.#stopped = true;
    clearInterval(this.#ping);
    this.#socket?.close();
    this.#drop();
  }

  send(frame) {
    if (!this.connected) { this.#say("problem", { code: "network" }); return; }
    this.#socket.send(JSON.stringify(frame));
  }

  async accept(offer) {
    const sdp = await this.#open();
    if (sdp) this.send({ type: "accept", offer, sdp });
  }

  async callBack(order) {
    const sdp = await this.#open();
    if (sdp) this.send({ type: "call_back", order, sdp });
  }

  async supervise(call, mode) {
    const { watching } = this.state ?? {};
    if (watching?.call === call) { this.send({ type: "supervise", call, mode }); return; }
    const sdp = await this.#open();
    if (sdp) this.send({ type: "supervise", call, mode, sdp });
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
    const socket = this.#socket = new WebSocket(`${scheme}://${location.host}/api/v1/console`);
    socket.addEventListener("open", () => {
      socket.send(JSON.stringify({ ticket }));
      this.#say("connection", { connected: true });
    });
    socket.addEventListener("message", (message) => this.#heard(JSON.parse(message.data)));
    socket.addEventListener("close", (event) => {
      if (socket !== this.#socket) return;
      clearInterval(this.#ping);
      this.#say("connection", { connected: false });
      if (event.code === 1000) this.#signedOut();
      else this.#again();
    });
    clearInterval(this.#ping);
    this.#ping = setInterval(() => this.connected && socket.send('{"type":"ping"}'), PING_MS);
  }

  #signedOut() {
    this.#stopped = true;
    this.state = null;
    this.#drop();
    this.#say("state", { state: null });
  }

  #again() {
    if (this.#stopped) return;
    const wait = WAITS_MS[Math.min(this.#tries, WAITS_MS.length - 1)];
    this.#tries += 1;
    setTimeout(() => this.#stopped || this.#connect(), wait * (0.8 + Math.random() * 0.4));
  }

  async #heard(frame) {
    this.#tries = 0;
    if (frame.type === "state") {
      this.state = frame;
      if (frame.talk || frame.watching || frame.calling) this.#used = true;
      else if (this.#used) { this.#used = false; this.#drop(); }
      if (!frame.talk || frame.talk.guest) { /* nothing to come back to */ }
      else if (this.#attaching) { /* on its way back */ }
      else if (!this.#peer) await this.#reattach();
      else if (this.#joined && !frame.talk.parties.includes("agent")) await this.#reattach();
      this.#joined = frame.talk?.parties.includes("agent") ?? false;
      this.#say("state", { state: frame });
    } else if (frame.type === "answer") {
      try {
        await this.#peer?.setRemoteDescription({ type: "answer", sdp: frame.sdp });
      } catch {
        this.#say("problem", { code: "offer" });
      }
    } else {
      if (frame.type === "refused" && ["accept", "reattach", "supervise", "call_back"].includes(frame.asked)) this.#drop();
      this.#say(frame.type, frame);
    }
  }

  // The page was loaded anew in the middle of a talk, or the path has broken: come back with a new leg.
  async #reattach() {
    this.#attaching = true;
    const sdp = await this.#open();
    if (sdp) this.send({ type: "reattach", sdp });
    this.#attaching = false;
  }

  async #open() {
    this.#drop();
    try {
      this.#microphone = await openMicrophone();
    } catch (error) {
      this.#say("problem", { code: error instanceof CallProblem ? error.code : "microphone" });
      return "";
    }
    const peer = this.#peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    const [track] = this.#microphone.getAudioTracks();
    peer.addTrack(track, this.#microphone);
    peer.addEventListener("track", (event) => this.#say("sound", { stream: event.streams[0] ?? new MediaStream([event.track]) }));
    peer.addEventListener("connectionstatechange", () => {
      if (peer !== this.#peer || peer.connectionState !== "failed") return;
      this.#drop();
      if (this.state?.talk) this.#reattach();
    });
    track.addEventListener("ended", () => this.#say("problem", { code: "unplugged" }));
    await peer.setLocalDescription(await peer.createOffer());
    return peer.localDescription.sdp;
  }

  #drop() {
    const peer = this.#peer;
    this.#peer = null;
    peer?.close();
    for (const track of this.#microphone?.getTracks() ?? []) track.stop();
    this.#microphone = null;
  }

  #say(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
