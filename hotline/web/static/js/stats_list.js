// The list behind a figure: as many rows as the figure says.

import { get } from "./api.js";
import { h, replace } from "./dom.js";
import { fullTime, mmss } from "./format.js";
import { openDrawer } from "./list_drawer.js";
import { listExport } from "./stats_saved.js";
import { errorText, name, t } from "./text.js";

export const PAGE = 50;
const COLUMNS = {
  calls: ["started", "remote", "matter_name", "place_name", "agent_name", "outcome", "wait_s", "talk_s"],
  orders: ["number", "state", "matter_name", "place_name", "unit_name", "filed", "due", "finished"],
  hours: ["day", "hour", "agent_name", "ready_s", "talk_s", "wrap_s", "pause_s"],
};
const TIMES = new Set(["started", "filed", "due", "finished"]);

// `address`: of the list, with everything but kpi, part and key; `parts`: [part, its name] that can be opened.
export function openList({ address, kpi, title, parts, key, takes }) {
  const wanted = (part) => ({ kpi, part, ...(key === null ? {} : { key }) });
  openRows({
    title,
    parts,
    load: (part, next) => get(`${address}&${new URLSearchParams({ ...wanted(part), limit: PAGE, ...(next ? { cursor: next } : {}) })}`),
    tools: (part) => (takes ? listExport(() => new URLSearchParams([...new URLSearchParams(address.split("?")[1]), ...Object.entries(wanted(part()))])) : null),
  });
}

// Facts as a table, from wherever they are loaded; `more`: columns besides the usual ones.
export function openRows({ more = [], ...given }) {
  const table = h("table", { class: "table" });
  openDrawer({
    body: table,
    draw: (rows, { subject }) => draw(table, subject, rows, [...COLUMNS[subject], ...more]),
    complaint: (error) => (error.status === 403 ? t("stats.list.not_yours") : errorText(error)),
    most: PAGE,
    ...given,
  });
}

function draw(table, subject, rows, columns) {
  replace(
    table,
    h("thead", {}, h("tr", {}, columns.map((column) => h("th", {}, t(`stats.col.${column}`))))),
    h("tbody", {}, rows.map((row) => (row.hidden ? h("tr", {}, h("td", { colspan: columns.length, class: "hint" }, t("stats.list.hidden"))) : h("tr", {}, columns.map((column) => h("td", {}, cell(subject, column, row))))))),
  );
}

function cell(subject, column, row) {
  const value = row[column];
  if (column === "started") return h("a", { href: `#/calls/${encodeURIComponent(row.call)}` }, fullTime(value));
  if (column === "number") return h("a", { href: `#/orders/${encodeURIComponent(value)}/${encodeURIComponent(row.call)}`, class: "mono" }, value);
  if (TIMES.has(column)) return fullTime(value);
  if (column === "outcome" || column === "state") return h("span", { class: `pill ${column}-${value}` }, name(column, value));
  if (column.endsWith("_s")) return value === null ? "—" : mmss(value);
  if (column === "hour") return t("stats.heat.hour", { hour: value });
  return value ?? "";
}
