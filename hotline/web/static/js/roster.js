// The roster: who answers, with which skills, when, and until when the licence holds.

import { ask, get } from "./api.js";
import { once, show } from "./dialogs.js";
import { h, replace, toast } from "./dom.js";
import { errorText, name, t } from "./text.js";

const SOON_DAYS = 30;

export function rosterPage() {
  const table = h("div", { class: "roster-table" }, h("p", { class: "hint" }, t("page.busy")));
  const read = async () => {
    try {
      draw(table, await get("/api/v1/roster"), read);
    } catch (error) {
      toast(errorText(error), "error");
    }
  };
  read();
  return h("main", { class: "page wide-page" }, h("h1", {}, t("roster.title")), h("p", { class: "lead" }, t("roster.lead")), table);
}

function draw(place, roster, read) {
  const columns = roster.columns.filter((each) => each.name !== "phone_only");
  replace(
    place,
    h("p", { class: "roster-bar" }, h("button", { class: "primary", type: "button", onclick: () => edit(roster, null, read) }, t("roster.add"))),
    h(
      "table",
      { class: "table" },
      h("thead", {}, h("tr", {}, columns.map((each) => h("th", {}, each.heading)), h("th", {}, t("roster.state")), h("th", {}))),
      h("tbody", {}, roster.rows.length ? null : h("tr", {}, h("td", { colspan: String(columns.length + 2), class: "hint" }, t("roster.none"))), roster.rows.map((row) => h("tr", {}, columns.map((each) => cell(each.name, row)), h("td", {}, name("presence", row.presence)), h("td", { class: "roster-buttons" }, h("button", { class: "small", type: "button", onclick: () => edit(roster, row, read) }, t("roster.change")), h("button", { class: "small", type: "button", onclick: () => remove(row.cells.name, read) }, t("roster.remove")))))),
    ),
  );
}

function cell(column, row) {
  const text = row.cells[column];
  if (column !== "licence_until" || row.licence_days === null) return h("td", {}, text);
  const mark = row.licence_days < 0 ? "expired" : row.licence_days <= SOON_DAYS ? "soon" : "";
  return h("td", {}, text, mark ? h("span", { class: `pill licence-${mark}` }, t(`roster.licence.${mark}`, { days: row.licence_days })) : null);
}

function edit(roster, row, read) {
  const inputs = roster.columns.map((each) => {
    const value = row?.cells[each.name] ?? (each.name === "phone_only" ? roster.no : "");
    const input = each.name === "phone_only"
      ? h("select", { name: each.name }, [roster.no, roster.yes].map((word) => h("option", { value: word, selected: word === value }, word)))
      : h("input", { name: each.name, value, maxlength: "500", required: each.name === "name", disabled: row && each.name === "name", type: each.name === "licence_until" ? "date" : "text", list: each.name === "skills" ? "roster-skills" : null });
    return h("label", {}, h("span", {}, each.heading), input, h("small", { class: "hint" }, t(`roster.hint.${each.name}`)));
  });
  const dialog = h(
    "dialog",
    { class: "dialog roster-dialog" },
    h("h2", {}, row ? row.cells.display : t("roster.add")),
    h("form", { onsubmit: once((event) => save(event, dialog, row, read)) }, inputs, h("datalist", { id: "roster-skills" }, roster.skills.map((skill) => h("option", { value: skill }))),
      h("p", {}, h("button", { class: "primary" }, t("roster.save")), " ", h("button", { type: "button", onclick: () => dialog.close() }, t("help.close")))),
  );
  show(dialog);
}

async function save(event, dialog, row, read) {
  const { name: user = row?.cells.name, ...cells } = Object.fromEntries(new FormData(event.target));
  try {
    await ask("PUT", `/api/v1/roster/${encodeURIComponent(user.trim())}`, { cells });
    dialog.close();
    toast(t("roster.saved", { name: user }));
    await read();
  } catch (error) {
    toast(errorText(error), "error");
  }
}

async function remove(user, read) {
  if (!confirm(t("roster.remove.ask", { name: user }))) return;
  try {
    await ask("DELETE", `/api/v1/roster/${encodeURIComponent(user)}`);
    await read();
  } catch (error) {
    toast(errorText(error), "error");
  }
}
