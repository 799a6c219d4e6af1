// The bar of a recording: play, pause, step, jump, speed. What is shown follows by itself, as in a live workspace.

import { $, note } from "./dom.js";

const SPEEDS = [0.5, 1, 2, 5, 10, 50];
let now = null;

async function move(fields) {
  try {
    const answer = await fetch("/sandbox/replay", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(fields) });
    const said = await answer.json();
    if (answer.ok) draw(said);
    else note(said.what);
  } catch {
    note("The recording can't be reached.");
  }
}

const toggle = () => move(now?.playing ? { pause: true } : { play: true });

function button(name, label, work) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "btn icon";
  made.dataset.replay = name;
  made.title = label;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", work);
  return made;
}

function draw(shown) {
  now = shown;
  const bar = document.getElementById("replay");
  const play = $("[data-replay=play]", bar);
  play.textContent = shown.playing ? "⏸" : "▶";
  play.title = shown.playing ? "Pause (space)" : "Play (space)";
  play.setAttribute("aria-label", play.title);
  $("[data-replay=back]", bar).disabled = shown.at <= 1;
  $("[data-replay=forward]", bar).disabled = shown.at >= shown.of;
  const range = $("input", bar);
  range.max = shown.of;
  if (document.activeElement !== range || !range.dataset.held) range.value = shown.at;
  $("select", bar).value = String(shown.speed);
  const time = new Date(shown.time * 1000).toLocaleTimeString();
  $(".replay-where", bar).textContent = `${shown.at} of ${shown.of} · ${time}`;
  $(".replay-what", bar).textContent = shown.label;
  $(".replay-what", bar).title = shown.label;
}

async function refresh() {
  const answer = await fetch("/sandbox/replay");
  draw(await answer.json());
}

function build() {
  const bar = document.createElement("section");
  bar.id = "replay";
  bar.setAttribute("aria-label", "Recording");
  const back = button("back", "Step back (,)", () => move({ step: -1 }));
  back.textContent = "⏮";
  const forward = button("forward", "Step forward (.)", () => move({ step: 1 }));
  forward.textContent = "⏭";
  const range = Object.assign(document.createElement("input"), { type: "range", min: 1, value: 1 });
  range.setAttribute("aria-label", "Step");
  range.addEventListener("input", () => { range.dataset.held = "1"; });
  range.addEventListener("change", () => {
    delete range.dataset.held;
    move({ to: Number(range.value) });
  });
  const speed = document.createElement("select");
  speed.setAttribute("aria-label", "Speed");
  for (const one of SPEEDS) speed.append(new Option(`${one}×`, String(one)));
  speed.addEventListener("change", () => move({ speed: Number(speed.value) }));
  const where = Object.assign(document.createElement("span"), { className: "replay-where" });
  const what = Object.assign(document.createElement("span"), { className: "replay-what" });
  what.setAttribute("role", "status");
  bar.append(back, button("play", "Play (space)", toggle), forward, range, speed, where, what);
  document.body.append(bar);
}

function typed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.("input:not([type=range]), textarea, select")) return;
  const onButton = event.target.matches?.("button, a, summary");
  const work = { ",": () => move({ step: -1 }), ".": () => move({ step: 1 }), " ": onButton ? null : toggle }[event.key];
  if (!work) return;
  event.preventDefault();
  work();
}

/** Put the bar below the page. Returns what is to be called when another step is shown. */
export function replay() {
  document.body.classList.add("replaying");
  build();
  document.addEventListener("keydown", typed);
  refresh();
  return refresh;
}
