// Starts the page: sign-in, the three views, the keys.

import { AlarmBar } from "./alarm.js";
import { ask, get, useSession } from "./api.js";
import { Calls } from "./calls.js";
import { Detail } from "./detail.js";
import { mayLeave, unsaved } from "./dialogs.js";
import { h, icon, replace, toast } from "./dom.js";
import { accountPage } from "./account.js";
import { accountsPage } from "./accounts.js";
import { auditPage } from "./audit.js";
import { exportsPage } from "./exports.js";
import { deliveriesPage } from "./deliveries.js";
import { loadFlags } from "./flags.js";
import { floorPage } from "./floor.js";
import { rosterPage } from "./roster.js";
import { tick } from "./format.js";
import { gatewayPage } from "./gateway.js";
import { showHelp } from "./help.js";
import { Incidents } from "./incidents.js";
import { Live } from "./live.js";
import { Orders } from "./orders.js";
import { referralsPage } from "./referrals.js";
import { signInAgain, signInPage } from "./signin.js";
import { QualityPage } from "./quality.js";
import { Stats } from "./stats.js";
import { Softphone } from "./softphone.js";
import { wallPage } from "./wall.js";
import { errorText, loadTexts, name, t } from "./text.js";
import { UnitBench } from "./unit.js";

const REREAD_MS = 400;
// Pages that read by themselves until they are told that nobody is signed in.
const LOOPS = new Set(["floor", "wall", "gateway"]);
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
  useSession(me.csrf, ended);
  workplace = new Workplace(me);
  replace(root, workplace.element);
  workplace.begin();
}

// The session is over by itself. What somebody is typing, or a talk, is not cut off: they sign in over the page.
function ended() {
  const message = errorText({ code: "auth.required" });
  if (!workplace || !(unsaved() || workplace.phone?.inCall)) { leave(message); return; }
  if (document.querySelector("dialog.again")) return;
  const { me } = workplace;
  const same = (again) => again.name === me.name && again.role === me.role && !again.due.length;
  signInAgain(me.name, (again) => {
    if (!same(again)) { leave(""); enter(again); return; }
    useSession(again.csrf, ended);
    workplace.resume();
  }, () => leave(message));
}

