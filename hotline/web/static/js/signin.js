// The sign-in form.

import { ask } from "./api.js";
import { h } from "./dom.js";
import { errorText, t } from "./text.js";

export function signInPage(onSignedIn, message = "") {
  return h("div", { class: "signin-page" }, signInForm(onSignedIn, message));
}

// Over the page, whose typed text waits behind it: the same person goes on, another one (`onOther`) begins anew.
export function signInAgain(who, onSignedIn, onOther) {
  const other = h("button", { class: "small", type: "button", onclick: () => dialog.close() }, t("signin.other"));
  const dialog = h("dialog", { class: "again", "aria-label": t("signin.title") }, signInForm((me) => { dialog.dataset.done = "1"; dialog.close(); onSignedIn(me); }, t("signin.again"), who, other));
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.addEventListener("close", () => { dialog.remove(); if (!dialog.dataset.done) onOther(); });
  document.body.append(dialog);
  dialog.showModal();
}

function signInForm(onSignedIn, message, who = "", other = null) {
  const problem = h("p", { class: "problem", role: "alert" }, message);
  const user = h("input", { name: "name", autocomplete: "username", required: true, maxlength: "64", autofocus: !who, value: who, readonly: Boolean(who) });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true, maxlength: "256" });
  const code = h("input", { name: "code", autocomplete: "one-time-code", inputmode: "numeric", maxlength: "32" });
  const second = h("label", { hidden: true }, h("span", {}, t("signin.code")), code, h("small", { class: "hint" }, t("signin.code.hint")));
  const go = h("button", { class: "primary wide", type: "submit" }, t("signin.go"));
  const form = h(
    "form",
    {
      class: "signin",
      data: { free: "1" },
      onsubmit: async (event) => {
        event.preventDefault();
        go.disabled = true;
        go.textContent = t("signin.busy");
        problem.textContent = "";
        try {
          onSignedIn(await ask("POST", "/api/v1/session", { name: user.value, password: password.value, code: code.value.trim() }));
        } catch (error) {
          go.disabled = false;
          go.textContent = t("signin.go");
          if (error.code === "auth.code_needed") {
            second.hidden = false;
            code.focus();
            return;
          }
          problem.textContent = errorText(error);
          code.value = "";
          if (error.code === "auth.code_refused") {
            code.focus();
            return;
          }
          password.value = "";
          password.focus();
        }
      },
    },
    h("img", { class: "logo", src: "/static/icon.svg", alt: "" }),
    h("h1", {}, t("app")),
    h("p", { class: "lead" }, t("app.sub")),
    h("label", {}, h("span", {}, t("signin.name")), user),
    h("label", {}, h("span", {}, t("signin.password")), password),
    second,
    problem,
    go,
    other,
    h("p", { class: "hint" }, t("signin.note")),
  );
  setTimeout(() => (who ? password : user).focus());
  return form;
}
