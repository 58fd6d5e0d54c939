// What may be done with an order: a button for each move the rules leave, asking for what the move needs.

import { ask } from "./api.js";
import { h, toast } from "./dom.js";
import { errorText, name, t } from "./text.js";

// What each move asks for; `text` may be required.
const ASKS = {
  reply: { text: true }, return: { text: true }, reassign: { to: "unit", text: true },
  refuse_extension: { text: true }, suspend: { text: true }, urge: { text: false },
  supervise: { level: true, text: false }, reject: { text: true }, visit: { outcome: true, rating: true, text: false },
  redo: { text: true }, cancel: { text: true }, merge: { to: "order", text: false }, unmerge: { text: true },
  relate: { to: "order", text: false }, hand_over: { to: "person" }, name_subject: { to: "unit", person: true },
};
const FIRST = ["submit", "approve", "visit", "settle", "archive", "grant_extension", "claim", "contact"];
const LEVELS = ["yellow", "orange", "red"];
const OUTCOMES = ["reached", "failed", "gave_up"];

export function moves(order, changed) {
  const life = order.life;
  if (!life) return null;
  const choices = [...life.choices].sort((a, b) => Number(FIRST.includes(b)) - Number(FIRST.includes(a)));
  const button = (action) => h("button", { class: `small${FIRST.includes(action) ? " primary" : ""}`, type: "button", onclick: () => begin(order, action, changed) }, name("action", action));
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

async function begin(order, action, changed) {
  const asks = ASKS[action];
  if (!asks) {
    if (confirm(t("moves.sure", { action: name("action", action) }))) await make(order, { action }, changed);
    return;
  }
  const choose = (field, codes) => h("select", { name: field, required: true }, codes.map((code) => h("option", { value: code }, t(`moves.${field}.${code}`))));
  const row = (label, input) => h("label", {}, h("span", {}, label), input);
  const dialog = h(
    "dialog",
    { class: "dialog roster-dialog move-dialog" },
    h("h2", {}, name("action", action)),
    h(
      "form",
      { onsubmit: (event) => submit(event, dialog, order, action, changed) },
      asks.level ? row(t("moves.level.label"), choose("level", LEVELS)) : null,
      asks.outcome ? row(t("moves.outcome.label"), choose("outcome", OUTCOMES)) : null,
      asks.rating ? row(t("moves.rating"), h("input", { name: "rating", type: "number", min: "1", max: "5" })) : null,
      asks.to ? row(t(`moves.to.${asks.to}`), h("input", { name: "to", maxlength: "64", required: action !== "reassign" && action !== "name_subject" })) : null,
      asks.person ? row(t("moves.person"), h("input", { name: "person", maxlength: "64" })) : null,
      "text" in asks ? row(t("moves.text"), h("textarea", { name: "text", maxlength: "4000", rows: "4", required: asks.text })) : null,
      h("p", {}, h("button", { class: "primary" }, t("order.save")), " ", h("button", { type: "button", onclick: () => dialog.close() }, t("detail.cancel"))),
    ),
  );
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

async function submit(event, dialog, order, action, changed) {
  event.preventDefault();
  const { rating, ...told } = Object.fromEntries(new FormData(event.target));
  const form = { action, ...told };
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
