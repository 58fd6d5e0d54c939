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
  roster: "M8.5 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM3 19.5c0-3.5 2.5-5.5 5.5-5.5s5.5 2 5.5 5.5M16 8h5M16 12h5M17 16h4",
  gateway: "M4 6.5h16v4H4zM4 13.5h16v4H4zM7 8.5v.01M7 15.5v.01M11 8.5h6M11 15.5h6",
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

export function toast(message, kind = "info") {
  const box = h("div", { class: `toast toast-${kind}` }, message);
  document.getElementById("toasts").append(box);
  setTimeout(() => box.remove(), kind === "error" ? 7000 : 3500);
}
