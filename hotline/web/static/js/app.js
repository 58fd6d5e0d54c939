// Starts the page: sign-in, the three views, the keys.

import { ask, get, useSession } from "./api.js";
import { Calls } from "./calls.js";
import { Detail } from "./detail.js";
import { h, icon, replace, toast } from "./dom.js";
import { auditPage, exportsPage } from "./exports.js";
import { floorPage } from "./floor.js";
import { rosterPage } from "./roster.js";
import { tick } from "./format.js";
import { gatewayPage } from "./gateway.js";
import { showHelp } from "./help.js";
import { Live } from "./live.js";
import { Orders } from "./orders.js";
import { signInPage } from "./signin.js";
import { Softphone } from "./softphone.js";
import { errorText, loadTexts, name, t } from "./text.js";

const REREAD_MS = 400;
const root = document.getElementById("app");
let workplace = null;

async function start() {
  await loadTexts();
  document.title = t("app");
  setInterval(tick, 1000);
  document.addEventListener("keydown", (event) => workplace?.key(event));
  window.addEventListener("hashchange", () => workplace?.route());
  try {
    enter(await get("/api/v1/me"));
  } catch (error) {
    leave(error.status === 401 ? "" : errorText(error));
  }
}

function enter(me) {
  useSession(me.csrf, () => leave(errorText({ code: "auth.required" })));
  workplace = new Workplace(me);
  replace(root, workplace.element);
  workplace.begin();
}

function leave(message) {
  workplace?.end();
  workplace = null;
  replace(root, signInPage(enter, message));
}

class Workplace {
  #live = new Live();
  #banner = h("div", { class: "banner", role: "status", hidden: true });
  #main = h("div", { class: "workplace" });
  #view = "";
  #reread = 0;

