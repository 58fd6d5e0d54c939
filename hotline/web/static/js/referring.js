// Referring an order's caller, and one referral with the steps that may be taken.

import { ask, get } from "./api.js";
import { single } from "./dialogs.js";
import { h, toast } from "./dom.js";
import { askFor } from "./form_dialog.js";
import { fullTime, when } from "./format.js";
import { errorText, t } from "./text.js";

const KINDS = ["aid", "mediation", "notary", "video", "enforcement", "reconsideration"];
const MODES = ["online", "offline"];
const WITH_TEXT = ["assign", "finish", "refuse", "fail"];
const FIRST = ["accept", "approve", "assign", "success", "attend"];

export function referralCard(row, mayEdit, changed) {
  const facts = [
    row.institution,
    row.mode ? t(`referral.mode.${row.mode}`) : "",
    row.party ? `${t("referral.party")} ${row.party} ${row.party_contact}` : "",
    row.deed,
    row.outside_number ? t("referral.outside_number", { number: row.outside_number }) : "",
    row.expires ? t("referral.link.until", { at: when(row.expires) }) : "",
  ].filter(Boolean);
  return h(
    "li",
    { class: "referral" },
    h("div", { class: "beside-line" }, h("b", {}, t(`referral.kind.${row.kind}`)), h("span", { class: `pill referral-${row.status}` }, t(`referral.status.${row.status}`)), row.appointment ? h("span", {}, fullTime(row.appointment)) : null, h("time", {}, when(row.updated_at))),
    facts.length ? h("p", {}, facts.join(" · ")) : null,
    row.basis ? h("p", { class: "hint" }, `${t(`referral.effect.${row.basis.effect}`)}：${row.basis.label}（${row.basis.law}）`) : null,
    row.materials.length && row.status === "booked" ? h("p", { class: "hint" }, t("referral.materials", { items: row.materials.join("、") })) : null,
    row.text ? h("p", {}, row.text) : null,
    mayEdit ? h("div", { class: "order-line" },
      row.link && ["offered", "opened"].includes(row.status) ? h("button", { class: "small primary", type: "button", onclick: () => copyLink(row) }, t("referral.link")) : null,
      row.choices.map((step) => h("button", { class: `small${FIRST.includes(step) ? " primary" : ""}`, type: "button", onclick: single(() => take(row, step, changed)) }, t(`referral.step.${step}`)))) : null,
  );
}

async function take(row, step, changed) {
  const send = async (form) => {
    await ask("POST", `/api/v1/referrals/${row.id}/steps`, { step, ...form });
    toast(t("referral.done"));
    changed();
  };
  try {
    if (step === "switch") {
      await send({ mode: MODES.find((mode) => mode !== row.mode) });
    } else if (step === "rebook") {
      const slots = await freeSlots();
      if (slots.length) askFor(t("referral.step.rebook"), [slotField(slots)], ({ slot }) => send({ slot: Number(slot) }));
      else toast(t("referral.slot.none"));
    } else if (WITH_TEXT.includes(step) || (step === "withdraw" && row.outside)) {
      const label = step === "assign" ? t("referral.text.hint.assign") : t("referral.text");
      askFor(t(`referral.step.${step}`), [{ name: "text", label, kind: "area", required: true, max: 2000 }], send);
    } else if (confirm(t("moves.sure", { action: t(`referral.step.${step}`) }))) {
      await send({});
    }
  } catch (error) {
    toast(errorText(error), "error");
  }
}

export async function refer(order, found, changed) {
  let slots = [];
  try {
    slots = await freeSlots();
  } catch (error) {
    toast(errorText(error), "error");
    return;
  }
  const suggested = (basis) => (basis.id === found.suggested_basis ? t("referral.basis.suggested") : "");
  const bases = [["", t("referral.basis.none")], ...found.bases.map((each) => [each.id, `${t(`referral.effect.${each.effect}`)}：${each.label}${suggested(each)}`])];
  askFor(
    t("beside.referrals"),
    [
      { name: "kind", label: t("referral.kind"), kind: "select", options: KINDS.map((kind) => [kind, t(`referral.kind.${kind}`)]), value: found.suggested_basis ? "aid" : "mediation" },
      { name: "basis", label: t("referral.basis"), kind: "select", options: bases, value: found.suggested_basis, only: ["kind", ["aid"]] },
      { name: "institution", label: t("referral.institution"), max: 128, only: ["kind", ["aid", "mediation"]] },
      { name: "mode", label: t("referral.mode"), kind: "select", options: MODES.map((mode) => [mode, t(`referral.mode.${mode}`)]), only: ["kind", ["mediation"]] },
      { name: "party", label: t("referral.party"), required: true, max: 128, only: ["kind", ["mediation"]] },
      { name: "party_contact", label: t("referral.party_contact"), max: 64, only: ["kind", ["mediation"]] },
      { name: "deed", label: t("referral.deed"), kind: "select", options: Object.keys(found.materials).map((deed) => [deed, deed]), only: ["kind", ["notary"]] },
      slots.length ? { ...slotField(slots), only: ["kind", ["notary"]] } : { name: "slot", label: t("referral.slot"), kind: "select", options: [["", t("referral.slot.none")]], required: true, only: ["kind", ["notary"]] },
      { name: "text", label: t("referral.text"), kind: "area", max: 2000, required: true, only: ["kind", ["enforcement", "reconsideration"]] },
    ],
    async ({ slot, ...form }) => {
      if (slot) form.slot = Number(slot);
      await ask("POST", `/api/v1/orders/${encodeURIComponent(order.number)}/referrals`, form);
      toast(t("referral.made"));
      changed();
    },
    t("referral.go"),
  );
}

async function freeSlots() {
  const { slots } = await get("/api/v1/slots");
  return slots.filter((slot) => slot.free > 0);
}

function slotField(slots) {
  const options = slots.map((slot) => [String(slot.id), t("referral.slot.option", { at: fullTime(slot.starts_at), institution: slot.institution, free: slot.free })]);
  return { name: "slot", label: t("referral.slot"), kind: "select", options, required: true };
}

async function copyLink(row) {
  const address = new URL(row.link, location.origin).href;
  try {
    await navigator.clipboard.writeText(address);
    toast(t("referral.link.copied", { at: when(row.expires) }));
  } catch {
    prompt(t("referral.link"), address); // no permission: it can still be copied by hand
  }
}
