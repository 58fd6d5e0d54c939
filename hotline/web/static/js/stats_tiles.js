// Sichuan as tiles: one a city or prefecture, about where it lies; the chosen one's counties below.

import { h } from "./dom.js";
import { t } from "./text.js";

const GRID = {
  "513200": [2, 1], "510700": [3, 1], "510800": [4, 1], "511900": [5, 1],
  "513300": [1, 2], "510100": [2, 2], "510600": [3, 2], "511300": [4, 2], "511700": [5, 2],
  "511800": [1, 3], "511400": [2, 3], "512000": [3, 3], "510900": [4, 3], "511600": [5, 3],
  "513400": [1, 4], "511100": [2, 4], "510300": [3, 4], "511000": [4, 4],
  "510400": [1, 5], "511500": [3, 5], "510500": [4, 5],
};
const PROVINCE = "510000";

export function tilePage({ places, counties, chosen, choices, figure, pick }) {
  const rows = new Map(places.rows.map((row) => [row.key, row]));
  const names = new Map(choices);
  const most = Math.max(1, ...Object.keys(GRID).map((code) => count(rows.get(code))));
  const tiles = Object.entries(GRID).map(([code, [column, line]]) => {
    const row = rows.get(code);
    const tile = h(
      "button",
      { type: "button", class: "tile", data: { place: code }, "aria-pressed": String(code === chosen), onclick: () => pick(code === chosen ? "" : code) },
      h("span", {}, short(names.get(code) ?? row?.label ?? code)),
      h("b", {}, row ? row.cells[0].text : "0"),
      row?.cells[0].share ? h("small", {}, `${row.cells[0].share}%`) : null,
    );
    tile.style.gridArea = `${line} / ${column}`;
    tile.style.setProperty("--part", `${Math.round((100 * count(row)) / most)}%`);
    tile.classList.toggle("dark", count(row) / most > 0.55);
    return tile;
  });
  const unknown = [rows.get(PROVINCE), rows.get("")].filter(Boolean);
  const inside = counties.rows.filter((row) => chosen && row.key.slice(0, 4) === chosen.slice(0, 4));
  return [
    h("p", { class: "hint" }, t("stats.map.lead")),
    h(
      "div",
      { class: "map" },
      h("div", { class: "tiles" }, tiles),
      h(
        "div",
        { class: "stat-panel map-list" },
        chosen ? h("h2", {}, t("stats.map.inside", { name: names.get(chosen) ?? chosen })) : null,
        h("table", { class: "table figures" }, h("tbody", {}, (chosen ? inside : places.rows).map((row) => h("tr", {}, h("th", { scope: "row" }, row.label), h("td", { class: "right" }, figure(chosen ? counties : places)(row)), h("td", { class: "right hint" }, row.cells[0].share ? `${row.cells[0].share}%` : "")))), unknown.length && chosen ? h("tfoot", {}) : null),
      ),
    ),
  ];
}

const count = (row) => Number(row?.cells[0].value ?? 0);
const short = (label) => label.replace(/(藏族羌族|藏族|彝族)?(自治州|市)$/, "");
