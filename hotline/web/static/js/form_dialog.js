// A dialog that asks for a few values; stays open when they are refused.

import { once, show } from "./dialogs.js";
import { h, toast } from "./dom.js";
import { errorText, t } from "./text.js";

let lists = 0;

// A field in which one of `options`, [code, its name], is chosen by its name, or typed as a code by those who know it.
export function byName(attributes, options) {
  const id = `names-${++lists}`;
  return [h("input", { maxlength: "64", ...attributes, list: id }), h("datalist", { id }, options.map(([, text]) => h("option", { value: text })))];
}

export const codeOf = (options, typed) => options.find(([, text]) => text === typed)?.[0] ?? typed;
export const named = (people) => people.map(([code, display]) => [code, display && display !== code ? `${display}（${code}）` : code]);

// fields: {name, label, kind: text | area | number | select | datetime-local, options: [[value, text]], value, required, max, hint}
export function askFor(title, fields, send, go = t("order.save")) {
  const inputs = fields.filter(Boolean).map((field) => {
    const row = h("label", { data: { field: field.name } }, h("span", {}, field.label), control(field), field.hint ? h("small", { class: "hint" }, field.hint) : null);
    if (field.only) row.onlyFor = field.only;
    return row;
  });
  const form = h(
    "form",
    { onsubmit: once((event) => submit(event, dialog, send)), onchange: () => sift(form, inputs) },
    inputs,
    h("p", {}, h("button", { class: "primary" }, go), " ", h("button", { type: "button", onclick: () => dialog.close() }, t("detail.cancel"))),
  );
  const dialog = h("dialog", { class: "dialog roster-dialog form-dialog" }, h("h2", {}, title), form);
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  sift(form, inputs);
  show(dialog);
}

function control({ name, kind = "text", options, value = "", required = false, max = 200 }) {
  if (kind === "select") {
    return h("select", { name, required }, options.map(([code, text]) => h("option", { value: code, selected: code === value }, text)));
  }
  if (kind === "area") {
    const area = h("textarea", { name, required, maxlength: String(max), rows: "3" });
    area.value = value;
    return area;
  }
  return h("input", { name, type: kind, required, value: String(value), maxlength: String(max) });
}

// Rows that only some choice needs (`only: [field, values]`) are shown, and asked for, with that choice.
function sift(form, rows) {
  for (const row of rows) {
    if (!row.onlyFor) continue;
    const [field, values] = row.onlyFor;
    row.hidden = !values.includes(form.elements[field].value);
    for (const input of row.querySelectorAll("input, select, textarea")) input.disabled = row.hidden;
  }
}

async function submit(event, dialog, send) {
  try {
    await send(Object.fromEntries(new FormData(event.target)));
    dialog.close();
  } catch (error) {
    toast(errorText(error), "error");
  }
}
