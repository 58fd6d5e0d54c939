// The list of keys.

import { h } from "./dom.js";
import { t } from "./text.js";

const KEYS = [
  [["j", "k"], "help.j"],
  [["Enter"], "help.enter"],
  [["/"], "help.slash"],
  [["1", "2", "3"], "help.views"],
  [["Space"], "help.space"],
  [["←", "→"], "help.arrows"],
  [["f", "F"], "help.f"],
  [["e"], "help.e"],
  [["p"], "help.p"],
  [["Esc"], "help.esc"],
  [["F2", "F4"], "help.answer"],
  [["F8", "F9"], "help.hold"],
  [["F7"], "help.hang_up"],
  [["t", "d"], "help.others"],
  [["c", "m", "b"], "help.third"],
  [["Ctrl", "Enter"], "help.confirm"],
  [["s", "r", "u"], "help.unit"],
  [["?"], "help.help"],
];

export function showHelp() {
  if (document.querySelector("dialog.help")) return;
  const dialog = h(
    "dialog",
    { class: "dialog help" },
    h("h2", {}, t("help.title")),
    h("dl", {}, KEYS.map(([keys, text]) => h("div", {}, h("dt", {}, keys.map((key) => h("kbd", {}, key))), h("dd", {}, t(text))))),
    h("form", { method: "dialog" }, h("button", { class: "primary" }, t("help.close"))),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
