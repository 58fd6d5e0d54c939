// Statistics: reports with charts, hours as a heat map, places as tiles; every figure opens its list.

import { get } from "./api.js";
import { chart, heat, overTime, ranked } from "./charts.js";
import { mayLeave } from "./dialogs.js";
import { focusOn, h, redraw, replace, toast } from "./dom.js";
import { asked, filterBar, read, write } from "./stats_filters.js";
import { forecastPage } from "./stats_forecast.js";
import { openList } from "./stats_list.js";
import { reportTools } from "./stats_saved.js";
import { tilePage } from "./stats_tiles.js";
import { meaningPage } from "./stats_meaning.js";
import { topicsPage } from "./topics.js";
import { errorText, t } from "./text.js";

const TABS = ["report", "heat", "map", "topics", "forecast", "meaning"];
const PLAIN = ["meaning", "forecast", "topics"];
const TIMES = new Set(["hour", "hour_of_day", "day", "week", "month", "quarter"]);
const BARS = 14;

export class Stats {
  element = h("main", { class: "page wide-page stats" }, h("p", { class: "hint" }, t("stats.busy")));
  #known = null;
  #wanted = 0;
  #tab = "";
  #place = ""; // where somebody was who goes by the keyboard, until it is there again

  constructor(go, rights) {
    this.go = go;
    this.drills = rights.includes("drill");
    this.edits = rights.includes("supervise");
    this.exports = rights.includes("export");
    this.takes = rights.includes("export_lists");
  }

  async show(query) {
    this.scope = read(query);
    const turn = ++this.#wanted;
    this.#keepPlace();
    try {
      this.#known ??= await this.#learn();
      if (turn !== this.#wanted) return;
      this.#frame();
      await this[`_${this.scope.tab}`](turn);
    } catch (error) {
      toast(errorText(error), "error");
    }
    if (turn !== this.#wanted || !this.body) return;
    this.body.inert = false;
    if (this.#place && document.activeElement === document.body) focusOn(this.element, this.#place);
    this.#place = "";
  }

  // A choice made while the one before is still being answered finds nothing in focus: then the place stays as it was.
  #keepPlace() {
    const active = document.activeElement;
    if (active !== document.body) this.#place = (this.element.contains(active) && active.dataset.key) || "";
  }

  async #learn() {
    const [definitions, choices] = await Promise.all([get("/api/v1/stats/kpis"), get("/api/v1/stats/choices")]);
    choices.kpi = definitions.kpis.filter((each) => each.unit === "count").map((each) => [each.key, each.name]);
    return { definitions, choices, byKey: Object.fromEntries(definitions.kpis.map((each) => [each.key, each])), groupings: Object.entries(definitions.groupings), families: Object.entries(definitions.families) };
  }

  // Kept at once: the address changes a moment later, and a second choice made before that adds to the first.
  #change(different) {
    if (this.body && !mayLeave(this.body)) return;
    this.scope = { ...this.scope, ...different };
    this.go(`stats/${write(this.scope)}`);
  }

