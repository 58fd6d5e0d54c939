// Exports by range of days.

import { download } from "./api.js";
import { h, toast } from "./dom.js";
import { isoDay, saveFile } from "./format.js";
import { errorText, t } from "./text.js";

const DAY_MS = 86400000;

export function exportsPage() {
  const today = isoDay(new Date());
  const since = h("input", { type: "date", required: true, name: "since", max: today });
  const until = h("input", { type: "date", required: true, name: "until", max: today });
  const range = (from) => { since.value = isoDay(from); until.value = today; };
  range(new Date(Date.now() - 6 * DAY_MS));
  const month = new Date(`${today.slice(0, 8)}01T00:00:00+08:00`);
  const go = h("button", { class: "primary wide", type: "submit" }, t("export.go"));
  const form = h(
    "form",
    {
      class: "sheet",
      onsubmit: async (event) => {
        event.preventDefault();
        const chosen = new FormData(form);
        go.disabled = true;
        go.textContent = t("export.busy");
        try {
          const file = await download(`/api/v1/exports/${chosen.get("kind")}.${chosen.get("format")}`, { since: since.value, until: until.value });
          saveFile(file);
          toast(t("export.done", { file: file.name }));
        } catch (error) {
          toast(errorText(error), "error");
        }
        go.disabled = false;
        go.textContent = t("export.go");
      },
    },
    h("h1", {}, t("export.title")),
    h("p", { class: "lead" }, t("export.lead")),
    choice("kind", t("export.kind"), [["calls", t("export.calls")], ["orders", t("export.orders")]]),
    h(
      "fieldset",
      {},
      h("legend", {}, t("export.range")),
      h("div", { class: "dates" }, since, h("span", {}, "–"), until),
      h(
        "div",
        { class: "presets" },
        [[t("export.today"), new Date()], [t("export.week"), new Date(Date.now() - 6 * DAY_MS)], [t("export.month"), month]].map(([label, from]) =>
          h("button", { class: "small", type: "button", onclick: () => range(from) }, label),
        ),
      ),
    ),
    choice("format", t("export.format"), [["xlsx", t("export.xlsx")], ["csv", t("export.csv")]]),
    go,
  );
  return h("main", { class: "page" }, form);
}

function choice(field, label, options) {
  return h(
    "fieldset",
    {},
    h("legend", {}, label),
    h("div", { class: "choices" }, options.map(([value, text], at) => h("label", { class: "choice" }, h("input", { type: "radio", name: field, value, checked: at === 0 }), h("span", {}, text)))),
  );
}
