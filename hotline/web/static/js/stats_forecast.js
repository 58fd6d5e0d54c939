// What to expect of a day and how many agents it takes; and what the formulas cannot know.

import { get } from "./api.js";
import { chart, overTime } from "./charts.js";
import { h, replace, toast } from "./dom.js";
import { isoDay } from "./format.js";
import { counted, openDrawer } from "./list_drawer.js";
import { PAGE, openRows } from "./stats_list.js";
import { errorText, name, pieces, t } from "./text.js";

const FIELDS = [["weeks", 8, 1, 52], ["within", 15, 0, 600], ["level", 80, 1, 99], ["shrinkage", 30, 0, 90]];

export function forecastPage() {
  const body = h("div", { "aria-live": "polite" });
  const tomorrow = isoDay(new Date(Date.now() + 86400000));
  const form = h(
    "form",
    { data: { free: "1" }, class: "stats-bar", onsubmit: (event) => { event.preventDefault(); read(); } },
    field("day", h("input", { type: "date", name: "day", value: tomorrow, required: true })),
    FIELDS.map(([key, value, min, max]) => field(key, h("input", { type: "number", name: key, value, min, max, required: true }))),
    h("button", { class: "primary", type: "submit" }, t("forecast.go")),
  );
  const read = async () => {
    try {
      const asked = Object.fromEntries(new FormData(form));
      draw(body, await get("/api/v1/stats/forecast", asked), new Past(asked));
    } catch (error) {
      toast(errorText(error), "error");
    }
  };
  read();
  return [form, body];
}

const field = (key, input) => h("label", {}, h("span", {}, t(`forecast.${key}`)), input);

// The past calls that the figures rest on.
class Past {
  constructor({ day, weeks }) {
    this.asked = { day, weeks };
  }

  // `parts`: [kind of calls, its name]; `only`: a quarter, or one of the days.
  open(title, { parts = [["all", t("forecast.basis.calls")]], only = {}, note = "", more = [] } = {}) {
    const load = (of, next) => get("/api/v1/stats/forecast/list", { ...this.asked, ...only, of, limit: PAGE, cursor: next });
    openRows({ title, parts, load, note: () => note, more });
  }

  // The days, each with its calls.
  days(found) {
    const shown = (row) => h("li", {}, h("span", {}, row.day), h("span", { class: "grow" }), counted(row.calls, { day: row.day, count: row.calls }, () => this.open(t("forecast.basis.day", { day: row.day }), { only: { on: row.day } })), h("span", { class: "hint" }, t("forecast.basis.unit")));
    openDrawer({ title: t("forecast.basis.days"), parts: [["days", ""]], load: async () => ({ count: found.of_days.length, rows: found.of_days, next: null }), row: shown });
  }

  quarter(found, { time, calls, expected }) {
    this.open(t("forecast.basis.quarter", { time, days: found.of_days.length, calls, mean: expected.toFixed(1) }), { only: { quarter: time } });
  }

  handled({ rests_on: { handled }, usual, handled_s }) {
    this.open(t("forecast.figure.handled"), { parts: [["handled", ""]], note: t(usual.handled ? "forecast.basis.handled.usual" : "forecast.basis.handled", { n: handled, s: handled_s }), more: ["wrap_s"] });
  }

  patience({ rests_on: { waited, left }, usual, patience_s }) {
    const parts = ["waited", "left"].map((of) => [of, t(`forecast.basis.${of}`)]);
    this.open(t("forecast.figure.patience"), { parts, note: t(usual.patience ? "forecast.basis.patience.usual" : "forecast.basis.patience", { waited, left, s: patience_s }) });
  }
}

function draw(body, found, past) {
  const share = (value) => `${(100 * value).toFixed(1)}%`;
  const busy = found.quarters.filter((each) => each.agents);
  const rows = new Map(busy.map((each) => [each.time, row(found, each, past, share)]));
  const basis = (shown, data) => counted(shown, { ...data, count: found.calls }, () => past.open(t("forecast.basis.calls")));
  // The busiest quarter stands in the table.
  const most = (key) => {
    const peak = busy.find((each) => each[key] === found.peak[key]);
    return peak ? counted(found.peak[key], { peak: key, quarter: peak.time }, () => point(rows, peak.time)) : String(found.peak[key]);
  };
  const figures = {
    calls: basis(found.quarters.reduce((sum, each) => sum + each.expected, 0).toFixed(0), { past: "expected" }),
    peak: most("agents"),
    rostered: most("rostered"),
    handled: counted(t("stats.seconds", { s: found.handled_s }), { past: "handled", count: found.rests_on.handled }, () => past.handled(found)),
    patience: counted(t("stats.seconds", { s: found.patience_s }), { past: "patience", count: found.rests_on.waited }, () => past.patience(found)),
  };
  const series = [{ name: t("forecast.agents"), values: found.quarters.map((each) => each.agents) }, { name: t("forecast.expected"), values: found.quarters.map((each) => each.expected) }];
  const days = counted(found.of_days.length, { past: "days", count: found.of_days.length }, () => past.days(found));
  replace(
    body,
    h("p", { class: "hint" }, pieces("forecast.basis", { kind: name("forecast.kind", found.kind), days, calls: basis(found.calls, { past: "all" }) })),
    h("div", { class: "floor-today" }, Object.entries(figures).map(([key, value]) => h("div", { class: "figure" }, h("b", {}, value), h("span", {}, t(`forecast.figure.${key}`))))),
    h("figure", { class: "stat-panel" }, chart(overTime(found.quarters.map((each) => each.time), series, { unit: "", bars: true }), { height: 260, label: t("forecast.agents"), onPick: ({ dataIndex }) => past.quarter(found, found.quarters[dataIndex]) })),
    h("ul", { class: "hint limits" }, ["steady", "patience", "history", "one"].map((key) => h("li", {}, t(`forecast.limit.${key}`)))),
    h(
      "div",
      { class: "stat-panel stat-scroll" },
      h(
        "table",
        { class: "table figures" },
        h("thead", {}, h("tr", {}, ["time", "expected", "spread", "agents", "rostered", "level", "wait", "level_a", "abandoned", "occupancy"].map((key) => h("th", { class: key === "time" ? "" : "right" }, t(`forecast.${key}`))))),
        h("tbody", {}, [...rows.values()]),
      ),
    ),
  );
}

function row(found, each, past, share) {
  const expected = counted(each.expected.toFixed(1), { quarter: each.time, count: each.calls }, () => past.quarter(found, each));
  const cells = [expected, `±${each.spread.toFixed(1)}`, each.agents, each.rostered, share(each.waiting.level), t("stats.seconds", { s: each.waiting.mean_wait_s.toFixed(1) }), share(each.leaving.level), share(each.leaving.abandoned), share(each.leaving.occupancy)];
  return h("tr", {}, h("th", { scope: "row" }, each.time), cells.map((cell) => h("td", { class: "right" }, cell instanceof Node ? cell : String(cell))));
}

function point(rows, time) {
  for (const [each, line] of rows) line.classList.toggle("lit-line", each === time);
  const line = rows.get(time);
  line.scrollIntoView({ block: "center" });
  line.querySelector("button").focus();
}
