// What stands beside an order: likely duplicates, merged callers, incidents, other lines, referrals.

import { ask, get } from "./api.js";
import { catalogue } from "./catalogue.js";
import { single } from "./dialogs.js";
import { h, replace, toast } from "./dom.js";
import { askFor } from "./form_dialog.js";
import { when } from "./format.js";
import { begin } from "./moves.js";
import { referralCard, refer } from "./referring.js";
import { errorText, name, t } from "./text.js";

export function beside(order, mayEdit, changed) {
  const place = h("div", { class: "beside" });
  read(place, order, mayEdit, changed);
  return place;
}

async function read(place, order, mayEdit, changed) {
  let found;
  try {
    found = await get(`/api/v1/orders/${encodeURIComponent(order.number)}/beside`);
  } catch (error) {
    if (error.status !== 404) toast(errorText(error), "error");
    return;
  }
  replace(place, similar(order, found, mayEdit, changed), inside(order, found, mayEdit, changed), incidents(found), references(found), referrals(order, found, mayEdit, changed), mayEdit ? more(order, found, changed) : null);
}

function similar(order, { similar: rows }, mayEdit, changed) {
  if (!rows.length) return null;
  return [
    h("h3", {}, t("beside.similar"), h("small", {}, String(rows.length))),
    h("p", { class: "hint" }, t("beside.similar.hint")),
    h("ul", { class: "beside-list similar" }, rows.map((row) => {
      const later = Date.parse(row.filed_at) > Date.parse(order.filed_at);
      const [child, parent] = later ? [row, order] : [order, row];
      return h(
        "li",
        {},
        h("div", { class: "beside-line" }, h("a", { class: "mono", href: `#/orders/${encodeURIComponent(row.number)}/${encodeURIComponent(row.call)}` }, row.number), h("time", {}, when(row.filed_at))),
        h("div", { class: "beside-line" }, row.why.map((why) => h("span", { class: `pill why-${why}` }, t(`beside.why.${why}`))), h("span", { class: `pill state-${row.state}` }, name("state", row.state)), h("span", { class: "hint" }, row.unit_name)),
        h("p", {}, row.content_deleted_at ? t("order.deleted.short") : row.summary),
        mayEdit ? h("div", { class: "order-line" },
          row.mergeable ? h("button", { class: "small primary", type: "button", onclick: single(() => merge(child, parent, changed)) }, t(later ? "beside.merge.here" : "beside.merge")) : null,
          order.life?.related.includes(row.number) ? h("span", { class: "hint" }, t("beside.related")) : h("button", { class: "small", type: "button", onclick: single(() => move(order.number, { action: "relate", to: row.number }, t("beside.related"), changed)) }, t("beside.relate"))) : null,
      );
    })),
  ];
}

async function merge(child, parent, changed) {
  if (!confirm(t("beside.merge.ask", { child: child.number, parent: parent.number }))) return;
  await move(child.number, { action: "merge", to: parent.number }, t("beside.merged"), changed);
}

async function move(number, form, told, changed) {
  try {
    await ask("POST", `/api/v1/orders/${encodeURIComponent(number)}/moves`, form);
    toast(told);
    changed();
  } catch (error) {
    toast(errorText(error), "error");
  }
}

function inside(order, { inside: rows, callers }, mayEdit, changed) {
  if (!rows.length) return null;
  const asked = new Set((order.life?.visits ?? []).filter((each) => each.outcome !== "failed").map((each) => each.caller));
  const may = (action) => mayEdit && order.life?.choices.includes(action);
  return [
    h("h3", {}, t("beside.inside", { n: callers })),
    h("ul", { class: "beside-list inside" }, rows.map((row) => h(
      "li",
      {},
      h("div", { class: "beside-line" }, h("span", { class: "mono" }, row.contact || "—"), h("span", { class: "hint mono" }, row.number), h("time", {}, when(row.filed_at))),
      h("div", { class: "order-line" },
        row.anonymous ? h("span", { class: "hint" }, t("beside.inside.anonymous")) : asked.has(row.number) ? h("span", { class: "pill state-settled" }, t("beside.asked")) : may("visit") ? h("button", { class: "small primary", type: "button", onclick: () => begin(order, "visit", changed, { to: row.number }) }, name("action", "visit")) : null,
        mayEdit && row.seen ? h("button", { class: "small", type: "button", onclick: () => unmerge(row.number, changed) }, t("beside.unmerge")) : null),
    ))),
  ];
}

