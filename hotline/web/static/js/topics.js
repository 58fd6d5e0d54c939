// Topics: words to look for, their matches at once; share, trend and places of those that are kept; what grows.

import { ask, get } from "./api.js";
import { chart, overTime } from "./charts.js";
import { once } from "./dialogs.js";
import { h, replace, toast } from "./dom.js";
import { fullTime, isoDay } from "./format.js";
import { FIRST_DAY, range, shift } from "./stats_filters.js";
import { errorText, name, t } from "./text.js";

const TYPING_MS = 400;
const RANGES = ["week", "last_week", "month", "last_month", "quarter", "year"];

export function topicsPage({ choices, drills, edits, go, query }) {
  const side = h("nav", { class: "topic-list" });
  const body = h("section", { class: "topic-body", "aria-live": "polite" });
  const [from, to] = query.from ? [query.from, query.to] : range("last_month");
  const open = (different) => go(different);
  const listing = async () => {
    const { topics } = await get("/api/v1/topics");
    replace(
      side,
      edits ? h("button", { type: "button", class: "primary", onclick: () => open({ topic: "new" }) }, t("topics.new")) : null,
      h("button", { type: "button", class: "topic", "aria-current": String(query.topic === "hot"), onclick: () => open({ topic: "hot" }) }, t("topics.hot")),
      topics.map((each) => h("button", { type: "button", class: "topic", "aria-current": String(String(each.id) === query.topic), onclick: () => open({ topic: String(each.id) }) }, each.name)),
      topics.length ? null : h("p", { class: "hint" }, t("topics.none")),
    );
    const chosen = topics.find((each) => String(each.id) === query.topic);
    if (query.topic === "new") replace(body, form(null, choices, (kept) => open({ topic: String(kept.id) }), () => open({ topic: "" })));
    else if (chosen) await report(body, chosen, { from, to, open, drills, edits, choices });
    else await hot(body, query.week || isoDay(new Date()), open);
  };
  listing().catch((error) => toast(errorText(error), "error"));
  return h("div", { class: "topics" }, side, body);
}

// The form shows what it would find while it is being filled in.
function form(topic, choices, done, cancel) {
  const found = h("div", { class: "topic-found", "aria-live": "polite" });
  const words = h("textarea", { name: "words", rows: 5, placeholder: t("topics.words.hint"), maxlength: 2600 }, topic?.words.join("\n") ?? "");
  const select = (key) => h("select", { name: key }, [["", t("stats.all")], ...(choices[key] ?? [])].map(([code, label]) => h("option", { value: code, selected: code === (topic?.[key] ?? "") }, label)));
  const field = (key, input, hint) => h("label", {}, h("span", {}, t(`topics.${key}`)), input, hint ? h("small", { class: "hint" }, hint) : null);
  const element = h(
    "form",
    { class: "topic-form", onsubmit: once(() => save()) },
    h("h2", {}, topic ? topic.name : t("topics.new")),
    field("name", h("input", { name: "name", value: topic?.name ?? "", required: true, maxlength: 64 })),
    field("words", words, t("topics.words.lead")),
    h("label", { class: "check" }, h("input", { type: "checkbox", name: "phonetic", checked: topic?.phonetic }), t("topics.phonetic")),
    h("div", { class: "stats-bar" }, ["matter", "service", "place"].map((key) => field(key, select(key))), field("since", h("input", { type: "date", name: "since", value: topic?.since ?? "" })), field("until", h("input", { type: "date", name: "until", value: topic?.until ?? "" }))),
    h("div", { class: "buttons" }, h("button", { class: "primary", type: "submit" }, t("topics.keep")), h("button", { class: "small", type: "button", onclick: () => { delete element.dataset.touched; cancel(); } }, t("topics.cancel"))),
    found,
  );
  const given = () => {
    const data = Object.fromEntries(new FormData(element));
    return { name: data.name.trim() || "?", words: data.words.split("\n").map((word) => word.trim()).filter(Boolean), phonetic: "phonetic" in data, matter: data.matter, service: data.service, place: data.place, since: data.since || null, until: data.until || null };
  };
  let timer = 0, turn = 0;
  const look = async () => {
    const mine = ++turn;
    try {
      const state = await ask("POST", "/api/v1/topics/preview", given());
      if (mine === turn) replace(found, h("h3", {}, t("topics.found", { count: state.count, share: state.share ?? "—", from: state.from ?? "", to: state.to ?? "" })), matches(state.calls));
    } catch (error) {
      if (mine === turn) replace(found, h("p", { class: "hint" }, errorText(error)));
    }
  };
  element.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, TYPING_MS); });
  const save = async () => {
    try {
      const kept = await ask(topic ? "PUT" : "POST", topic ? `/api/v1/topics/${topic.id}` : "/api/v1/topics", given());
      delete element.dataset.touched;
      done(kept);
    } catch (error) {
      toast(errorText(error), "error");
    }
  };
  look();
  return element;
}