  #frame() {
    // What is there stays until its successor comes, so that nobody is thrown to the top; it cannot be used meanwhile.
    if (!this.body || this.#tab !== this.scope.tab) this.body = h("div", { class: "stats-body", "aria-live": "polite" }, h("p", { class: "hint" }, t("stats.busy")));
    this.#tab = this.scope.tab;
    this.body.inert = true;
    const tabs = TABS.map((tab) => h("button", { type: "button", class: "segment", role: "tab", data: { key: `tab ${tab}` }, "aria-selected": String(tab === this.scope.tab), onclick: () => this.#change({ tab }) }, t(`stats.tab.${tab}`)));
    redraw(
      this.element,
      h("header", { class: "stats-head" }, h("h1", {}, t("stats.title")), h("div", { class: "segments", role: "tablist" }, tabs)),
      PLAIN.includes(this.scope.tab) ? null : filterBar(this.scope, this.#known, (different) => this.#change(different)),
      this.body,
    );
  }

  #report(scope, more) {
    return get(`/api/v1/stats/report?${asked(scope, more)}`);
  }

  async _report(turn) {
    const { scope } = this;
    const kpi = scope.figures === "usual" ? [] : this.#known.definitions.kpis.filter((each) => each.family === scope.figures).map((each) => each.key);
    const report = await this.#report(scope, { kpi, compare: scope.compare });
    if (turn !== this.#wanted) return;
    if (!report.columns.length) return replace(this.body, h("p", { class: "hint" }, t("stats.none")));
    const left = report.left_out.map((key) => this.#known.byKey[key]?.name ?? key);
    const tools = reportTools(scope, kpi, { exports: this.exports, go: this.go });
    replace(this.body, tools, this.#cards(report), this.#drawing(report), this.#table(report), left.length ? h("p", { class: "hint" }, t("stats.left_out", { names: left.join("、") })) : null);
  }

  #cards(report) {
    return h("div", { class: "floor-today" }, report.columns.slice(0, 8).map((column, at) => {
      const cell = report.total.cells[at];
      return h("div", { class: "figure", title: this.#known.byKey[column.kpi].formula }, h("b", {}, this.#figure(report, report.total, at, null)), h("span", {}, column.name), then(cell, column, report.compare));
    }));
  }

  #drawing(report) {
    const at = Math.max(0, report.columns.findIndex((column) => column.kpi === this.scope.shown));
    const column = report.columns[at];
    const time = TIMES.has(report.by);
    const lines = time ? report.rows : report.rows.slice(0, BARS);
    if (!lines.length) return null;
    const value = (cell) => (cell.value === null ? null : Number(cell.value));
    const labels = lines.map((line) => line.label);
    const now = lines.map((line) => value(line.cells[at]));
    const unit = column.unit === "count" ? "" : column.unit_text;
    const series = [{ name: column.name, values: now }, ...Object.entries(report.compare).map(([key, other]) => ({ name: other.name, values: lines.map((line) => value(line.cells[at].then[key])) }))];
    const shares = lines.map((line) => (line.cells[at].share ? t("stats.share", { share: line.cells[at].share }) : ""));
    const option = time ? overTime(labels, series, { unit, bars: column.unit === "count" }) : ranked(labels, now, { unit, notes: shares });
    const height = time ? 260 : 40 + lines.length * 26;
    const pick = ({ dataIndex, seriesIndex }) => { if (!seriesIndex) this.#open(report, lines[dataIndex], at, lines[dataIndex].key); };
    return h("figure", { class: "stat-panel" }, h("figcaption", { class: "hint" }, t("stats.chart", { name: column.name })), chart(option, { height, label: column.name, onPick: pick }));
  }

  #table(report) {
    const counted = !TIMES.has(report.by);
    const head = report.columns.map((column) => h("th", { class: "right", title: this.#known.byKey[column.kpi].formula }, h("button", { type: "button", class: "plain", data: { key: `shown ${column.kpi}` }, onclick: () => this.#change({ shown: column.kpi }) }, column.name)));
    const line = (row, key) => h("tr", { class: key === null ? "total" : "", data: { key: row.key } }, h("th", { scope: "row" }, row.label), row.cells.map((cell, at) => h("td", { class: "right" }, this.#figure(report, row, at, key), counted && key !== null && cell.share ? h("small", {}, t("stats.share", { share: cell.share })) : null, then(cell, report.columns[at]))));
    return h("div", { class: "stat-panel stat-scroll" }, h("table", { class: "table figures" }, h("thead", {}, h("tr", {}, h("th", {}, report.by_name), head)), h("tbody", {}, report.rows.map((row) => line(row, row.key))), h("tfoot", {}, line(report.total, null))));
  }

  // A number that opens its list.
  #figure(report, row, at, key) {
    const column = report.columns[at], cell = row.cells[at];
    if (!this.drills || !column.lists.length || cell.value === null) return cell.text;
    return h("button", { type: "button", class: "open", data: { kpi: column.kpi, count: cell[column.lists[0]] }, title: t("stats.open", { name: column.name, count: cell.text }), onclick: () => this.#open(report, row, at, key) }, cell.text);
  }

  #open(report, row, at, key) {
    const column = report.columns[at], known = this.#known.byKey[column.kpi];
    if (!this.drills || !column.lists.length) return;
    const parts = column.lists.map((part) => [part, known.parts[part]?.name ?? t(`stats.tab.report`)]);
    openList({ address: report.list, kpi: column.kpi, title: `${column.name} · ${row.label}`, parts, key, takes: this.takes });
  }

  async _heat(turn) {
    const kpi = this.scope.kpi || "calls";
    const report = await this.#report({ ...this.scope, by: "hour" }, { kpi });
    if (turn !== this.#wanted) return;
    const days = [...new Set(report.rows.map((row) => row.key.slice(0, 10)))];
    const hours = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, "0"));
    const at = new Map(days.map((day, index) => [day, index]));
    const cells = report.rows.map((row) => [Number(row.key.slice(11, 13)), at.get(row.key.slice(0, 10)), Number(row.cells[0].value ?? 0)]);
    const keys = new Map(report.rows.map((row) => [`${at.get(row.key.slice(0, 10))}:${Number(row.key.slice(11, 13))}`, row]));
    const most = cells.reduce((top, cell) => Math.max(top, cell[2]), 0);
    const pick = ({ data }) => { const row = keys.get(`${data[1]}:${data[0]}`); if (row && data[2]) this.#open(report, row, 0, row.key); };
    // The same as a table, for the keyboard and for readers of the screen; an hour without anything is no stop.
    const number = (day, hour) => { const row = keys.get(`${at.get(day)}:${Number(hour)}`); return row && Number(row.cells[0].value ?? 0) ? this.#figure(report, row, 0, row.key) : row?.cells[0].text ?? ""; };
    const table = h("table", { class: "table figures hours" }, h("thead", {}, h("tr", {}, h("th", {}, t("stats.heat.day")), hours.map((hour) => h("th", { scope: "col", class: "right" }, hour)))), h("tbody", {}, days.map((day) => h("tr", {}, h("th", { scope: "row" }, day), hours.map((hour) => h("td", { class: "right" }, number(day, hour)))))));
    replace(this.body, h("p", { class: "hint" }, t("stats.heat.lead")), h("figure", { class: "stat-panel" }, chart(heat(hours, days, cells, most), { height: 90 + days.length * 20, label: report.columns[0].name, onPick: pick })), h("div", { class: "stat-panel stat-scroll" }, table));
  }

  async _map(turn) {
    const kpi = this.scope.kpi || "calls";
    const [places, counties] = await Promise.all([this.#report({ ...this.scope, by: "place", place: "" }, { kpi }), this.#report({ ...this.scope, by: "county" }, { kpi })]);
    if (turn !== this.#wanted) return;
    const figure = (report) => (row) => this.#figure(report, row, 0, row.key);
    replace(this.body, tilePage({ places, counties, chosen: this.scope.place, choices: this.#known.choices.place, figure, pick: (place) => this.#change({ place }) }));
  }

  async _topics() {
    const { choices } = this.#known;
    replace(this.body, topicsPage({ choices, drills: this.drills, edits: this.edits, query: this.scope, go: (different) => this.#change(different) }));
  }

  async _forecast() {
    replace(this.body, forecastPage());
  }

  async _meaning() {
    replace(this.body, meaningPage(this.#known.definitions));
  }
}

// Beside what; `names` says it where there is room.
function then(cell, column, names = {}) {
  return Object.entries(cell.then ?? {}).map(([key, past]) => {
    const change = Number(past.change ?? 0);
    const way = !change || !column.rising ? "" : change * column.rising > 0 ? " good" : " bad";
    return h("small", { class: `change${way}`, title: t("stats.past", { text: past.text }) }, names[key] ? `${names[key].name} ${past.change_text}` : past.change_text);
  });
}
