// Going somewhere: the address carries the state, so that a link or a picture of the page can be made of any of it.

import { $, $$, act, elements, fragment, state, unfloat } from "./dom.js";
import { loadOlder, markRead, refreshHome, settle, showUnread, watchOlder } from "./live.js";
import { arrange } from "./moments.js";

const main = document.getElementById("main");
const side = document.getElementById("side");

function nameOf(channel) {
  const link = $(`#sidebar [data-go="${channel}"]`);
  return link ? (new URL(link.href).searchParams.get("channel") ?? channel) : channel;
}

function address() {
  const query = new URLSearchParams({ as: state.as });
  if (state.channel === "home") query.set("home", "1");
  else query.set("channel", nameOf(state.channel));
  if (state.thread) query.set("thread", state.thread);
  return `/?${query.toString().replaceAll("%40", "@")}`;
}

/** Make the address say what is shown. */
export function remember(how = "pushState") {
  history[how]({ ...state }, "", address());
}

// ---------------------------------------------------------------- what was begun stays

const drafts = new Map();
const draftKey = (form) => `${form.dataset.thread ?? ""}@${form.closest("#side")?.dataset.channel ?? state.channel}`;

function keepDrafts() {
  for (const form of $$(".composer")) drafts.set(draftKey(form), $("textarea", form).value);
}

function restoreDrafts() {
  for (const form of $$(".composer")) {
    const area = $("textarea", form);
    area.value ||= drafts.get(draftKey(form)) ?? "";
  }
}

/** Draw everything that is shown anew, after a time without news; one stays at the message that one was reading. */
export async function again() {
  const { channel, thread } = state;
  const list = document.getElementById("log");
  const reading = list && list.scrollHeight - list.scrollTop - list.clientHeight > 120;
  const top = list?.getBoundingClientRect().top ?? 0;
  const row = reading && $$(".msg", list).find((one) => one.getBoundingClientRect().bottom > top);
  const at = row && row.getBoundingClientRect().top - top;
  const inside = document.activeElement?.closest("#side");
  await go(channel, { push: false });
  const same = row && document.getElementById(row.id);
  if (same) document.getElementById("log").scrollTop += same.getBoundingClientRect().top - top - at;
  if (thread) await openThread(channel, thread, { push: false, write: Boolean(inside) });
}

