// Keeps a call's recording and words, and what its orders say, beyond their time for an inquiry, or lets them go.

import { ask, get } from "./api.js";
import { once, show } from "./dialogs.js";
import { h, replace, toast } from "./dom.js";
import { when } from "./format.js";
import { errorText, t } from "./text.js";

// `what`: calls or orders; an order has a button of its own only where there is no call.
export function holdButton(id, what = "calls") {
  const place = h("span", {});
  const path = `/api/v1/${what}/${encodeURIComponent(id)}/hold`;
  const read = async () => {
    try {
      const { hold } = await get(path);
      const button = h("button", { class: "small", type: "button", onclick: () => reason(Boolean(hold), path, read) }, t(hold ? "hold.release" : "hold.place"));
      replace(place, hold ? h("span", { class: "pill", title: t("hold.title", { who: hold.who, at: when(hold.at), reason: hold.reason }) }, t("hold.on")) : null, button);
    } catch {
      replace(place); // the call itself tells what is wrong
    }
  };
  read();
  return place;
}

function reason(held, path, read) {
  const input = h("input", { maxlength: "200", minlength: "4", required: true, "aria-label": t(held ? "hold.release.ask" : "hold.ask") });
  const send = once(async () => {
    try {
      await ask(held ? "POST" : "PUT", held ? `${path}/release` : path, { reason: input.value.trim() });
      dialog.close();
      toast(t(held ? "hold.released" : "hold.done"));
      await read();
    } catch (error) {
      toast(errorText(error), "error");
    }
  });
  const dialog = h(
    "dialog",
    { class: "dialog" },
    h("form", { onsubmit: send }, h("p", {}, t(held ? "hold.release.ask" : "hold.ask")), input,
      h("div", { class: "edit-row" }, h("button", { class: "primary", type: "submit" }, t(held ? "hold.release" : "hold.place")), h("button", { type: "button", onclick: () => dialog.close() }, t("detail.cancel")))),
  );
  show(dialog);
}
