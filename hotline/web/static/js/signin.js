// The sign-in form.

import { ask } from "./api.js";
import { h } from "./dom.js";
import { errorText, t } from "./text.js";

export function signInPage(onSignedIn, message = "") {
  const problem = h("p", { class: "problem", role: "alert" }, message);
  const user = h("input", { name: "name", autocomplete: "username", required: true, maxlength: "64", autofocus: true });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true, maxlength: "256" });
  const go = h("button", { class: "primary wide", type: "submit" }, t("signin.go"));
  const form = h(
    "form",
    {
      class: "signin",
      onsubmit: async (event) => {
        event.preventDefault();
        go.disabled = true;
        go.textContent = t("signin.busy");
        problem.textContent = "";
        try {
          onSignedIn(await ask("POST", "/api/v1/session", { name: user.value, password: password.value }));
        } catch (error) {
          problem.textContent = errorText(error);
          go.disabled = false;
          go.textContent = t("signin.go");
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
    problem,
    go,
    h("p", { class: "hint" }, t("signin.note")),
  );
  setTimeout(() => user.focus());
  return h("div", { class: "signin-page" }, form);
}
