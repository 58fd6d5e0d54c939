// The floor: who is on duty, who waits, which talks go on; listening in, whispering, barging in, taking over.

import { ask, get } from "./api.js";
import { dayFigure } from "./day_list.js";
import { h, redraw, toast } from "./dom.js";
import { tick, when } from "./format.js";
import { errorText, name, t } from "./text.js";

const EVERY_MS = 1000;
const MODES = ["listen", "whisper", "barge"];
// The figure in statistics that counts the same.
const SAME = { offered: "requests", answered: "answered", rate: "answer_rate", in_time: "in_time_15", abandoned: "abandoned_wait", callbacks: "callbacks", satisfied: "satisfaction", rated: "response_rate", mean_wait: "asa", longest: "max_wait" };

export function floorPage(phone, onCall) {
  const today = h("div", { class: "floor-today" });
  const waiting = h("section", {});
  const agents = h("section", {});
  const alerts = h("section", { "aria-live": "polite" });
  const page = h("main", { class: "page wide-page floor" }, h("h1", { class: "unseen" }, t("floor.title")), today, h("div", { class: "floor-columns" }, agents, h("div", { class: "floor-side" }, alerts, waiting)));
  let last = "";
  const read = async () => {
    if (!page.isConnected && page.dataset.shown) return;
    page.dataset.shown = "1";
    try {
      const state = await get("/api/v1/floor");
      const shown = JSON.stringify({ ...state, now: "", watching: phone.watching });
      if (shown !== last && !page.querySelector("button:active")) {
        last = shown;
        const told = JSON.stringify([state.alerts, state.talks.map((each) => [each.call, each.agent])]);
        if (told !== alerts.dataset.told) {
          alerts.dataset.told = told;
          drawAlerts(state, alerts, phone);
        }
        draw(state, today, waiting, agents, phone, onCall);
      }
    } catch (error) {
      if (error.status === 401 || error.status === 403) return;
      toast(errorText(error), "error");
    }
    setTimeout(read, EVERY_MS);
  };
  setTimeout(read, 0);
  return page;
}

// Draws a section when what it shows has changed; whoever goes by the keyboard stays where they are.
function section(place, shows, build) {
  const shown = JSON.stringify(shows);
  if (place.dataset.shown === shown) return;
  place.dataset.shown = shown;
  redraw(place, build());
}

function draw(state, today, waiting, agents, phone, onCall) {
  const { offered, answered, in_time, abandoned, mean_wait_s, longest_wait_s, callbacks, asked, rated, satisfied } = state.today;
  const share = (part, all) => (all ? `${((100 * part) / all).toFixed(1)}%` : "—");
  const figures = [
    ["waiting", state.waiting.length],
    ["talks", state.talks.length],
    ["ready", state.agents.filter((each) => each.presence === "ready").length],
    ["offered", offered],
    ["answered", answered],
    ["rate", share(answered, offered)],
    ["in_time", share(in_time, answered)],
    ["abandoned", abandoned],
    ["callbacks", callbacks],
    ["satisfied", share(satisfied, rated)],
    ["rated", share(rated, asked)],
    ["mean_wait", mean_wait_s === null ? "—" : t("floor.seconds", { s: mean_wait_s.toFixed(1) })],
    ["longest", t("floor.seconds", { s: longest_wait_s.toFixed(0) })],
  ];
  section(today, figures, () => figures.map(([key, value]) => h("div", { class: `figure figure-${key}${key === "waiting" && value > 0 ? " alarm" : ""}` }, h("b", {}, dayFigure(SAME[key], value, phone.me.rights)), h("span", {}, t(`floor.${key}`)))));
  section(waiting, state.waiting, () => [
    h("h2", {}, t("floor.queue")),
    state.waiting.length
      ? h("ol", { class: "floor-list" }, state.waiting.map((each) => h("li", {}, h("b", {}, String(each.position)), h("span", { class: "mono" }, each.caller), h("span", { class: "hint" }, t("floor.waited", { s: each.waited_s })), each.reasons.map((reason) => h("span", { class: "pill flag-group" }, name("reason", reason))))))
      : h("p", { class: "hint" }, t("floor.queue.empty")),
  ]);
  section(agents, [state.agents, state.talks, phone.watching], () => [h("h2", {}, t("floor.agents")), state.agents.length ? h("ul", { class: "floor-list" }, state.agents.map((each) => agent(each, state, phone, onCall))) : h("p", { class: "hint" }, t("floor.agents.none"))]);
  tick();
}

// What must be looked at now; what somebody has seen to goes down and grey.
function drawAlerts(state, place, phone) {
  const open = state.alerts.filter((each) => !each.seen_by);
  redraw(place, state.alerts.length ? [
    h("h2", {}, t("floor.alerts"), open.length ? h("span", { class: "badge" }, String(open.length)) : null),
    h("ul", { class: "floor-list floor-alerts" }, state.alerts.map((each) => alertRow(each, state, phone))),
  ] : []);
}