async function report(body, topic, { from, to, open, drills, edits, choices }) {
  const found = await get(`/api/v1/topics/${topic.id}/report`, { from, to });
  const named = RANGES.find((each) => range(each).join() === [from, to].join());
  const list = h("div", {});
  const listed = drills ? (only, name) => calls(list, topic, { from, to, ...only }, name) : null;
  replace(
    body,
    h("header", {}, h("h2", {}, topic.name), edits ? [h("button", { type: "button", class: "small", onclick: () => replace(body, form(topic, choices, () => open({}), () => open({}))) }, t("topics.edit")), h("button", { type: "button", class: "small", onclick: () => drop(topic, open) }, t("topics.drop"))] : null),
    h("p", { class: "hint" }, topic.words.length ? topic.words.join("、") : t("topics.any"), topic.phonetic ? ` · ${t("topics.phonetic")}` : ""),
    h("div", { class: "segments" }, RANGES.map((each) => h("button", { type: "button", class: "segment", data: { key: `range ${each}` }, "aria-pressed": String(each === named), onclick: () => { const [first, last] = range(each); open({ from: first, to: last }); } }, t(`stats.range.${each}`)))),
    found.heard.total > found.heard.done ? h("p", { class: "listening" }, h("progress", { value: found.heard.done, max: found.heard.total }), t("topics.listening", found.heard)) : null,
    h("div", { class: "floor-today" },
      figure(drills ? h("button", { type: "button", class: "open topic-count", data: { count: found.count }, onclick: () => calls(list, topic, { from, to }, topic.name) }, String(found.count)) : String(found.count), t("topics.count")),
      figure(found.share === null ? "—" : h("a", { href: `#/stats/${new URLSearchParams({ from: found.from, to: found.to, by: "day" })}` }, `${found.share}%`), t("topics.share", { whole: found.whole })),
      Object.entries(found.beside).map(([key, past]) => figure(compared(key, past, listed), t(`topics.${key}`, { count: past.count, share: past.share ?? "—" })))),
    h("figure", { class: "stat-panel" },
      chart(overTime(found.trend.map((each) => each.label), [{ name: topic.name, values: found.trend.map((each) => each.count) }], { unit: "", bars: true }), { height: 220, label: topic.name, onPick: ({ dataIndex }) => listed?.(days(found.trend[dataIndex]), found.trend[dataIndex].label) }),
      h("div", { class: "stat-scroll" }, h("table", { class: "table figures trend" }, h("tbody", {}, h("tr", {}, found.trend.map((each) => h("th", { scope: "col" }, each.label))), h("tr", {}, found.trend.map((each) => h("td", { class: "right" }, opens(each.count, { from: each.from }, listed && (() => listed(days(each), each.label)))))))))),
    h("div", { class: "map" }, ranking(t("topics.matters"), found.matters, "matter", listed), ranking(t("topics.places"), found.places, "place", listed)),
    list,
  );
  if (found.heard.total > found.heard.done) setTimeout(() => body.isConnected && body.querySelector(".listening") && report(body, topic, { from, to, open, drills, edits, choices }), 300);
}

const days = ({ from, to }) => ({ from, to });
// A count that opens its list, or the count alone; `data`: what it is of.
const opens = (count, data, open) => (open ? h("button", { type: "button", class: "open", data: { count, ...data }, onclick: open }, String(count)) : String(count));

// What it is compared with, as the change; the calls of that time open.
function compared(key, past, listed) {
  const change = past.change === null ? "—" : `${past.change > 0 ? "+" : ""}${past.change}%`;
  return listed ? h("button", { type: "button", class: "open", data: { count: past.count, beside: key }, onclick: () => listed({ ...days(past), beside: true }, `${past.from} – ${past.to}`) }, change) : change;
}

