// Deliveries that do not get through, and for administrators the units' tokens and webhook secrets.

import { ask, get } from "./api.js";
import { once as sent, show } from "./dialogs.js";
import { h, replace, toast } from "./dom.js";
import { fullTime } from "./format.js";
import { errorText, name, t } from "./text.js";

export function deliveriesPage(rights) {
  const letters = h("section", {}, h("p", { class: "hint" }, t("page.busy")));
  const tokens = h("section", {});
  const page = h("main", { class: "page wide-page" }, h("h1", {}, t("deliveries.title")), h("p", { class: "lead" }, t("deliveries.lead")), letters, rights.includes("tokens") ? tokens : null);
  readLetters(letters);
  if (rights.includes("tokens")) readTokens(tokens);
  return page;
}

async function readLetters(place) {
  try {
    const { letters, pushing } = await get("/api/v1/deliveries");
    const again = () => readLetters(place);
    replace(
      place,
      pushing ? null : h("p", { class: "hint" }, t("deliveries.no_secret")),
      letters.length
        ? table("letter", ["unit_name", "number", "state", "attempts", "problem", "written", ""], letters.map((letter) => [
            letter.unit_name,
            h("span", { class: "mono" }, letter.number),
            letter.dead ? h("span", { class: "pill raw" }, t("letter.dead")) : t("letter.next", { at: fullTime(letter.next_at) }),
            String(letter.attempts),
            `${name("problem", letter.problem)} ${letter.status}`,
            fullTime(letter.written),
            letter.dead ? h("button", { class: "small", type: "button", onclick: () => act("POST", `/api/v1/deliveries/${letter.delivery}/again`, t("letter.queued"), again) }, t("letter.again")) : null,
          ]))
        : h("p", { class: "hint" }, t("deliveries.none")),
    );
  } catch (error) {
    toast(errorText(error), "error");
  }
}

async function readTokens(place) {
  try {
    const found = await get("/api/v1/tokens");
    const again = () => readTokens(place);
    const names = new Map(found.units.map((unit) => [unit.code, unit.name]));
    replace(
      place,
      h("h2", {}, t("tokens.title")),
      h("p", { class: "token-actions" }, h("button", { class: "primary", type: "button", onclick: () => make(found, again) }, t("tokens.add")), h("button", { class: "small", type: "button", onclick: () => renew(found) }, t("secret.renew"))),
      table("token", ["whose", "label", "scopes", "created", "expires", "last_used", ""], found.tokens.map((token) => [
        token.unit ? [names.get(token.unit) ?? "", " ", h("span", { class: "hint mono" }, token.unit)] : name("channel", token.channel),
        token.label,
        token.scopes.map((scope) => name("scope", scope)).join("、"),
        fullTime(token.created),
        token.revoked ? h("span", { class: "pill raw" }, t("tokens.revoked")) : token.expires ? fullTime(token.expires) : "—",
        token.last_used ? fullTime(token.last_used) : "—",
        token.valid ? h("button", { class: "small", type: "button", onclick: () => confirm(t("tokens.revoke.ask")) && act("DELETE", `/api/v1/tokens/${token.id}`, t("tokens.revoked"), again) }, t("tokens.revoke")) : null,
      ])),
    );
  } catch (error) {
    toast(errorText(error), "error");
  }
}

function table(kind, columns, rows) {
  return h("table", { class: "table" }, h("thead", {}, h("tr", {}, columns.map((column) => h("th", {}, column ? t(`${kind}.${column}`) : "")))), h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell))))));
}

async function act(method, path, done, again) {
  try {
    await ask(method, path);
    toast(done);
    again();
  } catch (error) {
    toast(errorText(error), "error");
  }
}

function make(found, again) {
  const whose = h("input", { name: "whose", required: true, maxlength: "64", list: "units-known" });
  const boxes = found.scopes.map((scope) => h("label", { class: "choice" }, h("input", { type: "checkbox", name: "scopes", value: scope, checked: scope === "read" || scope === "act" }), h("span", {}, name("scope", scope))));
  dialog(
    t("tokens.add"),
    [
      row(t("token.whose"), whose, h("datalist", { id: "units-known" }, found.units.map((unit) => h("option", { value: unit.code }, unit.name)), found.channels.map((channel) => h("option", { value: channel }, name("channel", channel))))),
      row(t("token.label"), h("input", { name: "label", maxlength: "64" })),
      row(t("tokens.days"), h("input", { name: "days", type: "number", min: "1", max: "1096", value: "365", required: true })),
      h("fieldset", {}, h("legend", {}, t("token.scopes")), h("div", { class: "choices" }, boxes)),
    ],
    async (form) => {
      const code = form.get("whose").trim();
      const channel = found.channels.includes(code);
      const made = await ask("POST", "/api/v1/tokens", { [channel ? "channel" : "unit"]: code, label: form.get("label"), days: Number(form.get("days")), scopes: channel ? [] : form.getAll("scopes") });
      once(t("tokens.once"), made.token);
      again();
    },
  );
}

function renew(found) {
  const unit = h("input", { name: "unit", required: true, maxlength: "64", list: "webhooks-known" });
  dialog(
    t("secret.renew"),
    [
      row(t("token.whose"), unit, h("datalist", { id: "webhooks-known" }, found.webhooks.map((code) => h("option", { value: code })))),
      row(t("secret.overlap"), h("input", { name: "hours", type: "number", min: "0", max: "720", value: "24", required: true })),
    ],
    async (form) => {
      const made = await ask("POST", "/api/v1/webhook-secrets", { unit: form.get("unit").trim(), overlap_hours: Number(form.get("hours")) });
      once(t("secret.once"), made.secret);
    },
  );
}

function row(label, ...inputs) {
  return h("label", {}, h("span", {}, label), inputs);
}

// What is shown this once.
function once(told, secret) {
  dialog(told, [h("p", { class: "mono once" }, secret)], null);
}

function dialog(title, rows, done) {
  const box = h(
    "dialog",
    { class: "dialog roster-dialog" },
    h("h2", {}, title),
    h(
      "form",
      {
        onsubmit: sent(async (event) => {
          if (!done) { box.close(); return; }
          try {
            await done(new FormData(event.target));
            box.close();
          } catch (error) {
            toast(errorText(error), "error");
          }
        }),
      },
      rows,
      h("p", {}, h("button", { class: "primary" }, t("unit.go")), " ", done ? h("button", { type: "button", onclick: () => box.close() }, t("detail.cancel")) : null),
    ),
  );
  show(box);
}
