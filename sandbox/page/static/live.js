// Keeping what is shown true: the workspace says what changed, and only that is fetched again.

import { $, $$, awaited, elements, fragment, state } from "./dom.js";
import { refreshModals } from "./dialogs.js";
import { arrange, localise } from "./moments.js";

const KEPT = 240;
const NEAR = 120;
const wanted = new Map();
const running = new Set();

const log = () => document.getElementById("log");
const atBottom = (list) => list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;

/** Fetch one message anew; while that is under way, further changes to it are one more fetch. */
function refresh(key, channel, ts, thread) {
  if (running.has(key)) {
    wanted.set(key, [channel, ts, thread]);
    return;
  }
  running.add(key);
  fragment("message", { channel, ts, ...(thread ? { thread } : {}) })
    .then((html) => place(html, channel, ts, thread))
    .catch(() => {})
    .finally(() => {
      running.delete(key);
      const again = wanted.get(key);
      wanted.delete(key);
      if (again) refresh(key, ...again);
    });
}

function place(html, channel, ts, thread) {
  const list = thread ? listOfThread(channel, ts, thread) : log();
  if (!list || (!thread && list.dataset.channel !== channel)) return;
  const [fresh] = elements(html).filter((one) => one.classList.contains("msg"));
  const old = document.getElementById(`${thread ? "t" : "m"}-${ts}`);
  const scroller = thread ? document.getElementById("thread-log") : list;
  const stick = (fresh && !old && awaited(fresh)) || atBottom(scroller);
  if (!fresh) old?.remove();
  else if (old) replace(old, fresh);
  else insert(list, fresh);
  if (fresh) settle(fresh);
  if (!thread || !old) arrange(list);
  if (stick && fresh) scroller.scrollTop = scroller.scrollHeight;
  else if (fresh && !old && !thread) offerNewer(list);
  if (!thread && stick) trim(list);
}

function listOfThread(channel, ts, thread) {
  if (state.thread !== thread) return null;
  return ts === thread ? $("#side .thread-first") : $("#side .thread-replies");
}

/** Put the new one where the old one was; what was unfolded or focused stays so. */
function replace(old, fresh) {
  const open = $$("details", old).map((one) => one.open);
  $$("details", fresh).forEach((one, n) => {
    if (open[n] !== undefined) one.open = open[n];
  });
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceWith(fresh);
  if (!focused) return;
  const again = focused.id && document.getElementById(focused.id);
  (again || (focused.dataset.action ? null : fresh))?.focus({ preventScroll: true });
}

function insert(list, fresh) {
  $(".empty", list)?.remove();
  const rows = $$(":scope > .msg", list);
  const oldest = rows[0];
  if (oldest && $(".older", list) && fresh.dataset.ts < oldest.dataset.ts) return;
  const after = rows.findLast((row) => row.dataset.ts < fresh.dataset.ts);
  if (after) after.after(fresh);
  else if (oldest) oldest.before(fresh);
  else list.append(fresh);
}

/** A long session keeps only the newest messages in the page; the older ones load again when one scrolls up. */
function trim(list) {
  const rows = $$(":scope > .msg", list);
  if (rows.length <= KEPT) return;
  for (const row of rows.slice(0, rows.length - KEPT)) row.remove();
  const first = $(":scope > .msg", list);
  $(".older", list)?.remove();
  const older = document.createElement("li");
  older.className = "older";
  const load = document.createElement("button");
  load.type = "button";
  load.className = "btn small";
  load.textContent = "Earlier messages";
  load.dataset.older = first.dataset.ts;
  older.append(load);
  list.prepend(older);
  arrange(list);
  watchOlder(list);
}

/** Whatever a fresh part of the page needs: times, the reader's own mentions. */
export function settle(root) {
  localise(root);
  for (const mention of $$(`.mention[data-user="${state.me}"]`, root)) mention.classList.add("me");
}

// ---------------------------------------------------------------- older ones

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) loadOlder(entry.target);
}, { rootMargin: "300px 0px 0px 0px" });

export function watchOlder(root = document) {
  for (const button of $$("[data-older]", root)) seen.observe(button);
}

