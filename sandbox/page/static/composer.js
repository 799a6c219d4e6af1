// Writing: Enter sends, Shift+Enter is a new line, and a line that begins with a command of the app is that command.

import { $, act, busy, note, state } from "./dom.js";

const commandsOf = (area) => area.dataset.commands.split(" ").filter(Boolean);

/** As high as its text. */
export function grow(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}

/** While a command is typed, say that it will be one. */
export function hint(area) {
  const line = $(".composer-hint", area.form);
  line.replaceChildren();
  if (!area.value.startsWith("/")) return;
  const typed = area.value.split(/\s/)[0];
  const known = commandsOf(area).filter((command) => command.startsWith(typed));
  if (area.form.dataset.thread) line.textContent = "Slack takes no commands in threads: write it in the channel.";
  else if (!known.length) line.textContent = "No app here has this command.";
  else {
    const code = document.createElement("code");
    code.textContent = known[0];
    line.append(code, area.value.includes(" ") ? " goes to the app, seen by nobody else" : " · Tab completes it; what the app answers is for you alone");
  }
}

export async function send(form) {
  const area = $("textarea", form);
  const text = area.value.trim();
  if (!text) return;
  const [command] = text.split(/\s/);
  const side = form.closest("#side");
  const channel = side?.dataset.channel ?? state.channel;
  const where = { channel, ...(side ? { thread_ts: form.dataset.thread } : {}) };
  area.value = "";
  grow(area);
  hint(area);
  const isCommand = text.startsWith("/") && !text.startsWith("//");
  if (isCommand && !commandsOf(area).includes(command)) {
    note(`${command} is not a command here. The app has: ${commandsOf(area).join(", ") || "none"}.`);
    area.value = text;
    grow(area);
    return;
  }
  const outcome = await busy($("[type=submit]", form), () =>
    isCommand
      ? act("command", { ...where, command, text: text.slice(command.length).trim() })
      : act("message", { ...where, text }),
  );
  if (outcome.ok === false && !area.value) {
    area.value = text;
    grow(area);
  }
}

export function typed(event) {
  const area = event.target;
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send(area.form);
  } else if (event.key === "Tab" && area.value.startsWith("/") && !area.value.includes(" ")) {
    const known = commandsOf(area).find((command) => command.startsWith(area.value));
    if (!known) return;
    event.preventDefault();
    area.value = `${known} `;
    hint(area);
  }
}