const figure = (value, label) => h("div", { class: "figure" }, h("b", {}, value), h("span", {}, label));
const ranking = (title, rows, kind, listed) => h("div", { class: "stat-panel" }, h("h3", {}, title), h("table", { class: "table figures" }, h("tbody", {}, rows.map((each) => h("tr", {}, h("th", { scope: "row" }, each.name || t("stats.map.unknown")), h("td", { class: "right" }, opens(each.count, { [kind]: each.code }, listed && (() => listed({ [kind]: each.code }, each.name || t("stats.map.unknown"))))))))));

// `asked`: the days, and one matter or place of the report; `beside` for days that it is compared with.
async function calls(list, topic, asked, name, after = "", shown = []) {
  try {
    const page = await get(`/api/v1/topics/${topic.id}/calls?${new URLSearchParams({ ...asked, after })}`);
    const all = [...shown, ...page.calls];
    replace(list, h("h3", { class: "list-count", data: { count: page.count } }, `${name} · ${t("stats.list.count", { count: page.count })}`), matches(all), page.next ? h("button", { type: "button", class: "small", onclick: () => calls(list, topic, asked, name, page.next, all) }, t("stats.list.more", { n: page.count - all.length })) : null);
    if (!after) list.scrollIntoView({ block: "start", behavior: "smooth" });
  } catch (error) {
    toast(errorText(error), "error");
  }
}

function matches(found) {
  return h("ul", { class: "topic-calls" }, found.map((each) => (each.hidden
    ? h("li", { class: "hint" }, t("stats.list.hidden"))
    : h("li", {}, h("a", { href: `#/calls/${encodeURIComponent(each.call)}` }, fullTime(each.started)), h("span", { class: "mono" }, each.remote), h("span", { class: "pill" }, each.matter_label || "—"), h("p", {}, each.words ? marked(each.words) : h("span", { class: "hint" }, t("topics.by_sound")))))));
}

function marked({ text, marks }) {
  const parts = [];
  let at = 0;
  for (const [first, last] of marks) {
    if (first < at) continue;
    parts.push(text.slice(at, first), h("mark", {}, text.slice(first, last)));
    at = last;
  }
  return [...parts, text.slice(at)];
}

async function drop(topic, open) {
  if (!confirm(t("topics.drop.ask", { name: topic.name }))) return;
  try {
    await ask("DELETE", `/api/v1/topics/${topic.id}`);
    open({ topic: "" });
  } catch (error) {
    toast(errorText(error), "error");
  }
}

async function hot(body, day, open) {
  const found = await get(`/api/v1/topics/hotspots/${day}`);
  const most = Math.max(1, ...found.spots.map((each) => each.count));
  const week = h("input", { type: "date", value: found.from, onchange: (event) => event.target.value >= FIRST_DAY && open({ topic: "hot", week: event.target.value }) });
  replace(
    body,
    h("header", {}, h("h2", {}, t("topics.hot")), h("label", {}, t("topics.week"), week), h("span", { class: "hint" }, `${found.from} – ${found.to}`)),
    h("p", { class: "hint" }, t("topics.hot.lead")),
    found.spots.length
      ? h("div", { class: "stat-panel stat-scroll" }, h("table", { class: "table figures" }, h("thead", {}, h("tr", {}, ["place", "matter", "count", "usual", "weeks"].map((key) => h("th", {}, t(`topics.spot.${key}`))))), h("tbody", {}, found.spots.map((each) => h("tr", {}, h("th", { scope: "row" }, each.place_name), h("td", {}, each.matter_name), h("td", {}, h("a", { href: `#/stats/${new URLSearchParams({ from: found.from, to: found.to, by: "day", place: each.place, matter: each.matter })}` }, h("b", {}, String(each.count)))), h("td", {}, each.usual.toFixed(1)), h("td", {}, bars(each, found, most)))))))
      : h("p", {}, t("topics.hot.none")),
  );
}

// The weeks as bars, the last one marked; each opens its week's report, where the number opens its calls.
function bars({ weeks, count, place, matter }, { from, to }, most) {
  const values = [...weeks, count];
  return h("span", { class: "bars" }, values.map((value, at) => {
    const back = (values.length - 1 - at) * 7;
    const [first, last] = [shift(from, -back), shift(to, -back)];
    const told = t("topics.spot.week", { from: first, to: last, n: value });
    const bar = h("i");
    bar.style.height = `${Math.max(2, Math.round((26 * value) / most))}px`;
    return h("a", { href: `#/stats/${new URLSearchParams({ from: first, to: last, by: "day", place, matter })}`, title: told, "aria-label": told, data: { count: value } }, bar);
  }));
}
