// Who else is on duty; in a talk, whom the caller may be given to, who may be asked or join: a colleague, somebody
// with a skill, a number, one of the buttons for 110 and 120.

import { h, redraw } from "./dom.js";
import { name, t } from "./text.js";

const WAYS = [["transfer", "phone.transfer"], ["consult", "phone.consult"], ["invite", "phone.invite"]];

export class Others {
  #dialog = null;
  #list = h("ul", {});
  #shown = "";

  constructor(send) {
    this.send = send;
  }

  open(state) {
    if (this.#dialog) return;
    const talking = Boolean(state.talk);
    this.#shown = "";
    this.#rows(state);
    const dialog = this.#dialog = h(
      "dialog",
      { class: "dialog phone-dialog", data: { talking: String(talking) } },
      h("h2", {}, t(talking ? "phone.others" : "phone.on_duty")),
      h("div", { class: "others" }, this.#list, talking ? [this.#number(), this.#skill(state), this.#emergency(state)] : null),
      h("form", { method: "dialog" }, h("button", { class: "close" }, t("help.close"))),
    );
    dialog.addEventListener("close", () => { dialog.remove(); this.#dialog = null; });
    document.body.append(dialog);
    dialog.showModal();
  }

  // The state has changed while it is open; it closes with the talk.
  update(state) {
    if (!this.#dialog) return;
    if (!state || Boolean(state.talk) !== (this.#dialog.dataset.talking === "true")) this.#dialog.close();
    else this.#rows(state);
  }

  #rows(state) {
    const shown = JSON.stringify([state.colleagues, state.absent]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const rows = state.colleagues.map((each) => h(
      "li",
      {},
      h("span", { class: `presence presence-${each.presence}` }, h("i", { class: "dot on" }), each.display),
      h("small", {}, [name("presence", each.presence), state.busy[each.reason] ?? state.busy_by_itself[each.reason]].filter(Boolean).join(" · ")),
      h("small", { class: "skills" }, each.skills.map((code) => state.skills[code] ?? code).join("、")),
      h("span", { class: "grow" }),
      state.talk ? this.#ways(() => `agent:${each.name}`, each.presence !== "ready") : null,
    ));
    if (state.absent.length) rows.push(h("li", { class: "hint" }, t("phone.absent", { names: state.absent.join("、") })));
    redraw(this.#list, rows.length ? rows : h("li", { class: "hint" }, t("phone.nobody")));
  }

  // A button each; `target` tells whom, or nothing when nobody is chosen yet.
  #ways(target, off = false) {
    return WAYS.map(([type, label]) => h("button", { class: "small", type: "button", disabled: off, data: { key: `${type} ${target()}` }, onclick: () => this.#go(type, target()) }, t(label)));
  }

  #go(type, target) {
    if (!target) return;
    this.#dialog.close();
    this.send({ type, target });
  }

  #number() {
    const number = h("input", { name: "number", inputmode: "tel", maxlength: "20", placeholder: t("phone.number"), "aria-label": t("phone.number") });
    const target = () => { const digits = number.value.replace(/\D/g, ""); return digits && `number:${digits}`; };
    number.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); this.#go("consult", target()); } });
    return h("div", { class: "dial" }, number, this.#ways(target));
  }

  #skill(state) {
    const skill = h("select", { name: "skill", "aria-label": t("phone.skill") }, h("option", { value: "" }, t("phone.skill")), Object.entries(state.skills).map(([code, label]) => h("option", { value: code }, label)));
    return h("div", { class: "dial" }, skill, this.#ways(() => skill.value && `skill:${skill.value}`));
  }

  #emergency(state) {
    return h("div", { class: "dial" }, Object.entries(state.numbers).map(([digits, label]) =>
      h("button", { class: "small emergency", type: "button", onclick: () => confirm(t("phone.emergency", { label })) && this.#go("invite", `number:${digits}`) }, label)));
  }
}
