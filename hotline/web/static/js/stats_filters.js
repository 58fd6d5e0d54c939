// What a report is about, as it stands in the address: days, grouping, filters, figures, comparisons.

import { h, replace } from "./dom.js";
import { isoDay } from "./format.js";
import { t } from "./text.js";

const DAY_MS = 86400000;
export const FIRST_DAY = "2000-01-01"; // a year that is being typed begins with noughts
export const FILTERS = ["place", "matter", "service", "channel", "queue", "unit", "agent", "team"];
export const RANGES = ["today", "yesterday", "week", "last_week", "month", "last_month", "quarter", "year"];

const noon = (iso) => new Date(`${iso}T12:00:00+08:00`);
export const shift = (iso, days) => isoDay(new Date(noon(iso).getTime() + days * DAY_MS));

// First and last day of a range by name, as of `today`.
export function range(name, today = isoDay(new Date())) {
  const monday = shift(today, -((noon(today).getUTCDay() + 6) % 7));
  const month = `${today.slice(0, 8)}01`;
  const lastMonth = shift(month, -1);
  const quarter = `${today.slice(0, 5)}${String(Math.floor((Number(today.slice(5, 7)) - 1) / 3) * 3 + 1).padStart(2, "0")}-01`;
  return {
    today: [today, today],
    yesterday: [shift(today, -1), shift(today, -1)],
    week: [monday, today],
    last_week: [shift(monday, -7), shift(monday, -1)],
    month: [month, today],
    last_month: [`${lastMonth.slice(0, 8)}01`, lastMonth],
    quarter: [quarter, today],
    year: [`${today.slice(0, 4)}-01-01`, today],
  }[name];
}

// From the address to a plain object, and back.
export function read(query) {
  const given = Object.fromEntries(new URLSearchParams(query));
  const [from, to] = given.from && given.to ? [given.from, given.to] : range("month");
  return { tab: "report", by: "day", figures: "usual", compare: "", ...given, from, to };
}

export function write(scope) {
  const usual = { tab: "report", by: "day", figures: "usual", compare: "" };
  return new URLSearchParams(Object.entries(scope).filter(([key, value]) => value && value !== usual[key])).toString();
}

// What the server is asked for.
export function asked(scope, more = {}) {
  const query = new URLSearchParams({ by: scope.by, from: scope.from, to: scope.to });
  for (const filter of FILTERS) if (scope[filter]) query.set(filter, scope[filter]);
  const own = more.compare === "own";
  if (own && scope.compare_from && scope.compare_to) { query.set("compare_from", scope.compare_from); query.set("compare_to", scope.compare_to); }
  for (const [key, values] of Object.entries(own ? { ...more, compare: "" } : more)) for (const value of [values].flat()) if (value) query.append(key, value);
  return query;
}

// The bar of fields. `choices`: filter → [[code, name]]; `change` gets what is to be different.
export function filterBar(scope, { choices, groupings, families }, change) {
  const bar = h("div", { class: "stats-bar" });
  const named = RANGES.find((each) => range(each).join() === [scope.from, scope.to].join()) ?? "own";
  // One end beyond the other takes it along.
  const days = (key, value) => ({ [key]: value, ...(key === "from" && value > scope.to ? { to: value } : {}), ...(key === "to" && value < scope.from ? { from: value } : {}) });
  const day = (key, label) => h("label", {}, h("span", {}, label), h("input", { type: "date", name: key, value: scope[key], min: FIRST_DAY, required: true, data: { key }, onchange: (event) => event.target.value >= FIRST_DAY && change(days(key, event.target.value)) }));
  const past = (key, label) => h("label", {}, h("span", {}, label), h("input", { type: "date", name: key, value: scope[key] ?? "", min: FIRST_DAY, data: { key }, onchange: (event) => event.target.value >= FIRST_DAY && change({ [key]: event.target.value }) }));
  const pick = (key, label, options, value = scope[key] ?? "") => h("label", {}, h("span", {}, label), h("select", { name: key, data: { key }, onchange: (event) => change({ [key]: event.target.value }) }, options.map(([code, text]) => h("option", { value: code, selected: code === value }, text))));
  replace(
    bar,
    h(
      "div",
      { class: "segments", role: "group", "aria-label": t("stats.range") },
      RANGES.map((each) => h("button", { type: "button", class: "segment", data: { key: `range ${each}` }, "aria-pressed": String(each === named), onclick: () => { const [from, to] = range(each); change({ from, to }); } }, t(`stats.range.${each}`))),
    ),
    day("from", t("stats.from")),
    day("to", t("stats.to")),
    scope.tab === "report" ? pick("by", t("stats.by"), groupings) : null,
    scope.tab === "report" ? pick("figures", t("stats.figures"), [["usual", t("stats.figures.usual")], ...families]) : pick("kpi", t("stats.figures"), choices.kpi, scope.kpi || "calls"),
    FILTERS.filter((filter) => choices[filter]?.length || scope[filter]).map((filter) => pick(filter, t(`stats.${filter}`), [["", t("stats.all")], ...(choices[filter] ?? [])])),
    scope.tab === "report" ? pick("compare", t("stats.compare"), [["", "—"], ["previous", t("stats.compare.previous")], ["year", t("stats.compare.year")], ["own", t("stats.compare.own")]]) : null,
    scope.tab === "report" && scope.compare === "own" ? [past("compare_from", t("stats.compare.from")), past("compare_to", t("stats.compare.to"))] : null,
  );
  return bar;
}
