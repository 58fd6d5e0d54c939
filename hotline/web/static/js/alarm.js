// The bar of emergencies: on every page, from the first words on, until somebody says that they have seen it.

import { h, replace } from "./dom.js";
import { when } from "./format.js";
import { name, t } from "./text.js";

export class AlarmBar {
  element = h("section", { class: "alarm-bar", role: "alert", hidden: true });
  #seen = new Set();

  constructor(live, onCall) {
    this.live = live;
    this.onCall = onCall;
  }

  draw() {
    const rows = [...this.live.calls.values()].flatMap((call) => [...call.alerts.values()].map((alert) => ({ call, alert })));
    const open = rows.filter(({ call, alert }) => !this.#seen.has(keyOf(call, alert)));
    this.element.hidden = open.length === 0;
    replace(this.element, open.map((row) => this.#row(row)));
  }

  #row({ call, alert }) {
    const withdrawn = alert.state === "withdrawn";
    return h(
      "div",
      { class: `alarm${alert.sure && !withdrawn ? " grave" : ""}${withdrawn ? " withdrawn" : ""}`, data: { kind: alert.kind } },
      h("b", {}, name("crisis", alert.kind)),
      h("span", { class: "mono" }, call.remote || call.call),
      h("q", {}, alert.text),
      h("span", { class: "hint" }, withdrawn ? t("alarm.withdrawn") : alert.sure ? t("alarm.offer", { number: alert.hand_off }) : t("alarm.unsure", { number: alert.hand_off })),
      h("time", {}, when(alert.at)),
      h("button", { class: "small", type: "button", onclick: () => this.onCall(call.call) }, t("alarm.open")),
      h("button", { class: "small primary", type: "button", onclick: () => { this.#seen.add(keyOf(call, alert)); this.draw(); } }, t("alarm.seen")),
    );
  }
}

// A guess that turns out to be known wording is told of again.
function keyOf(call, alert) {
  return `${call.call} ${alert.kind} ${alert.sure}`;
}
