// Plays a call's recording, from any sample of it.

import { h, icon, replace, toast } from "./dom.js";
import { mmss, SAMPLE_RATE } from "./format.js";
import { t } from "./text.js";

export class Player extends EventTarget {
  #audio = new Audio();
  #origin = 0;
  #stopAt = Infinity;
  #growing = "";
  #begins = 0;
  #button = h("button", { class: "round", type: "button", onclick: () => this.toggle() });
  #time = h("span", { class: "player-time" }, "00:00");
  #bar = h("input", { class: "player-bar", type: "range", min: "0", max: "1000", value: "0", "aria-label": t("player.play") });
  element = h("div", { class: "player" }, this.#button, this.#bar, this.#time);

  constructor() {
    super();
    this.#audio.preload = "metadata";
    for (const name of ["play", "pause", "ended", "loadedmetadata", "timeupdate"]) {
      this.#audio.addEventListener(name, () => this.#show());
    }
    this.#audio.addEventListener("timeupdate", () => {
      if (this.#audio.currentTime >= this.#stopAt) this.#audio.pause();
      this.dispatchEvent(new CustomEvent("at", { detail: this.#audio.currentTime * SAMPLE_RATE + this.#origin }));
    });
    this.#bar.addEventListener("input", () => {
      this.#stopAt = Infinity;
      if (Number.isFinite(this.#audio.duration)) this.#audio.currentTime = (this.#bar.value / 1000) * this.#audio.duration;
    });
    this.#show();
  }

  load(call, recorded, origin) {
    this.#audio.pause();
    this.#origin = origin;
    this.#growing = "";
    this.available = recorded;
    this.element.hidden = !recorded;
    if (recorded) this.#audio.src = `/api/v1/calls/${encodeURIComponent(call)}/recording`;
    else this.#audio.removeAttribute("src");
    this.#show();
  }

  // The call goes on and its recording grows: only pieces of it can be played.
  follow(call, origin) {
    this.#growing = call;
    this.#begins = origin;
  }

  // Plays from a sample on the leg's clock.
  playFrom(sample) {
    if (!this.available && !this.#growing) return;
    const begins = this.#growing ? this.#begins : this.#origin;
    if (sample < begins) {
      toast(t("player.notice"));
      return;
    }
    this.#stopAt = Infinity;
    const at = Math.max(0, (sample - begins) / SAMPLE_RATE - 0.15);
    if (this.#growing) {
      this.#origin = begins + at * SAMPLE_RATE;
      this.#audio.src = `/api/v1/calls/${encodeURIComponent(this.#growing)}/clip?at_ms=${Math.round(at * 1000)}`;
    } else {
      this.#audio.currentTime = at;
    }
    this.#audio.play().catch(() => toast(t("error.recording.none"), "error"));
  }

  toggle() {
    if (this.#growing && !this.#audio.paused) { this.#audio.pause(); return; }
    if (!this.available) return;
    this.#stopAt = Infinity;
    if (this.#audio.paused) this.#audio.play().catch(() => toast(t("error.recording.none"), "error"));
    else this.#audio.pause();
  }

  skip(seconds) {
    if (this.available) this.#audio.currentTime = Math.max(0, this.#audio.currentTime + seconds);
  }

  get playing() {
    return !this.#audio.paused;
  }

  #show() {
    const paused = this.#audio.paused;
    replace(this.#button, icon(paused ? "play" : "pause"));
    this.#button.setAttribute("aria-label", t(paused ? "player.play" : "player.pause"));
    const length = Number.isFinite(this.#audio.duration) ? this.#audio.duration : 0;
    this.#time.textContent = `${mmss(this.#audio.currentTime)} / ${mmss(length)}`;
    this.#bar.value = length ? String((this.#audio.currentTime / length) * 1000) : "0";
    this.#bar.style.setProperty("--done", `${length ? (this.#audio.currentTime / length) * 100 : 0}%`);
  }
}
