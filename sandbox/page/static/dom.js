// What the other files share: fetching, telling the workspace what a person did, saying what went wrong.

export const state = JSON.parse(document.getElementById("state")?.textContent ?? "{}");

export const $ = (selector, from = document) => from.querySelector(selector);
export const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];

/** A fragment of the page as the server draws it; "" when there is nothing to show. */
export async function fragment(name, parameters = {}) {
  const query = new URLSearchParams({ as: state.as, ...parameters });
  const answer = await fetch(`/page/${name}?${query}`);
  if (answer.status === 204) return "";
  const html = await answer.text();
  if (!answer.ok && answer.status !== 404) throw new Error(`The page could not be drawn (${answer.status}).`);
  return html;
}

/** Elements out of a fragment. The server has escaped everything that came from people and apps. */
export function elements(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  return [...holder.content.children];
}

// The answer to what a person did must not come out of sight; what comes unasked leaves them where they read.
const ANSWERED = new Set(["command", "message", "click", "shortcut", "submit", "react"]);
const SOON = 30_000;
let doing = null;

/** Whether a message that is new in a channel is what this person waits for: their own one, or an answer for them alone. */
export function awaited(row) {
  const mine = row.classList.contains("ephemeral") || row.dataset.author === state.me;
  if (!mine || doing?.channel !== row.dataset.channel || Date.now() > doing.until) return false;
  doing = null;
  return true;
}

/** Do something as the person one is. Resolves to the outcome; what the person must know is shown. */
export async function act(what, body) {
  if (state.replay) {
    if (what !== "home") note("This is a recording: nothing can be done in it.");
    return { ok: false };
  }
  let outcome;
  if (ANSWERED.has(what)) doing = { channel: body.channel ?? state.channel, until: Date.now() + SOON };
  try {
    const answer = await fetch(`/sandbox/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user: state.me, ...body }),
    });
    outcome = await answer.json();
    if (!answer.ok) outcome = { ok: false, error: outcome.what ?? outcome.error ?? `The workspace answered ${answer.status}.` };
  } catch {
    outcome = { ok: false, error: "The workspace can't be reached. Nothing was sent." };
  }
  if (outcome.error && !outcome.ack?.errors) note(outcome.error);
  return outcome;
}

/** Notes stand above the fields to write in, however high these are: what was wrong can be sent again at once. */
function lift() {
  const tops = $$(".composer").filter((one) => one.offsetParent).map((one) => one.getBoundingClientRect().top);
  document.getElementById("notes").style.bottom = tops.length ? `${innerHeight - Math.min(...tops) + 8}px` : "";
}

const growing = new ResizeObserver(lift);

/** A short note in the corner; it stays long enough to be read, and can be dismissed. */
export function note(text) {
  const box = document.createElement("div");
  box.className = "note";
  const words = document.createElement("span");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "×";
  close.setAttribute("aria-label", "Dismiss");
  close.addEventListener("click", () => box.remove());
  box.append(words, close);
  document.getElementById("notes").append(box);
  lift();
  for (const one of $$(".composer")) growing.observe(one);
  setTimeout(() => box.remove(), 4000 + text.length * 60);
}

/** While something is under way its control says so, and can't be used twice. */
export async function busy(control, work) {
  control?.setAttribute("aria-busy", "true");
  try {
    return await work();
  } finally {
    control?.removeAttribute("aria-busy");
  }
}

/** Put a menu at a control, inside of the window. */
export function floatAt(control, menu) {
  const layer = document.getElementById("floating");
  layer.replaceChildren(menu);
  const at = control.getBoundingClientRect();
  const box = menu.getBoundingClientRect();
  const left = Math.max(8, Math.min(at.right - box.width, innerWidth - box.width - 8));
  const below = at.bottom + 4 + box.height < innerHeight;
  menu.style.left = `${left}px`;
  menu.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - box.height - 4)}px`;
  menu.dataset.from = control.id || "";
  menu.querySelector("button, a")?.focus();
  menu.addEventListener("keydown", (event) => {
    const rows = $$("button, a", menu);
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    rows.at((rows.indexOf(document.activeElement) + step) % rows.length)?.focus();
  });
}

export const unfloat = () => document.getElementById("floating")?.replaceChildren();
