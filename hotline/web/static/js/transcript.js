// One line an utterance: stable text solid, tail grey; a click on a word plays it.

import { h, replace } from "./dom.js";
import { mmss, SAMPLE_RATE } from "./format.js";
import { name, t } from "./text.js";

export class Transcript {
  #lines = new Map();
  #utterances = new Map();
  #marks = [];
  #list = h("div", { class: "lines" });
  #announcer = h("div", { class: "unseen", "aria-live": "polite" });
  #follow = true;
  #down = h("button", { class: "follow", type: "button", hidden: true, onclick: () => this.#toEnd() }, t("transcript.follow"));
  #scroll = h("div", { class: "scroll", tabindex: "0", "aria-label": t("transcript.title") }, this.#list);
  element = h("div", { class: "transcript" }, this.#scroll, this.#down, this.#announcer);

  constructor(onPlay) {
    this.onPlay = onPlay;
    this.#scroll.addEventListener("scroll", () => {
      const below = this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight;
      this.#follow = below < 60;
      this.#down.hidden = this.#follow;
    });
    this.#list.addEventListener("click", (event) => {
      const word = event.target.closest("[data-at]");
      if (word) this.onPlay(Number(word.dataset.at));
    });
  }

  // Shows a whole transcript anew.
  reset(utterances, live, none = t("transcript.empty")) {
    this.#lines.clear();
    this.#utterances.clear();
    this.#marks = [];
    this.#follow = live;
    replace(this.#list);
    this.live = live;
    for (const utterance of utterances) this.update(utterance, true);
    if (!this.#lines.size) replace(this.#list, h("p", { class: "empty-lines" }, none));
    if (live) this.#toEnd();
    else this.#scroll.scrollTop = 0;
  }

  // Shows one utterance, new or grown.
  update(utterance, quiet = false) {
    const known = this.#utterances.get(utterance.utterance);
    if (known === utterance) return;
    if (!this.#lines.size) replace(this.#list);
    this.#utterances.set(utterance.utterance, utterance);
    const line = this.#line(utterance);
    const before = this.#lines.get(utterance.utterance);
    if (before) before.replaceWith(line);
    else this.#place(line, utterance);
    this.#lines.set(utterance.utterance, line);
    this.#paintMarks(utterance.utterance);
    if (utterance.final && !known?.final && !quiet) this.#announcer.textContent = utterance.stable;
    if (this.#follow && this.live) this.#toEnd();
  }

  // Underlines the words behind fields: [{utterance, start, end, field}].
  mark(marks) {
    this.#marks = marks;
    for (const key of this.#lines.keys()) this.#paintMarks(key);
  }

  // Lights the words of one field; null puts the light out.
  light(spans, scroll = false) {
    for (const lit of this.#list.querySelectorAll(".lit")) lit.classList.remove("lit");
    let first = null;
    for (const span of spans ?? []) {
      for (const word of this.#wordsIn(span)) {
        word.classList.add("lit");
        first ??= word;
      }
    }
    if (first && scroll) first.scrollIntoView({ block: "center", behavior: "smooth" });
    return first !== null;
  }

  // Where the words in the light begin; with none, the newest that are whole. Null when there are none.
  wordsAt() {
    const word = this.#list.querySelector(".lit[data-at]") ?? [...this.#list.querySelectorAll(".final")].at(-1)?.querySelector("[data-at]");
    return word ? Number(word.dataset.at) : null;
  }

  // Shows which word is being played.
  playing(sample) {
    for (const on of this.#list.querySelectorAll(".now")) on.classList.remove("now");
    if (sample === null) return;
    for (const word of this.#list.querySelectorAll("[data-at]")) {
      if (Number(word.dataset.at) <= sample && sample < Number(word.dataset.until)) word.classList.add("now");
    }
  }

  get count() {
    return this.#lines.size;
  }

  #toEnd() {
    this.#follow = true;
    this.#down.hidden = true;
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  #place(line, utterance) {
    let after = null;
    for (const other of this.#list.children) {
      if (Number(other.dataset.start) <= utterance.start) after = other;
    }
    if (after) after.after(line);
    else this.#list.prepend(line);
  }

  #line(utterance) {
    const speaker = utterance.speaker;
    const words = utterance.final ? this.#words(utterance) : [h("span", {}, utterance.stable)];
    const empty = utterance.final && !utterance.stable;
    return h(
      "article",
      { class: `line ${speaker} ${utterance.final ? "final" : "partial"}`, data: { start: utterance.start } },
      h("div", { class: "line-head" }, h("span", { class: "who" }, name("speaker", speaker)), h("time", {}, mmss(utterance.start / SAMPLE_RATE))),
      h(
        "p",
        { class: "words" },
        empty ? h("span", { class: "unheard" }, t("transcript.unheard")) : words,
        utterance.tail ? h("span", { class: "tail" }, utterance.tail) : null,
        utterance.final ? null : h("span", { class: "caret" }),
        utterance.degraded ? h("span", { class: "mark warn", title: t("transcript.degraded.hint") }, t("transcript.degraded")) : null,
        utterance.gap > 0
          ? h("span", { class: "mark gap", title: t("transcript.gap.hint") }, t("transcript.gap", { s: (utterance.gap / SAMPLE_RATE).toFixed(1) }))
          : null,
      ),
    );
  }

  #words(utterance) {
    const characters = Array.from(utterance.stable);
    if (characters.length !== utterance.stable.length || !utterance.pieces.length) {
      return [h("span", { class: "w", data: { at: utterance.start, until: utterance.end, s: 0, e: characters.length } }, utterance.stable)];
    }
    return utterance.pieces.map(([s, e, at, until]) => h("span", { class: "w", data: { at, until, s, e } }, utterance.stable.slice(s, e)));
  }

  #wordsIn(span) {
    const line = this.#lines.get(span.utterance);
    if (!line) return [];
    return [...line.querySelectorAll(".w")].filter((word) => Number(word.dataset.s) < span.end && Number(word.dataset.e) > span.start);
  }

  #paintMarks(utterance) {
    const line = this.#lines.get(utterance);
    for (const word of line.querySelectorAll(".marked")) word.classList.remove("marked");
    for (const mark of this.#marks) {
      if (mark.utterance === utterance) for (const word of this.#wordsIn(mark)) word.classList.add("marked");
    }
  }
}
