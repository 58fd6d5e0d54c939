// The page /call: one button, then the call.

import { CallLine, CallProblem, openMicrophone } from "./call_line.js";
import { Meter } from "./call_meter.js";
import { h, icon, replace } from "./dom.js";
import { loadTexts, name, t } from "./text.js";

const KEYS = "123456789*0#";
const ENDED_WELL = ["mine", "local_hangup", "remote_hangup"];
let settings = { number: "12348", ice_servers: [] };

class CallPage {
  #line = null;
  #meter = null;
  #begun = 0;
  #clock = 0;

  constructor(root) {
    this.state = h("p", { class: "call-state", role: "status", "aria-live": "polite" });
    this.time = h("p", { class: "call-time", hidden: true, role: "timer", "aria-live": "off" }, "00:00");
    this.note = h("p", { class: "call-note" }, t("call.note"));
    this.go = h("button", { class: "call-go", type: "button", onclick: () => this.#dial() }, icon("phone"), h("span", {}, t("call.go", settings)));
    this.sound = h("audio", { autoplay: true });
    this.level = h("meter", { min: 0, max: 1, value: 0, "aria-label": t("call.level") });
    this.mute = h("button", { class: "call-mute", type: "button", "aria-pressed": "false", onclick: () => this.#mute() }, t("call.mute"));
    this.end = h("button", { class: "call-end", type: "button", onclick: () => this.#line?.hangUp() }, t("call.hangup"));
    this.keys = h("div", { class: "call-keys", role: "group", "aria-label": t("call.keys") }, Array.from(KEYS, (key) => h("button", { type: "button", "aria-label": name("call.key", key), onclick: () => this.#line?.press(key) }, key)));
    this.meterRow = h("div", { class: "call-meter", "aria-hidden": "true" }, h("span", {}, t("call.level")), this.level);
    this.row = h("div", { class: "call-row" }, this.mute, this.end);
    replace(root, h("section", { class: "call-card" },
      h("img", { class: "call-logo", src: "/static/icon.svg", alt: "" }),
      h("h1", {}, t("call.title")), this.state, this.time, this.meterRow, this.keys, this.row, this.go, this.note, this.sound));
    document.addEventListener("keydown", (event) => this.#key(event));
    this.#show("idle");
  }

  #show(phase, text = "", bad = false) {
    this.phase = phase;
    document.body.dataset.phase = phase;
    const inCall = phase === "talking";
    const busy = phase === "dialling" || phase === "ringing";
    this.time.hidden = this.keys.hidden = this.meterRow.hidden = !inCall;
    this.row.hidden = !(inCall || busy);
    this.mute.disabled = !inCall;
    this.go.hidden = inCall || busy;
    this.state.textContent = text || t(`call.state.${phase}`);
    this.state.classList.toggle("bad", bad);
  }

  async #dial() {
    if (!["idle", "over"].includes(this.phase)) return;
    this.#show("dialling");
    let microphone;
    try {
      microphone = await openMicrophone();
      const line = this.#line = new CallLine(microphone, settings.ice_servers);
      this.#listen(line, microphone);
      await line.start();
      this.end.focus();
    } catch (error) {
      for (const track of microphone?.getTracks() ?? []) track.stop();
      this.#line = null;
      this.#show("over", name("call.problem", error instanceof CallProblem ? error.code : "browser"), true);
    }
  }

  #listen(line, microphone) {
    line.addEventListener("ringing", () => this.#show("ringing"));
    line.addEventListener("sound", ({ detail }) => {
      this.sound.srcObject = detail.stream;
      this.sound.play().catch(() => {}); // the press of the button allows it in every browser we know
    });
    line.addEventListener("talking", () => {
      if (this.phase === "talking") return;
      this.#show("talking");
      this.#meter = new Meter(microphone, (level) => { this.level.value = line.muted ? 0 : level; });
      this.#begun = Date.now();
      this.#clock = setInterval(() => this.#tick(), 500);
      this.#tick();
    });
    line.addEventListener("over", ({ detail }) => this.#over(detail.reason));
  }

  #tick() {
    const seconds = Math.floor((Date.now() - this.#begun) / 1000);
    this.time.textContent = [Math.floor(seconds / 60), seconds % 60].map((part) => String(part).padStart(2, "0")).join(":");
  }

  #over(reason) {
    clearInterval(this.#clock);
    this.#meter?.stop();
    this.#meter = this.#line = null;
    this.sound.srcObject = null;
    this.mute.setAttribute("aria-pressed", "false");
    this.mute.textContent = t("call.mute");
    const well = ENDED_WELL.includes(reason);
    this.#show("over", well ? t(reason === "mine" ? "call.over.mine" : "call.over.line") : name("call.problem", reason), !well);
    this.go.focus();
  }

  #mute() {
    if (!this.#line) return;
    this.#line.muted = !this.#line.muted;
    this.mute.setAttribute("aria-pressed", String(this.#line.muted));
    this.mute.textContent = t(this.#line.muted ? "call.unmute" : "call.mute");
  }

  #key(event) {
    if (this.phase !== "talking" || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key.length === 1 && KEYS.includes(event.key)) this.#line?.press(event.key);
  }
}

await loadTexts();
document.title = t("call.title");
try {
  const answer = await fetch("/call/settings");
  if (answer.ok) settings = await answer.json();
} catch {
  // Without it the call is tried without STUN and TURN, and says itself that there is no network.
}
new CallPage(document.getElementById("call"));
