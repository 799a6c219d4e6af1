// What lies on top: the app's modals, and questions before something counts.

import { $, $$, act, busy, elements, fragment } from "./dom.js";
import { localise } from "./moments.js";
import { keep, values } from "./values.js";

const layer = document.getElementById("modals");
let returnTo = null;

/** Show the modal that is on top now; one that has not changed is left alone, with what was typed. */
export async function refreshModals() {
  const [fresh] = elements(await fragment("views"));
  const shown = layer.firstElementChild;
  if (!fresh) {
    if (shown) closeLayer();
    return;
  }
  if (shown?.dataset.view === fresh.dataset.view && shown.dataset.hash === fresh.dataset.hash) return;
  if (shown?.dataset.view === fresh.dataset.view) keep(shown, fresh);
  returnTo ??= document.activeElement;
  layer.replaceChildren(fresh);
  prepare();
}

/** Focus and times of the modal that is shown. */
export function prepare() {
  const modal = layer.firstElementChild;
  if (!modal) return;
  localise(modal);
  const first = $("[data-focus]", modal) ?? $(".modal-body :is(input, textarea, select, button)", modal) ?? $("button", modal);
  first?.focus({ preventScroll: true });
}

function closeLayer() {
  layer.replaceChildren();
  returnTo?.focus?.();
  returnTo = null;
}

/** Take the top modal away, and tell the app if it wants to know. */
export async function closeModal() {
  const modal = layer.firstElementChild;
  if (!modal) return false;
  await act("close", { view_id: modal.dataset.view });
  await refreshModals();
  return true;
}

async function submit(form) {
  const modal = form.closest("[data-view]");
  const problems = form.checkValidity() ? {} : local(form);
  wrong(modal, problems);
  if (Object.keys(problems).length) return;
  const outcome = await busy($("[type=submit]", form), () => act("submit", { view_id: modal.dataset.view, values: values(modal) }));
  if (outcome.ack?.response_action === "errors") wrong(modal, outcome.ack.errors ?? {});
  else if (outcome.error) whole(modal, outcome.error);
  await refreshModals();
}

/** What the browser itself finds wrong: too long, no mail address, no number. */
function local(form) {
  const found = {};
  for (const control of $$(":invalid", form)) {
    if (control.dataset.block) found[control.dataset.block] = control.validationMessage;
  }
  return found;
}

function wrong(modal, errors) {
  whole(modal, "");
  let first = null;
  for (const box of $$("[data-input]", modal)) {
    const text = errors[box.dataset.input];
    const words = $(".wrong", box);
    box.classList.toggle("bad", Boolean(text));
    words.textContent = text ?? "";
    words.hidden = !text;
    for (const control of $$("[data-state]", box)) control.toggleAttribute("aria-invalid", Boolean(text));
    if (text) first ??= box;
  }
  first?.scrollIntoView({ block: "nearest" });
  if (first) $("input, textarea, select", first)?.focus();
}

function whole(modal, text) {
  const words = $(".form-wrong", modal);
  words.textContent = text;
  words.hidden = !text;
}

layer.addEventListener("submit", (event) => {
  event.preventDefault();
  submit(event.target);
});

layer.addEventListener("click", (event) => {
  if (event.target.closest("[data-close-view]")) closeModal();
});

/** Keep the keyboard inside of what lies on top. */
export function trap(event, box) {
  if (event.key !== "Tab" || !box) return;
  const able = $$("button, a[href], input, textarea, select, summary, [tabindex='0']", box).filter((one) => one.offsetParent && !one.disabled);
  const edge = event.shiftKey ? able[0] : able.at(-1);
  if (document.activeElement === edge || !box.contains(document.activeElement)) {
    event.preventDefault();
    (event.shiftKey ? able.at(-1) : able[0])?.focus();
  }
}

/** Ask the question that an app has put before its button. Resolves to whether it was answered with yes. */
export function ask(template) {
  return new Promise((resolve) => {
    const from = document.activeElement;
    const scrim = document.createElement("div");
    scrim.className = "scrim";
    const dialog = document.createElement("div");
    dialog.className = "dialog";
    dialog.setAttribute("role", "alertdialog");
    dialog.setAttribute("aria-modal", "true");
    dialog.append(template.content.cloneNode(true));
    dialog.setAttribute("aria-label", $("h2", dialog)?.textContent ?? "Are you sure?");
    scrim.append(dialog);
    const end = (answer) => {
      scrim.remove();
      from?.focus?.();
      resolve(answer);
    };
    scrim.addEventListener("click", (event) => {
      const answer = event.target.closest("[data-answer]")?.dataset.answer;
      if (answer || event.target === scrim) end(answer === "yes");
    });
    scrim.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        event.stopPropagation();
        end(false);
      }
      trap(event, dialog);
    });
    document.body.append(scrim);
    localise(dialog);
    $("[data-answer=no]", dialog).focus();
  });
}

layer.addEventListener("keydown", (event) => trap(event, layer.firstElementChild));
export const modalOpen = () => Boolean(layer.firstElementChild);
