// Figures of today, on the board and the floor, that open what they count: the list behind the same figure in statistics.

import { get } from "./api.js";
import { h, toast } from "./dom.js";
import { isoDay } from "./format.js";
import { openList } from "./stats_list.js";
import { errorText, t } from "./text.js";

let known = null;

// The figure as a button where its list may be opened, else as it is.
export function dayFigure(kpi, shown, rights) {
  if (!kpi || !rights.includes("drill") || shown === "—") return String(shown);
  return h("button", { type: "button", class: "open", data: { key: `list ${kpi}`, kpi }, title: t("stats.open.today"), onclick: () => openToday(kpi, rights) }, String(shown));
}

async function openToday(kpi, rights) {
  try {
    known ??= Object.fromEntries((await get("/api/v1/stats/kpis")).kpis.map((each) => [each.key, each]));
    const { name, lists, parts } = known[kpi];
    const today = isoDay(new Date());
    const address = `/api/v1/stats/list?${new URLSearchParams({ by: "day", from: today, to: today })}`;
    openList({ address, kpi, title: `${name} · ${t("stats.range.today")}`, parts: lists.map((part) => [part, parts[part]?.name ?? name]), key: null, takes: rights.includes("export_lists") });
  } catch (error) {
    toast(errorText(error), "error");
  }
}
