// The list of calls: those going on, then the latest or those found.

import { get } from "./api.js";
import { h, replace, toast } from "./dom.js";
import { mmss, tick, when } from "./format.js";
import { ListColumn, rowsToRead } from "./list.js";
import { pill } from "./order.js";
import { errorText, t } from "./text.js";

const TAIL = 20;

export class Calls {
  #stored = [];
  #next = null;
  #total = 0;
  #text = "";
  #reading = 0;

  constructor(live, onOpen) {
    this.live = live;
    this.list = new ListColumn({ placeholder: t("calls.search"), onSearch: (text) => this.search(text), onOpen });
    this.element = this.list.element;
  }

  async search(text) {
    this.#text = text;
    await this.read();
  }

  // `more`: the next rows too; `again`: as many as are there, so that nobody loses their place.
  async read({ more = false, again = false } = {}) {
    const reading = ++this.#reading;
    try {
      const page = await get("/api/v1/calls", { text: this.#text, cursor: more ? this.#next : "", limit: rowsToRead(this.#stored.length, again) });
      if (reading !== this.#reading) return;
      this.#stored = more ? [...this.#stored, ...page.calls] : page.calls;
      this.#next = page.next;
      this.#total = `${page.total}${page.more ? "+" : ""}`;
      this.draw();
    } catch (error) {
      toast(errorText(error), "error");
    }
  }

  get first() {
    return this.live.calls.keys().next().value ?? this.#stored[0]?.call ?? "";
  }

  draw() {
    const live = this.#text ? [] : [...this.live.calls.values()].reverse();
    const stored = this.#stored.filter((call) => !this.live.calls.has(call.call) || this.#text);
    replace(
      this.list.body,
      this.#text
        ? h("h2", { class: "rows-title" }, t("calls.found", { n: this.#total }))
        : [
            h("h2", { class: "rows-title" }, h("span", { class: "dot" + (live.length ? " on" : "") }), t("calls.live"), h("small", {}, String(live.length))),
            live.length ? live.map(liveRow) : h("p", { class: "rows-none" }, t("calls.none.live")),
            h("h2", { class: "rows-title" }, t("calls.recent")),
          ],
      stored.map(storedRow),
      stored.length ? null : h("p", { class: "rows-none" }, this.#text ? t("calls.none.found", { text: this.#text }) : t("calls.none")),
      this.#next ? h("button", { class: "more", type: "button", onclick: () => this.read({ more: true }) }, t("calls.more")) : null,
    );
    this.list.refresh(this.list.selected);
    tick();
  }
}

function liveRow(call) {
  const last = [...call.utterances.values()].at(-1);
  return h(
    "div",
    { class: "row live", role: "option", data: { id: call.call } },
    h("div", { class: "row-top" }, h("span", { class: "dot on" }), h("b", { class: "remote" }, call.remote || "—"), h("span", { class: "timer", data: { since: call.started } })),
    h("p", { class: "row-mid" }, call.intent?.matter.label ?? t("calls.unclassified"), call.intent?.flags.map((flag) => pill("flag", flag)) ?? null),
    h("p", { class: "row-last" }, last ? tail(last.stable + last.tail) : t("calls.listening")),
  );
}

// The newest words: a growing line is read at its end.
function tail(text) {
  return text.length > TAIL ? `…${text.slice(-TAIL)}` : text;
}

function storedRow(call) {
  const seconds = call.answered && call.ended ? (Date.parse(call.ended) - Date.parse(call.answered)) / 1000 : null;
  return h(
    "div",
    { class: "row", role: "option", data: { id: call.call } },
    h("div", { class: "row-top" }, h("b", { class: "remote" }, call.remote || "—"), h("time", {}, when(call.started))),
    h("p", { class: "row-mid" }, call.matter_label || t("calls.unclassified"), call.flags.includes("green_channel") ? pill("flag", "green_channel") : null),
    h(
      "p",
      { class: "row-foot" },
      call.outcome ? pill("outcome", call.outcome) : null,
      call.orders.length ? h("span", { class: "mono" }, call.orders[0]) : null,
      seconds === null ? null : h("span", { class: "length" }, mmss(seconds)),
    ),
  );
}
