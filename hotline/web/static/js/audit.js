// The audit log and its chain, for those who keep it: filter, state, verify, export.

import { ask, download, get } from "./api.js";
import { h, replace, toast } from "./dom.js";
import { exactTime, fullTime, saveFile } from "./format.js";
import { errorText, t, texts } from "./text.js";

const PAGE = 100;
const LOOK_MS = 1000;

export function auditPage() {
  const chain = h("section", { class: "sheet audit-chain" });
  const log = h("section", {});
  const page = h("main", { class: "page wide-page" }, h("h1", {}, t("audit.title")), chain, log);
  chainPart(chain, page);
  logPart(log);
  return page;
}

// -- the chain ---------------------------------------------------------------------------------------------

function chainPart(place, page) {
  const read = async () => {
    if (page.dataset.shown && !page.isConnected) return;
    page.dataset.shown = "1";
    try {
      const state = await get("/api/v1/audit/chain");
      replace(place, described(state, read));
      if (state.verification.running) setTimeout(read, LOOK_MS);
    } catch (error) {
      toast(errorText(error), "error");
    }
  };
  setTimeout(read, 0);
}

function described(state, read) {
  const root = state.root ? t("audit.root.last", { day: state.root.day, number: state.root.number, seq: state.root.seq }) : t(state.signing ? "audit.root.none" : "audit.root.no_key");
  const facts = [
    [t("audit.sealed"), state.seq ? t("audit.sealed.to", { seq: state.seq.toLocaleString("zh-CN"), at: fullTime(state.sealed_at) }) : t("audit.sealed.none")],
    [t("audit.waiting"), state.waiting ? t("audit.waiting.rows", { n: state.waiting, at: fullTime(state.oldest) }) : t("audit.waiting.none")],
    [t("audit.root"), root],
    [t("audit.hash"), h("code", {}, state.hash)],
  ];
  const tapes = h("input", { type: "checkbox" });
  const go = h("button", { class: "primary", type: "button", disabled: state.verification.running, onclick: async () => {
    try {
      await ask("POST", "/api/v1/audit/verify", { recordings: tapes.checked });
      await read();
    } catch (error) {
      toast(errorText(error), "error");
    }
  } }, t("audit.verify"));
  return [
    h("h2", {}, t("audit.chain")),
    h("dl", { class: "audit-facts" }, facts.map(([label, value]) => [h("dt", {}, label), h("dd", {}, value)]).flat()),
    h("p", { class: "order-line" }, go, h("label", { class: "choice" }, tapes, h("span", {}, t("audit.verify.recordings")))),
    outcome(state.verification),
  ];
}

function outcome({ running, done, of, result }) {
  if (running) return h("p", { role: "status" }, h("progress", { max: String(of || 1), value: String(done) }), " ", t("audit.verifying", { done: done.toLocaleString("zh-CN"), of: of.toLocaleString("zh-CN") }));
  if (!result) return null;
  if (result.error) return h("p", { class: "problem" }, t("audit.verify.failed", { code: result.error }));
  const looked = t("audit.verify.looked", { at: fullTime(result.at), entries: result.entries.toLocaleString("zh-CN"), recordings: result.recordings, roots: result.roots, s: result.seconds });
  if (result.sound) return h("p", { class: "audit-sound", role: "status" }, `${t("audit.verify.sound")} `, h("small", { class: "hint" }, looked));
  return h("div", { role: "alert" }, h("p", { class: "problem" }, t("audit.verify.broken", { n: result.problems })), h("small", { class: "hint" }, looked),
    h("table", { class: "table" }, h("tbody", {}, result.broken.map((each) => h("tr", {}, h("td", {}, t(`audit.kind.${each.kind}`)), h("td", {}, t(`audit.source.${each.source}`)), h("td", {}, each.row), h("td", {}, each.seq === null ? "" : t("audit.entry", { seq: each.seq })))))));
}

// -- the log -----------------------------------------------------------------------------------------------

function logPart(place) {
  const body = h("tbody");
  const more = h("button", { class: "small", type: "button", hidden: true, onclick: () => read(false) }, t("calls.more"));
  let last = null, turn = 0, asked = {};
  const input = (field, attributes = {}) => h("label", {}, h("span", {}, t(`audit.${field}`)), h("input", { name: field, maxlength: "64", ...attributes }));
  const known = Object.keys(texts()).filter((key) => key.startsWith("did.")).map((key) => key.slice(4));
  const form = h(
    "form",
    { class: "audit-filter", data: { free: "1" }, onsubmit: (event) => { event.preventDefault(); read(true); } },
    input("who"), input("action", { list: "audit-actions" }), input("subject"), input("since", { type: "date" }), input("until", { type: "date" }),
    h("datalist", { id: "audit-actions" }, known.map((action) => h("option", { value: action }, t(`did.${action}`)))),
    h("button", { class: "primary", type: "submit" }, t("audit.find")),
    h("button", { class: "small", type: "button", onclick: () => exportChain() }, t("audit.export")),
  );
  const read = async (anew) => {
    const mine = ++turn;
    if (anew) asked = Object.fromEntries(new FormData(form));
    try {
      const { entries } = await get("/api/v1/audit", { ...asked, limit: PAGE, before: anew ? null : last });
      if (mine !== turn) return;
      const rows = entries.map(line);
      if (anew) replace(body, rows.length ? rows : h("tr", {}, h("td", { colspan: "5" }, t("audit.none"))));
      else body.append(...rows);
      last = entries.at(-1)?.id ?? last;
      more.hidden = entries.length < PAGE;
    } catch (error) {
      toast(errorText(error), "error");
    }
  };
  const exportChain = async () => {
    const { since, until } = Object.fromEntries(new FormData(form));
    try {
      saveFile(await download("/api/v1/audit/export.jsonl", Object.fromEntries(Object.entries({ since, until }).filter(([, day]) => day))));
    } catch (error) {
      toast(errorText(error), "error");
    }
  };
  replace(place, form, h("table", { class: "table" }, h("thead", {}, h("tr", {}, ["at", "who", "action", "subject", "detail"].map((column) => h("th", {}, t(`audit.${column}`))))), body), more);
  read(true);
}

function line(entry) {
  const words = texts()[`did.${entry.action}`];
  const action = words ? h("span", { title: entry.action }, words) : entry.action;
  return h("tr", {}, h("td", { class: "at" }, exactTime(entry.at)), h("td", {}, entry.who), h("td", {}, action), h("td", {}, entry.subject), h("td", {}, entry.detail));
}
