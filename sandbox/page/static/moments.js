// Times in the reader's own zone, and the lines between days and speakers.

import { $$ } from "./dom.js";

const GROUPED_WITHIN = 5 * 60;
const format = (options) => new Intl.DateTimeFormat(undefined, options);
const clock = format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const seconds = format({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const full = format({ dateStyle: "full", timeStyle: "medium" });
const short = format({ day: "numeric", month: "short", year: "numeric" });
const medium = format({ day: "numeric", month: "long", year: "numeric" });
const long = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
const day = format({ weekday: "long", day: "numeric", month: "long" });

const two = (number) => String(number).padStart(2, "0");
const days = (at) => Math.floor((at.getTime() - at.getTimezoneOffset() * 60000) / 86400000);

function near(at, otherwise) {
  const word = { 0: "today", 1: "yesterday", "-1": "tomorrow" }[days(new Date()) - days(at)];
  return word ?? otherwise.format(at);
}

function ago(at) {
  const minutes = Math.round((at - Date.now()) / 60000);
  const words = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  if (Math.abs(minutes) < 60) return words.format(minutes, "minute");
  if (Math.abs(minutes) < 1440) return words.format(Math.round(minutes / 60), "hour");
  return words.format(Math.round(minutes / 1440), "day");
}

const TOKENS = {
  date_num: (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`,
  date_slash: (at) => `${two(at.getDate())}/${two(at.getMonth() + 1)}/${at.getFullYear()}`,
  date: (at) => medium.format(at),
  date_short: (at) => short.format(at),
  date_long: (at) => long.format(at),
  date_pretty: (at) => near(at, medium),
  date_short_pretty: (at) => near(at, short),
  date_long_pretty: (at) => near(at, long),
  day_divider_pretty: (at) => near(at, day),
  time: (at) => clock.format(at),
  time_secs: (at) => seconds.format(at),
  ago,
};

/** Rewrite the times in a part of the page. */
export function localise(root = document) {
  for (const time of $$("time:not([data-told])", root)) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.dataset.told = "";
    time.title = full.format(at);
    const form = time.dataset.format;
    time.textContent = form ? form.replace(/\{(\w+)\}/g, (_, name) => (TOKENS[name] ?? TOKENS.time)(at)) : clock.format(at);
  }
  for (const field of $$("input[data-unix]", root)) {
    const at = new Date(Number(field.dataset.unix) * 1000);
    field.value = `${TOKENS.date_num(at)}T${two(at.getHours())}:${two(at.getMinutes())}`;
    delete field.dataset.unix;
  }
}

/** Lines between days; messages of one speaker in a row stand closer together. */
export function arrange(list) {
  if (!list) return;
  let before = null;
  for (const row of [...list.children]) {
    if (row.classList.contains("day")) row.remove();
  }
  for (const row of [...list.children]) {
    if (!row.classList.contains("msg")) continue;
    const at = new Date(Number(row.dataset.ts) * 1000);
    const today = days(at);
    if (list.id === "log" && (!before || before.day !== today)) row.before(divider(at));
    const same = before && before.author === row.dataset.author && before.day === today && row.dataset.ts - before.ts < GROUPED_WITHIN;
    const alone = row.matches(".quiet, .ephemeral");
    row.classList.toggle("grouped", Boolean(same) && !alone && !before.alone);
    before = { author: row.dataset.author, ts: Number(row.dataset.ts), day: today, alone };
  }
}

function divider(at) {
  const row = document.createElement("li");
  row.className = "day";
  const words = near(at, day);
  row.textContent = words.charAt(0).toUpperCase() + words.slice(1);
  return row;
}
