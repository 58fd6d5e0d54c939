// The list of work orders, by words and by state.

import { get } from "./api.js";
import { h, replace, toast } from "./dom.js";
import { tick, when } from "./format.js";
import { ListColumn } from "./list.js";
import { pill } from "./order.js";
import { errorText, name, t } from "./text.js";

const STATES = [
  "", "draft", "filed", "dispatched", "signed", "suspended", "replied", "visiting", "settled", "archived",
  "returned", "cancelled", "merged",
];
const OPEN = new Set(["filed", "dispatched", "signed"]);

export class Orders {
  #rows = [];
  #next = null;
  #total = 0;
  #text = "";
  #state = "";
  #reading = 0;
  #filters = h("div", { class: "filters", role: "group" });

  constructor(onOpen) {
    this.list = new ListColumn({
      placeholder: t("orders.search"),
      onSearch: (text) => { this.#text = text; this.read(); },
      onOpen: (number) => onOpen(number, this.callOf(number)),
      below: this.#filters,
    });
    this.element = this.list.element;
  }

  callOf(number) {
    return this.#rows.find((row) => row.number === number)?.call ?? "";
  }

  get first() {
    return this.#rows[0]?.number ?? "";
  }

  async read(more = false) {
    const reading = ++this.#reading;
    try {
      const page = await get("/api/v1/orders", { text: this.#text, state: this.#state, cursor: more ? this.#next : "", limit: 50 });
      if (reading !== this.#reading) return;
      this.#rows = more ? [...this.#rows, ...page.orders] : page.orders;
      this.#next = page.next;
      this.#total = page.total;
      this.draw();
    } catch (error) {
      toast(errorText(error), "error");
    }
  }

  draw() {
    replace(
      this.#filters,
      STATES.map((state) =>
        h(
          "button",
          { type: "button", class: "filter" + (state === this.#state ? " on" : ""), "aria-pressed": String(state === this.#state), onclick: () => { this.#state = state; this.read(); } },
          state ? name("state", state) : t("orders.all"),
        ),
      ),
    );
    const searching = this.#text || this.#state;
    replace(
      this.list.body,
      h("h2", { class: "rows-title" }, t("orders.count", { n: this.#total })),
      this.#rows.map(row),
      this.#rows.length ? null : h("p", { class: "rows-none" }, t(searching ? "orders.none.found" : "orders.none")),
      this.#next ? h("button", { class: "more", type: "button", onclick: () => this.read(true) }, t("calls.more")) : null,
    );
    this.list.refresh(this.list.selected);
    tick();
  }
}

function row(order) {
  return h(
    "div",
    { class: "row", role: "option", data: { id: order.number } },
    h("div", { class: "row-top" }, h("b", {}, order.matter_label), order.urgency === "normal" || order.urgency === "low" ? null : pill("urgency", order.urgency), h("time", {}, when(order.filed_at))),
    h("p", { class: "row-mid mono" }, order.number),
    h("p", { class: "row-foot" }, pill("state", order.state), h("span", { class: "unit" }, order.unit_name), order.due && OPEN.has(order.state) ? h("span", { class: "left", data: { due: order.due } }) : null),
  );
}
