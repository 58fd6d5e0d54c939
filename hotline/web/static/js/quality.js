// Quality inspection: a day's sample, a call's sheet beside what was said and what the machine saw, issues.

import { ask, get } from "./api.js";
import { once, single } from "./dialogs.js";
import { h, replace, toast } from "./dom.js";
import { fullTime, isoDay } from "./format.js";
import { counted, openDrawer } from "./list_drawer.js";
import { Player } from "./player.js";
import { FIRST_DAY } from "./stats_filters.js";
import { errorText, name, pieces, t } from "./text.js";

const DAY_MS = 86400000;

export class QualityPage {
  #body = h("section", { class: "quality-sheet", "aria-live": "polite" });
  #side = h("nav", { class: "quality-list" }, h("p", { class: "hint" }, t("page.busy")));
  #player = new Player();
  #chosen = 0;
  #turn = 0; // of the list
  #opened = 0; // of the sheet

  constructor(me) {
    this.me = me;
    this.inspects = me.rights.includes("inspect");
    this.day = isoDay(new Date(Date.now() - DAY_MS));
    this.element = h("main", { class: "page wide-page stats" }, h("header", { class: "stats-head" }, h("h1", {}, t("quality.title"))), h("div", { class: "quality" }, this.#side, this.#body));
  }

  async show() {
    try {
      if (this.inspects) await this.#list();
      else await this.#mine();
    } catch (error) {
      toast(errorText(error), "error");
    }
  }

  async #list() {
    const month = `${this.day.slice(0, 8)}01`;
    const mine = ++this.#turn;
    const [found, figures] = await Promise.all([get("/api/v1/quality", { day: this.day }), get("/api/v1/quality/figures", { from: month, to: this.day })]);
    const { days } = await get("/api/v1/quality/days", { day: isoDay(new Date()) }); // the day asked for is drawn by now
    if (mine !== this.#turn) return;
    const day = h("input", { type: "date", value: this.day, max: isoDay(new Date()), onchange: (event) => this.#go(event.target.value) });
    replace(
      this.#side,
      h("label", {}, t("quality.day"), day),
      days.length ? h("p", { class: "quality-days" }, h("span", { class: "hint" }, t("quality.days")), days.map((each) => h("button", { type: "button", class: "small", data: { day: each.day, count: each.sampled }, "aria-pressed": String(each.day === this.day), onclick: () => this.#go(each.day) }, t("quality.day.done", { day: each.day.slice(5), done: each.inspected, n: each.sampled })))) : null,
      h("p", { class: "hint" }, found.drawn && !found.answered ? "" : found.drawn ? this.#drawn(found) : t("quality.not_drawn")),
      h("ul", {}, found.calls.map((each) => h("li", {}, h(
        "button",
        { type: "button", class: "topic", data: { sample: each.id }, "aria-current": String(each.id === this.#chosen), onclick: () => (this.#chosen === each.id ? this.#again(each.id) : this.#leaves() && this.#open(each.id)) },
        h("b", {}, each.agent),
        h("span", { class: "hint" }, each.reasons.join("、") || t("quality.by_chance")),
        h("span", { class: each.points === null ? "pill" : "pill outcome-answered" }, each.points === null ? t("quality.waiting") : String(each.points)),
      )))),
      found.drawn && !found.calls.length ? h("p", { class: "hint" }, t("quality.none")) : null,
      figures.agents.length ? [h("h3", {}, t("quality.figures")), table(figures.agents, (agent, of) => this.#behind({ agent, of, from: month, to: this.day }))] : null,
    );
  }

  #go(day) {
    if (day < FIRST_DAY || !this.#leaves()) return;
    this.day = day;
    this.#chosen = 0;
    replace(this.#body);
    this.show();
  }

  // How the day was drawn; the sample is the list below.
  #drawn(found) {
    const sample = () => this.#side.querySelector("[data-sample]")?.focus();
    return pieces(found.kept ? "quality.drawn" : "quality.drawn.before", {
      answered: counted(found.answered, { drawn: "from", count: found.answered }, () => this.#from(found)),
      n: counted(found.calls.length, { drawn: "sample", count: found.calls.length }, sample),
      share: found.share ?? "—",
      seed: h("span", { class: "mono", title: found.seed }, found.seed.slice(0, 8)),
    });
  }

  // The calls there were to draw from, those that were drawn with their sheet.
  #from({ day }) {
    const about = t("quality.from");
    const sheet = (row) => h("button", { type: "button", class: "small", data: { drawn: row.sample }, onclick: (event) => { if (this.#leaves()) { event.target.closest("dialog").close(); this.#open(row.sample); } } }, t("quality.from.drawn", { why: row.reasons.join("、") || t("quality.by_chance") }));
    openDrawer({
      title: `${day} · ${about}`,
      parts: [["from", about]],
      load: (_part, next) => get("/api/v1/quality/drawn", { day, after: next }),
      row: (row) => h("li", {}, h("a", { href: `#/calls/${encodeURIComponent(row.call)}` }, fullTime(row.started)), h("span", { class: "mono" }, row.remote), h("span", {}, row.matter_label || ""), h("span", { class: "grow" }), row.sample === null ? null : sheet(row)),
      note: (page) => t(page.kept ? `quality.from.${page.same ? "same" : "other"}` : "quality.from.before", { named: page.named, chance: page.by_chance, seed: page.seed, day }),
    });
  }

  // What an agent's figure counts: sheets, or issues.
  #behind(asked) {
    const about = t(`quality.fig.${asked.of}`);
    const sheet = (row, words) => h("button", { type: "button", class: "open", onclick: (event) => { if (this.#leaves()) { event.target.closest("dialog").close(); this.#open(row.sample); } } }, words);
    const drawn = (row) => [sheet(row, row.day), h("span", { class: "hint" }, row.reasons.join("、") || t("quality.by_chance")), h("span", { class: "grow" }), h("span", { class: row.points === null ? "pill" : "pill outcome-answered" }, row.points === null ? t("quality.waiting") : String(row.points))];
    const issue = (row) => [sheet(row, fullTime(row.raised_at)), h("span", { class: `pill quality-${row.state}` }, t(`quality.state.${row.state}`)), h("span", {}, row.text)];
    openDrawer({
      title: `${asked.agent} · ${about} · ${asked.from} – ${asked.to}`,
      parts: [[asked.of, about]],
      load: (_part, next) => get("/api/v1/quality/list", { ...asked, after: next }),
      row: (row) => h("li", {}, ["found", "fixed"].includes(asked.of) ? issue(row) : drawn(row)),
    });
  }

  // Whether a sheet that was begun may be given up.
  #leaves() {
    const begun = this.#body.querySelector("form[data-touched]");
    return !begun || confirm(t("dialog.give_up"));
  }

  // With `begun`, what was typed into the sheet stays.
  async #open(number, begun = null) {
    const mine = ++this.#opened;
    try {
      const sheet = await get(`/api/v1/quality/calls/${number}`);
      if (mine !== this.#opened) return;
      this.#chosen = number;
      for (const button of this.#side.querySelectorAll("button.topic")) button.setAttribute("aria-current", String(Number(button.dataset.sample) === number));
      this.#player.load(sheet.call, sheet.about.recorded, sheet.recording_origin);
      const lines = new Map();
      const said = h("ol", { class: "quality-said" }, sheet.said.map((each) => {
        const line = h("li", { class: each.speaker, onclick: () => this.#player.playFrom(each.start) }, h("b", {}, name("speaker", each.speaker)), h("span", {}, each.text));
        lines.set(each.utterance, line);
        return line;
      }));
      replace(
        this.#body,
        h("header", {}, h("h2", {}, h("a", { href: `#/calls/${encodeURIComponent(sheet.call)}` }, fullTime(sheet.about.started))), h("span", { class: "mono" }, sheet.about.remote), h("span", {}, sheet.agent), sheet.points === null ? null : h("b", {}, t("quality.points", { points: sheet.points, full: sheet.full }))),
        this.#player.element,
        h("div", { class: "quality-columns" },
          h("div", {}, h("h3", {}, t("quality.said")), said),
          h("div", {}, h("h3", {}, t("quality.marks")), this.#marks(sheet, lines), sheet.own ? h("p", { class: "hint" }, t("quality.own")) : this.#form(sheet, begun), this.#issues(sheet))),
      );
    } catch (error) {
      toast(errorText(error), "error");
    }
  }

  // A mark lights its words and plays from there.
  #marks(sheet, lines) {
    if (!sheet.marks.length) return h("p", { class: "hint" }, t("quality.marks.none"));
    return h("ul", { class: "quality-marks" }, sheet.marks.map((mark) => h("li", {}, h(
      "button",
      { type: "button", class: "small", title: t("quality.listen"), data: { kind: mark.kind }, onclick: () => this.#point(mark, lines, sheet) },
      mark.name, mark.amount ? ` · ${t(`quality.amount.${mark.kind}`, { n: mark.amount })}` : "",
    ))));
  }

  #point(mark, lines, sheet) {
    for (const line of lines.values()) line.classList.remove("lit-line");
    const line = lines.get(mark.utterance);
    if (line) {
      const text = sheet.said.find((each) => each.utterance === mark.utterance).text;
      replace(line.lastChild, text.slice(0, mark.first), h("mark", {}, text.slice(mark.first, mark.last)), text.slice(mark.last));
      line.classList.add("lit-line");
      line.scrollIntoView({ block: "center" });
    }
    if (sheet.about.recorded) this.#player.playFrom(mark.at);
  }

  #form(sheet, begun) {
    const inputs = Object.fromEntries(sheet.sheet.map((item) => [item.id, h("input", { type: "number", min: 0, max: item.most, required: true, name: item.id, value: begun?.[item.id] ?? sheet.scores[item.id] ?? "" })]));
    const remark = h("textarea", { name: "remark", rows: 2, maxlength: 2000 }, begun?.remark ?? sheet.remark);
    return h(
      "form",
      { class: "quality-form", data: begun ? { touched: "1" } : null, onsubmit: once(() => this.#send("PUT", `/api/v1/quality/calls/${sheet.id}`, { version: sheet.version, scores: Object.fromEntries(Object.entries(inputs).map(([id, input]) => [id, Number(input.value)])), remark: remark.value }, sheet.id, t("quality.kept"))) },
      h("h3", {}, t("quality.sheet")),
      sheet.sheet.map((item) => h("label", {}, h("span", {}, `${item.name}（${item.most}）`), inputs[item.id])),
      h("label", {}, h("span", {}, t("quality.remark")), remark),
      h("button", { class: "primary", type: "submit" }, t("quality.keep")),
    );
  }

  #issues(sheet) {
    const text = h("textarea", { name: "issue", rows: 2, maxlength: 1000, required: true, placeholder: t("quality.issue.text") });
    return h(
      "section",
      {},
      h("h3", {}, t("quality.issues")),
      sheet.issues.map((each) => this.#issue(each, () => this.#again(sheet.id))),
      sheet.own ? null : h("form", { class: "quality-issue", onsubmit: once(() => this.#post(`/api/v1/quality/calls/${sheet.id}/issues`, { text: text.value }, () => this.#again(sheet.id))) }, text, h("button", { class: "small", type: "submit" }, t("quality.issue.new"))),
    );
  }

  #issue(each, again) {
    const words = h("textarea", { rows: 2, maxlength: 1000, name: "words", placeholder: t(each.state === "raised" ? "quality.issue.answer" : "quality.issue.verdict") });
    const send = single((path, body) => this.#post(`/api/v1/quality/issues/${each.id}/${path}`, { text: words.value, ...body }, again));
    const mine = each.agent === this.me.name;
    return h(
      "article",
      { class: "quality-one" },
      h("p", {}, h("span", { class: `pill quality-${each.state}` }, t(`quality.state.${each.state}`)), " ", each.text),
      h("p", { class: "hint" }, `${each.raised_by} → ${each.agent} · ${fullTime(each.raised_at)}`),
      each.answer ? h("p", {}, h("b", {}, t("quality.issue.answered")), " ", each.answer) : null,
      each.verdict ? h("p", {}, h("b", {}, t("quality.issue.verdict")), " ", each.verdict) : null,
      each.state === "raised" && mine ? h("div", { class: "quality-issue" }, words, h("button", { class: "small primary", type: "button", onclick: () => send("answer", {}) }, t("quality.issue.answer"))) : null,
      each.state === "answered" && this.inspects && !mine ? h("div", { class: "quality-issue" }, words, h("button", { class: "small primary", type: "button", onclick: () => send("verdict", { right: true }) }, t("quality.issue.right")), h("button", { class: "small", type: "button", onclick: () => send("verdict", { right: false }) }, t("quality.issue.back"))) : null,
    );
  }

  async #mine() {
    const { issues } = await get("/api/v1/quality/issues");
    replace(this.#side);
    replace(this.#body, h("h2", {}, t("quality.mine")), issues.length ? issues.map((each) => this.#issue(each, () => this.show())) : h("p", { class: "hint" }, t("quality.mine.none")));
  }

  // Reads the sheet anew; scores that were begun stay.
  async #again(number) {
    const form = this.#body.querySelector(".quality-form[data-touched]");
    const begun = form ? Object.fromEntries(new FormData(form)) : null;
    await this.#list();
    await this.#open(number, begun);
  }

  async #send(method, path, body, number, done = "") {
    await this.#post(path, body, async () => { await this.#list(); await this.#open(number); }, method, done);
  }

  async #post(path, body, again, method = "POST", done = "") {
    try {
      await ask(method, path, body);
      if (done) toast(done);
      await again();
    } catch (error) {
      toast(errorText(error), "error");
    }
  }
}

// The mean opens the sheets it is of.
function table(agents, open) {
  const columns = ["agent", "sampled", "inspected", "mean", "found", "fixed"];
  const of = (key) => (key === "mean" ? "inspected" : key);
  const shown = (each, key) => (key === "agent" || each[key] === null ? each[key] ?? "—" : counted(each[key], { agent: each.agent, of: key, count: each[of(key)] }, () => open(each.agent, of(key))));
  return h("table", { class: "table figures" }, h("thead", {}, h("tr", {}, columns.map((key) => h("th", {}, t(`quality.fig.${key}`))))), h("tbody", {}, agents.map((each) => h("tr", {}, columns.map((key) => h("td", {}, shown(each, key)))))));
}
