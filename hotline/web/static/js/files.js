// Files of an order: a list to download from, and where the unit adds some.

import { upload } from "./api.js";
import { h, icon } from "./dom.js";
import { when } from "./format.js";
import { errorText, t } from "./text.js";

const TAKEN = ".pdf,.png,.jpg,.jpeg,.docx,.xlsx,.txt";

export function files(address, attachments, mayAdd, changed) {
  const list = h("ul", { class: "files" }, attachments.map((file) => line(`${address}/attachments/${file.key}`, file)));
  if (!mayAdd) return attachments.length ? [h("h3", {}, t("files.title"), h("small", {}, String(attachments.length))), list] : null;
  const send = async (chosen) => {
    let sent = 0;
    for (const file of chosen) {
      const told = h("span", { class: "hint" }, t("files.sending"));
      const row = h("li", {}, icon("file"), h("span", { class: "file-name" }, file.name), told);
      list.append(row);
      try {
        await upload(`${address}/attachments?name=${encodeURIComponent(file.name.slice(0, 200))}`, file);
        sent += 1;
        told.textContent = t("files.sent");
      } catch (error) {
        told.className = "problem";
        told.textContent = errorText(error);
      }
    }
    if (sent === chosen.length) changed();
  };
  const input = h("input", { type: "file", multiple: true, accept: TAKEN, class: "unseen", onchange: () => send([...input.files]) });
  const place = h(
    "label",
    {
      class: "drop",
      ondragover: (event) => { event.preventDefault(); place.classList.add("over"); },
      ondragleave: () => place.classList.remove("over"),
      ondrop: (event) => { event.preventDefault(); place.classList.remove("over"); send([...event.dataTransfer.files]); },
    },
    input,
    icon("file"),
    h("span", {}, t("files.add")),
    h("kbd", {}, "u"),
  );
  return [h("h3", {}, t("files.title"), h("small", {}, String(attachments.length))), list, place, h("p", { class: "hint" }, t("files.rules"))];
}

function line(address, file) {
  return h(
    "li",
    {},
    icon("file"),
    h("a", { class: "file-name", href: address, download: file.name }, file.name),
    h("span", { class: "hint" }, `${size(file.size)} · ${file.by} · ${when(file.at)}`),
  );
}

function size(bytes) {
  return bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
