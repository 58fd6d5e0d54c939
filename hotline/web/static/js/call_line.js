// One call from this browser: the microphone, the peer connection, and the socket that carries their descriptions.

const PING_MS = 15000;
const CONNECT_MS = 20000;

// Why there is no call: `code` names a text `call.problem.<code>`.
export class CallProblem extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

export async function openMicrophone() {
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) throw new CallProblem("insecure");
  if (!window.RTCPeerConnection) throw new CallProblem("browser");
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
  } catch (error) {
    if (error.name === "NotAllowedError" || error.name === "SecurityError") throw new CallProblem("denied");
    if (error.name === "NotFoundError" || error.name === "OverconstrainedError") throw new CallProblem("missing");
    if (error.name === "NotReadableError" || error.name === "AbortError") throw new CallProblem("occupied");
    throw new CallProblem("microphone");
  }
}

// Says "ringing", "talking" {stream}, and once "over" {reason}: a cause of the line, or a problem's code.
export class CallLine extends EventTarget {
  #peer;
  #socket = null;
  #ping = 0;
  #patience = 0;
  #over = false;
  #microphone;

  constructor(microphone, iceServers) {
    super();
    this.#microphone = microphone;
    this.#peer = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.#peer.addTrack(microphone.getAudioTracks()[0], microphone);
    this.#peer.addEventListener("track", (event) => this.#say("sound", { stream: event.streams[0] ?? new MediaStream([event.track]) }));
    this.#peer.addEventListener("connectionstatechange", () => {
      if (this.#peer.connectionState === "connected") { clearTimeout(this.#patience); this.#say("talking"); }
      if (this.#peer.connectionState === "failed") this.#finish("transport");
    });
    microphone.getAudioTracks()[0].addEventListener("ended", () => this.#finish("unplugged"));
  }

  async start() {
    // The line answers wherever our checks come from, so no candidates need to be waited for.
    await this.#peer.setLocalDescription(await this.#peer.createOffer());
    if (this.#over) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = this.#socket = new WebSocket(`${scheme}://${location.host}/call/ws`);
    socket.addEventListener("open", () => {
      this.#send({ type: "offer", sdp: this.#peer.localDescription.sdp });
      this.#ping = setInterval(() => this.#send({ type: "ping" }), PING_MS);
    });
    socket.addEventListener("message", (event) => this.#heard(JSON.parse(event.data)));
    socket.addEventListener("close", () => this.#finish("network"));
  }

  get muted() {
    return !this.#microphone.getAudioTracks()[0].enabled;
  }

  set muted(value) {
    this.#microphone.getAudioTracks()[0].enabled = !value;
  }

  press(key) {
    const sender = this.#peer.getSenders()[0]?.dtmf;
    if (sender?.canInsertDTMF) sender.insertDTMF(sender.toneBuffer + key, 160, 70);
  }

  hangUp() {
    this.#send({ type: "hangup" });
    this.#finish("mine");
  }

  #send(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  async #heard(frame) {
    if (frame.type === "ringing") this.#say("ringing");
    else if (frame.type === "refused") this.#finish(frame.reason);
    else if (frame.type === "ended") this.#finish(frame.cause);
    else if (frame.type === "answer") {
      this.#patience = setTimeout(() => this.#finish("transport"), CONNECT_MS);
      try {
        await this.#peer.setRemoteDescription({ type: "answer", sdp: frame.sdp });
      } catch {
        this.#finish("offer");
      }
    }
  }

  #finish(reason) {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#ping);
    clearTimeout(this.#patience);
    this.#socket?.close();
    this.#peer.close();
    for (const track of this.#microphone.getTracks()) track.stop();
    this.#say("over", { reason });
  }

  #say(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