function alertRow(each, state, phone) {
  const talk = state.talks.find((one) => one.call === each.subject);
  if (each.kind === "cluster") return clusterRow(each);
  const call = each.kind !== "licence";
  const expired = each.until && each.until < state.now.slice(0, 10);
  return h(
    "li",
    { class: `floor-alert${each.seen_by ? " seen" : ""}${each.kind === "crisis" ? " grave" : ""}` },
    h("b", {}, call && each.kind !== "wait" ? name("flag", each.kind) : t(`floor.alert.${each.kind}`)),
    call
      ? [h("a", { class: "mono", href: `#/calls/${encodeURIComponent(each.subject)}` }, each.caller || each.subject), h("span", { class: "hint" }, when(each.at)), each.open ? h("span", { class: "pill" }, t("floor.alert.open")) : null]
      : [h("span", {}, each.agent), h("span", { class: "hint" }, t(expired ? "floor.alert.expired" : "floor.alert.until", { day: each.until }))],
    h("span", { class: "acts" }, talk && talk.agent !== phone.me.name ? h("button", { class: "small", type: "button", data: { key: `hear ${each.key}` }, onclick: () => phone.supervise(talk.call, "listen") }, t("floor.listen")) : null,
    each.seen_by
      ? h("span", { class: "hint" }, t("floor.alert.seen", { who: each.seen_by, at: when(each.seen_at) }))
      : h("button", { class: "small primary", type: "button", data: { key: `see ${each.key}` }, onclick: () => see(each) }, t("floor.alert.see"))),
  );
}

// Many call about one party: a person looks, and makes an incident of it or not.
function clusterRow(each) {
  return h(
    "li",
    { class: `floor-alert${each.seen_by ? " seen" : ""}` },
    h("b", {}, t("floor.alert.cluster")),
    h("a", { href: "#/incidents" }, t("floor.alert.cluster.told", each)),
    h("span", { class: "hint" }, when(each.at)),
    h("span", { class: "acts" }, each.seen_by ? h("span", { class: "hint" }, t("floor.alert.seen", { who: each.seen_by, at: when(each.seen_at) })) : h("button", { class: "small primary", type: "button", data: { key: `see ${each.key}` }, onclick: () => see(each) }, t("floor.alert.see"))),
  );
}

async function see(each) {
  try {
    await ask("POST", `/api/v1/floor/alerts/${encodeURIComponent(each.key)}/seen`);
  } catch (error) {
    toast(errorText(error), "error");
  }
}

function agent(each, state, phone, onCall) {
  const talk = state.talks.find((one) => one.agent === each.name);
  const mine = each.name === phone.me.name;
  return h(
    "li",
    { class: "floor-agent" },
    h("span", { class: `presence presence-${each.presence}` }, h("i", { class: "dot on" }), each.display),
    h("span", { class: "floor-state" }, [name("presence", each.presence), each.reason && (state.busy[each.reason] ?? each.reason)].filter(Boolean).join(" · "), " ", h("span", { class: "timer", data: { since: each.since } })),
    talk ? h("a", { href: `#/calls/${encodeURIComponent(talk.call)}`, class: "mono" }, talk.caller) : null,
    talk?.on_hold ? h("span", { class: "pill flag-group" }, t("phone.hold")) : null,
    talk?.parties.filter((kind) => !["caller", "agent"].includes(kind)).map((kind) => h("span", { class: "pill" }, name("party", kind))),
    h("span", { class: "acts" }, talk && !mine ? oversight(talk, phone) : null, mine ? null : h("button", { class: "small", type: "button", data: { key: `out ${each.name}` }, onclick: () => forceOut(each) }, t("floor.force_out"))),
  );
}

function oversight(talk, phone) {
  const here = phone.watching?.call === talk.call ? phone.watching : null;
  const modes = MODES.map((mode) =>
    h("button", { class: `small oversee${here?.mode === mode ? " on" : ""}`, type: "button", data: { key: `${mode} ${talk.call}` }, "aria-pressed": here?.mode === mode ? "true" : "false", onclick: () => phone.supervise(talk.call, mode) }, t(`floor.${mode}`)));
  return [
    modes,
    here ? h("button", { class: "small", type: "button", data: { key: `take ${talk.call}` }, onclick: () => confirm(t("floor.take_over.ask")) && phone.takeOver() }, t("floor.take_over")) : null,
    here ? h("button", { class: "small", type: "button", data: { key: `leave ${talk.call}` }, onclick: () => phone.leave() }, t("floor.leave")) : null,
  ];
}

async function forceOut(each) {
  if (!confirm(t("floor.force_out.ask", { name: each.display }))) return;
  try {
    await ask("DELETE", `/api/v1/floor/agents/${encodeURIComponent(each.name)}`);
    toast(t("floor.forced_out", { name: each.display }));
  } catch (error) {
    toast(errorText(error), "error");
  }
}
