// One's own account: password, second factor, where one is signed in.

import { ask, get } from "./api.js";
import { h, replace, toast } from "./dom.js";
import { when } from "./format.js";
import { errorText, name, t } from "./text.js";

// `due`: what must be done before anything else is open.
export function accountPage(me) {
  const done = () => location.reload();
  const due = me.due.map((what) => h("p", { class: "problem", role: "alert" }, t(`account.due.${what}`)));
  return h(
    "main",
    { class: "page account-page" },
    h("div", { class: "account" },
      h("header", {}, h("h1", {}, me.display), h("p", { class: "lead" }, `${me.name} · ${name("role", me.role)}`), due),
      passwordForm(me, done),
      me.due.includes("password") ? null : codePart(me, done),
      me.due.length ? null : sessionsPart(),
    ),
  );
}

function password(field, label, autocomplete) {
  return h("label", {}, h("span", {}, t(label)), h("input", { type: "password", name: field, autocomplete, required: true, maxlength: "256" }));
}

function form(title, lead, inputs, button, send) {
  const problem = h("p", { class: "problem", role: "alert" });
  const element = h(
    "form",
    {
      class: "sheet",
      onsubmit: async (event) => {
        event.preventDefault();
        problem.textContent = "";
        const go = element.querySelector("button");
        go.disabled = true;
        try {
          await send(Object.fromEntries(new FormData(element)));
        } catch (error) {
          problem.textContent = errorText(error);
        }
        go.disabled = false;
      },
    },
    h("h2", {}, title),
    lead ? h("p", { class: "hint" }, lead) : null,
    inputs,
    problem,
    h("button", { class: "primary", type: "submit" }, button),
  );
  return element;
}

function passwordForm(me, done) {
  return form(
    t("account.password"),
    t("account.password.rules"),
    [h("input", { type: "hidden", name: "user", autocomplete: "username", value: me.name }), password("old", "account.password.old", "current-password"), password("new", "account.password.new", "new-password"), password("again", "account.password.again", "new-password")],
    t("account.password.go"),
    async ({ old, new: fresh, again }) => {
      if (fresh !== again) throw { code: "auth.not_the_same" };
      await ask("POST", "/api/v1/me/password", { old, new: fresh });
      toast(t("account.password.done"));
      done();
    },
  );
}

function codePart(me, done) {
  const place = h("section", {});
  const begin = h("button", { class: "primary", type: "button", onclick: async () => {
    try {
      enrol(place, await ask("POST", "/api/v1/me/code"), done);
    } catch (error) {
      toast(errorText(error), "error");
    }
  } }, t(me.second_factor ? "account.code.again" : "account.code.begin"));
  replace(place, h("div", { class: "sheet" }, h("h2", {}, t("account.code")), h("p", { class: "hint" }, t(me.second_factor ? "account.code.on" : "account.code.off")), begin));
  if (!me.second_factor) return place;
  const off = form("", "", [password("password", "account.password.old", "current-password")], t("account.code.take_away"), async ({ password: secret }) => {
    await ask("POST", "/api/v1/me/code/off", { password: secret });
    toast(t("account.code.taken_away"));
    done();
  });
  place.firstChild.append(h("details", {}, h("summary", {}, t("account.code.take_away")), off));
  return place;
}

function enrol(place, { secret, qr }, done) {
  const code = h("label", {}, h("span", {}, t("account.code.code")), h("input", { name: "code", inputmode: "numeric", pattern: "[0-9]{6}", maxlength: "6", required: true, autocomplete: "one-time-code" }));
  const element = form(
    t("account.code"),
    t("account.code.scan"),
    [h("img", { class: "qr", src: qr, alt: t("account.code.qr") }), h("code", { class: "secret" }, secret.replace(/(.{4})/g, "$1 ").trim()), code, password("password", "account.password.old", "current-password")],
    t("account.code.go"),
    async ({ code: digits, password: own }) => {
      const { recovery } = await ask("PUT", "/api/v1/me/code", { secret, code: digits, password: own });
      replace(place, h("div", { class: "sheet" }, h("h2", {}, t("account.code.recovery")), h("p", { class: "hint" }, t("account.code.recovery.hint")), h("pre", { class: "secret" }, recovery.map((each) => each.replace(/(.{4})/g, "$1-").replace(/-$/, "")).join("\n")), h("button", { class: "primary", type: "button", onclick: done }, t("account.code.kept"))));
    },
  );
  replace(place, element);
}

function sessionsPart() {
  const body = h("tbody");
  const read = async () => {
    try {
      const { sessions } = await get("/api/v1/me/sessions");
      replace(body, sessions.map((each) => h("tr", {}, h("td", {}, each.client || "—"), h("td", {}, when(each.created)), h("td", {}, when(each.seen)), h("td", {}, each.this ? t("account.sessions.this") : h("button", { class: "small", type: "button", onclick: () => end(each.id, read) }, t("account.sessions.end"))))));
    } catch (error) {
      toast(errorText(error), "error");
    }
  };
  read();
  return h("section", { class: "sheet" }, h("h2", {}, t("account.sessions")), h("table", { class: "table" }, h("thead", {}, h("tr", {}, ["client", "since", "seen", "what"].map((column) => h("th", {}, t(`account.sessions.${column}`))))), body));
}

async function end(id, read) {
  try {
    await ask("DELETE", `/api/v1/me/sessions/${id}`);
    await read();
  } catch (error) {
    toast(errorText(error), "error");
  }
}
