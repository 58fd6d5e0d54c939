// The bar over the workplace in which an agent signs in, is rung, and handles the talk.

import { h, icon, redraw, toast } from "./dom.js";
import { tick, when } from "./format.js";
import { Others } from "./others.js";
import { Ringing } from "./ringing.js";
import { StaffLine } from "./staff_line.js";
import { name, t } from "./text.js";

const KEPT = "hotline.signed_in";
const DIGITS = "123456789*0#";

export class Softphone {
  #line = new StaffLine();
  #offers = new Map();
  #ringing = new Ringing();
  #sound = h("audio", { autoplay: true, hidden: true });
  #parts = { who: h("span", { class: "phone-part" }), middle: h("span", { class: "phone-part" }), floor: h("span", { class: "phone-part" }) };
  #drawn = {};
  #bar = h("div", { class: "phone-bar", role: "region", "aria-label": t("phone.title") }, this.#parts.who, this.#parts.middle, h("span", { class: "grow" }), this.#parts.floor);
  #others = new Others((frame) => this.#line.send(frame));
  #say = h("div", { class: "unseen", "aria-live": "assertive" });
  #shown = "";
  #dialog = null;
  element = h("div", { class: "phone" }, this.#bar, this.#say, this.#sound);

  constructor(me, onCall) {
    this.me = me;
    this.onCall = onCall;
    this.#line.addEventListener("state", ({ detail }) => this.#state(detail.state));
    this.#line.addEventListener("offer", ({ detail }) => this.#rung(detail));
    this.#line.addEventListener("offer_over", ({ detail }) => this.#stopped(detail.offer));
    this.#line.addEventListener("refused", ({ detail }) => toast(name("phone.refused", detail.code), "error"));
    this.#line.addEventListener("problem", ({ detail }) => toast(t(`call.problem.${detail.code}`), "error"));
    this.#line.addEventListener("connection", ({ detail }) => { this.#bar.classList.toggle("lost", !detail.connected); this.#draw(); });
    this.#line.addEventListener("sound", ({ detail }) => { this.#sound.srcObject = detail.stream; this.#sound.play().catch(() => toast(t("phone.sound"), "error")); });
  }

  begin() {
    if (sessionStorage.getItem(KEPT) === this.me.name) this.#line.start();
    this.#draw();
  }

  end() {
    sessionStorage.removeItem(KEPT);
    this.#line.stop();
    this.#ringing.stop();
  }

  get inCall() {
    return this.#line.inCall;
  }

  get watching() {
    return this.#line.state?.watching ?? null;
  }

  async supervise(call, mode) {
    if (!this.#line.state) { toast(t("floor.sign_in"), "error"); return; }
    await this.#line.supervise(call, mode);
  }

  // Calls the caller of an order; what it asks for is asked before.
  async callBack(order) {
    const state = this.#line.state;
    if (!state) { toast(t("phone.call_back.sign_in"), "error"); return; }
    if (state.talk || state.calling || this.#offers.size) { toast(t("phone.refused.talking"), "error"); return; }
    if (confirm(t("phone.call_back.ask"))) await this.#line.callBack(order);
  }

  takeOver() {
    this.#line.send({ type: "take_over" });
  }

  leave() {
    this.#line.send({ type: "leave" });
  }

  // The keys of the bar; true when this one was.
  key(event) {
    const state = this.#line.state;
    const talk = state?.talk;
    const offer = this.#offers.values().next().value;
    const actions = {
      F2: offer && (() => this.#accept(offer)),
      F4: offer && (() => this.#refuse(offer)),
      F7: (talk || state?.calling) && (() => this.#line.send({ type: "hangup" })),
      F8: talk ? !talk.guest && (() => this.#hold()) : state && !offer && !state.calling && (() => this.#toggle()),
      F9: talk && !talk.guest && (() => this.#line.send({ type: "mute", on: !talk.muted })),
    };
    const action = !event.ctrlKey && !event.altKey && !event.metaKey && actions[event.key];
    if (!action) return false;
    event.preventDefault();
    action();
    return true;
  }

  #state(state) {
    if (!state) { sessionStorage.removeItem(KEPT); this.#offers.clear(); this.#ringing.stop(); }
    const call = state?.talk?.call ?? "";
    if (call && call !== this.#shown) this.onCall(call);
    this.#shown = call;
    if (!call) this.#dialog?.close();
    this.#others.update(state);
    this.#draw();
  }

  #rung(offer) {
    this.#offers.set(offer.offer, offer);
    this.#ringing.start();
    this.#say.textContent = t("phone.ringing", { caller: offer.caller });
    this.#draw();
  }

  #stopped(offer) {
    this.#offers.delete(offer);
    if (!this.#offers.size) this.#ringing.stop();
    this.#draw();
  }

  #accept(offer) {
    this.#stopped(offer.offer);
    this.#line.accept(offer.offer);
  }

  #refuse(offer) {
    this.#stopped(offer.offer);
    this.#line.send({ type: "refuse", offer: offer.offer });
  }

  #hold() {
    this.#line.send({ type: this.#line.state.talk.on_hold ? "resume" : "hold" });
  }

  #toggle() {
    const ready = this.#line.state.presence === "ready";
    this.#line.send(ready ? { type: "busy", reason: Object.keys(this.#line.state.busy)[0] ?? "rest" } : { type: "ready" });
  }

  #draw() {
    const state = this.#line.state;
    const offer = this.#offers.values().next().value;
    document.title = offer ? t("phone.ringing_title", { caller: offer.caller || t("phone.unknown") }) : t("app");
    if (!state) {
      this.#part("who", "out", () => [h("button", { class: "primary", type: "button", onclick: () => this.#signIn() }, icon("phone"), t("phone.sign_in")), h("span", { class: "hint" }, t("phone.sign_in.hint"))]);
      this.#part("middle", "out", () => []);
      this.#part("floor", "out", () => []);
      return;
    }
    const { presence, reason, since, talk, watching, busy, busy_by_itself, waiting, colleagues } = state;
    this.#part("who", [presence, reason, since, busy, busy_by_itself], () => this.#presence(state));
    if (offer) this.#part("middle", offer, () => this.#offer(offer));
    else if (talk) this.#part("middle", talk, () => this.#talk(state));
    else if (state.calling) this.#part("middle", state.calling, () => this.#calling(state));
    else this.#part("middle", [presence, reason, watching, busy], () => this.#idle(state));
    this.#part("floor", [waiting, colleagues.map((each) => each.presence), Boolean(talk)], () => this.#waiting(state));
  }

  // Draws a part of the bar when what it shows has changed, and only then: an open list stays open, and
  // whoever goes by the keyboard stays where they are.
  #part(name, shows, build) {
    const shown = JSON.stringify(shows);
    if (this.#drawn[name] === shown) return;
    this.#drawn[name] = shown;
    redraw(this.#parts[name], build());
    tick();
  }

  async #signIn() {
    sessionStorage.setItem(KEPT, this.me.name);
    await this.#line.start();
  }

  #presence(state) {
    const reason = state.busy[state.reason] ?? state.busy_by_itself[state.reason] ?? "";
    const words = [name("presence", state.presence), reason].filter(Boolean).join(" · ");
    return h("span", { class: `presence presence-${state.presence}` }, h("i", { class: "dot on" }), words, h("span", { class: "timer", data: { since: state.since } }));
  }

  #waiting(state) {
    const ready = state.colleagues.filter((each) => each.presence === "ready").length;
    const words = [t("phone.waiting", { n: state.waiting }), " · ", t("phone.ready", { n: ready, all: state.colleagues.length })];
    if (state.talk) return h("span", { class: "phone-floor" }, words);
    return h("button", { class: "small phone-floor", type: "button", data: { key: "floor" }, title: t("phone.on_duty"), onclick: () => this.others() }, words, h("kbd", {}, "T"));
  }

  #idle(state) {
    const send = (frame) => () => this.#line.send(frame);
    if (state.watching) {
      return h("span", { class: "offer watching", role: "status" }, h("b", {}, t(`floor.now.${state.watching.mode}`)), h("button", { class: "small", type: "button", onclick: send({ type: "leave" }) }, t("floor.leave")));
    }
    const choose = h(
      "select",
      { "aria-label": t("phone.busy"), data: { key: "busy" }, onchange: (event) => event.target.value && this.#line.send({ type: "busy", reason: event.target.value }) },
      h("option", { value: "" }, t("phone.busy")),
      Object.entries(state.busy).map(([code, label]) => h("option", { value: code, selected: state.reason === code }, label)),
    );
    return [
      state.presence === "ready" ? null : h("button", { class: "primary", type: "button", data: { key: "ready" }, onclick: send({ type: "ready" }) }, t("phone.go"), h("kbd", {}, "F8")),
      choose,
      h("button", { class: "small", type: "button", data: { key: "sign_out" }, onclick: send({ type: "sign_out" }) }, t("phone.sign_out")),
    ];
  }

  #offer(offer) {
    const why = offer.reasons.map((each) => h("span", { class: "pill flag-group" }, name("reason", each)));
    const [last] = offer.earlier;
    const before = last
      ? t("phone.before", { n: offer.calls_before, when: when(last.started), what: [last.matter_label || t("calls.unclassified"), ...last.orders.slice(0, 1)].join(" ") })
      : t("phone.before.none");
    return h(
      "span",
      { class: "offer", role: "alert" },
      h("b", {}, t("phone.incoming")),
      h("span", { class: "mono" }, offer.caller || t("phone.unknown")),
      offer.queue_label ? h("span", { class: "pill" }, offer.queue_label) : null,
      why,
      h("span", { class: "offer-before", title: offer.earlier.map((each) => [when(each.started), each.matter_label || t("calls.unclassified"), ...each.orders].join(" ")).join("\n") }, before),
      h("button", { class: "primary answer", type: "button", onclick: () => this.#accept(offer) }, icon("phone"), t("phone.answer"), h("kbd", {}, "F2")),
      h("button", { class: "small", type: "button", onclick: () => this.#refuse(offer) }, t("phone.refuse"), h("kbd", {}, "F4")),
    );
  }

  #talk(state) {
    const { talk } = state;
    if (talk.guest) return this.#guest(talk);
    const send = (frame) => () => this.#line.send(frame);
    const third = talk.parties.includes("consulted") || talk.parties.includes("outside");
    return h(
      "span",
      { class: "talk" },
      button("hold", talk.on_hold ? t("phone.resume") : t("phone.hold"), "F8", () => this.#hold(), talk.on_hold),
      button("mute", talk.muted ? t("phone.unmute") : t("phone.mute"), "F9", send({ type: "mute", on: !talk.muted }), talk.muted),
      button("keys", t("phone.keys"), "D", () => this.keypad()),
      third ? null : button("others", t("phone.others"), "T", () => this.others()),
      talk.parties.includes("consulted") ? [button("complete", t("phone.complete"), "C", send({ type: "complete" })), button("join", t("phone.join"), "M", send({ type: "conference" }))] : null,
      third ? button("back", t("phone.back"), "B", send({ type: "back" })) : null,
      h("button", { class: "small hang-up", type: "button", data: { key: "hang-up" }, onclick: send({ type: "hangup" }) }, t("phone.hang_up"), h("kbd", {}, "F7")),
      talk.parties.filter((kind) => kind !== "caller" && kind !== "agent").map((kind) => h("span", { class: "pill" }, name("party", kind))),
    );
  }

  // It rings at the person who is to be called back.
  #calling(state) {
    return h(
      "span",
      { class: "talk" },
      h("b", {}, t("phone.calling")),
      h("span", { class: "mono" }, state.calling),
      h("button", { class: "small hang-up", type: "button", data: { key: "hang-up" }, onclick: () => this.#line.send({ type: "hangup" }) }, t("phone.hang_up"), h("kbd", {}, "F7")),
    );
  }

  // Asked by a colleague: the caller is theirs.
  #guest(talk) {
    return h(
      "span",
      { class: "talk guest" },
      h("b", {}, t(talk.parties.includes("consulted") ? "phone.guest" : "party.outside")),
      h("button", { class: "small hang-up", type: "button", data: { key: "hang-up" }, onclick: () => this.#line.send({ type: "hangup" }) }, t("phone.hang_up"), h("kbd", {}, "F7")),
    );
  }

  // Letters, when nothing is being typed; true when this one was.
  letter(key) {
    const talk = this.#line.state?.talk;
    const third = talk?.parties.includes("consulted") || talk?.parties.includes("outside");
    const actions = {
      d: talk && !talk.guest && (() => this.keypad()),
      t: this.#line.state && !talk?.guest && !third && (() => this.others()),
      c: talk?.parties.includes("consulted") && !talk.guest && (() => this.#line.send({ type: "complete" })),
      m: talk?.parties.includes("consulted") && !talk.guest && (() => this.#line.send({ type: "conference" })),
      b: third && !talk.guest && (() => this.#line.send({ type: "back" })),
    };
    if (!actions[key]) return false;
    actions[key]();
    return true;
  }

  // Who is on duty; in a talk, whom else it may go to.
  others() {
    this.#others.open(this.#line.state);
  }

  keypad() {
    const pad = h("div", { class: "keypad" }, Array.from(DIGITS).map((key) => h("button", { type: "button", onclick: () => this.#line.send({ type: "press", key }) }, key)));
    this.#open(t("phone.keys"), pad, (event) => DIGITS.includes(event.key) && this.#line.send({ type: "press", key: event.key }));
  }

  #open(title, content, onkey = null) {
    this.#dialog?.close();
    const dialog = this.#dialog = h("dialog", { class: "dialog phone-dialog" }, h("h2", {}, title), content, h("form", { method: "dialog" }, h("button", { class: "primary" }, t("help.close"))));
    if (onkey) dialog.addEventListener("keydown", onkey);
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }
}

function button(kind, label, key, onclick, on = false) {
  return h("button", { class: `small phone-${kind}${on ? " on" : ""}`, type: "button", data: { key: kind }, "aria-pressed": on ? "true" : null, onclick }, label, key ? h("kbd", {}, key) : null);
}
