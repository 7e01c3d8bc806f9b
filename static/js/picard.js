// Progressive enhancement only: every page works without this file.
"use strict";

const texts = document.body.dataset; // translated texts

// --- Toasts ----------------------------------------------------------------------------------------------

function toast(text, isBad = false) {
  const note = document.createElement("div");
  note.className = isBad ? "toast-note toast-bad" : "toast-note";
  note.textContent = text;
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), isBad ? 9000 : 5000);
}

document.body.addEventListener("toast", (event) => toast(event.detail.text, event.detail.bad));
document.body.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.getResponseHeader("HX-Trigger")) return; // the response shows its own message
  toast(event.detail.xhr.status === 404 ? texts.gone : texts.failed, true);
});
document.body.addEventListener("htmx:sendError", () => toast(texts.offline, true));

// --- Forms ---------------------------------------------------------------------------------------------

// Enter saves on devices with a keyboard (Shift+Enter inserts a new line). On phones, Enter inserts a new line.
const hasKeyboard = !matchMedia("(pointer: coarse)").matches;

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || event.target.tagName !== "TEXTAREA") return;
  const form = event.target.form;
  if (!form) return;
  const saves = event.ctrlKey || event.metaKey || (hasKeyboard && "enterSaves" in form.dataset && !event.shiftKey);
  if (!saves) return;
  event.preventDefault();
  form.requestSubmit();
});

// Prevent double submission.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("hx-post")) return;
  if ("sending" in form.dataset) {
    event.preventDefault();
    return;
  }
  form.dataset.sending = "";
  setTimeout(() => delete form.dataset.sending, 5000);
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("[data-sending]").forEach((form) => delete form.dataset.sending);
});

// Count characters like the server: code points, without surrounding whitespace.
function count(area) {
  const limit = Number(area.dataset.counter || area.closest("[data-counted]")?.dataset.counted);
  const output = area.closest("form, [data-counted]")?.querySelector("[data-count]");
  if (!limit || !output) return;
  const length = [...area.value.trim()].length;
  output.hidden = length < limit * 0.8;
  output.classList.toggle("counter-over", length > limit);
  output.textContent = `${length.toLocaleString()} / ${limit.toLocaleString()}`;
}
document.addEventListener("input", (event) => {
  if (event.target.tagName === "TEXTAREA") count(event.target);
});

// Show the date field only for the choice "On a date".
function showExpiry(box) {
  const custom = box.querySelector("select").value === "custom";
  box.querySelector("input[type=datetime-local]").closest(".field").hidden = !custom;
}
document.addEventListener("change", (event) => {
  const box = event.target.closest("[data-expires]");
  if (box) showExpiry(box);
});

function prepare(root) {
  root.querySelectorAll("textarea").forEach(count);
  root.querySelectorAll("[data-expires]").forEach(showExpiry);
}
prepare(document);
document.body.addEventListener("htmx:load", (event) => prepare(event.detail.elt));

// --- Menus: close on an outside click and on Escape ----------------------------------------------------------

document.addEventListener("click", (event) => {
  document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
    menu.open = false;
    menu.querySelector("summary").focus();
  });
});

// --- Keyboard shortcuts: single keys, ignored while typing; can be turned off in the profile -------------------------

if ("shortcuts" in texts) {
  const isTyping = (element) => element.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(element.tagName);
  const link = (key) => document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  let isGoPending = false; // the key g was pressed

  const focusOrGo = (id) => {
    const field = document.getElementById(id);
    if (field) field.focus();
    else location.assign(`${link("m").href}#${id}`);
  };

  const showKeys = async () => {
    const response = await fetch(link("h").href);
    const list = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("keyboard");
    const dialog = document.createElement("dialog");
    const close = document.createElement("button");
    dialog.className = "keys-dialog";
    dialog.setAttribute("aria-labelledby", "keyboard-title");
    close.className = "btn btn-quiet";
    close.textContent = texts.close;
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    document.getElementById("keyboard")?.removeAttribute("id"); // avoids a duplicate id on the help page
    dialog.append(list, close);
    document.body.append(dialog);
    dialog.showModal();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const target = isGoPending && link(event.key);
    const action = { "/": () => focusOrGo("q"), n: () => focusOrGo("id_text"), "?": showKeys }[event.key];
    isGoPending = event.key === "g" && !isGoPending;
    if (!target && !action) return;
    event.preventDefault();
    if (target) location.assign(target.href);
    else action();
  });
}

// --- Lists: buttons declare their URL once, as formaction; htmx uses it too --------------------------------------

document.body.addEventListener("htmx:configRequest", (event) => {
  const button = event.detail.elt;
  if (button.matches("button[hx-post=''][formaction]")) event.detail.path = button.getAttribute("formaction");
});

// --- Lists: after "Load more" move the focus to the first new memory ---------------------------------------------

document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (!event.detail.target.classList.contains("more")) return;
  const previous = event.detail.target.previousElementSibling;
  setTimeout(() => {
    const first = previous?.nextElementSibling?.querySelector("a, button");
    first?.focus({ preventScroll: true });
  }, 50);
});

// --- Access of an app: whoever selects a tag means only memories with it -------------------------------------------

document.querySelectorAll("input[name=tags][type=checkbox]").forEach((tag) => {
  tag.addEventListener("change", () => {
    const limited = tag.form && tag.form.querySelector("input[name=reach][value=tagged]");
    if (tag.checked && limited) limited.checked = true;
  });
});

// --- Copy buttons: shown if the browser can copy -------------------------------------------------------------------

document.querySelectorAll("[data-copy]").forEach((button) => {
  if (!navigator.clipboard) return; // no clipboard access over plain HTTP, except on loopback
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      toast(button.dataset.done);
    } catch {
      toast(texts.failed, true);
    }
  });
});

// --- Get started: an example fills the box instead of opening another page ----------------------------------------

document.addEventListener("click", (event) => {
  const example = event.target.closest("[data-fills]");
  const box = example && document.getElementById(example.dataset.fills);
  if (!box) return;
  event.preventDefault();
  box.value = example.value;
  box.focus();
});

// --- Profile: suggest the device's time zone ---------------------------------------------------------------

document.querySelectorAll("[data-my-zone]").forEach((suggestion) => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const input = document.getElementById(suggestion.dataset.myZone);
  if (!zone || !input || input.value === zone) return;
  suggestion.querySelector("span").textContent = zone;
  suggestion.hidden = false;
  suggestion.querySelector("button").addEventListener("click", () => {
    input.value = zone;
    suggestion.hidden = true;
    input.focus();
  });
});
