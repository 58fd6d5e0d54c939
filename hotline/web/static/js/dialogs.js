// Dialogs and forms: one sending at a time, and no typed text given up unasked.

import { t } from "./text.js";

// Where somebody types; passwords and searches are not missed.
const TYPED = "textarea, input:not([type]), input[type=text], input[type=number]";

const typed = (place) => [...place.querySelectorAll(TYPED)].map((input) => input.value);

document.addEventListener("input", (event) => {
  const form = event.target.closest?.("form:not([data-free])");
  if (form && event.target.matches(TYPED)) form.dataset.touched = "1";
});

// Whether a form on the page holds what somebody typed and nobody has.
export function unsaved() {
  return [...document.querySelectorAll("form[data-touched]")].some((form) => typed(form).some(Boolean));
}

// Whether what is typed in a part of the page may go; asks when there is any that is not kept elsewhere.
export function mayLeave(place) {
  const forms = [...place.querySelectorAll("form[data-touched]:not([data-kept])")].filter((form) => typed(form).some(Boolean));
  if (forms.length && !confirm(t("dialog.give_up"))) return false;
  for (const form of forms) delete form.dataset.touched;
  return true;
}

addEventListener("beforeunload", (event) => { if (unsaved()) event.preventDefault(); });

// A form's `onsubmit`: a second click or Enter before the answer is nothing.
export function once(send) {
  let under = false;
  return async (event) => {
    event.preventDefault();
    if (under) return;
    under = true;
    const form = event.currentTarget;
    form.setAttribute("aria-busy", "true");
    try {
      await send(event);
    } finally {
      under = false;
      form.removeAttribute("aria-busy");
    }
  };
}

// A button's `onclick` that does one thing at a time.
export function single(act) {
  let under = false;
  return async (...given) => {
    if (under) return false;
    under = true;
    try {
      return await act(...given);
    } finally {
      under = false;
    }
  };
}

// Shows a dialog until it is closed. Escape asks before it gives up what was typed.
export function show(dialog) {
  const begun = JSON.stringify(typed(dialog));
  dialog.addEventListener("cancel", (event) => {
    if (event.target !== dialog || JSON.stringify(typed(dialog)) === begun) return;
    event.preventDefault();
    if (confirm(t("dialog.give_up"))) dialog.close();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