/** Show a channel, or `home`. */
export async function go(channel, { push = true, message = "" } = {}) {
  unfloat();
  document.body.classList.remove("menu-open");
  const home = channel === "home";
  const html = await fragment("main", home ? { home: "1" } : { channel });
  keepDrafts();
  if (state.thread) closeSide({ push: false });
  state.channel = channel;
  main.replaceChildren(...elements(html));
  for (const link of $$("#sidebar [data-go]")) {
    if (link.dataset.go === channel) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  shown();
  if (message) find(message);
  if (push) remember();
  if (!matchMedia("(max-width: 720px)").matches) $(".composer textarea", main)?.focus({ preventScroll: true });
}

/** After the middle was drawn: times, days, the newest message in sight. */
export function shown() {
  settle(main);
  restoreDrafts();
  const list = document.getElementById("log");
  arrange(list);
  if (list) {
    list.scrollTop = list.scrollHeight;
    watchOlder(list);
  }
  document.title = `${$("h1", main)?.textContent ?? ""} · ${document.title.split(" · ").at(-1)}`;
  if (state.channel === "home") openHome();
  else markRead(state.channel, $$("#log .msg").at(-1)?.dataset.ts ?? "");
  showUnread();
}

/** Tell the app that its Home is looked at; it may publish something. */
async function openHome() {
  await act("home", {});
  await refreshHome();
}

/** Scroll to a message; an old one is loaded first. */
export async function find(ts) {
  const there = () => document.getElementById(`m-${ts}`) ?? document.getElementById(`t-${ts}`);
  for (let older = $("#log [data-older]"); older && !there(); older = $("#log [data-older]")) {
    if (older.dataset.older < ts || !(await loadOlder(older))) break;
  }
  there()?.scrollIntoView({ block: "center" });
  there()?.classList.add("at");
}

/** A thread beside the channel. */
export async function openThread(channel, thread, { push = true, write = true } = {}) {
  const html = await fragment("thread", { channel, thread });
  state.thread = thread;
  beside(html, channel);
  const list = document.getElementById("thread-log");
  if (list) list.scrollTop = list.scrollHeight;
  if (push) remember();
  if (write) $(".composer textarea", side)?.focus();
}

/** What made a message. */
export async function openCall(channel, ts) {
  const html = await fragment("call", { channel, ts });
  state.thread = "";
  beside(html, channel);
  $("[data-close-side]", side)?.focus();
}

function beside(html, channel) {
  keepDrafts();
  side.replaceChildren(...elements(html));
  side.dataset.channel = channel;
  side.hidden = false;
  document.body.classList.add("with-side");
  sideShown();
}

export function sideShown() {
  settle(side);
  restoreDrafts();
  arrange($(".thread-replies", side));
  watchOlder(side);
}

export function closeSide({ push = true } = {}) {
  if (side.hidden) return false;
  keepDrafts();
  const back = state.thread && document.getElementById(`m-${state.thread}`);
  side.hidden = true;
  side.replaceChildren();
  document.body.classList.remove("with-side");
  state.thread = "";
  if (push) remember();
  (back || $("#main .composer textarea"))?.focus({ preventScroll: true });
  return true;
}

addEventListener("popstate", (event) => {
  const was = event.state;
  if (!was || was.as !== state.as) {
    location.reload();
    return;
  }
  go(was.channel, { push: false }).then(() => (was.thread ? openThread(was.channel, was.thread, { push: false, write: false }) : closeSide({ push: false })));
});

// ---------------------------------------------------------------- Ctrl+K

/** A list of everywhere one can go and everybody one can be, narrowed by typing. */
export function jump() {
  const from = document.activeElement;
  const scrim = document.createElement("div");
  scrim.className = "scrim";
  scrim.innerHTML = '<div class="dialog jumper" role="dialog" aria-modal="true" aria-label="Go to"><input type="text" placeholder="A channel, or somebody to be…" aria-label="A channel, or somebody to be" autocomplete="off"><ul role="listbox"></ul></div>';
  const [input, list] = [$("input", scrim), $("ul", scrim)];
  const places = $$("#sidebar .place").map((link) => ({ text: $(".place-name", link).textContent, kind: "go", link }));
  const people = $$("#sidebar .people a").map((link) => ({ text: $("b", link).textContent, kind: $("small", link).textContent, link }));
  let here = 0;
  const end = () => {
    scrim.remove();
    from?.focus?.();
  };
  const found = () => {
    const typed = input.value.trim().toLowerCase();
    return [...places, ...people].filter((one) => `${one.text} ${one.kind}`.toLowerCase().includes(typed));
  };
  const draw = () => {
    const rows = found();
    here = Math.max(0, Math.min(here, rows.length - 1));
    list.replaceChildren(...rows.map((one, n) => row(one, n === here)));
    $(".here", list)?.scrollIntoView({ block: "nearest" });
  };
  const row = (one, chosen) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = one.link.href;
    link.className = chosen ? "here" : "";
    link.append(one.text);
    const kind = document.createElement("small");
    kind.textContent = one.kind === "go" ? "" : one.kind;
    link.append(kind);
    link.addEventListener("click", (event) => {
      event.preventDefault();
      scrim.remove();
      one.link.click();
    });
    item.append(link);
    return item;
  };
  input.addEventListener("input", () => {
    here = 0;
    draw();
  });
  scrim.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      here += step;
      draw();
    } else if (event.key === "Enter") {
      event.preventDefault();
      $(".here", list)?.click();
    } else if (event.key === "Escape") {
      event.stopPropagation();
      end();
    }
  });
  scrim.addEventListener("click", (event) => event.target === scrim && end());
  document.body.append(scrim);
  draw();
  input.focus();
}
