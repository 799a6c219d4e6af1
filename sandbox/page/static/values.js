// What a person has filled in, as Slack's state objects.

import { $, $$, act } from "./dom.js";

const chosen = (control) => JSON.parse(control.dataset.choice);
const lists = new Set(["selected_options", "selected_users", "selected_channels", "selected_conversations"]);

/** The value of one control, e.g. {selected_option: {...}} or {value: "text"}. */
export function given(control) {
  const key = control.dataset.state;
  if (control.classList.contains("marks")) {
    const marks = $$("input:checked", control).map(chosen);
    return { [key]: lists.has(key) ? marks : (marks[0] ?? null) };
  }
  if (control.tagName === "SELECT") {
    const option = control.selectedOptions[0];
    return { [key]: option?.dataset.choice ? chosen(option) : null };
  }
  if (control.dataset.type === "datetimepicker") {
    return { [key]: control.value ? Math.floor(new Date(control.value).getTime() / 1000) : null };
  }
  if (control.dataset.type === "rich_text_input") return { [key]: control.value ? rich(control.value) : null };
  if (control.dataset.type === "file_input") return { [key]: [] };
  return { [key]: control.value || null };
}

function rich(text) {
  return { type: "rich_text", elements: [{ type: "rich_text_section", elements: [{ type: "text", text }] }] };
}

const stateful = ":is(input.field, textarea.field, select.select, .marks)[data-state]";

/** Everything in a view: {block_id: {action_id: {type, …}}}. */
export function values(root) {
  const all = {};
  for (const control of $$(stateful, root)) {
    const { block, action, type } = control.dataset;
    all[block] ??= {};
    all[block][action] = { type, ...given(control) };
  }
  return all;
}

/** Take over what was typed, into a view that was drawn anew. */
export function keep(from, to) {
  for (const old of $$(stateful, from)) {
    const { block, action, type } = old.dataset;
    const fresh = $$(stateful, to).find((c) => c.dataset.block === block && c.dataset.action === action && c.dataset.type === type);
    if (!fresh) continue;
    if (old.classList.contains("marks")) {
      const set = new Set($$("input:checked", old).map((mark) => mark.value));
      for (const mark of $$("input", fresh)) mark.checked = set.has(mark.value);
    } else if (old.type !== "file") {
      fresh.value = old.value;
    }
  }
}

/** At most as many marks as the app allows. */
export function limitMarks(control) {
  const max = Number(control.dataset.max);
  if (!max) return;
  const full = $$("input:checked", control).length >= max;
  for (const mark of $$("input:not(:checked)", control)) mark.disabled = full;
}

// ---------------------------------------------------------------- options that the app gives

let asked = 0;

/** Ask the app for the options that fit what was typed, once one stops typing. */
export function suggest(field) {
  const control = $("[data-state]", field.parentElement);
  const mine = ++asked;
  if (field.value.length < Number(field.dataset.suggest)) return;
  setTimeout(async () => {
    if (mine !== asked) return;
    const view = field.closest("[data-view]");
    const message = field.closest(".msg");
    const where = view ? { view_id: view.dataset.view } : { channel: message?.dataset.channel, ts: message?.dataset.ts };
    const outcome = await act("suggest", { ...where, action_id: control.dataset.action, value: field.value });
    if (mine === asked && outcome.ack) offer(control, outcome.ack);
  }, 250);
}

function offer(control, { options = [], option_groups: groups = [] }) {
  const all = [...options, ...groups.flatMap((group) => group.options ?? [])];
  if (control.tagName === "SELECT") {
    const kept = [...control.options].filter((option) => !option.value || option.selected);
    control.replaceChildren(...kept, ...all.filter((one) => !kept.some((o) => o.value === one.value)).map(option));
    return;
  }
  const kept = $$(".mark", control).filter((row) => $("input", row).checked);
  const have = new Set(kept.map((row) => $("input", row).value));
  control.replaceChildren(...kept, ...all.filter((one) => !have.has(one.value)).map((one) => mark(control.id, one)));
}

function option(one) {
  const made = document.createElement("option");
  made.value = one.value;
  made.textContent = one.text?.text ?? one.value;
  made.dataset.choice = JSON.stringify(one);
  return made;
}

function mark(name, one) {
  const row = document.createElement("label");
  row.className = "mark";
  const box = document.createElement("input");
  Object.assign(box, { type: "checkbox", name, value: one.value });
  box.dataset.choice = JSON.stringify(one);
  const words = document.createElement("span");
  words.textContent = one.text?.text ?? one.value;
  row.append(box, words);
  return row;
}
