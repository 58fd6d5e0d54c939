// What flags rest on: law and rules, from the line's own data.

import { get } from "./api.js";
import { h } from "./dom.js";
import { name, t } from "./text.js";

let notes = {};

export async function loadFlags() {
  try {
    notes = await get("/api/v1/flags");
  } catch {
    notes = {}; // this role reads no calls, so it sees no flags either
  }
}

// The bases of some flags, and that a machine's flag never refuses service.
export function bases(flags) {
  const known = flags.filter((flag) => notes[flag]?.basis);
  if (!known.length) return null;
  return h(
    "details",
    { class: "bases", open: true },
    h("summary", {}, t("flags.bases")),
    h("ul", {}, known.map((flag) => h("li", {}, h("b", {}, name("flag", flag)), " ", notes[flag].basis))),
    h("p", { class: "hint" }, t("flags.never")),
  );
}
