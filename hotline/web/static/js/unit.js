// The workbench of a handling unit's people: trays, one order, its answer with files.

import { ask, get } from "./api.js";
import { once, show, single } from "./dialogs.js";
import { files } from "./files.js";
import { h, icon, replace, toast } from "./dom.js";
import { fullTime, tick, when } from "./format.js";
import { ListColumn, rowsToRead } from "./list.js";
import { deleted, historyLine, pill } from "./order.js";
import { errorText, name, t } from "./text.js";

const TRAYS = ["to_sign", "working", "due_soon", "overdue", "answered", "returned", "all"];
const ALARMS = new Set(["overdue"]);
const OPEN = new Set(["dispatched", "signed", "suspended"]);
// What a move asks for before it is made.
const ASKS = { return: ["text"], ask_extension: ["days", "text"], suspend: ["text"] };
const REREAD_MS = 20000;

export class UnitBench {
  #tray = "to_sign";
  #text = "";
  #rows = [];
  #next = null;
  #counts = {};
  #reading = 0;
  #shown = "";
  #order = null;
  #timer = 0;
  #begun = new Map(); // answers that were begun, by order
  #make = single((form) => this.#send(form));
  #filters = h("div", { class: "filters", role: "group", "aria-label": t("unit.trays") });

  constructor(onOpen) {
    this.list = new ListColumn({
      placeholder: t("unit.search"),
      onSearch: (text) => { this.#text = text; this.read(); },
      onOpen,
      below: this.#filters,
    });
    this.detail = h("main", { class: "unit-detail", "aria-live": "off" });
    this.#nothing();
  }

  begin() {
    this.read();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => document.hidden || this.read({ again: true }), REREAD_MS);
  }