export async function loadOlder(button) {
  if (button.disabled) return false;
  button.disabled = true;
  seen.unobserve(button);
  const list = button.closest("ol");
  const { channel, thread } = list.dataset;
  try {
    const html = await fragment("messages", { channel, before: button.dataset.older, ...(thread ? { thread } : {}) });
    const scroller = button.closest(".log");
    const before = scroller.scrollHeight - scroller.scrollTop;
    button.closest(".older").replaceWith(...elements(html));
    settle(list);
    arrange(list);
    scroller.scrollTop = scroller.scrollHeight - before;
    watchOlder(list);
    return true;
  } catch {
    button.disabled = false;
    return false;
  }
}

// A picture that arrives late must not push the newest message out of sight.
document.addEventListener("load", (event) => {
  const list = event.target.closest?.(".log");
  if (list && list.scrollHeight - list.scrollTop - list.clientHeight < NEAR + event.target.clientHeight) list.scrollTop = list.scrollHeight;
}, true);

function offerNewer(list) {
  if ($(".newer")) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn primary small newer";
  button.textContent = "New messages ↓";
  const end = () => button.remove();
  button.addEventListener("click", () => {
    list.scrollTop = list.scrollHeight;
    end();
  });
  list.addEventListener("scroll", () => atBottom(list) && end());
  document.getElementById("main").append(button);
}

// ---------------------------------------------------------------- unread

const readKey = () => `read:${state.as}`;
const read = () => JSON.parse(sessionStorage.getItem(readKey()) ?? "{}");

export function markRead(channel, ts) {
  const known = read();
  if (ts && (known[channel] ?? "") < ts) sessionStorage.setItem(readKey(), JSON.stringify({ ...known, [channel]: ts }));
  const link = $(`#sidebar [data-go="${channel}"]`);
  link?.classList.remove("unread");
  if (link) $(".count", link).textContent = "";
}

/** What nobody has looked at since the page was first opened as this person stands out. */
export function showUnread() {
  const known = read();
  for (const link of $$("#sidebar [data-latest]")) {
    const { go, latest } = link.dataset;
    if (go === state.channel) markRead(go, latest);
    else if (known[go] === undefined && latest) markRead(go, latest);
    else link.classList.toggle("unread", (known[go] ?? "") < latest);
  }
}

function countUnread(channel, ts) {
  const link = $(`#sidebar [data-go="${channel}"]`);
  if (!link || ts <= (link.dataset.latest ?? "")) return;
  link.dataset.latest = ts;
  link.classList.add("unread");
  const count = $(".count", link);
  count.textContent = String(Math.min(Number(count.textContent || 0) + 1, 99));
}

// ---------------------------------------------------------------- the stream

function changed(change, others) {
  const { what, channel, ts } = change;
  if (what === "message" && channel) {
    if (channel === state.channel) {
      refresh(`m-${ts}`, channel, ts, "");
      if (!document.hidden) markRead(channel, ts);
    } else {
      countUnread(channel, ts);
    }
    const open = document.getElementById("side").dataset.channel ?? state.channel;
    if (state.thread && channel === open) refresh(`t-${ts}`, channel, ts, state.thread);
  } else if (what === "view") refreshModals();
  else if (what === "home" && state.channel === "home") refreshHome();
  else if (what === "channel" || what === "person") refreshSidebar();
  else others[what]?.();
}

export async function refreshHome() {
  const pane = document.getElementById("home");
  if (!pane) return;
  pane.replaceChildren(...elements(await fragment("home")));
  settle(pane);
}

async function refreshSidebar() {
  const html = await fragment("sidebar", { channel: state.channel });
  const live = $(".link-state")?.outerHTML;
  const bar = document.getElementById("sidebar");
  bar.replaceChildren(...elements(html));
  if (live) $(".link-state").outerHTML = live;
  showUnread();
}

/** Listen, as the person one is; after a gap everything that is shown is fetched again. `others`: what else to hear. */
export function listen(reload, others = {}) {
  let gap = false;
  let source = null;
  const begin = () => {
    source = new EventSource(`/sandbox/stream?user=${state.me}`);
    source.addEventListener("open", () => {
      say("live", "live");
      if (gap) reload();
      gap = false;
    });
    source.addEventListener("error", () => {
      say("lost", "connection lost, trying again");
      gap = true;
    });
    source.addEventListener("message", (event) => changed(JSON.parse(event.data), others));
  };
  // A browser allows six connections to one address: a tab that nobody sees gives its own back.
  document.addEventListener("visibilitychange", () => {
    source.close();
    gap = true;
    if (!document.hidden) begin();
  });
  begin();
}

function say(how, text) {
  const line = $(".link-state");
  if (!line) return;
  line.className = `link-state ${how}`;
  line.lastElementChild.textContent = text;
}
