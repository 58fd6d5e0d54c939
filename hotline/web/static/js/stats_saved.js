// Reports to take away: files at once, lists made in the background, reports saved by name and made by themselves.

import { ask, get } from "./api.js";
import { once, show, single } from "./dialogs.js";
import { h, replace, toast } from "./dom.js";
import { fullTime } from "./format.js";
import { errorText, t } from "./text.js";
import { asked, FILTERS, write } from "./stats_filters.js";

const FORMATS = ["xlsx", "csv", "parquet"];
const EVERY = ["", "day", "week", "month", "quarter"];
const POLL_MS = 700;

// Links to the report as it is shown, and a way to save it.
export function reportTools(scope, kpi, { exports, go }) {
  const query = asked(scope, { kpi, compare: scope.compare });
  return h(
    "div",
    { class: "stats-tools" },
    h("span", { class: "hint" }, t("stats.export")),
    FORMATS.map((format) => h("a", { class: "small", href: `/api/v1/stats/report.${format}?${query}`, download: "" }, format.toUpperCase())),
    h("button", { class: "small", type: "button", onclick: () => savedDialog(scope, kpi, { exports, go }) }, t("saved.open")),
  );
}

function savedDialog(scope, kpi, { exports, go }) {
  const list = h("div", {});
  const dialog = h("dialog", { class: "dialog saved-dialog" }, h("h2", {}, t("saved.title")), list, form(scope, kpi, exports, () => read()), h("form", { method: "dialog" }, h("button", { class: "close" }, t("help.close"))));
  const read = async () => {
    try {
      const { reports, targets } = await get("/api/v1/stats/saved");
      const select = dialog.querySelector("select[name=target]");
      if (select) replace(select, targets.map((target) => h("option", { value: target }, target === "folder" ? t("saved.folder") : target)));
      replace(list, reports.length ? h("ul", { class: "saved-list" }, reports.map((each) => row(each, scope, go, dialog, read))) : h("p", { class: "hint" }, t("saved.none")));
    } catch (error) {
      toast(errorText(error), "error");
    }
  };
  show(dialog);
  read();
}

function row(each, scope, go, dialog, read) {
  const open = () => { go(`stats/${write({ tab: "report", from: scope.from, to: scope.to, by: each.query.by, figures: "usual", ...each.query.only, compare: each.query.compare[0] ?? "" })}`); dialog.close(); };
  const drop = async () => {
    try { await ask("DELETE", `/api/v1/stats/saved/${each.id}`); await read(); } catch (error) { toast(errorText(error), "error"); }
  };
  const last = each.runs[0];
  return h(
    "li",
    {},
    h("button", { class: "plain", type: "button", onclick: open }, h("b", {}, each.name)),
    h("span", { class: "hint" }, each.every ? `${t(`saved.every.${each.every}`)} ${each.at} · ${each.format.toUpperCase()}` : t("saved.every.")),
    last ? h("span", { class: "hint", title: last.problem }, t(`saved.run.${last.state}`, { from: last.from, at: fullTime(last.finished) })) : null,
    h("span", { class: "grow" }),
    h("button", { class: "small", type: "button", onclick: drop }, t("topics.drop")),
  );
}

function form(scope, kpi, exports, read) {
  const select = (name, options) => h("select", { name }, options);
  const element = h(
    "form",
    {
      class: "saved-form",
      onsubmit: once(async () => {
        const given = Object.fromEntries(new FormData(element));
        const only = Object.fromEntries(FILTERS.filter((name) => scope[name]).map((name) => [name, scope[name]]));
        const query = { by: scope.by, kpi, only, compare: ["previous", "year"].filter((name) => name === scope.compare) };
        try {
          await ask("POST", "/api/v1/stats/saved", { name: given.name, query, format: given.format ?? "xlsx", every: given.every ?? "", at: given.at ?? "07:00", target: given.target || "folder" });
          element.reset();
          await read();
        } catch (error) {
          toast(errorText(error), "error");
        }
      }),
    },
    h("h3", {}, t("saved.this")),
    h("label", {}, h("span", {}, t("topics.name")), h("input", { name: "name", required: true, maxlength: 128 })),
    exports ? [
      h("label", {}, h("span", {}, t("saved.every")), select("every", EVERY.map((each) => h("option", { value: each }, t(`saved.every.${each}`))))),
      h("label", {}, h("span", {}, t("saved.at")), h("input", { name: "at", type: "time", value: "07:00", required: true })),
      h("label", {}, h("span", {}, t("saved.format")), select("format", FORMATS.map((each) => h("option", { value: each }, each.toUpperCase())))),
      h("label", {}, h("span", {}, t("saved.target")), select("target", [])),
    ] : null,
    h("button", { class: "primary", type: "submit" }, t("topics.keep")),
  );
  return element;
}

// A list as a file: made in the background, with its progress, then fetched.
export function listExport(query) {
  const place = h("span", { class: "stats-tools" });
  const start = async (format) => {
    try {
      const job = await ask("POST", "/api/v1/stats/exports", { query: Object.fromEntries(query()), format });
      await follow(place, job.id, idle);
    } catch (error) {
      toast(errorText(error), "error");
      idle();
    }
  };
  const idle = () => replace(place, h("span", { class: "hint" }, t("stats.export")), ["xlsx", "csv"].map((format) => h("button", { class: "small", type: "button", onclick: single(() => start(format)) }, format.toUpperCase())));
  idle();
  return place;
}

async function follow(place, id, idle) {
  while (place.isConnected) {
    const job = await get(`/api/v1/stats/exports/${id}`);
    if (job.state === "ready") {
      replace(place, h("a", { class: "small primary", href: `/api/v1/stats/exports/${id}/file`, download: job.name, onclick: () => setTimeout(idle, 500) }, t("saved.fetch", { name: job.name })));
      return;
    }
    if (job.problem) { toast(t("saved.failed"), "error"); idle(); return; }
    replace(place, h("progress", { value: job.done, max: Math.max(1, job.total) }), h("span", { class: "hint" }, `${job.done} / ${job.total}`));
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