  end() {
    clearInterval(this.#timer);
  }

  get first() {
    return this.#rows[0]?.number ?? "";
  }

  // `more`: the next rows too; `again`: as many as are there, so that nobody loses their place.
  async read({ more = false, again = false } = {}) {
    const reading = ++this.#reading;
    try {
      const page = await get("/api/v1/unit/orders", { tray: this.#tray, text: this.#text, cursor: more ? this.#next : "", limit: rowsToRead(this.#rows.length, again) });
      if (reading !== this.#reading) return;
      this.#rows = more ? [...this.#rows, ...page.orders] : page.orders;
      this.#next = page.next;
      this.#counts = page.trays;
      this.#draw();
    } catch (error) {
      toast(errorText(error), "error");
    }
  }

  #draw() {
    replace(
      this.#filters,
      TRAYS.map((tray) =>
        h(
          "button",
          {
            type: "button",
            class: "filter" + (tray === this.#tray ? " on" : "") + (ALARMS.has(tray) && this.#counts[tray] ? " alarm" : ""),
            "aria-pressed": String(tray === this.#tray),
            onclick: () => { this.#tray = tray; this.read(); },
          },
          t(`unit.tray.${tray}`),
          " ",
          h("b", {}, String(this.#counts[tray] ?? 0)),
        ),
      ),
    );
    replace(
      this.list.body,
      h("h2", { class: "rows-title" }, t(`unit.tray.${this.#tray}`)),
      this.#rows.map(row),
      this.#rows.length ? null : h("p", { class: "rows-none" }, t(this.#text ? "orders.none.found" : "unit.none")),
      this.#next ? h("button", { class: "more", type: "button", onclick: () => this.read({ more: true }) }, t("calls.more")) : null,
    );
    this.list.refresh(this.#shown);
    tick();
  }

  async show(number) {
    if (number === this.#shown && this.#order) return;
    this.#shown = number;
    this.#order = null;
    this.list.select(number);
    if (!number) { this.#nothing(); return; }
    try {
      this.#set(await get(address(number)));
    } catch (error) {
      this.#nothing();
      toast(errorText(error), "error");
    }
  }

  // The keys of this view; whether one was used.
  key(key) {
    if (!this.#order) return false;
    if (key === "s" && this.#order.choices.includes("sign")) { this.#make({ action: "sign" }); return true; }
    if (key === "r") { const box = this.detail.querySelector("textarea"); box?.focus(); return Boolean(box); }
    if (key === "u") { const input = this.detail.querySelector("input[type=file]"); input?.click(); return Boolean(input); }
    return false;
  }

  #nothing() {
    replace(this.detail, h("div", { class: "nothing" }, icon("orders"), h("p", {}, t("unit.choose")), h("p", { class: "hint" }, t("unit.keys"))));
  }

  #set(order) {
    if (order.number !== this.#shown) return;
    this.#order = order;
    replace(this.detail, this.#head(order), h("div", { class: "unit-body" }, h("div", { class: "unit-main" }, this.#facts(order), this.#fields(order)), h("div", { class: "unit-side" }, this.#answer(order), h("section", { class: "card" }, h("h3", {}, t("order.history")), h("ol", { class: "history" }, order.history.map(historyLine))))));
    tick();
  }

  #head(order) {
    const moves = order.choices.filter((action) => action !== "reply");
    return h(
      "header",
      { class: "unit-head" },
      h(
        "div",
        { class: "who-calls" },
        h("h2", {}, order.matter_label, h("span", { class: "mono unit-number" }, order.number)),
        h("div", { class: "order-line" }, pill("state", order.state), order.urgency === "normal" ? null : pill("urgency", order.urgency), order.flags.map((flag) => pill("flag", flag)), h("span", { class: "pill" }, name("channel", order.channel))),
      ),
      h("span", { class: "grow" }),
      moves.map((action) => h("button", { class: action === "sign" ? "primary" : "small", type: "button", onclick: () => this.#begin(action) }, name("action", action), action === "sign" ? h("kbd", {}, "s") : null)),
    );
  }

  #facts(order) {
    const fact = (symbol, label, ...value) => h("div", {}, h("dt", {}, icon(symbol), label), h("dd", {}, value));
    const mayAsk = order.masked && !order.content_deleted_at && order.caller_access !== "hidden";
    return h(
      "dl",
      { class: "facts" },
      fact("unit", t("order.unit"), order.unit_name),
      fact("orders", t("unit.service"), order.service_label),
      fact("clock", t("unit.filed"), when(order.filed_at)),
      order.sign_by ? fact("clock", t("order.sign_by"), when(order.sign_by), order.state === "dispatched" ? h("span", { class: "left", data: { due: order.sign_by } }) : null) : null,
      order.due ? fact("clock", t("order.due"), h("span", { title: fullTime(order.due) }, when(order.due)), OPEN.has(order.state) ? h("span", { class: "left", data: { due: order.due } }) : null) : null,
      fact("phone", t("order.contact"), h("span", { class: "mono" }, order.caller_contact || "—"), mayAsk ? h("button", { class: "small", type: "button", onclick: () => this.#reveal() }, icon("eye"), t("unit.reveal")) : order.content_deleted_at ? null : order.masked ? h("span", { class: "hint" }, t("unit.hidden")) : h("span", { class: "pill raw" }, t("detail.raw"))),
    );
  }

  #fields(order) {
    if (order.content_deleted_at) return h("section", { class: "card" }, deleted(order));
    const shown = order.fields.filter((field) => field.name !== "statement");
    const statement = order.fields.find((field) => field.name === "statement");
    return [
      h("section", { class: "card" }, h("h3", {}, name("field", "summary")), h("p", { class: "unit-summary" }, order.summary)),
      shown.length ? h("div", { class: "fields", role: "list" }, shown.map((field) => h("div", { class: "field", role: "listitem" }, h("span", { class: "label" }, name("field", field.name)), h("span", { class: "value" }, field.display || h("em", {}, t("order.empty")))))) : null,
      statement ? h("details", { class: "card" }, h("summary", {}, name("field", "statement")), h("p", { class: "unit-summary" }, statement.display)) : null,
      order.provisional ? h("p", { class: "hint" }, t("order.provisional")) : null,
    ];
  }

  #answer(order) {
    const mayAttach = OPEN.has(order.state);
    const box = h("textarea", { maxlength: "4000", rows: "6", placeholder: t("unit.answer.hint"), "aria-label": t("unit.answer"), onkeydown: (event) => { event.stopPropagation(); if (event.key === "Enter" && event.ctrlKey) form.requestSubmit(); if (event.key === "Escape") box.blur(); } });
    box.value = this.#begun.get(order.number) ?? "";
    box.addEventListener("input", () => this.#begun.set(order.number, box.value));
    const form = h(
      "form",
      { data: { kept: "1", ...(this.#begun.get(order.number) ? { touched: "1" } : {}) }, onsubmit: (event) => { event.preventDefault(); if (box.value.trim()) this.#make({ action: "reply", text: box.value.trim() }); } },
      box,
      h("button", { class: "primary wide", type: "submit" }, t("unit.answer.go"), h("kbd", {}, "Ctrl+Enter")),
    );
    const why = { dispatched: "unit.answer.sign", suspended: "unit.answer.suspended" }[order.state];
    return h(
      "section",
      { class: "card unit-answer" },
      h("h3", {}, t("unit.answer")),
      order.choices.includes("reply") ? form : h("p", { class: "hint" }, t(why ?? "unit.answer.done")),
      files(address(order.number), order.attachments, mayAttach, () => this.#again()),
    );
  }

  async #again() {
    try {
      this.#set(await get(address(this.#shown)));
    } catch (error) {
      toast(errorText(error), "error");
    }
  }

  async #send(form) {
    const number = this.#shown;
    try {
      await ask("POST", `${address(number)}/moves`, form);
    } catch (error) {
      toast(errorText(error), "error");
      return false;
    }
    toast(t("moves.done", { action: name("action", form.action) }));
    if (form.action === "reply") this.#begun.delete(number);
    await this.#again();
    this.read({ again: true });
    return true;
  }

  #begin(action) {
    const asks = ASKS[action];
    if (!asks) { this.#make({ action }); return; }
    this.#dialog(
      name("action", action),
      asks.map((field) =>
        field === "days"
          ? h("label", {}, h("span", {}, t("unit.days")), h("input", { name: "days", type: "number", min: "1", max: "366", value: "5", required: true }))
          : h("label", {}, h("span", {}, t("moves.text")), h("textarea", { name: "text", rows: "4", maxlength: "1000", required: true })),
      ),
      ({ days, text }) => this.#make({ action, text, ...(days ? { days: Number(days) } : {}) }),
    );
  }

  #reveal() {
    this.#dialog(t("unit.reveal.title"), [h("p", {}, t("unit.reveal.ask")), h("input", { name: "reason", maxlength: "200", minlength: "4", required: true, "aria-label": t("unit.reveal.ask") })], async ({ reason }) => {
      try {
        this.#set(await ask("POST", `${address(this.#shown)}/reveal`, { reason: reason.trim() }));
        return true;
      } catch (error) {
        toast(errorText(error), "error");
        return false;
      }
    });
  }

  #dialog(title, rows, done) {
    const dialog = h(
      "dialog",
      { class: "dialog roster-dialog move-dialog" },
      h("h2", {}, title),
      h(
        "form",
        { onsubmit: once(async (event) => { if (await done(Object.fromEntries(new FormData(event.target)))) dialog.close(); }) },
        rows,
        h("p", {}, h("button", { class: "primary" }, t("unit.go")), " ", h("button", { type: "button", onclick: () => dialog.close() }, t("detail.cancel"))),
      ),
    );
    dialog.addEventListener("keydown", (event) => event.stopPropagation());
    show(dialog);
  }
}

function row(order) {
  return h(
    "div",
    { class: "row", role: "option", data: { id: order.number } },
    h("div", { class: "row-top" }, h("b", {}, order.matter_label), order.urgency === "normal" || order.urgency === "low" ? null : pill("urgency", order.urgency), h("time", {}, when(order.filed_at))),
    h("p", { class: "row-mid" }, order.content_deleted_at ? h("em", {}, t("order.deleted.short")) : h("span", {}, order.summary)),
    h("p", { class: "row-foot" }, pill("state", order.state), h("span", { class: "unit mono" }, order.number), order.due && OPEN.has(order.state) ? h("span", { class: "left", data: { due: order.state === "dispatched" && order.sign_by ? order.sign_by : order.due } }) : null),
  );
}

function address(number) {
  return `/api/v1/unit/orders/${encodeURIComponent(number)}`;
}
