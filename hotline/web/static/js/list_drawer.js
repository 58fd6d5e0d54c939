// A list that comes in at the side: as many rows as the figure says, more of them on demand.

import { h, replace, toast } from "./dom.js";
import { errorText, t } from "./text.js";

// `parts`: [code, its name] that can be opened, the first at once; `load(code, next)`: a page of rows; `row`: as an element
// of the list. In place of the list stands `body`, which `draw(rows, page)` fills. `tools(part)`: beside the title, `part()`
// being what is shown; `note(page)`: what is to be said above the list; `complaint`: an error in words; `most`: rows of a
// page, where that is told.
export function openDrawer({
  title,
  parts,
  load,
  row,
  body = h("ul", { class: "floor-list" }),
  draw = (rows) => replace(body, rows.map((each) => (each.hidden ? h("li", { class: "hint" }, t("stats.list.hidden")) : row(each)))),
  tools = () => null,
  note = () => "",
  complaint = errorText,
  most = Infinity,
}) {
  let [shown] = parts[0];
  const count = h("b", { class: "list-count" });
  const above = h("p", { class: "hint", hidden: true });
  const more = h("button", { class: "small", type: "button" });
  const tabs = h("div", { class: "segments" });
  const dialog = h(
    "dialog",
    { class: "drawer", "aria-label": title },
    h("header", {}, h("h2", {}, title), count, h("span", { class: "grow" }), tools(() => shown), h("form", { method: "dialog" }, h("button", { class: "small" }, t("stats.list.close")))),
    parts.length > 1 ? tabs : null,
    h("div", { class: "drawer-body" }, above, body, more),
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog || event.target.closest("li a, tbody a")) dialog.close(); });
  let turn = 0;
  const show = async (part, next = null, before = []) => {
    const mine = ++turn;
    shown = part;
    replace(tabs, parts.map(([code, label]) => h("button", { class: "segment", type: "button", "aria-pressed": String(code === part), onclick: () => show(code) }, label)));
    more.disabled = true;
    try {
      const page = await load(part, next);
      if (mine !== turn) return;
      const all = [...before, ...page.rows];
      count.textContent = t("stats.list.count", { count: page.count });
      count.dataset.count = page.count;
      above.textContent = note(page);
      above.hidden = !above.textContent;
      draw(all, page);
      more.hidden = !page.next;
      more.disabled = false;
      more.textContent = t("stats.list.more", { n: Math.min(most, page.count - all.length) });
      more.onclick = () => show(part, page.next, all);
    } catch (error) {
      if (mine !== turn) return;
      toast(complaint(error), "error");
      if (before.length) more.disabled = false;
      else dialog.close();
    }
  };
  document.body.append(dialog);
  dialog.showModal();
  show(shown);
}

// A count that opens its list; `data` names it.
export const counted = (shown, data, open) => h("button", { type: "button", class: "open", data, onclick: open }, String(shown));
