// The bar over the workplace in which an agent signs in, is rung, and handles the talk.

import { h, icon, replace, toast } from "./dom.js";
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
  #bar = h("div", { class: "phone-bar", role: "region", "aria-label": t("phone.title") });
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

  get watching() {
    return this.#line.state?.watching ?? null;
  }

  async supervise(call, mode) {
    if (!this.#line.state) { toast(t("floor.sign_in"), "error"); return; }
    await this.#line.supervise(call, mode);
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
      F7: talk && (() => this.#line.send({ type: "hangup" })),
      F8: talk ? !talk.guest && (() => this.#hold()) : state && !offer && (() => this.#toggle()),
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
    if (!state) {
      replace(this.#bar, h("button", { class: "primary", type: "button", onclick: () => this.#signIn() }, icon("phone"), t("phone.sign_in")), h("span", { class: "hint" }, t("phone.sign_in.hint")));
      return;
    }
    const offer = this.#offers.values().next().value;
    replace(this.#bar, this.#presence(state), offer ? this.#offer(offer) : state.talk ? this.#talk(state) : this.#idle(state), h("span", { class: "grow" }), this.#waiting(state));
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
    return h("span", { class: "phone-floor" }, t("phone.waiting", { n: state.waiting }), " · ", t("phone.ready", { n: ready, all: state.colleagues.length }));
  }

  #idle(state) {
    const send = (frame) => () => this.#line.send(frame);
    if (state.watching) {
      return h("span", { class: "offer watching", role: "status" }, h("b", {}, t(`floor.now.${state.watching.mode}`)), h("button", { class: "small", type: "button", onclick: send({ type: "leave" }) }, t("floor.leave")));
    }
    const choose = h(
      "select",
      { "aria-label": t("phone.busy"), onchange: (event) => event.target.value && this.#line.send({ type: "busy", reason: event.target.value }) },
      h("option", { value: "" }, t("phone.busy")),
      Object.entries(state.busy).map(([code, label]) => h("option", { value: code, selected: state.reason === code }, label)),
    );
    return [
      state.presence === "ready" ? null : h("button", { class: "primary", type: "button", onclick: send({ type: "ready" }) }, t("phone.go"), h("kbd", {}, "F8")),
      choose,
      h("button", { class: "small", type: "button", onclick: send({ type: "sign_out" }) }, t("phone.sign_out")),
    ];
  }

  #offer(offer) {
    const why = offer.reasons.map((each) => h("span", { class: "pill flag-group" }, name("reason", each)));
    return h(
      "span",
      { class: "offer", role: "alert" },
      h("b", {}, t("phone.incoming")),
      h("span", { class: "mono" }, offer.caller || t("phone.unknown")),
      why,
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
      button("keys", t("phone.keys"), "", () => this.#keys()),
      third ? null : button("others", t("phone.others"), "", () => this.#others(state)),
      talk.parties.includes("consulted") ? [button("complete", t("phone.complete"), "", send({ type: "complete" })), button("join", t("phone.join"), "", send({ type: "conference" }))] : null,
      third ? button("back", t("phone.back"), "", send({ type: "back" })) : null,
      h("button", { class: "small hang-up", type: "button", onclick: send({ type: "hangup" }) }, t("phone.hang_up"), h("kbd", {}, "F7")),
      talk.parties.filter((kind) => kind !== "caller" && kind !== "agent").map((kind) => h("span", { class: "pill" }, name("party", kind))),
    );
  }

  // Asked by a colleague: the caller is theirs.
  #guest(talk) {
    return h(
      "span",
      { class: "talk guest" },
      h("b", {}, t(talk.parties.includes("consulted") ? "phone.guest" : "party.outside")),
      h("button", { class: "small hang-up", type: "button", onclick: () => this.#line.send({ type: "hangup" }) }, t("phone.hang_up"), h("kbd", {}, "F7")),
    );
  }

  #keys() {
    const pad = h("div", { class: "keypad" }, Array.from(DIGITS).map((key) => h("button", { type: "button", onclick: () => this.#line.send({ type: "press", key }) }, key)));
    this.#open(t("phone.keys"), pad, (event) => DIGITS.includes(event.key) && this.#line.send({ type: "press", key: event.key }));
  }

  // Whom else: a colleague, a number, one of the buttons for 110 and 120.
  #others(state) {
    const number = h("input", { name: "number", inputmode: "tel", maxlength: "20", placeholder: t("phone.number"), "aria-label": t("phone.number") });
    const toward = (type, target) => () => { this.#dialog.close(); this.#line.send({ type, target }); };
    const dialled = (type) => () => { const digits = number.value.replace(/\D/g, ""); if (digits) toward(type, `number:${digits}`)(); };
    const three = (target, off = false) => [
      h("button", { class: "small", type: "button", disabled: off, onclick: toward("transfer", target) }, t("phone.transfer")),
      h("button", { class: "small", type: "button", disabled: off, onclick: toward("consult", target) }, t("phone.consult")),
      h("button", { class: "small", type: "button", disabled: off, onclick: toward("invite", target) }, t("phone.invite")),
    ];
    const rows = state.colleagues.map((each) =>
      h("li", {}, h("span", { class: `presence presence-${each.presence}` }, h("i", { class: "dot on" }), each.display), h("small", {}, name("presence", each.presence)), h("span", { class: "grow" }), three(`agent:${each.name}`, each.presence !== "ready")));
    const skill = h("select", { name: "skill", "aria-label": t("phone.skill") }, h("option", { value: "" }, t("phone.skill")), Object.entries(state.skills).map(([code, label]) => h("option", { value: code }, label)));
    const skilled = (type) => () => skill.value && toward(type, `skill:${skill.value}`)();
    const buttons = Object.entries(state.numbers).map(([digits, label]) =>
      h("button", { class: "small emergency", type: "button", onclick: () => confirm(t("phone.emergency", { label })) && toward("invite", `number:${digits}`)() }, label));
    this.#open(
      t("phone.others"),
      h("div", { class: "others" }, h("ul", {}, rows.length ? rows : h("li", { class: "hint" }, t("phone.nobody"))), h("div", { class: "dial" }, number,
        h("button", { class: "small", type: "button", onclick: dialled("transfer") }, t("phone.transfer")),
        h("button", { class: "small", type: "button", onclick: dialled("consult") }, t("phone.consult")),
        h("button", { class: "small", type: "button", onclick: dialled("invite") }, t("phone.invite"))), h("div", { class: "dial" }, skill,
        h("button", { class: "small", type: "button", onclick: skilled("transfer") }, t("phone.transfer")),
        h("button", { class: "small", type: "button", onclick: skilled("consult") }, t("phone.consult")),
        h("button", { class: "small", type: "button", onclick: skilled("invite") }, t("phone.invite"))), h("div", { class: "dial" }, buttons)),
    );
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
  return h("button", { class: `small phone-${kind}${on ? " on" : ""}`, type: "button", "aria-pressed": on ? "true" : null, onclick }, label, key ? h("kbd", {}, key) : null);
}
