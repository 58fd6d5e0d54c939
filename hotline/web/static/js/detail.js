// One call: its head, transcript and order; live while it goes on, from the database afterwards.

import { ask, get } from "./api.js";
import { once, show } from "./dialogs.js";
import { h, icon, replace, toast } from "./dom.js";
import { mmss, tick, when } from "./format.js";
import { holdButton } from "./hold.js";
import { OrderPane, pill } from "./order.js";
import { Player } from "./player.js";
import { errorText, name, t } from "./text.js";
import { Transcript } from "./transcript.js";

const RETRY_MS = [300, 900, 2000, 4000];
// What stands for a call, of orders that other lines or channels sent.
const OUTSIDE = /^(outside|web|wechat|tv|visit|12345)-/;

export class Detail {
  #player = new Player();
  #head = h("header", { class: "call-head" });
  #earlier = h("section", { class: "earlier", hidden: true });
  #shown = "";
  #stored = null;
  #reading = 0;
  #number = "";

  constructor(live, me, onCallBack = null) {
    this.live = live;
    this.me = me;
    this.transcript = new Transcript((sample) => this.#player.playFrom(sample));
    this.order = new OrderPane({
      onLight: (spans, scroll) => this.transcript.light(spans, scroll),
      onMarks: (marks) => this.transcript.mark(marks),
      mayEdit: me.rights.includes("edit"),
      onCallBack,
    });
    this.order.element.addEventListener("changed", () => this.live.calls.has(this.#shown) || this.#read());
    this.#player.addEventListener("at", (event) => this.transcript.playing(event.detail));
    this.#none = h("div", { class: "nothing" }, icon("phone"), h("p", {}, t("detail.none")), h("p", { class: "hint" }, t("detail.none.hint")));
    this.#call = h("div", { class: "call" }, h("div", { class: "call-top" }, this.#head, this.#earlier), this.#player.element, this.transcript.element, this.order.element);
    this.element = h("main", { class: "detail" }, this.#none);
  }

  #none;
  #call;

  get player() {
    return this.#player;
  }

  // A call; or an order that came without one, by its number.
  show(call, number = "") {
    if (call === this.#shown && number === this.#number) return;
    const same = call && call === this.#shown;
    this.#number = number;
    if (same) return;
    this.#shown = call;
    this.#stored = null;
    this.order.clear(); // what is pressed now must not be meant for the one before
    replace(this.element, call || number ? this.#call : this.#none);
    if (number && (!call || OUTSIDE.test(call))) {
      this.#alone();
      return;
    }
    if (!call) return;
    const live = this.live.calls.get(call);
    this.#player.load(call, false, 0);
    this.order.clear();
    this.#showEarlier(call);
    if (live) this.#showLive(live);
    else this.#read();
  }

  // What the same caller called about before.
  async #showEarlier(call) {
    this.#earlier.hidden = true;
    let rows;
    try {
      ({ calls: rows } = await get(`/api/v1/calls/${encodeURIComponent(call)}/earlier`));
    } catch {
      return; // the call itself tells what is wrong
    }
    if (call !== this.#shown || !rows.length) return;
    this.#earlier.hidden = false;
    replace(this.#earlier, h("details", {}, h("summary", {}, t("detail.earlier", { n: rows.length })), h("ul", {}, rows.map((row) =>
      h("li", {}, h("a", { href: `#/calls/${encodeURIComponent(row.call)}` }, when(row.started)), " ", row.matter_label || t("calls.unclassified"), " ", h("span", { class: "hint" }, [row.outcome ? name("outcome", row.outcome) : "", ...row.orders].filter(Boolean).join(" · ")))))));
  }

  // Live events touched these calls.
  changed(calls, events) {
    if (!calls.has(this.#shown)) return;
    const live = this.live.calls.get(this.#shown);
    if (live) {
      for (const event of events) {
        if (event.call === this.#shown && event.type === "utterance") this.transcript.update(live.utterances.get(event.utterance));
      }
      if (events.some((event) => event.call === this.#shown && event.type !== "utterance")) this.#showSides(live);
      return;
    }
    if (events.some((event) => event.call === this.#shown)) this.#read();
  }

  // The live calls were sent anew.
  reset() {
    const live = this.live.calls.get(this.#shown);
    if (live) this.#showLive(live);
    else if (this.#shown && !this.#stored) this.#read();
  }

  #showLive(live) {
    this.transcript.reset(live.utterances.values(), true);
    this.#showSides(live);
  }

  #showSides(live) {
    this.#showHead({ ...live, open: true });
    if (live.recording) this.#player.follow(live.call, live.recording_origin);
    const filed = live.orders.size ? [...live.orders.values()] : calledAbout(live);
    this.order.show({ orders: [], intent: live.intent, pending: filed, masked: true, draftOf: live.attended ? live.call : "" });
    if (filed.length) this.#readOrders(filed);
  }

  async #readOrders(filed) {
    const call = this.#shown;
    try {
      const orders = await Promise.all(filed.map((order) => get(`/api/v1/orders/${encodeURIComponent(order.number)}`)));
      if (call === this.#shown) this.order.show({ orders, intent: null, masked: true });
    } catch (error) {
      if (error.status !== 404) toast(errorText(error), "error");
    }
  }

  // An order without its call: from another line, or found by its number only.
  async #alone() {
    const number = this.#number;
    let order;
    try {
      order = await get(`/api/v1/orders/${encodeURIComponent(number)}`);
    } catch (error) {
      toast(errorText(error), "error");
      return;
    }
    if (number !== this.#number) return;
    if (!this.#shown && order.call && !OUTSIDE.test(order.call)) {
      this.show(order.call, number);
      return;
    }
    this.#earlier.hidden = true;
    this.#player.load("", false, 0);
    this.transcript.reset([], false, t("detail.no_call"));
    replace(this.#head, h("div", { class: "avatar" }, icon("orders")), h("div", { class: "who-calls" }, h("h2", {}, order.caller_contact || "—"), h("p", {}, order.channel === "phone" ? name("source", order.source) : name("channel", order.channel), " · ", when(order.filed_at))), h("span", { class: "grow" }), this.me.rights.includes("supervise") && !order.content_deleted_at ? holdButton(order.number, "orders") : null);
    this.order.show({ orders: [order], intent: null, masked: order.masked !== false });
  }

  async #read() {
    if (this.#number && (!this.#shown || OUTSIDE.test(this.#shown))) {
      await this.#alone();
      return;
    }
    const call = this.#shown;
    const reading = ++this.#reading;
    for (const wait of [0, ...RETRY_MS]) {
      if (wait) await new Promise((resolve) => setTimeout(resolve, wait));
      if (reading !== this.#reading || call !== this.#shown) return;
      try {
        const stored = await get(`/api/v1/calls/${encodeURIComponent(call)}`);
        if (reading !== this.#reading || call !== this.#shown) return;
        this.#showStored(stored);
        return;
      } catch (error) {
        // A call's record is written a moment after its end.
        if (error.status === 404 && wait !== RETRY_MS.at(-1)) continue;
        toast(errorText(error), "error");
        return;
      }
    }
  }

  #showStored(stored) {
    const first = this.#stored === null || this.#stored.masked !== stored.masked;
    this.#stored = stored;
    this.#showHead(stored);
    if (first) {
      this.#player.load(stored.call, stored.recorded, stored.recording_origin);
      this.transcript.reset(stored.utterances, false);
    }
    const about = calledAbout(stored);
    this.order.show({ orders: stored.work_orders, intent: stored.intent, pending: about, masked: stored.masked, draftOf: stored.outcome === "answered" ? stored.call : "" });
    if (about.length && !stored.work_orders.length) this.#readOrders(about);
  }

  // Plays the words of the field in the light; with none, the newest.
  playWords() {
    const sample = this.transcript.wordsAt();
    if (sample !== null) this.#player.playFrom(sample);
  }

  #showHead(call) {
    const flags = call.flags ?? call.intent?.flags ?? [];
    const mayUnmask = this.me.rights.includes("unmask") && call.masked === true;
    replace(
      this.#head,
      h("div", { class: "avatar" + (call.open ? " on" : "") }, icon("phone")),
      h(
        "div",
        { class: "who-calls" },
        h("h2", {}, call.remote || "—", call.masked === false ? h("span", { class: "pill raw" }, t("detail.raw")) : null),
        h(
          "p",
          {},
          name("channel", call.channel),
          " · ",
          when(call.started),
          call.open ? [" · ", h("span", { class: "timer", data: { since: call.started } })] : duration(call),
          call.recording === true && call.open ? [" · ", h("span", { class: "rec" }, t("calls.recording"))] : null,
          sound(call.quality),
        ),
      ),
      h("div", { class: "tags" }, flags.map((flag) => pill("flag", flag)), call.outcome ? pill("outcome", call.outcome) : null),
      mayUnmask ? h("button", { class: "small", type: "button", onclick: () => this.#unmask() }, icon("eye"), t("detail.unmask")) : null,
      this.me.rights.includes("supervise") && !call.open ? holdButton(call.call) : null,
    );
    tick();
  }

  #unmask() {
    const reason = h("input", { maxlength: "200", minlength: "4", required: true, "aria-label": t("detail.unmask.ask") });
    const dialog = h(
      "dialog",
      { class: "dialog" },
      h(
        "form",
        {
          onsubmit: once(async () => {
            try {
              const raw = await ask("POST", `/api/v1/calls/${encodeURIComponent(this.#shown)}/unmask`, { reason: reason.value.trim() });
              dialog.close();
              this.#showStored(raw);
            } catch (error) {
              toast(errorText(error), "error");
            }
          }),
        },
        h("p", {}, t("detail.unmask.ask")),
        reason,
        h("div", { class: "edit-row" }, h("button", { class: "primary", type: "submit" }, t("detail.unmask.go")), h("button", { type: "button", onclick: () => dialog.close() }, t("detail.cancel"))),
      ),
    );
    show(dialog);
  }
}

// An agent called somebody back: the order that it was about.
function calledAbout(call) {
  return call.channel === "callback" ? [{ number: call.dialled }] : [];
}

function duration(call) {
  if (!call.answered || !call.ended) return null;
  return [" · ", mmss((Date.parse(call.ended) - Date.parse(call.answered)) / 1000)];
}

// How the line sounded: the score, and what it was made of on pointing at it.
function sound(legs) {
  const leg = (legs ?? []).find((each) => each.mos !== null && each.mos !== undefined);
  if (!leg) return null;
  const sent = leg.received + leg.lost;
  const values = { codec: leg.codec, loss: sent ? ((100 * leg.lost) / sent).toFixed(1) : "0", jitter: leg.jitter_ms.toFixed(0), trip: leg.round_trip_ms ?? "—" };
  return [" · ", h("span", { class: "sound", title: t("detail.sound_facts", values) }, t("detail.sound", { mos: leg.mos.toFixed(1) }))];
}
