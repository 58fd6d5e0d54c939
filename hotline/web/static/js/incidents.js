// Incidents: something that many call about, with live counts; and parties that many call about without one.

import { ask, get } from "./api.js";
import { catalogue } from "./catalogue.js";
import { single } from "./dialogs.js";
import { h, replace, toast } from "./dom.js";
import { askFor } from "./form_dialog.js";
import { fullTime, when } from "./format.js";
import { counted, openDrawer } from "./list_drawer.js";
import { pill } from "./order.js";
import { errorText, name, t } from "./text.js";

const EVERY_MS = 3000;
const KINDS = ["emergency", "group"];

export class Incidents {
  #shown = "";
  #body = h("div", {}, h("p", { class: "hint" }, t("page.busy")));
  element = h("main", { class: "page wide-page incidents" }, h("h1", {}, t("incidents.title")), h("p", { class: "lead" }, t("incidents.lead")), this.#body);
  #last = "";

  constructor(me) {
    this.me = me;
    this.mayEdit = me.rights.includes("edit");
  }

  // Shows the list, or one; reads anew while it is on the screen.
  show(id) {
    const begun = this.#shown !== "" && this.element.isConnected;
    this.#shown = id || "list";
    this.#last = "";
    if (!begun) this.#run();
    else this.#read();
  }

  async #run() {
    if (this.running) { this.#read(); return; }
    this.running = true;
    await this.#read();
    while (this.element.isConnected) {
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      if (this.element.isConnected && !document.querySelector("dialog[open]")) await this.#read();
    }
    this.running = false;
  }

  async #read() {
    const shown = this.#shown;
    try {
      const found = await get(shown === "list" ? "/api/v1/incidents" : `/api/v1/incidents/${encodeURIComponent(shown)}`);
      const told = JSON.stringify(found);
      if (shown !== this.#shown || told === this.#last) return;
      this.#last = told;
      replace(this.#body, shown === "list" ? this.#list(found) : this.#one(found));
    } catch (error) {
      if (error.status !== 401) toast(errorText(error), "error");
    }
  }

  #list({ incidents, clusters }) {
    const [open, closed] = [incidents.filter((each) => each.status === "open"), incidents.filter((each) => each.status !== "open")];
    return [
      this.mayEdit ? h("p", {}, h("button", { class: "primary", type: "button", onclick: single(() => this.#add({})) }, t("incidents.add"))) : null,
      clusters.length ? h("section", { class: "clusters" }, h("h2", {}, t("incidents.clusters"), h("span", { class: "badge" }, String(clusters.length))), h("p", { class: "hint" }, t("incidents.clusters.hint")), h("ul", { class: "floor-list" }, clusters.map((each) => h("li", {}, h("span", {}, `${each.place} ${each.name}`), ...["callers", "orders"].map((of) => h("span", {}, t(`incidents.${of}`), " ", counted(each[of], { count: each[of], of, party: each.party }, () => openCluster(each, of)))), h("time", { class: "hint" }, when(each.last)), h("span", { class: "grow" }), this.mayEdit ? h("button", { class: "small primary", type: "button", onclick: single(() => this.#add({ ...each, kind: "group" })) }, t("incidents.create")) : null)))) : null,
      h("h2", {}, t("incidents.open")),
      open.length ? h("div", { class: "incident-cards" }, open.map(card)) : h("p", { class: "hint" }, t("incidents.none")),
      closed.length ? [h("h2", {}, t("incidents.closed")), h("div", { class: "incident-cards" }, closed.map(card))] : null,
    ];
  }

  #one(each) {
    const open = each.status === "open";
    return [
      h("p", {}, h("a", { href: "#/incidents" }, `← ${t("incidents.title")}`)),
      h("h2", { class: "incident-title" }, each.title, " ", h("span", { class: `pill incident-${each.kind}` }, t(`incidents.kind.${each.kind}`)), " ", h("span", { class: "pill" }, t(open ? "incidents.open" : "incidents.closed"))),
      h("p", { class: "hint" }, t("incidents.opened", { who: each.opened_by, at: fullTime(each.opened_at) }), each.queue ? ` · ${t("incidents.queue")} ${each.queue}` : "", each.words.length ? ` · ${each.words.join(" ")}` : ""),
      each.greeting ? h("p", { class: "greeting" }, h("b", {}, t("incidents.greeting")), " ", each.greeting) : null,
      each.outcome ? h("p", { class: "greeting" }, h("b", {}, t("incidents.outcome")), " ", each.outcome) : null,
      figures(each),
      h("p", { class: "order-line" }, Object.entries(each.states).map(([state, n]) => h("span", { class: `pill state-${state}` }, `${name("state", state)} `, counted(n, { count: n, state }, () => openCounted(each, "orders", state))))),
      open && this.mayEdit ? h("p", { class: "order-line" },
        h("button", { class: "small primary", type: "button", onclick: () => this.#join(each) }, t("incidents.join")),
        this.me.rights.includes("supervise") ? h("button", { class: "small", type: "button", onclick: () => this.#close(each) }, t("incidents.close")) : null) : null,
      each.suggested.length ? [
        h("h3", {}, t("incidents.suggested"), h("small", {}, String(each.suggested.length))),
        h("p", { class: "hint" }, t("incidents.suggested.hint")),
        h("ul", { class: "floor-list suggested" }, each.suggested.map((row) => h(
          "li",
          {},
          h("a", { class: "mono", href: `#/orders/${encodeURIComponent(row.number)}/${encodeURIComponent(row.call)}` }, row.number),
          h("span", {}, row.matter_label),
          h("span", { class: "hint incident-summary" }, row.content_deleted_at ? t("order.deleted.short") : row.summary),
          h("span", { class: "grow" }),
          h("time", { class: "hint" }, when(row.filed_at)),
          this.mayEdit ? h("button", { class: "small primary", type: "button", onclick: single(() => this.#send(each, { orders: [row.number] })) }, t("incidents.joining")) : null,
        ))),
      ] : null,
      h("h3", {}, t("incidents.members"), h("small", {}, String(each.members.length))),
      h("ul", { class: "floor-list" }, each.members.map((row) => h(
        "li",
        {},
        COUNTED.orders(row),
        open && this.mayEdit ? h("button", { class: "small", type: "button", onclick: single(() => this.#send(each, { orders: [row.number], out: true })) }, t("incidents.leave")) : null,
      ))),
      each.called.length ? [h("h3", {}, t("incidents.called")), h("ul", { class: "floor-list" }, each.called.map((call) => h("li", {}, h("a", { class: "mono", href: `#/calls/${encodeURIComponent(call)}` }, call))))] : null,
    ];
  }

  async #add({ kind = "emergency", name: about = "", district = "510000", party = "" }) {
    let places, queues;
    try {
      ({ places, queues } = await catalogue());
    } catch (error) {
      toast(errorText(error), "error");
      return;
    }
    askFor(
      t("incidents.add"),
      [
        { name: "kind", label: t("incidents.kind"), kind: "select", options: KINDS.map((each) => [each, t(`incidents.kind.${each}`)]), value: kind },
        { name: "title", label: t("incidents.name"), required: true, max: 128, value: about },
        { name: "district", label: t("incidents.district"), kind: "select", options: places, value: district },
        { name: "words", label: t("incidents.words"), max: 200, value: about },
        { name: "greeting", label: t("incidents.greeting"), kind: "area", max: 1000 },
        { name: "queue", label: t("incidents.queue"), kind: "select", options: [["", t("incidents.queue.none")], ...queues] },
      ],
      async ({ words, ...form }) => {
        const made = await ask("POST", "/api/v1/incidents", { ...form, party, words: words.split(/\s+/).filter(Boolean) });
        toast(t("incidents.made"));
        location.hash = `#/incidents/${made.id}`;
      },
    );
  }

  #join(each) {
    askFor(t("incidents.join"), [{ name: "order", label: t("incidents.join.order"), required: true, max: 64 }], ({ order }) => this.#members(each, { orders: [order] }));
  }

  #close(each) {
    askFor(t("incidents.close"), [{ name: "outcome", label: t("incidents.outcome"), kind: "area", required: true, max: 2000 }], async (form) => {
      await ask("POST", `/api/v1/incidents/${each.id}/close`, form);
      toast(t("incidents.closed.done"));
      this.#read();
    });
  }

  async #send(each, form) {
    try {
      await this.#members(each, form);
    } catch (error) {
      toast(errorText(error), "error");
    }
  }

  async #members(each, form) {
    await ask("POST", `/api/v1/incidents/${each.id}/members`, form);
    this.#read();
  }
}

function figures(each) {
  return h("div", { class: "floor-today" }, ["calls", "orders", "callers"].map((key) => h("div", { class: "figure" }, h("b", {}, counted(each[key], { count: each[key], of: key }, () => openCounted(each, key))), h("span", {}, t(`incidents.${key}`)))));
}

// What a count of an incident counts: orders (of a state), calls or callers.
function openCounted(each, of, state = "") {
  openBehind(each.title, state ? name("state", state) : t(`incidents.${of}`), of, `/api/v1/incidents/${each.id}/list`, { state });
}

// What a count of a cluster counts: orders or callers.
function openCluster({ party, place, name: named }, of) {
  openBehind(`${place} ${named}`, t(`incidents.${of}`), of, "/api/v1/clusters/list", { party });
}

function openBehind(whose, about, of, path, asked) {
  openDrawer({
    title: `${whose} · ${about}`,
    parts: [[of, about]],
    load: (_part, next) => get(path, { of, ...asked, after: next }),
    row: (row) => h("li", {}, COUNTED[of](row)),
  });
}

const order = (row) => h("a", { class: "mono", href: `#/orders/${encodeURIComponent(row.number)}/${encodeURIComponent(row.call)}` }, row.number);
const COUNTED = {
  orders: (row) => [order(row), pill("state", row.state), h("span", {}, row.matter_label), h("span", { class: "hint incident-summary" }, row.content_deleted_at ? t("order.deleted.short") : row.summary), h("span", { class: "grow" }), h("time", { class: "hint" }, when(row.filed_at))],
  calls: (row) => [h("a", { href: `#/calls/${encodeURIComponent(row.call)}` }, fullTime(row.started)), h("span", { class: "mono" }, row.remote), h("span", {}, row.matter_label || "")],
  callers: (row) => [h("span", { class: "mono" }, row.caller), h("span", { class: "grow" }), order(row), h("time", { class: "hint" }, when(row.filed_at))],
};

function card(each) {
  return h(
    "a",
    { class: "incident-card", href: `#/incidents/${each.id}` },
    h("b", {}, each.title),
    h("span", { class: `pill incident-${each.kind}` }, t(`incidents.kind.${each.kind}`)),
    h("span", { class: "incident-counts" }, ["calls", "orders", "callers"].map((key) => h("span", {}, h("b", {}, String(each[key])), ` ${t(`incidents.${key}`)}`))),
    h("time", { class: "hint" }, when(each.opened_at)),
  );
}