function unmerge(number, changed) {
  askFor(t("beside.unmerge"), [{ name: "text", label: t("beside.unmerge.ask"), kind: "area", required: true, max: 4000 }], async ({ text }) => {
    await ask("POST", `/api/v1/orders/${encodeURIComponent(number)}/moves`, { action: "unmerge", text });
    changed();
  });
}

function incidents({ incidents: rows }) {
  if (!rows.length) return null;
  return [
    h("h3", {}, t("beside.incidents")),
    h("ul", { class: "beside-list" }, rows.map((row) => h("li", {}, h("a", { href: `#/incidents/${row.id}` }, row.title), row.greeting ? h("p", { class: "hint" }, row.greeting) : null))),
  ];
}

function references({ references: rows }) {
  if (!rows.length) return null;
  return [
    h("h3", {}, t("beside.references")),
    h("ul", { class: "beside-list references" }, rows.map((row) => h(
      "li",
      {},
      h("div", { class: "beside-line" }, h("b", {}, t(`beside.reference.${row.direction}`, { name: row.name })), h("span", { class: "pill" }, status(row.status)), h("time", {}, when(row.updated_at))),
      h("p", { class: row.number ? "mono" : "hint" }, row.number ? t("beside.reference.number", { number: row.number }) : t("beside.reference.none")),
      row.text ? h("p", {}, row.text) : null,
    ))),
  ];
}

function status(code) {
  const text = t(`beside.status.${code}`);
  return text === `beside.status.${code}` ? name("state", code) : text;
}

function referrals(order, { referrals: rows }, mayEdit, changed) {
  if (!rows.length) return null;
  return [h("h3", {}, t("beside.referrals"), h("small", {}, String(rows.length))), h("ul", { class: "beside-list" }, rows.map((row) => referralCard(row, mayEdit, changed)))];
}

function more(order, found, changed) {
  return h(
    "div",
    { class: "order-line beside-more" },
    h("button", { class: "small", type: "button", onclick: () => refer(order, found, changed) }, t("beside.refer")),
    h("button", { class: "small", type: "button", onclick: () => join(order, changed) }, t("beside.join")),
    order.life?.choices ? h("button", { class: "small", type: "button", onclick: () => split(order, changed) }, t("beside.split")) : null,
  );
}

async function join(order, changed) {
  try {
    const { incidents: open } = await get("/api/v1/incidents", { status: "open" });
    if (!open.length) { toast(t("incidents.none")); return; }
    askFor(t("incidents.join"), [{ name: "incident", label: t("incidents.choose"), kind: "select", options: open.map((each) => [String(each.id), each.title]) }], async ({ incident }) => {
      await ask("POST", `/api/v1/incidents/${incident}/members`, { orders: [order.number] });
      toast(t("incidents.joined"));
      changed();
    });
  } catch (error) {
    toast(errorText(error), "error");
  }
}

async function split(order, changed) {
  try {
    const { labels, services } = await catalogue();
    const options = (codes) => codes.map((code) => [code, labels[code]]);
    const matters = Object.keys(labels).filter((code) => !services.includes(code));
    askFor(
      t("split.title"),
      [
        { name: "matter", label: t("split.matter"), kind: "select", options: options(matters) },
        { name: "service", label: t("split.service"), kind: "select", options: options(services), value: "consult" },
        { name: "summary", label: t("split.summary"), kind: "area", required: true, max: 4000 },
      ],
      async (form) => {
        const { number } = await ask("POST", `/api/v1/orders/${encodeURIComponent(order.number)}/split`, form);
        toast(t("split.done", { number }));
        changed();
      },
    );
  } catch (error) {
    toast(errorText(error), "error");
  }
}