function leave(message) {
  for (const dialog of document.querySelectorAll("dialog[open]:not(.again)")) dialog.close();
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
    this.views = [reads && "calls", reads && "orders", reads && "incidents", reads && "referrals", me.rights.includes("supervise") && "floor", me.rights.includes("supervise") && "roster", me.rights.includes("figures") && "stats", me.rights.includes("figures") && "wall", reads && "quality", me.rights.includes("export") && "exports", me.rights.includes("audit") && "audit", me.rights.includes("accounts") && "accounts", me.rights.includes("metrics") && "gateway", me.rights.includes("deliveries") && "deliveries", me.rights.includes("handle") && "unit_orders"].filter(Boolean);
    if (me.due.length) this.views = [];
    this.calls = new Calls(this.#live, (call) => this.#go(`calls/${call}`));
    this.orders = new Orders((number, call) => this.#go(`orders/${number}/${call}`));
    this.incidents = new Incidents(me);
    this.detail = new Detail(this.#live, me, me.rights.includes("answer") ? (order) => this.phone?.callBack(order) : null);
    this.bench = me.rights.includes("handle") ? new UnitBench((number) => this.#go(`unit_orders/${number}`)) : null;
    this.detail.order.element.addEventListener("changed", () => this.#again());
    this.stats = new Stats((path) => { location.hash = `#/${path}`; }, me.rights);
    this.phone = me.rights.includes("answer") && !me.due.length ? new Softphone(me, (call) => this.#go(`calls/${call}`)) : null;
    this.alarms = new AlarmBar(this.#live, (call) => this.#go(`calls/${call}`));
    this.#listen();
    this.links = this.views.map((view) => h("a", { href: `#/${view}`, class: "rail-link", data: { view }, title: t(`nav.${view}`), onclick: (event) => { if (!mayLeave(this.#main)) event.preventDefault(); } }, icon(view), h("span", {}, t(`nav.${view}`))));
    this.status = h("span", { class: "live-state", hidden: !me.rights.includes("read") || me.due.length > 0, title: t("live.off") });
    const rail = h(
      "nav",
      { class: "rail" },
      h("img", { class: "logo", src: "/static/icon.svg", alt: t("app"), title: t("app") }),
      this.links,
      h("span", { class: "grow" }),
      this.status,
      h("button", { class: "rail-link", type: "button", title: t("nav.help"), onclick: showHelp }, icon("help")),
      h("button", { class: "rail-link", type: "button", title: `${me.display} · ${name("role", me.role)}`, onclick: () => this.#signOut() }, icon("out"), h("span", {}, t("nav.out"))),
      h("a", { class: "me", href: "#/me", title: `${me.display} · ${name("role", me.role)}` }, Array.from(me.display)[0] ?? "?"),
    );
    this.element = h("div", { class: "shell" }, rail, h("div", { class: "top" }, this.#banner, this.alarms.element, this.phone?.element), this.#main);
  }

  begin() {
    if (this.me.rights.includes("read") && !this.me.due.length) { loadFlags(); this.#live.start(); }
    this.phone?.begin();
    this.route();
  }

  // Signed in again: what has stopped asking the server goes on.
  resume() {
    this.#live.resume();
    if (LOOPS.has(this.#view)) this.#open(this.#view);
  }

  end() {
    this.#live.stop();
    this.phone?.end();
    this.bench?.end();
  }

  #listen() {
    this.#live.addEventListener("reset", () => { this.alarms.draw(); this.calls.draw(); this.detail.reset(); this.#again(); this.#firstCall(); });
    this.#live.addEventListener("change", ({ detail: { calls, events } }) => {
      if (events.some((event) => event.type === "alert" || event.type.startsWith("call."))) this.alarms.draw();
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
    this.#reread = setTimeout(async () => {
      await Promise.all([this.calls.read({ again: true }), this.#view === "orders" ? this.orders.read({ again: true }) : null]);
      this.#firstCall(); // the reading that opened the page may have been overtaken by this one
    }, REREAD_MS);
  }

  async route() {
    const [view, id, call] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
    const wanted = this.views.includes(view) || view === "me" ? view : this.views[0] ?? "me";
    if (wanted !== this.#view) this.#open(wanted);
    if (wanted === "calls") {
      this.calls.list.select(id ?? "");
      this.detail.show(id ?? "");
    } else if (wanted === "orders") {
      this.orders.list.select(id ?? "");
      this.detail.show(call ?? "", id ?? "");
    } else if (wanted === "incidents") this.incidents.show(id ?? "");
    else if (wanted === "stats") this.stats.show(location.hash.split("/")[2] ?? "");
    else if (wanted === "unit_orders") this.bench.show(id ?? "");
    await this.#firstCall();
  }

  #open(view) {
    this.#view = view;
    for (const link of this.links) link.classList.toggle("on", link.dataset.view === view);
    this.#main.dataset.view = view;
    if (view === "calls") { replace(this.#main, this.calls.element, this.detail.element); this.calls.read().then(() => this.#firstCall()); }
    else if (view === "orders") { replace(this.#main, this.orders.element, this.detail.element); this.orders.read().then(() => this.#firstCall()); }
    else if (view === "incidents") replace(this.#main, this.incidents.element);
    else if (view === "referrals") replace(this.#main, referralsPage(this.me.rights));
    else if (view === "floor") replace(this.#main, floorPage(this.phone, (call) => this.#go(`calls/${call}`)));
    else if (view === "stats") replace(this.#main, this.stats.element);
    else if (view === "quality") { const page = new QualityPage(this.me); replace(this.#main, page.element); page.show(); }
    else if (view === "wall") replace(this.#main, wallPage(this.me.rights));
    else if (view === "roster") replace(this.#main, rosterPage());
    else if (view === "exports") replace(this.#main, exportsPage());
    else if (view === "audit") replace(this.#main, auditPage());
    else if (view === "accounts") replace(this.#main, accountsPage(this.me));
    else if (view === "me") replace(this.#main, accountPage(this.me));
    else if (view === "gateway") replace(this.#main, gatewayPage(this.me.rights));
    else if (view === "deliveries") replace(this.#main, deliveriesPage(this.me.rights));
    else if (view === "unit_orders") { replace(this.#main, this.bench.list.element, this.bench.detail); this.bench.begin(); }
    else replace(this.#main, h("main", { class: "page" }, h("p", { class: "lead" }, t("error.auth.role"))));
  }

  // With nothing chosen, show what is going on now, else the latest.
  #firstCall() {
    const [view, id] = location.hash.replace(/^#\/?/, "").split("/");
    if (id || (view !== this.#view && (this.views.includes(view) || view === "me"))) return; // somebody who has gone elsewhere is not called back
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
    if (unsaved() && !confirm(t("dialog.give_up"))) return;
    try {
      await ask("DELETE", "/api/v1/session");
    } catch (error) {
      toast(errorText(error), "error");
      if (error.status !== 401) return;
    }
    leave("");
  }

  key(event) {
    if (document.querySelector("dialog.again")) return;
    if (this.phone?.key(event)) return;
    if (event.ctrlKey && event.key === "Enter" && this.detail.order.draftOf) {
      event.preventDefault();
      this.detail.order.confirm();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = event.target.closest("input:not([type=range]), textarea, select");
    if (typing) return;
    if (this.phone?.letter(event.key)) { event.preventDefault(); return; }
    const list = { calls: this.calls.list, orders: this.orders.list, unit_orders: this.bench?.list }[this.#view];
    if (this.#view === "unit_orders" && this.bench.key(event.key)) { event.preventDefault(); return; }
    const rows = list ? {
      j: () => list.move(1),
      k: () => list.move(-1),
      ArrowDown: () => list.move(1),
      ArrowUp: () => list.move(-1),
      "/": () => list.focusSearch(),
    } : {};
    const call = ["calls", "orders"].includes(this.#view) ? {
      f: () => this.detail.order.step(1),
      F: () => this.detail.order.step(-1),
      e: () => this.detail.order.edit(),
      p: () => this.detail.playWords(),
      " ": () => this.detail.player.toggle(),
      ArrowLeft: () => this.detail.player.skip(-5),
      ArrowRight: () => this.detail.player.skip(5),
      Escape: () => this.detail.transcript.light(null),
    } : {};
    const keys = { ...rows, ...call, "?": showHelp };
    const view = this.views[Number(event.key) - 1];
    const action = view ? () => mayLeave(this.#main) && this.#go(view) : keys[event.key];
    if (!action || (event.key === " " && event.target.closest("button, a"))) return;
    event.preventDefault();
    action();
  }
}

start();
