// The gateway's state: figures of every part, read anew every two seconds; bans, and lifting them.

import { ask, get } from "./api.js";
import { h, replace, toast } from "./dom.js";
import { errorText, t } from "./text.js";

const EVERY_MS = 2000;
const AGAIN_MS = 8000;
// Numbers that are names, not amounts.
const PLAIN = new Set(["asr.detector", "trunk.last_status"]);
const ALARMS = new Set(["media.stalls", "media.malformed", "media.foreign", "media.unauthentic", "sip.faults", "sip.overloaded", "sip.streams_cut", "defence.banned", "outbox.dead", "pbx.malformed"]);

export function gatewayPage(rights) {
  const parts = h("div", { class: "gateway-parts" });
  const bans = h("section", { class: "gateway-bans" });
  const page = h("main", { class: "page wide-page" }, h("h1", {}, t("gateway.title")), h("p", { class: "lead" }, t("gateway.lead")), bans, parts);
  const read = async () => {
    if (!page.isConnected && page.dataset.shown) return;
    page.dataset.shown = "1";
    try {
      const state = await get("/api/v1/gateway");
      replace(parts, Object.entries(state.parts).map(([part, figures]) => panel(part, figures)));
      replace(bans, banned(state.bans, rights, read));
    } catch (error) {
      if (error.status === 401 || error.status === 403) return;
      toast(errorText(error), "error");
      setTimeout(read, AGAIN_MS);
      return;
    }
    setTimeout(read, EVERY_MS);
  };
  setTimeout(read, 0);
  return page;
}

// A trunk is called `trunk_` and its name in the settings.
function panel(called, figures) {
  const [part, own] = called.startsWith("trunk_") ? ["trunk", called.slice("trunk_".length)] : [called, ""];
  const rows = Object.entries(figures).map(([figure, value]) => {
    const alarm = ALARMS.has(`${part}.${figure}`) && value > 0;
    return h("tr", { class: alarm ? "alarm" : "" }, h("th", { scope: "row" }, label(part, figure)), h("td", {}, PLAIN.has(`${part}.${figure}`) ? String(value) : shown(value)));
  });
  return h("section", { class: "gateway-part" }, h("h2", {}, label("part", part, { name: own })), h("table", { class: "table" }, h("tbody", {}, rows)));
}

function label(group, key, values = {}) {
  const text = t(`gateway.${group}.${key}`, values);
  return text === `gateway.${group}.${key}` ? key : text;
}

function shown(value) {
  if (typeof value === "string") return value || "—";
  value = Math.max(0, value);
  return Number.isInteger(value) ? value.toLocaleString("zh-CN") : value.toFixed(2);
}

function banned(rows, rights, read) {
  if (!rows.length) return h("p", { class: "lead" }, t("gateway.no_bans"));
  return h(
    "table",
    { class: "table" },
    h("thead", {}, h("tr", {}, ["source", "left", "times", "lift"].map((column) => h("th", {}, t(`gateway.ban.${column}`))))),
    h("tbody", {}, rows.map((ban) => h("tr", {}, h("td", {}, ban.source), h("td", {}, t("gateway.minutes", { minutes: Math.ceil(ban.seconds / 60) })), h("td", {}, String(ban.times)), h("td", {}, rights.includes("bans") && lift(ban.source, read))))),
  );
}

function lift(source, read) {
  return h("button", { class: "small", type: "button", onclick: async () => {
    try {
      await ask("DELETE", `/api/v1/gateway/bans/${source}`);
      toast(t("gateway.lifted", { source }));
    } catch (error) {
      toast(errorText(error), "error");
    }
  } }, t("gateway.ban.lift"));
}
