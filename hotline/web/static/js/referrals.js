// All referrals by kind, how mediations went, and the notaries' times.

import { ask, get } from "./api.js";
import { h, replace, toast } from "./dom.js";
import { askFor } from "./form_dialog.js";
import { fullTime, when } from "./format.js";
import { counted, openDrawer } from "./list_drawer.js";
import { referralCard } from "./referring.js";
import { errorText, t } from "./text.js";

export function referralsPage(rights) {
  const state = { kind: "", rows: [], next: null };
  const body = h("div", { class: "referrals-body" }, h("p", { class: "hint" }, t("page.busy")));
  const slots = h("section", { class: "slots" });
  const page = h("main", { class: "page wide-page" }, h("h1", {}, t("referrals.title")), h("p", { class: "lead" }, t("referrals.lead")), h("div", { class: "floor-columns" }, body, slots));
  let turn = 0;
  const read = async (more = false) => {
    const mine = ++turn;
    try {
      const found = await get("/api/v1/referrals", { kind: state.kind, before: more ? state.next : 0 });
      if (mine !== turn) return;
      state.rows = more ? [...state.rows, ...found.referrals] : found.referrals;
      state.next = found.next;
      draw(body, state, found, rights, read);
      if (!more) drawSlots(slots, (await get("/api/v1/slots")).slots, rights, read);
    } catch (error) {
      toast(errorText(error), "error");
    }
  };
  read();
  return page;
}

function draw(place, state, found, rights, read) {
  const choose = (kind) => h("button", { type: "button", class: `filter${kind === state.kind ? " on" : ""}`, "aria-pressed": String(kind === state.kind), onclick: () => { state.kind = kind; read(); } }, kind ? t(`referral.kind.${kind}`) : t("referrals.all"));
  replace(
    place,
    h("div", { class: "filters" }, ["", ...found.kinds].map(choose)),
    found.mediation.applied ? mediation(found.mediation) : null,
    state.rows.length
      ? h("ul", { class: "beside-list wide-list" }, state.rows.map((row) => {
        const card = referralCard(row, rights.includes("edit"), () => read());
        card.firstChild.append(h("a", { class: "mono", href: `#/orders/${encodeURIComponent(row.order)}/` }, row.order));
        return card;
      }))
      : h("p", { class: "hint" }, t("referrals.none")),
    state.next ? h("button", { class: "more", type: "button", onclick: () => read(true) }, t("referrals.more")) : null,
  );
}

// How mediations went, each figure opening what it counts; the rate what is above its line and below.
function mediation(figures) {
  const keys = ["applied", "success", "failed", "withdrawn", "rate"];
  const words = t("referrals.mediation", Object.fromEntries(keys.map((key) => [key, `\n${key}\n`]))).split("\n");
  const shown = (key) => (key === "rate" ? (figures.rate === null ? "—" : `${figures.rate}%`) : figures[key]);
  return h("p", { class: "mediation-rate" }, words.map((part, at) => (at % 2 ? counted(shown(part), { of: part, count: figures[part] }, () => openMediations(part)) : part)));
}

function openMediations(key) {
  const named = (part) => t(part === "applied" ? "referrals.mediation.applied" : `referral.status.${part}`);
  const parts = key === "rate" ? ["success", "applied"] : [key];
  openDrawer({
    title: t("referrals.mediation.list"),
    parts: parts.map((part) => [part, named(part)]),
    load: (part, next) => get("/api/v1/referrals/mediations", { status: part === "applied" ? "" : part, before: next }),
    row: (row) => h("li", {}, h("a", { class: "mono", href: `#/orders/${encodeURIComponent(row.order)}/` }, row.order), h("span", { class: `pill referral-${row.status}` }, t(`referral.status.${row.status}`)), h("span", {}, row.party), h("span", { class: "hint" }, row.institution), h("span", { class: "grow" }), h("time", { class: "hint" }, when(row.created_at))),
  });
}

function drawSlots(place, rows, rights, read) {
  replace(
    place,
    h("h2", {}, t("referrals.slots")),
    rights.includes("supervise") ? h("p", {}, h("button", { class: "small primary", type: "button", onclick: () => add(rows, read) }, t("referrals.slot.add"))) : null,
    rows.length
      ? h("ul", { class: "floor-list" }, rows.map((slot) => h("li", {}, h("b", {}, fullTime(slot.starts_at)), h("span", {}, slot.institution), h("span", { class: "grow" }), h("span", { class: `pill${slot.free ? "" : " flag-group"}` }, t("referrals.slot.free", { free: slot.free, capacity: slot.capacity })))))
      : h("p", { class: "hint" }, t("referrals.slots.none")),
  );
}

function add(rows, read) {
  askFor(
    t("referrals.slot.add"),
    [
      { name: "institution", label: t("referral.institution"), required: true, max: 128, value: rows.at(-1)?.institution ?? "" },
      { name: "starts_at", label: t("referrals.slot.starts"), kind: "datetime-local", required: true },
      { name: "minutes", label: t("referrals.slot.minutes"), kind: "number", required: true, value: 30 },
      { name: "capacity", label: t("referrals.slot.capacity"), kind: "number", required: true, value: 1 },
    ],
    async ({ institution, starts_at: starts, minutes, capacity }) => {
      await ask("POST", "/api/v1/slots", { institution, starts_at: `${starts}:00+08:00`, minutes: Number(minutes), capacity: Number(capacity) });
      toast(t("referrals.slot.added"));
      read();
    },
  );
}
