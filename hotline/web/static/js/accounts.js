// Everybody's accounts, for administrators.

import { ask, get } from "./api.js";
import { once, show, single } from "./dialogs.js";
import { h, replace, toast } from "./dom.js";
import { byName, codeOf } from "./form_dialog.js";
import { when } from "./format.js";
import { errorText, name, t } from "./text.js";

export function accountsPage(me) {
  const place = h("div", {}, h("p", { class: "hint" }, t("page.busy")));
  const read = async () => {
    try {
      draw(place, await get("/api/v1/users"), me, read);
    } catch (error) {
      toast(errorText(error), "error");
    }
  };
  read();
  return h("main", { class: "page wide-page" }, h("h1", {}, t("accounts.title")), h("p", { class: "lead" }, t("accounts.lead")), place);
}

function draw(place, { users, roles, units }, me, read) {
  const unitName = (code) => units.find(([known]) => known === code)?.[1] ?? code;
  const button = (label, act) => h("button", { class: "small", type: "button", onclick: single(() => attempt(act, read)) }, t(label));
  const row = (user) => {
    const path = `/api/v1/users/${encodeURIComponent(user.name)}`;
    const own = user.name === me.name;
    return h("tr", { class: user.disabled ? "off" : "" },
      h("td", {}, user.name), h("td", {}, user.display),
      h("td", {}, name("role", user.role), user.unit ? ` · ${unitName(user.unit)}` : ""),
      h("td", {}, [user.disabled ? t("accounts.disabled") : "", user.must_change ? t("accounts.must_change") : "", user.second_factor ? t("accounts.second_factor") : ""].filter(Boolean).join(" · ") || "—"),
      h("td", {}, when(user.password_at)),
      h("td", {}, h("div", { class: "order-line" }, own ? t("accounts.oneself") : [
        h("button", { class: "small", type: "button", onclick: () => changeRole({ ...user, unit: unitName(user.unit) }, roles, units, read) }, t("accounts.role")),
        h("button", { class: "small", type: "button", onclick: () => reset(user, read) }, t("accounts.reset")),
        user.second_factor ? button("accounts.code_off", () => ask("DELETE", `${path}/code`)) : null,
        button("accounts.sign_out", () => ask("DELETE", `${path}/sessions`)),
        button(user.disabled ? "accounts.enable" : "accounts.disable", () => ask("PATCH", path, { disabled: !user.disabled })),
      ])),
    );
  };
  replace(
    place,
    h("p", {}, h("button", { class: "primary", type: "button", onclick: () => add(roles, units, read) }, t("accounts.add"))),
    h("table", { class: "table" }, h("thead", {}, h("tr", {}, ["name", "display", "role", "state", "password_at", "what"].map((column) => h("th", {}, t(`accounts.column.${column}`))))), h("tbody", {}, users.map(row))),
  );
}

async function attempt(act, read) {
  try {
    await act();
    toast(t("accounts.done"));
    await read();
    return true;
  } catch (error) {
    toast(errorText(error), "error");
    return false;
  }
}

function dialog(title, fields, send, read) {
  const box = h("dialog", { class: "dialog roster-dialog" }, h("h2", {}, title),
    h("form", { onsubmit: once(async (event) => { if (await attempt(() => send(Object.fromEntries(new FormData(event.target))), read)) box.close(); }) }, fields,
      h("p", {}, h("button", { class: "primary" }, t("accounts.save")), " ", h("button", { type: "button", onclick: () => box.close() }, t("help.close")))));
  show(box);
}

const field = (key, attributes = {}, hint = "") => h("label", {}, h("span", {}, t(`accounts.column.${key}`)), h("input", { name: key, maxlength: "64", ...attributes }), hint ? h("small", { class: "hint" }, t(hint)) : null);
const choice = (roles, chosen) => h("label", {}, h("span", {}, t("accounts.column.role")), h("select", { name: "role" }, roles.map((role) => h("option", { value: role, selected: role === chosen }, name("role", role)))));
const unit = (units, value = "") => h("label", {}, h("span", {}, t("accounts.column.unit")), byName({ name: "unit", value }, units), h("small", { class: "hint" }, t("accounts.unit.hint")));
const coded = (units, values) => ({ ...values, unit: codeOf(units, values.unit) });
const first = () => field("password", { required: true, maxlength: "256", autocomplete: "off" }, "accounts.password.hint");

function add(roles, units, read) {
  dialog(t("accounts.add"), [field("name", { required: true }), field("display"), choice(roles, "agent"), unit(units), first()], (values) => ask("POST", "/api/v1/users", coded(units, values)), read);
}

function changeRole(user, roles, units, read) {
  dialog(user.display, [choice(roles, user.role), unit(units, user.unit)], (values) => ask("PATCH", `/api/v1/users/${encodeURIComponent(user.name)}`, coded(units, values)), read);
}

function reset(user, read) {
  dialog(user.display, [first()], (values) => ask("POST", `/api/v1/users/${encodeURIComponent(user.name)}/password`, values), read);
}