  constructor(me) {
    this.me = me;
    const reads = me.rights.includes("read");
    this.views = [reads && "calls", reads && "orders", me.rights.includes("supervise") && "floor", me.rights.includes("supervise") && "roster", me.rights.includes("export") && "exports", me.rights.includes("audit") && "audit", me.rights.includes("metrics") && "gateway"].filter(Boolean);
    this.calls = new Calls(this.#live, (call) => this.#go(`calls/${call}`));
    this.orders = new Orders((number, call) => this.#go(`orders/${number}/${call}`));
    this.detail = new Detail(this.#live, me);
    this.phone = me.rights.includes("answer") ? new Softphone(me, (call) => this.#go(`calls/${call}`)) : null;
    this.#listen();
    this.links = this.views.map((view) => h("a", { href: `#/${view}`, class: "rail-link", data: { view }, title: t(`nav.${view}`) }, icon(view), h("span", {}, t(`nav.${view}`))));
    this.status = h("span", { class: "live-state", title: t("live.off") });
    const rail = h(
      "nav",
      { class: "rail" },
      h("img", { class: "logo", src: "/static/icon.svg", alt: t("app"), title: t("app") }),
      this.links,
      h("span", { class: "grow" }),
      this.status,
      h("button", { class: "rail-link", type: "button", title: t("nav.help"), onclick: showHelp }, icon("help")),
      h("button", { class: "rail-link", type: "button", title: `${me.display} · ${name("role", me.role)}`, onclick: () => this.#signOut() }, icon("out"), h("span", {}, t("nav.out"))),
      h("div", { class: "me", title: `${me.display} · ${name("role", me.role)}` }, Array.from(me.display)[0] ?? "?"),
    );
    this.element = h("div", { class: "shell" }, rail, h("div", { class: "top" }, this.#banner, this.phone?.element), this.#main);
  }

  begin() {
    if (this.me.rights.includes("read")) this.#live.start();
    this.phone?.begin();
    this.route();
  }

  end() {
    this.#live.stop();
    this.phone?.end();
  }

  #listen() {
    this.#live.addEventListener("reset", () => { this.calls.draw(); this.detail.reset(); this.#again(); this.#firstCall(); });
    this.#live.addEventListener("change", ({ detail: { calls, events } }) => {
      this.calls.draw();
      this.detail.changed(calls, events);
      if (events.some((event) => event.type === "call.ended" || event.type === "order")) this.#again();
      this.#firstCall();
    });
    this.#live.addEventListener("connection", ({ detail: { connected, code } }) => {
      this.#banner.hidden = connected;
      this.#banner.textContent = connected ? "" : t(code === 1013 ? "live.slow" : "live.lost");
      this.status.classList.toggle("on", connected);
      this.status.title = t(connected ? "live.on" : "live.off");
    });
  }

  // Reads the lists once more, a moment later, so that many events cost one reading.
  #again() {
    clearTimeout(this.#reread);
    this.#reread = setTimeout(() => { this.calls.read(); if (this.#view === "orders") this.orders.read(); }, REREAD_MS);
  }

  async route() {
    const [view, id, call] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
    const wanted = this.views.includes(view) ? view : this.views[0] ?? "";
    if (wanted !== this.#view) this.#open(wanted);
    if (wanted === "calls") {
      this.calls.list.select(id ?? "");
      this.detail.show(id ?? "");
    } else if (wanted === "orders") {
      this.orders.list.select(id ?? "");
      this.detail.show(call ?? "");
    }
    await this.#firstCall();
  }

  #open(view) {
    this.#view = view;
    for (const link of this.links) link.classList.toggle("on", link.dataset.view === view);
    this.#main.dataset.view = view;
    if (view === "calls") { replace(this.#main, this.calls.element, this.detail.element); this.calls.read().then(() => this.#firstCall()); }
    else if (view === "orders") { replace(this.#main, this.orders.element, this.detail.element); this.orders.read().then(() => this.#firstCall()); }
    else if (view === "floor") replace(this.#main, floorPage(this.phone, (call) => this.#go(`calls/${call}`)));
    else if (view === "roster") replace(this.#main, rosterPage());
    else if (view === "exports") replace(this.#main, exportsPage());
    else if (view === "audit") replace(this.#main, auditPage());
    else if (view === "gateway") replace(this.#main, gatewayPage(this.me.rights));
    else replace(this.#main, h("main", { class: "page" }, h("p", { class: "lead" }, t("error.auth.role"))));
  }

  // With nothing chosen, show what is going on now, else the latest.
  #firstCall() {
    const [, id] = location.hash.replace(/^#\/?/, "").split("/");
    if (id) return;
    if (this.#view === "calls" && this.calls.first) location.replace(`#/calls/${encodeURIComponent(this.calls.first)}`);
    if (this.#view === "orders" && this.orders.first) {
      const number = this.orders.first;
      location.replace(`#/orders/${encodeURIComponent(number)}/${encodeURIComponent(this.orders.callOf(number))}`);
    }
  }

  #go(path) {
    location.hash = "#/" + path.split("/").map(encodeURIComponent).join("/");
  }

  async #signOut() {
    try {
      await ask("DELETE", "/api/v1/session");
    } catch (error) {
      toast(errorText(error), "error");
      if (error.status !== 401) return;
    }
    leave("");
  }

  key(event) {
    if (this.phone?.key(event)) return;
    if (event.ctrlKey && event.key === "Enter" && this.detail.order.draftOf) {
      event.preventDefault();
      this.detail.order.confirm();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = event.target.closest("input:not([type=range]), textarea, select");
    if (typing) return;
    const list = { calls: this.calls.list, orders: this.orders.list }[this.#view];
    const keys = {
      j: () => list?.move(1),
      k: () => list?.move(-1),
      ArrowDown: () => list?.move(1),
      ArrowUp: () => list?.move(-1),
      "/": () => list?.focusSearch(),
      f: () => this.detail.order.step(1),
      F: () => this.detail.order.step(-1),
      e: () => this.detail.order.edit(),
      " ": () => this.detail.player.toggle(),
      ArrowLeft: () => this.detail.player.skip(-5),
      ArrowRight: () => this.detail.player.skip(5),
      Escape: () => this.detail.transcript.light(null),
      "?": showHelp,
    };
    const view = this.views[Number(event.key) - 1];
    const action = view ? () => this.#go(view) : keys[event.key];
    if (!action || (event.key === " " && event.target.closest("button, a"))) return;
    event.preventDefault();
    action();
  }
}

start();
