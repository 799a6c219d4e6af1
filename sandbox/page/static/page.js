// The page comes to life: one handler for each kind of thing a person does, wherever in the page it is done.

import { $, $$, act, busy, floatAt, note, state, unfloat } from "./dom.js";
import { ask, closeModal, modalOpen, prepare, refreshModals } from "./dialogs.js";
import { grow, hint, send, typed } from "./composer.js";
import { listen, loadOlder, settle, showUnread } from "./live.js";
import { again, closeSide, find, go, jump, openCall, openThread, remember, shown, sideShown } from "./places.js";
import { replay } from "./replay.js";
import { showTrouble, trouble } from "./trouble.js";
import { given, limitMarks, suggest, values } from "./values.js";

const PICKED = "👍 👎 ✅ ❌ 👀 📌 🚨 🔥 🎉 🙏 💯 🤔 🚀 ⏳ 🔍 📝 💡 ❤️ 😅 👏 🐛".split(" ");
const NAMES = "+1 -1 white_check_mark x eyes pushpin rotating_light fire tada pray 100 thinking_face rocket hourglass_flowing_sand mag memo bulb heart sweat_smile clap bug".split(" ");

// ---------------------------------------------------------------- the app's elements

async function used(control, extra = {}) {
  const question = control.nextElementSibling;
  if (question?.matches("template.confirm") && !(await ask(question))) return;
  const { action, block } = control.dataset;
  const what = { action_id: action, ...(block ? { block_id: block } : {}), ...extra };
  const view = control.closest("[data-view]");
  const message = control.closest(".msg");
  control.closest("details.menu")?.removeAttribute("open");
  if (view) {
    await busy(control, () => act("click", { view_id: view.dataset.view, values: values(view), ...what }));
    await refreshModals();
  } else if (message) {
    await busy(control, () => act("click", { channel: message.dataset.channel, ts: message.dataset.ts, ...what }));
  } else {
    note("In the gallery nothing happens: there is no app behind it.");
  }
}

function pressed(control) {
  const { type, state: key, choice, value } = control.dataset;
  if (type === "overflow") return used(control, { [key]: JSON.parse(choice) });
  return used(control, type === "feedback_buttons" || value ? { value } : {});
}

/** A select, date or mark that acts at once: in messages and Home always, in an input only if the app wants it. */
function changedControl(control) {
  limitMarks(control);
  const input = control.closest("[data-input]");
  if (input && !("dispatch" in input.dataset)) return;
  if (control.closest(".gallery")) return;
  used(control, given(control));
}

// ---------------------------------------------------------------- messages

const messageOf = (control) => control.closest(".msg");

function react(control) {
  const row = messageOf(control);
  const name = control.dataset.react;
  const chip = $$(".chip[data-react]", row).find((one) => one.dataset.react === name);
  const remove = chip?.getAttribute("aria-pressed") === "true";
  return act("react", { channel: row.dataset.channel, ts: row.dataset.ts, name, ...(remove ? { remove } : {}) });
}

function menuOf(rows, label, kind = "") {
  const menu = document.createElement("div");
  menu.className = `menu-list floating ${kind}`;
  menu.setAttribute("role", "menu");
  menu.setAttribute("aria-label", label);
  for (const [text, work, title] of rows) {
    if (!text) {
      menu.append(document.createElement("hr"));
      continue;
    }
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("role", "menuitem");
    button.textContent = text;
    if (title) {
      button.title = title;
      button.setAttribute("aria-label", title);
    }
    button.addEventListener("click", () => {
      unfloat();
      work();
    });
    menu.append(button);
  }
  return menu;
}

function pick(control) {
  const row = messageOf(control);
  const rows = PICKED.map((glyph, n) => [glyph, () => act("react", { channel: row.dataset.channel, ts: row.dataset.ts, name: NAMES[n] }), NAMES[n].replaceAll("_", " ")]);
  floatAt(control, menuOf(rows, "Add a reaction", "picker"));
}

function more(control) {
  const row = messageOf(control);
  const { channel, ts, thread } = row.dataset;
  const mine = row.classList.contains("ephemeral");
  const rows = [];
  if (!mine) {
    rows.push(["📌 React with pushpin", () => act("react", { channel, ts, name: "pushpin" })]);
    rows.push(["☺ Other reaction…", () => pick(control)]);
    if (row.closest("#main")) rows.push(["💬 Reply in thread", () => openThread(channel, thread ?? ts)]);
    rows.push([""]);
    for (const one of state.shortcuts) rows.push([`⚡ ${one.name}`, () => act("shortcut", { callback_id: one.id, channel, ts })]);
    if (state.shortcuts.length) rows.push([""]);
    rows.push(["Copy link", () => copyLink(channel, ts)]);
  }
  rows.push(["Show how it was made", () => openCall(channel, ts)]);
  floatAt(control, menuOf(rows, "Message"));
}

async function copyLink(channel, ts) {
  const link = `${location.origin}/archives/${channel}/p${ts.replace(".", "")}`;
  try {
    await navigator.clipboard.writeText(link);
    note("The link is copied.");
  } catch {
    note(link);
  }
}

/** Links to this workspace go there without leaving the page. */
function followInside(link) {
  const to = new URL(link.href, location.href);
  const found = to.origin === location.origin && to.pathname.match(/^\/archives\/(\w+)\/p(\d+)(\d{6})$/);
  if (!found) return false;
  const [, channel, whole, rest] = found;
  const thread = to.searchParams.get("thread_ts");
  go(channel, { message: `${whole}.${rest}` }).then(() => thread && openThread(channel, thread, { write: false }));
  return true;
}

