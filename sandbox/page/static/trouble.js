// Trouble, on purpose: what is on, what else can go wrong, and all well again.

import { $, note, state } from "./dom.js";

const place = () => (state.channel === "home" ? "ml-incidents" : state.channel);

/** What can be done, in the order of the panel: a heading, or a name with what it asks of the control API. */
const WAYS = [
  ["Slack answers badly"],
  ["Errors (500) for a minute", "fault", { kind: "http_500", seconds: 60 }],
  ["Slow down (429), the next 5 calls", "fault", { kind: "rate_limited", count: 5, retry_after: 10 }],
  ["No answer to the next 3 calls", "fault", { kind: "timeout", count: 3 }],
  ["The next 3 answers get lost", "fault", { kind: "lost_answer", count: 3 }],
  ["The next 3 answers are no JSON", "fault", { kind: "invalid_json", count: 3 }],
  ["Nothing of Slack for ten minutes", "fault", { kind: "lose_workspace", seconds: 600 }],
  ["Between Slack and the app"],
  ["The next 3 acknowledgements are late", "fault", { kind: "slow_ack", seconds: 5, count: 3 }],
  ["Cut every socket", "socket", { what: "abort" }],
  ["Sockets go deaf (half-open)", "socket", { what: "half_open" }],
  ["Ask the app to connect anew", "socket", { what: "refresh_requested" }],
  ["Deliver the last event again", "redeliver", { event: "last" }],
  ["Revoke the bot's token", "token", { revoke: true }],
  ["Here, and now"],
  ["Take the app out of this channel", "membership", () => ({ channel: place(), user: state.bot, member: false })],
  ["Let the app in again", "membership", () => ({ channel: place(), user: state.bot, member: true })],
  ["Archive this channel", "archive", () => ({ channel: place(), archived: true })],
  ["Unarchive it", "archive", () => ({ channel: place(), archived: false })],
  ["Ten minutes pass", "clock", { jump: 600 }],
];

async function post(what, body) {
  try {
    const answer = await fetch(`/sandbox/${what}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    const said = await answer.json();
    if (!answer.ok) note(said.what ?? `The workspace answered ${answer.status}.`);
    return answer.ok;
  } catch {
    note("The workspace can't be reached. Nothing was done.");
    return false;
  }
}

async function on() {
  const answer = await fetch("/sandbox/trouble");
  const { faults, revoked } = await answer.json();
  const rows = faults.map((one) => {
    const parts = [one.kind.replaceAll("_", " ")];
    if (one.method && one.method !== "*") parts.push(one.method);
    if (one.left) parts.push(`${one.left} left`);
    if (one.seconds !== undefined) parts.push(one.kind === "slow_ack" ? `${one.seconds} s late` : `for ${Math.ceil(one.seconds)} s`);
    return parts.join(" · ");
  });
  return revoked ? [...rows, "the bot's token is revoked"] : rows;
}

/** Say beside the button whether anything is on; and in the panel, if it is open, what. */
export async function showTrouble() {
  const rows = await on();
  $("[data-trouble]")?.classList.toggle("on", rows.length > 0);
  const list = $(".trouble-on");
  if (!list) return;
  list.replaceChildren(...(rows.length ? rows : ["All is well."]).map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  $(".trouble-clear").disabled = !rows.length;
}

function button(text, work, kind = "") {
  const made = document.createElement("button");
  made.type = "button";
  made.className = `btn small ${kind}`;
  made.textContent = text;
  made.addEventListener("click", async () => {
    if (await work()) await showTrouble();
  });
  return made;
}

async function clear() {
  return (await post("fault", { kind: "clear" })) && post("token", { revoke: false });
}

/** The panel. */
export function trouble() {
  const from = document.activeElement;
  const scrim = document.createElement("div");
  scrim.className = "scrim";
  scrim.innerHTML = '<div class="dialog trouble" role="dialog" aria-modal="true" aria-label="Trouble"><h2>Trouble</h2><p>What goes wrong in this workspace, on purpose: to see what the app does then.</p><ul class="trouble-on" role="status"></ul></div>';
  const dialog = $(".dialog", scrim);
  const escape = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    end();
  };
  const end = () => {
    document.removeEventListener("keydown", escape, true);
    scrim.remove();
    from?.focus?.();
  };
  const foot = document.createElement("p");
  foot.className = "trouble-foot";
  foot.append(button("All is well again", clear, "primary trouble-clear"), button("Close", end));
  dialog.append(foot);
  let group = null;
  for (const [text, what, body] of WAYS) {
    if (!what) {
      const head = document.createElement("h3");
      head.textContent = text;
      group = document.createElement("div");
      group.className = "trouble-ways";
      dialog.append(head, group);
    } else group.append(button(text, () => post(what, typeof body === "function" ? body() : body)));
  }
  scrim.addEventListener("click", (event) => event.target === scrim && end());
  document.addEventListener("keydown", escape, true); // wherever the focus is: a button that is used up loses it
  document.body.append(scrim);
  showTrouble();
  $("button:last-child", foot).focus();
}
