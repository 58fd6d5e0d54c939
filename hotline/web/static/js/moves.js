// What may be done with an order: a button for each move the rules leave, asking for what the move needs.

import { ask } from "./api.js";
import { catalogue } from "./catalogue.js";
import { once, show, single } from "./dialogs.js";
import { h, toast } from "./dom.js";
import { byName, codeOf, named } from "./form_dialog.js";
import { errorText, name, t } from "./text.js";

// What each move asks for; `text` may be required.
const ASKS = {
  reply: { text: true }, return: { text: true }, reassign: { to: "unit", text: true },
  refuse_extension: { text: true }, suspend: { text: true }, urge: { text: false },
  supervise: { level: true, text: false }, reject: { text: true }, visit: { outcome: true, rating: true, text: false },
  redo: { text: true }, cancel: { text: true }, merge: { to: "order", text: false }, unmerge: { text: true },
  send_outside: { to: "outside", text: true }, return_outside: { text: true },
  relate: { to: "order", text: false }, hand_over: { to: "person" }, name_subject: { to: "unit", person: true },
};
const FIRST = ["submit", "approve", "visit", "settle", "archive", "grant_extension", "claim", "contact"];
const LEVELS = ["yellow", "orange", "red"];
const OUTCOMES = ["reached", "failed", "gave_up"];

export function moves(order, changed) {
  const life = order.life;
  if (!life) return null;
  const choices = [...life.choices].sort((a, b) => Number(FIRST.includes(b)) - Number(FIRST.includes(a)));
  const button = (action) => h("button", { class: `small${FIRST.includes(action) ? " primary" : ""}`, type: "button", onclick: single(() => begin(order, action, changed)) }, name("action", action));
  const [some, rest] = [choices.slice(0, 4), choices.slice(4)];
  return h(
    "div",
    { class: "moves" },
    standing(life),
    h("div", { class: "order-line" }, some.map(button)),
    rest.length ? h("details", {}, h("summary", {}, t("moves.more")), h("div", { class: "order-line" }, rest.map(button))) : null,
  );
}

function standing(life) {
  const told = [
    life.kind === "complaint" ? t("moves.complaint") : "",
    life.level ? t("moves.level", { level: t(`moves.level.${life.level}`) }) : "",
    life.urges ? t("moves.urges", { n: life.urges }) : "",
    life.returns ? t("moves.returns", { n: life.returns }) : "",
    life.redos ? t("moves.redos", { n: life.redos }) : "",
    life.asked_days ? t("moves.asked_days", { n: life.asked_days }) : "",
    life.owner ? t("moves.owner", { name: life.owner }) : "",
    life.holder ? t("moves.holder", { name: life.holder }) : "",
    life.parent ? t("moves.parent", { number: life.parent }) : "",
    life.visits.length ? t("moves.visits", { n: life.visits.length, last: t(`moves.outcome.${life.visits.at(-1).outcome}`) }) : "",
  ].filter(Boolean);
  return told.length ? h("p", { class: "hint" }, told.join(" · ")) : null;
}

// Asks for what the move needs and makes it; `preset` is sent with it.
export async function begin(order, action, changed, preset = {}) {
  const asks = ASKS[action];
  let lines = [], units = [], people = [];
  if (["outside", "unit", "person"].includes(asks?.to)) {
    try {
      ({ lines, units, people } = await catalogue());
    } catch (error) {
      toast(errorText(error), "error");
      return;
    }
  }
  if (!asks) {
    if (confirm(t("moves.sure", { action: name("action", action) }))) await make(order, { action }, changed);
    return;
  }
  people = named(people);
  const known = { unit: units, person: people }[asks.to];
  const choose = (field, codes) => h("select", { name: field, required: true }, codes.map((code) => h("option", { value: code }, t(`moves.${field}.${code}`))));
  const row = (label, ...input) => h("label", {}, h("span", {}, label), input);
  const dialog = h(
    "dialog",
    { class: "dialog roster-dialog move-dialog" },
    h("h2", {}, name("action", action)),
    h(
      "form",
      { onsubmit: once((event) => submit(event, dialog, order, { action, ...preset }, changed, { to: known ?? [], person: people })) },
      asks.level ? row(t("moves.level.label"), choose("level", LEVELS)) : null,
      asks.outcome ? row(t("moves.outcome.label"), choose("outcome", OUTCOMES)) : null,
      asks.rating ? row(t("moves.rating"), h("input", { name: "rating", type: "number", min: "1", max: "5" })) : null,
      asks.to === "outside" ? row(t("moves.to.outside"), h("select", { name: "to", required: true }, lines.map((line) => h("option", { value: line.code }, line.name)))) : null,
      asks.to && asks.to !== "outside" ? row(t(`moves.to.${asks.to}`), byName({ name: "to", required: action !== "reassign" && action !== "name_subject" }, known ?? [])) : null,
      asks.person ? row(t("moves.person"), byName({ name: "person" }, people)) : null,
      "text" in asks ? row(t("moves.text"), h("textarea", { name: "text", maxlength: "4000", rows: "4", required: asks.text })) : null,
      h("p", {}, h("button", { class: "primary" }, t("order.save")), " ", h("button", { type: "button", onclick: () => dialog.close() }, t("detail.cancel"))),
    ),
  );
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  show(dialog);
}

// `known`: [code, name] of what a field may name.
async function submit(event, dialog, order, begun, changed, known) {
  const { rating, ...told } = Object.fromEntries(new FormData(event.target));
  const form = { ...begun, ...told };
  for (const [field, options] of Object.entries(known)) if (form[field]) form[field] = codeOf(options, form[field]);
  if (rating) form.rating = Number(rating);
  if (await make(order, form, changed)) dialog.close();
}

async function make(order, form, changed) {
  try {
    await ask("POST", `/api/v1/orders/${encodeURIComponent(order.number)}/moves`, form);
  } catch (error) {
    toast(errorText(error), "error");
    return false;
  }
  toast(t("moves.done", { action: name("action", form.action) }));
  changed();
  return true;
}
