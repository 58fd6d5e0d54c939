// Builds elements; text always goes in as text, never as markup.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const ICONS = {
  calls: "M6.6 3.5 9 3l1.6 4-2 1.6a12 12 0 0 0 6.8 6.8l1.6-2 4 1.6-.5 2.4a3 3 0 0 1-3 2.4A15 15 0 0 1 4.2 6.5a3 3 0 0 1 2.4-3Z",
  orders: "M7 3.5h7l4 4V19a1.5 1.5 0 0 1-1.5 1.5h-9.5A1.5 1.5 0 0 1 5.5 19V5A1.5 1.5 0 0 1 7 3.5ZM13.5 3.5V8H18M8.5 12h7M8.5 16h5",
  exports: "M12 4v10m0 0 4-4m-4 4-4-4M4.5 16v2.5a1.5 1.5 0 0 0 1.5 1.5h12a1.5 1.5 0 0 0 1.5-1.5V16",
  audit: "M12 3.5 5 6v5.5c0 4 3 7.5 7 9 4-1.5 7-5 7-9V6l-7-2.5ZM9 12l2 2 4-4",
  floor: "M4 19.5h16M6 16V9M11 16V5M16 16v-5M20 16V8",
  stats: "M4 19.5h16M5 15l4-5 4 3 6-8M19 9V5h-4",
  quality: "M5 4.5h9l5 5v10H5zM8 13l2.5 2.5L16 10",
  wall: "M3.5 5h17v11h-17zM8.5 19.5h7M12 16v3.5",
  roster: "M8.5 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM3 19.5c0-3.5 2.5-5.5 5.5-5.5s5.5 2 5.5 5.5M16 8h5M16 12h5M17 16h4",
  incidents: "M12 4 3.5 19h17L12 4ZM12 10v4M12 16.5v.01",
  referrals: "M4 8h11m0 0-3-3m3 3-3 3M20 16H9m0 0 3-3m-3 3 3 3",
  accounts: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM2.5 20c0-3.6 2.9-6 6.5-6s6.5 2.4 6.5 6M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14.5c2 .8 3.5 2.8 3.5 5.5",
  gateway: "M4 6.5h16v4H4zM4 13.5h16v4H4zM7 8.5v.01M7 15.5v.01M11 8.5h6M11 15.5h6",
  unit_orders: "M7 3.5h7l4 4V19a1.5 1.5 0 0 1-1.5 1.5h-9.5A1.5 1.5 0 0 1 5.5 19V5A1.5 1.5 0 0 1 7 3.5ZM13.5 3.5V8H18M8.5 12.5l2.2 2.2 4.3-4.4",
  deliveries: "M3.5 12 20.5 4.5 16 20l-4-6.5L3.5 12Zm8.5 1.5 8.5-9",
  file: "M8 3.5h6l4 4V19a1.5 1.5 0 0 1-1.5 1.5h-8.5A1.5 1.5 0 0 1 6.5 19V5A1.5 1.5 0 0 1 8 3.5ZM13.5 3.5V8H18",
  help: "M9.5 9.5a2.5 2.5 0 1 1 3.6 2.3c-.8.4-1.1.9-1.1 1.7v.5M12 17v.01M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
  out: "M10 4H6.5A1.5 1.5 0 0 0 5 5.5v13A1.5 1.5 0 0 0 6.5 20H10M15 8l4 4-4 4M19 12H9",
  search: "M11 17.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM16 16l4.5 4.5",
  play: "M8 5.5v13l11-6.5Z",
  pause: "M8 5.5v13M16 5.5v13",
  edit: "M5 19l.8-3.5L15.5 5.8l2.7 2.7L8.5 18.2 5 19Z",
  copy: "M9 9h10v11H9zM5 15V4h10",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
  phone: "M6.6 3.5 9 3l1.6 4-2 1.6a12 12 0 0 0 6.8 6.8l1.6-2 4 1.6-.5 2.4a3 3 0 0 1-3 2.4A15 15 0 0 1 4.2 6.5a3 3 0 0 1 2.4-3Z",
  clock: "M12 7v5l3.5 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
  unit: "M4.5 20V9l7.5-5 7.5 5v11M4 20.5h16M9.5 20v-6h5v6",
};

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export function replace(parent, ...children) {
  parent.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
}

// As `replace`; what had the focus and is there again, by its `data-key`, has it again.
export function redraw(parent, ...children) {
  const active = document.activeElement;
  const key = parent.contains(active) ? active.dataset.key : undefined;
  replace(parent, ...children);
  if (key) focusOn(parent, key);
}

// Gives the focus to what has this `data-key`, if it is there.
export function focusOn(parent, key) {
  parent.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

export function toast(message, kind = "info") {
  const box = h("div", { class: `toast toast-${kind}` }, message);
  const place = document.getElementById("toasts");
  place.append(box);
  if (place.showPopover) { // over a dialog that is open, where it would be told behind its shade
    place.popover = "manual";
    if (place.matches(":popover-open")) place.hidePopover();
    place.showPopover();
  }
  setTimeout(() => { box.remove(); if (!place.children.length && place.popover) place.hidePopover(); }, kind === "error" ? 7000 : 3500);
}
