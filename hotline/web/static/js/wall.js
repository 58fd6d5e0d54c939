// The wallboard: large enough for five metres, read again without pause, back by itself after a restart.

import { ask, get } from "./api.js";
import { dayFigure } from "./day_list.js";
import { h, redraw, replace, toast } from "./dom.js";
import { mmss, when } from "./format.js";
import { errorText, name, t } from "./text.js";

const EVERY_MS = 700;
const AGAIN_MS = 1500;
const LOST_SHOWN = 8;
const STATES = ["ready", "talking", "ringing", "wrap_up", "busy"];
const GOOD = 80;

export function wallPage(rights) {
  let all = false; // of those whom the line lost, not the latest only
  const lost = h("p", { class: "wall-lost", role: "alert", hidden: true }, t("wall.lost"));
  const now = h("section", { class: "wall-now" }, h("p", { class: "wall-wait" }, t("stats.busy")));
  const today = h("section", { class: "wall-today" });
  const agents = h("section", { class: "wall-agents" });
  const side = h("aside", { class: "wall-side" });
  const clock = h("time", {});
  const page = h(
    "main",
    { class: "wall", tabindex: "-1" },
    h("header", {}, h("h1", {}, t("wall.title")), clock, h("button", { type: "button", class: "small", onclick: () => full(page) }, t("wall.full"))),
    lost,
    now,
    h("div", { class: "wall-rest" }, h("div", {}, agents, today), side),
  );
  let shown = "";
  const read = async () => {
    if (!page.isConnected && page.dataset.shown) return;
    page.dataset.shown = "1";
    let pause = EVERY_MS;
    try {
      const state = await get("/api/v1/wall");
      lost.hidden = true;
      clock.textContent = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", month: "long", day: "numeric", weekday: "short", hour: "2-digit", minute: "2-digit" }).format(new Date(state.now));
      const text = JSON.stringify({ ...state, now: "" });
      if (text !== shown && !page.querySelector("button:active")) {
        shown = text;
        draw(state, { now, today, agents, side }, rights, { all, showAll: () => { all = true; shown = ""; draw(state, { now, today, agents, side }, rights, { all }); } });
      }
    } catch (error) {
      if (error.status === 401 || error.status === 403) return;
      lost.hidden = false;
      pause = AGAIN_MS;
    }
    setTimeout(read, pause);
  };
  setTimeout(read, 0);
  page.addEventListener("keydown", (event) => { if (event.key.toLowerCase() === "f") full(page); });
  return page;
}

function full(page) {
  if (document.fullscreenElement) document.exitFullscreen();
  else page.requestFullscreen?.();
}

function draw(state, places, rights, more) {
  const today = Object.fromEntries(state.today.map((each) => [each.kpi, each]));
  const level = (value) => (value === null || value === undefined ? "—" : `${value}%`);
  const verdict = (value) => (value === null || value === undefined ? "" : value < GOOD ? "bad" : "good");
  const sl = Number.parseFloat(today.sl_b_15?.text);
  redraw(
    places.now,
    big("waiting", String(state.waiting), state.waiting > 0 ? "warn" : ""),
    big("oldest", mmss(state.oldest_s), state.oldest_s > 60 ? "bad" : state.oldest_s > 15 ? "warn" : ""),
    big("talks", String(state.talks)),
    big("sl_now", level(state.recent), verdict(state.recent)),
    big("sl_today", dayFigure("sl_b_15", today.sl_b_15?.text ?? "—", rights), verdict(Number.isNaN(sl) ? null : sl)),
    big("lost_calls", String(state.lost_count), state.lost_count ? "warn" : ""),
  );
  redraw(places.today, state.today.filter((each) => each.kpi !== "sl_b_15").map((each) => h("div", { class: "wall-figure" }, h("b", {}, dayFigure(each.kpi, each.text, rights)), h("span", {}, each.name))));
  const there = Object.values(state.agents).reduce((sum, count) => sum + count, 0);
  replace(places.agents, h("div", { class: "wall-figure" }, h("b", {}, String(there)), h("span", {}, t("wall.agents"))), STATES.map((code) => h("div", { class: `wall-figure wall-${code}` }, h("b", {}, String(state.agents[code] ?? 0)), h("span", {}, name("presence", code)))));
  redraw(places.side, alerts(state), rights.includes("supervise") ? gone(state, more) : null);
}

function big(code, value, kind = "") {
  return h("div", { class: `wall-big ${kind}` }, h("b", {}, value), h("span", {}, t(`wall.${code}`)));
}

function alerts(state) {
  if (!state.alerts.length) return null;
  return h("section", { class: "wall-alerts", "aria-live": "assertive" }, h("h2", {}, `${t("wall.alerts")} ${state.alerts.length}`), h("ul", {}, state.alerts.slice(0, 4).map((each) => h("li", { class: each.kind === "crisis" ? "grave" : "" }, h("b", {}, ["wait", "licence", "cluster"].includes(each.kind) ? t(`floor.alert.${each.kind}`) : name("flag", each.kind)), h("span", {}, each.caller || each.agent || each.party), h("span", {}, when(each.at))))));
}

function gone(state, { all, showAll }) {
  const rest = all ? 0 : state.lost.length - LOST_SHOWN;
  const rows = all ? state.lost : state.lost.slice(0, LOST_SHOWN);
  return h(
    "section",
    {},
    h("h2", {}, `${t("wall.list")} ${state.lost.length}`),
    state.lost.length ? h("ul", {}, rows.map((each) => h("li", {}, h("a", { class: "mono", href: `#/calls/${encodeURIComponent(each.call)}` }, each.caller), h("span", {}, when(each.at)), h("span", {}, each.wait_s === null ? "" : t("wall.waited", { s: Math.round(each.wait_s) })), h("button", { type: "button", class: "primary", data: { key: `back ${each.call}` }, onclick: (event) => back(event.target, each) }, t("wall.back"))))) : h("p", {}, t("wall.list.none")),
    rest > 0 ? h("p", {}, h("button", { type: "button", class: "small", onclick: showAll }, t("wall.list.more", { n: rest }))) : null,
  );
}

async function back(button, each) {
  button.disabled = true;
  try {
    const { number } = await ask("POST", `/api/v1/wall/lost/${encodeURIComponent(each.call)}/callback`);
    toast(number ? t("wall.back.filed", { number }) : t("wall.back.done"));
  } catch (error) {
    button.disabled = false;
    toast(errorText(error), "error");
  }
}
