// The list of work orders, by words and by state.

import { get } from "./api.js";
import { h, replace, toast } from "./dom.js";
import { tick, when } from "./format.js";
import { ListColumn, rowsToRead } from "./list.js";
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
  #matters = 0;
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

  // `more`: the next rows too; `again`: as many as are there, so that nobody loses their place.
  async read({ more = false, again = false } = {}) {
    const reading = ++this.#reading;
    try {
      const page = await get("/api/v1/orders", { text: this.#text, state: this.#state, cursor: more ? this.#next : "", limit: rowsToRead(this.#rows.length, again) });
      if (reading !== this.#reading) return;
      this.#rows = more ? [...this.#rows, ...page.orders] : page.orders;
      this.#next = page.next;
      const plus = page.more ? "+" : "";
      this.#total = `${page.total}${plus}`;
      this.#matters = `${page.matters}${plus}`;
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
      h("h2", { class: "rows-title" }, this.#matters === this.#total ? t("orders.count", { n: this.#total }) : t("orders.tally", { matters: this.#matters, callers: this.#total })),
      this.#rows.map(row),
      this.#rows.length ? null : h("p", { class: "rows-none" }, t(searching ? "orders.none.found" : "orders.none")),
      this.#next ? h("button", { class: "more", type: "button", onclick: () => this.read({ more: true }) }, t("calls.more")) : null,
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