// ---------------------------------------------------------------- one listener each

const CLICKS = [
  ["[data-go]", (link) => go(link.dataset.go)],
  ["[data-act]:is(button, a)", (control) => pressed(control)],
  ["[data-react]", react],
  ["[data-pick]", pick],
  ["[data-more]", more],
  ["[data-open-thread]", (control) => openThread(messageOf(control).dataset.channel, messageOf(control).dataset.thread ?? messageOf(control).dataset.ts)],
  ["[data-close-side]", () => closeSide()],
  ["[data-menu]", () => document.body.classList.toggle("menu-open")],
  ["[data-jump]", jump],
  ["[data-trouble]", trouble],
  ["[data-older]", loadOlder],
  ["[data-shortcut]", (control) => { control.closest("details").open = false; act("shortcut", { callback_id: control.dataset.shortcut }); }],
  ["[data-sort]", sort],
  ["[data-more-rows]", moreRows],
];

document.addEventListener("click", (event) => {
  if (!event.target.closest("#floating")) unfloat();
  for (const menu of $$("details:is(.menu, .who)[open]")) if (!menu.contains(event.target)) menu.open = false;
  if (document.body.classList.contains("menu-open") && !event.target.closest("#sidebar, [data-menu]")) document.body.classList.remove("menu-open");
  if (event.ctrlKey || event.metaKey) return;
  for (const [selector, work] of CLICKS) {
    const control = event.target.closest(selector);
    if (!control || control.getAttribute("aria-busy")) continue;
    // A button with an address opens it; only if there is no question to ask first.
    if (!(control.matches("a[target]") && !control.nextElementSibling?.matches("template.confirm"))) event.preventDefault();
    work(control);
    return;
  }
  const link = event.target.closest("a[href]");
  if (link && followInside(link)) event.preventDefault();
});

document.addEventListener("change", (event) => {
  const control = event.target.closest("[data-act][data-state]");
  if (control && !control.matches("button, a")) changedControl(control);
});

document.addEventListener("input", (event) => {
  if ("suggest" in event.target.dataset) suggest(event.target);
  if (!event.target.matches(".composer textarea")) return;
  grow(event.target);
  hint(event.target);
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches(".composer")) return;
  event.preventDefault();
  send(event.target);
});

document.addEventListener("keydown", (event) => {
  if (event.target.matches?.(".composer textarea")) typed(event);
  if (event.target.matches?.(".input :is(input, textarea)") && event.key === "Enter" && "dispatch" in (event.target.closest("[data-input]")?.dataset ?? {})) {
    event.preventDefault();
    used(event.target, given(event.target));
  }
  const writing = event.target.matches?.("input, textarea, select");
  if ((event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !writing && !event.ctrlKey && !event.altKey)) {
    if (!$("#sidebar")) return;
    event.preventDefault();
    if (!$(".scrim")) jump();
  } else if (event.key === "Escape") escape();
  else if (!writing && (event.key === "ArrowDown" || event.key === "ArrowUp")) step(event);
});

/** Esc takes away what lies on top: a menu, a modal, the thread. */
function escape() {
  if ($("#floating")?.childElementCount) return unfloat();
  const open = $("details:is(.menu, .who)[open]");
  if (open) {
    open.open = false;
    return $("summary", open).focus();
  }
  if (modalOpen()) return closeModal();
  if (document.body.classList.contains("menu-open")) return document.body.classList.remove("menu-open");
  return closeSide();
}

/** Arrow keys walk from message to message. */
function step(event) {
  const row = document.activeElement?.closest(".msg, ol.log");
  if (!row) return;
  const rows = $$(".msg", row.closest("ol.log, .log"));
  const at = rows.indexOf(row);
  const next = at < 0 ? rows.at(-1) : rows[at + (event.key === "ArrowDown" ? 1 : -1)];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

// ---------------------------------------------------------------- data tables

function sort(button) {
  const head = button.closest("th");
  const table = head.closest("table");
  const up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of $$("thead th", table)) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const column = Number(button.dataset.sort);
  const key = (row) => row.children[column]?.dataset.number ?? row.children[column]?.textContent ?? "";
  const rows = $$("tbody tr", table);
  const shownRows = rows.filter((row) => !row.hidden).length;
  rows.sort((a, b) => key(a).localeCompare(key(b), undefined, { numeric: true }) * (up ? 1 : -1));
  rows.forEach((row, n) => (row.hidden = n >= shownRows));
  $("tbody", table).append(...rows);
}

function moreRows(button) {
  for (const row of $$("tr[hidden]", button.closest(".data-table"))) row.hidden = false;
  button.remove();
}

// ---------------------------------------------------------------- begin

if ($("#sidebar")) {
  const at = new URLSearchParams(location.search).get("message");
  remember("replaceState");
  shown();
  sideShown();
  const replies = document.getElementById("thread-log");
  if (replies) replies.scrollTop = replies.scrollHeight;
  prepare();
  showUnread();
  if (at) find(at);
  const reload = async () => {
    await again();
    await refreshModals();
  };
  listen(reload, { trouble: showTrouble, everything: reload, ...(state.replay ? { replay: replay() } : {}) });
} else {
  settle(document);
}
