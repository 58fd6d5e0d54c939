// The order beside its transcript: fields with their words, deadlines, history; corrections in place.

import { ask } from "./api.js";
import { beside } from "./beside.js";
import { h, icon, replace, toast } from "./dom.js";
import { fullTime, isoDay, tick, when } from "./format.js";
import { bases } from "./flags.js";
import { files } from "./files.js";
import { moves } from "./moves.js";
import { errorText, name, t } from "./text.js";

const CALLABLE = /^\+?[0-9*]+$/;
// What a move changed, where it reads by itself.
const TOLD = new Set(["other", "unit", "parent", "owner", "holder"]);
const EDITABLE = ["draft", "filed", "dispatched", "signed", "suspended", "returned"];

export class OrderPane {
  element = h("aside", { class: "order-pane", "aria-label": t("order.title") });
  #fields = [];
  #at = -1;
  #pinned = -1;
  #kept = null; // a correction that somebody else's change came before

  constructor({ onLight, onMarks, mayEdit, onCallBack = null }) {
    this.onCallBack = onCallBack;
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
    const kept = this.#kept;
    this.#kept = null;
    if (kept) this.#fields.find((field) => field.order === kept.order && field.name === kept.field)?.edit?.(kept.value);
  }

  // Another call is shown: what was being typed about the last one is given up.
  clear() {
    this.draftOf = "";
    this.#kept = null;
    this.#fields = [];
    this.#at = this.#pinned = -1;
    replace(this.element);
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
        fact("phone", t("order.contact"), order.caller_contact && [h("span", {}, order.caller_contact), this.onCallBack && CALLABLE.test(order.caller_contact) ? h("button", { class: "small call-back", type: "button", onclick: () => this.onCallBack(order.number) }, icon("phone"), t("order.call_back")) : null]),
      ),
      this.mayEdit ? moves(order, () => this.element.dispatchEvent(new CustomEvent("changed", { bubbles: true }))) : null,
      bases(order.flags),
      beside(order, this.mayEdit && !order.content_deleted_at, () => this.element.dispatchEvent(new CustomEvent("changed", { bubbles: true }))),
      order.provisional ? h("p", { class: "hint" }, t("order.provisional")) : null,
      order.content_deleted_at ? deleted(order) : [
        h("h3", {}, t("order.fields"), h("small", {}, String(order.fields.length))),
        h("div", { class: "fields", role: "list" }, this.#summary(order), fields),
      ],
      files(`/api/v1/orders/${encodeURIComponent(order.number)}`, order.attachments, false),
      h("h3", {}, t("order.history")),
      h("ol", { class: "history" }, order.history.map(historyLine)),
    );
  }

  #summary(order) {
    const links = order.summary_links ?? [];
    const evidence = links.flatMap((link) => link.evidence);
    const field = { name: "summary", display: order.summary, confidence: null, machine_value: null, evidence };
    return this.#field(order, field, links.length ? links.map((link) => this.#sentence(order, link)) : null);
  }

  // A sentence of the summary: a click shows the words it rests on.
  #sentence(order, link) {
    const text = order.summary.slice(link.start, link.end);
    if (!link.evidence.length) return h("span", {}, text);
    const said = link.evidence.map((span) => span.text).join("…");
    const light = (event) => { event.stopPropagation(); this.onLight(link.evidence, true); };
    return h("button", { class: "sentence", type: "button", title: t("order.evidence", { text: said }), onclick: light }, text);
  }

  #field(order, field, shown = null) {
    const index = this.#fields.length;
    const mayEdit = this.mayEdit && order && EDITABLE.includes(order.state);
    const value = h("span", { class: "value" }, shown ?? (field.display || h("em", {}, t("order.empty"))));
    const edit = mayEdit ? (begun = null) => this.#form(order, field, row, value, typeof begun === "string" ? begun : null) : null;
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
    this.#fields.push({ ...field, order: order?.number, row, edit });
    return row;
  }

  #pin(index) {
    for (const field of this.#fields) field.row.classList.remove("pinned");
    const same = this.#pinned === index && this.#at !== index;
    this.#pinned = same ? -1 : index;
    this.#fields[index].row.classList.add("pinned");
    this.onLight(this.#fields[index].evidence, true);
  }

  #form(order, field, row, value, begun) {
    if (row.querySelector("form")) return;
    const long = field.name === "summary" || field.name === "demand";
    const input = h(long ? "textarea" : "input", { maxlength: "2000", rows: "4", "aria-label": name("field", field.name) });
    input.value = begun !== null ? begun : this.masked && (field.display ?? "").includes("*") ? "" : field.display;
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
    if (begun === null) input.select();
  }

  async #save(order, field, value, form) {
    form.classList.add("busy");
    try {
      await ask("PATCH", `/api/v1/orders/${encodeURIComponent(order.number)}`, { version: order.version, field: field.name, value });
    } catch (error) {
      toast(errorText(error), "error");
      if (error.code !== "order.stale") { form.classList.remove("busy"); return; }
      this.#kept = { order: order.number, field: field.name, value };
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
      bases(intent.flags),
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

// What stands where the form was, once retention has deleted it.
export function deleted(order) {
  return h("p", { class: "gone", role: "note" }, icon("orders"), t("order.deleted", { day: isoDay(new Date(order.content_deleted_at)) }));
}

export function historyLine(entry) {
  const what = entry.field ? `${name("action", entry.action)} · ${name("field", entry.field)}` : name("action", entry.action);
  return h(
    "li",
    {},
    h("time", {}, when(entry.at)),
    h("span", {}, h("b", {}, what), " ", h("span", { class: "actor" }, name("actor", entry.actor))),
    entry.action === "edit" && (entry.human_value ?? null) !== null ? h("p", {}, h("del", {}, entry.machine_value || t("order.empty")), " → ", entry.human_value) : null,
    TOLD.has(entry.field) && entry.human_value ? h("p", {}, entry.machine_value ? [h("del", {}, entry.machine_value), " → "] : null, entry.human_value) : null,
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
