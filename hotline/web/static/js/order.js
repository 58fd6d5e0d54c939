// The order beside its transcript: fields with their words, deadlines, history; corrections in place.

import { ask } from "./api.js";
import { h, icon, replace, toast } from "./dom.js";
import { fullTime, tick, when } from "./format.js";
import { moves } from "./moves.js";
import { errorText, name, t } from "./text.js";

const EDITABLE = ["draft", "filed", "dispatched", "signed", "suspended", "returned"];

export class OrderPane {
  element = h("aside", { class: "order-pane", "aria-label": t("order.title") });
  #fields = [];
  #at = -1;
  #pinned = -1;

  constructor({ onLight, onMarks, mayEdit }) {
    this.onLight = onLight;
    this.onMarks = onMarks;
    this.mayEdit = mayEdit;
  }

  // Shows the orders of a call; before there is one, what has been understood so far.
  show({ orders, intent, pending, masked, draftOf = "" }) {
    if (this.#editing()) return;
    this.draftOf = orders.length || pending?.length || !this.mayEdit ? "" : draftOf;
    this.masked = masked;
    this.#fields = [];
    this.#at = this.#pinned = -1;
    const parts = orders.length ? orders.map((order) => this.#order(order)) : [this.#understood(intent, pending)];
    replace(this.element, parts);
    this.onMarks(this.#fields.flatMap((field) => field.evidence));
    tick();
  }

  // Moves the light to the next field.
  step(by) {
    if (!this.#fields.length) return;
    this.#at = (this.#at + by + this.#fields.length) % this.#fields.length;
    const field = this.#fields[this.#at];
    field.row.focus();
    field.row.scrollIntoView({ block: "nearest" });
    this.#pin(this.#at);
  }

  // Files what was understood, as it stands; it can be corrected afterwards.
  async confirm() {
    if (!this.draftOf || this.confirming) return;
    this.confirming = true;
    try {
      const { number } = await ask("POST", `/api/v1/calls/${encodeURIComponent(this.draftOf)}/order`);
      toast(number ? t("order.confirmed", { number }) : t("order.later"));
      this.element.dispatchEvent(new CustomEvent("changed", { bubbles: true }));
    } catch (error) {
      toast(errorText(error), "error");
    }
    this.confirming = false;
  }

  edit() {
    this.#fields[this.#at]?.edit?.();
  }

  #editing() {
    return this.element.querySelector("form") !== null;
  }

  #order(order) {
    const fields = order.fields.map((field) => this.#field(order, field));
    return h(
      "section",
      { class: "order" },
      h(
        "header",
        { class: "order-head" },
        h("div", { class: "order-line" }, pill("state", order.state), order.urgency === "normal" ? null : pill("urgency", order.urgency), order.flags.map((flag) => pill("flag", flag))),
        h(
          "button",
          { class: "number", type: "button", title: t("order.copy"), onclick: () => copy(order.number) },
          h("span", {}, order.number),
          icon("copy"),
        ),
        h("div", { class: "matter" }, h("strong", {}, order.matter_label), h("span", {}, order.service_label)),
      ),
      h(
        "dl",
        { class: "facts" },
        fact("unit", t("order.unit"), order.unit_name),
        fact("clock", t("order.sign_by"), deadline(order.sign_by, ["filed", "dispatched"].includes(order.state))),
        fact("clock", t("order.due"), deadline(order.due, ["filed", "dispatched", "signed"].includes(order.state))),
        fact("phone", t("order.contact"), order.caller_contact),
      ),
      this.mayEdit ? moves(order, () => this.element.dispatchEvent(new CustomEvent("changed", { bubbles: true }))) : null,
      order.provisional ? h("p", { class: "hint" }, t("order.provisional")) : null,
      h("h3", {}, t("order.fields"), h("small", {}, String(order.fields.length))),
      h("div", { class: "fields", role: "list" }, this.#summary(order), fields),
      h("h3", {}, t("order.history")),
      h("ol", { class: "history" }, order.history.map(historyLine)),
    );
  }

  #summary(order) {
    const field = { name: "summary", display: order.summary, confidence: null, machine_value: null, evidence: [] };
    return this.#field(order, field);
  }

  #field(order, field) {
    const index = this.#fields.length;
    const mayEdit = this.mayEdit && order && EDITABLE.includes(order.state);
    const value = h("span", { class: "value" }, field.display || h("em", {}, t("order.empty")));
    const edit = mayEdit ? () => this.#form(order, field, row, value) : null;
    const said = field.evidence.map((span) => span.text).join("…");
    const row = h(
      "div",
      {
        class: "field" + (field.evidence.length ? " linked" : ""),
        role: "listitem",
        tabindex: "0",
        title: said ? t("order.evidence", { text: said }) : null,
        onmouseenter: () => this.onLight(field.evidence, false),
        onmouseleave: () => this.onLight(this.#fields[this.#pinned]?.evidence ?? null, false),
        onfocus: () => { this.#at = index; },
        onclick: (event) => event.target.closest("form, .pencil") || this.#pin(index),
        ondblclick: edit,
        onkeydown: (event) => {
          if (event.target !== row) return;
          if (event.key === "Enter") { event.preventDefault(); this.#pin(index); }
        },
      },
      h("span", { class: "label" }, name("field", field.name)),
      value,
      field.confidence === null ? null : confidence(field.confidence, field.machine_value !== null),
      edit ? h("button", { class: "pencil", type: "button", "aria-label": t("order.edit"), title: t("order.edit"), onclick: edit }, icon("edit")) : null,
      field.machine_value !== null && field.machine_value !== undefined
        ? h("span", { class: "machine" }, t("order.machine", { value: field.machine_value || t("order.empty") }))
        : null,
    );
    this.#fields.push({ ...field, row, edit });
    return row;
  }

  #pin(index) {
    for (const field of this.#fields) field.row.classList.remove("pinned");
    const same = this.#pinned === index && this.#at !== index;
    this.#pinned = same ? -1 : index;
    this.#fields[index].row.classList.add("pinned");
    this.onLight(this.#fields[index].evidence, true);
  }

  #form(order, field, row, value) {
    if (row.querySelector("form")) return;
    const long = field.name === "summary" || field.name === "demand";
    const input = h(long ? "textarea" : "input", { maxlength: "2000", rows: "4", "aria-label": name("field", field.name) });
    input.value = this.masked && (field.display ?? "").includes("*") ? "" : field.display;
    const close = () => { form.replaceWith(value); row.focus(); };
    const form = h(
      "form",
      {
        class: "edit",
        onsubmit: async (event) => {
          event.preventDefault();
          await this.#save(order, field, input.value.trim(), form);
        },
        onkeydown: (event) => {
          event.stopPropagation();
          if (event.key === "Escape") close();
          if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
        },
      },
      input,
      h("div", { class: "edit-row" }, h("button", { class: "small primary", type: "submit" }, t("order.save")), h("button", { class: "small", type: "button", onclick: close }, t("detail.cancel"))),
    );
    value.replaceWith(form);
    input.focus();
    input.select();
  }

  async #save(order, field, value, form) {
    form.classList.add("busy");
    try {
      await ask("PATCH", `/api/v1/orders/${encodeURIComponent(order.number)}`, { version: order.version, field: field.name, value });
    } catch (error) {
      toast(errorText(error), "error");
      if (error.code !== "order.stale") { form.classList.remove("busy"); return; }
    }
    form.remove();
    this.element.dispatchEvent(new CustomEvent("changed", { bubbles: true }));
  }

  #understood(intent, pending) {
    const numbers = [...(pending ?? [])].map((order) =>
      h("p", { class: "dispatched" }, h("span", { class: "number" }, order.number), order.unit_name ? h("span", {}, t("order.dispatched", { unit: order.unit_name })) : null),
    );
    if (!intent) {
      return h("section", { class: "order nothing" }, numbers, icon("orders"), h("p", {}, t("order.none")), h("p", { class: "hint" }, t("order.none.hint")));
    }
    const fields = intent.slots.map((slot) => this.#field(null, { ...slot, machine_value: null }));
    return h(
      "section",
      { class: "order" },
      numbers,
      h("h3", {}, t("order.understood"), h("small", {}, name("source", intent.source))),
      h("div", { class: "order-line" }, intent.flags.map((flag) => pill("flag", flag))),
      h("ol", { class: "matters" }, intent.matters.map((matter) => h("li", {}, h("span", {}, matter.label), confidence(matter.confidence, false)))),
      h("h3", {}, t("order.fields"), h("small", {}, String(fields.length))),
      h("div", { class: "fields", role: "list" }, fields),
      this.draftOf ? h("button", { class: "primary wide confirm", type: "button", onclick: () => this.confirm() }, t("order.confirm"), h("kbd", {}, "Ctrl+Enter")) : null,
      this.draftOf ? h("p", { class: "hint" }, t("order.confirm.hint")) : null,
    );
  }
}

export function pill(kind, code) {
  return h("span", { class: `pill ${kind}-${code}` }, name(kind, code));
}

function fact(symbol, label, value) {
  if (!value) return null;
  return h("div", {}, h("dt", {}, icon(symbol), label), h("dd", {}, value));
}

function deadline(at, open) {
  if (!at) return null;
  return [h("span", { class: "at", title: fullTime(at) }, when(at)), open ? h("span", { class: "left", data: { due: at } }) : null];
}

function confidence(value, human) {
  if (human) return h("span", { class: "meter human", "aria-hidden": "true" });
  const meter = h("span", { class: "meter " + (value >= 0.8 ? "high" : value >= 0.5 ? "middle" : "low"), title: t("order.confidence", { n: Math.round(value * 100) }) }, h("i"));
  meter.firstChild.style.width = `${Math.round(value * 100)}%`;
  return meter;
}

function historyLine(entry) {
  const what = entry.field ? `${name("action", entry.action)} · ${name("field", entry.field)}` : name("action", entry.action);
  return h(
    "li",
    {},
    h("time", {}, when(entry.at)),
    h("span", {}, h("b", {}, what), " ", h("span", { class: "actor" }, name("actor", entry.actor))),
    entry.action === "edit" ? h("p", {}, h("del", {}, entry.machine_value || t("order.empty")), " → ", entry.human_value) : null,
    entry.text ? h("p", {}, entry.text) : null,
  );
}

async function copy(number) {
  try {
    await navigator.clipboard.writeText(number);
    toast(t("order.copied"));
  } catch {
    // no permission: the number can still be selected by hand
  }
}
