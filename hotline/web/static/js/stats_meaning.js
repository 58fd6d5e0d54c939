// What each figure means: name, formula, rules, source; the same words as in exports and documents.

import { h } from "./dom.js";
import { t } from "./text.js";

export function meaningPage({ kpis, families }) {
  return Object.entries(families).map(([code, family]) => {
    const own = kpis.filter((each) => each.family === code);
    return own.length ? h("section", { class: "stat-panel meaning" }, h("h2", {}, family), h("dl", {}, own.map(definition))) : null;
  });
}

function definition(each) {
  return [
    h("dt", { id: each.key }, each.name, h("code", {}, each.key)),
    h(
      "dd",
      {},
      h("p", {}, h("b", {}, t("stats.meaning.formula")), each.formula),
      each.rules ? h("p", {}, h("b", {}, t("stats.meaning.rules")), each.rules) : null,
      each.source ? h("p", { class: "hint" }, h("b", {}, t("stats.meaning.source")), each.source) : null,
    ),
  ];
}
