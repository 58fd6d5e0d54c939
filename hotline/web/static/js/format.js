// Times and durations as the page writes them; all clocks are China's.

import { t } from "./text.js";

const ZONE = "Asia/Shanghai";
const clock = new Intl.DateTimeFormat("zh-CN", { timeZone: ZONE, hour: "2-digit", minute: "2-digit", hour12: false });
const seconds = new Intl.DateTimeFormat("zh-CN", { timeZone: ZONE, timeStyle: "medium", hour12: false });
const dayOf = new Intl.DateTimeFormat("en-CA", { timeZone: ZONE });
const monthDay = new Intl.DateTimeFormat("zh-CN", { timeZone: ZONE, month: "numeric", day: "numeric" });

export const SAMPLE_RATE = 16000;

export function isoDay(date) {
  return dayOf.format(date);
}

export function when(iso) {
  if (!iso) return "";
  const date = new Date(iso);
  const day = isoDay(date);
  const today = new Date();
  if (day === isoDay(today)) return clock.format(date);
  if (day === isoDay(new Date(today - 86400000))) return `${t("time.yesterday")} ${clock.format(date)}`;
  if (day.slice(0, 4) !== isoDay(today).slice(0, 4)) return `${day} ${clock.format(date)}`;
  return `${monthDay.format(date)} ${clock.format(date)}`;
}

export function fullTime(iso) {
  if (!iso) return "";
  const date = new Date(iso);
  return `${isoDay(date)} ${clock.format(date)}`;
}

// To the second, where somebody may have to prove when it was.
export const exactTime = (iso) => (iso ? `${isoDay(new Date(iso))} ${seconds.format(new Date(iso))}` : "");

// Gives the browser a file to keep.
export function saveFile({ blob, name }) {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

export function mmss(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = String(Math.floor((whole % 3600) / 60)).padStart(2, "0");
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${minutes}:${rest}` : `${minutes}:${rest}`;
}

export function span(seconds) {
  const total = Math.abs(seconds);
  const days = Math.floor(total / 86400);
  const hours = Math.floor((total % 86400) / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  if (days) return t("time.day", { n: days }) + (hours ? " " + t("time.hour", { n: hours }) : "");
  if (hours) return t("time.hour", { n: hours }) + (minutes ? " " + t("time.minute", { n: minutes }) : "");
  if (minutes) return t("time.minute", { n: minutes });
  return t("time.second", { n: Math.floor(total) });
}

// Elements that change by themselves: [data-since] counts up, [data-due] counts down.
export function tick(now = Date.now()) {
  for (const element of document.querySelectorAll("[data-since]")) {
    element.textContent = mmss((now - Date.parse(element.dataset.since)) / 1000);
  }
  for (const element of document.querySelectorAll("[data-due]")) {
    const left = (Date.parse(element.dataset.due) - now) / 1000;
    element.textContent = t(left >= 0 ? "order.left" : "order.over", { time: span(left) });
    element.classList.toggle("over", left < 0);
    element.classList.toggle("soon", left >= 0 && left < 4 * 3600);
  }
}
