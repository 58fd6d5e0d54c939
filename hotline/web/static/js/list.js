// A column with a search field and rows that the keyboard walks through.

import { h, icon } from "./dom.js";

const PAGE = 50;
const MOST = 200;

// How many rows to ask for: a page, or as many as are there when they are read again, so that nobody loses their place.
export const rowsToRead = (there, again) => (again ? Math.min(MOST, Math.max(PAGE, there)) : PAGE);

export class ListColumn {
  #rows = [];
  body = h("div", { class: "rows", role: "listbox" });

  constructor({ placeholder, onSearch, onOpen, below }) {
    this.onOpen = onOpen;
    let timer = 0;
    this.input = h("input", {
      type: "search",
      placeholder,
      "aria-label": placeholder,
      maxlength: "100",
      oninput: () => {
        clearTimeout(timer);
        timer = setTimeout(() => onSearch(this.input.value.trim()), 250);
      },
      onkeydown: (event) => {
        if (event.key === "Escape") { this.input.value = ""; onSearch(""); this.input.blur(); }
        if (event.key === "Enter" && !event.isComposing) { this.input.blur(); this.move(0); }
        if (event.key === "ArrowDown") { event.preventDefault(); this.input.blur(); this.move(0); }
      },
    });
    this.element = h(
      "section",
      { class: "column" },
      h("div", { class: "search" }, icon("search"), this.input, h("kbd", {}, "/")),
      below ?? null,
      this.body,
    );
    this.body.addEventListener("click", (event) => {
      const row = event.target.closest("[data-id]");
      if (row) this.open(row.dataset.id);
    });
  }

  // The ids in order, after the body was filled.
  refresh(selected) {
    this.#rows = [...this.body.querySelectorAll("[data-id]")];
    this.select(selected, false);
  }

  select(id, scroll = true) {
    this.selected = id;
    for (const row of this.#rows) {
      const on = row.dataset.id === id;
      row.classList.toggle("selected", on);
      row.setAttribute("aria-selected", String(on));
      if (on && scroll) row.scrollIntoView({ block: "nearest" });
    }
  }

  open(id) {
    this.select(id);
    this.onOpen(id);
  }

  move(by) {
    if (!this.#rows.length) return;
    const at = this.#rows.findIndex((row) => row.dataset.id === this.selected);
    const next = at < 0 ? 0 : Math.min(Math.max(at + by, 0), this.#rows.length - 1);
    this.open(this.#rows[next].dataset.id);
  }

  focusSearch() {
    this.input.focus();
    this.input.select();
  }
}
