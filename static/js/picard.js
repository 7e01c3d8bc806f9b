// Progressive enhancement only: every page works without this file.
"use strict";

const texts = document.body.dataset; // translated texts

// --- Toasts: one at a time, for what is not beside a field or row ------------------------------------------------

const TOAST_MS = { good: 5000, bad: 9000 };
const toasts = document.getElementById("toasts");
for (const role of ["status", "alert"]) toasts.append(Object.assign(document.createElement("div"), { role }));
let toasted = null; // the toast on the page: text, isBad, times, count (of what the server counted), note
let waitingToast = null; // waits until an error is closed

function toast(text, isBad = false, count = 0) {
  if (toasted?.isBad && !isBad) {
    waitingToast = [text, isBad, count];
    return;
  }
  const isRepeated = toasted?.text === text && toasted.isBad === isBad;
  const times = isRepeated ? toasted.times + 1 : 1;
  clearTimeout(toasted?.timer);
  toasted?.note.remove();
  const note = document.createElement("div");
  const words = document.createElement("p");
  const close = document.createElement("button");
  note.className = isBad ? "toast-note toast-bad" : "toast-note";
  words.textContent = times > 1 ? `${text} (${times.toLocaleString()})` : text;
  close.type = "button";
  close.setAttribute("aria-label", texts.close);
  close.addEventListener("click", closeToast);
  note.append(words, close);
  for (const left of ["pointerleave", "focusout"]) note.addEventListener(left, closeToastLater);
  for (const entered of ["pointerenter", "focusin"]) note.addEventListener(entered, () => clearTimeout(toasted?.timer));
  toasted = { text, isBad, times, count, note };
  toasts.querySelector(isBad ? "[role=alert]" : "[role=status]").append(note);
  closeToastLater();
}

function closeToast() {
  clearTimeout(toasted?.timer);
  toasted?.note.remove();
  toasted = null;
  const next = waitingToast;
  waitingToast = null;
  if (next) toast(...next);
}

function closeToastLater() {
  if (!toasted) return;
  clearTimeout(toasted.timer);
  toasted.timer = setTimeout(() => {
    if (!toasted.note.matches(":hover, :focus-within")) closeToast();
  }, toasted.isBad ? TOAST_MS.bad : TOAST_MS.good);
}

document.body.addEventListener("toast", (event) => toast(event.detail.text, event.detail.bad, event.detail.count));

// --- Failed requests: the reason is beside the form or row that sent them ----------------------------------------

function describeFailure(xhr) {
  const reasons = { 0: texts.offline, 401: texts.loggedOut, 404: texts.gone, 429: texts.busy };
  return reasons[xhr.status] ?? texts.failed;
}

const findPlace = (element) => element.closest("[data-place], .memory, form:not([hidden])");

function showFailure({ detail }) {
  if (!detail.elt.matches("a, button, form, input, select, textarea") || detail.elt.closest("#unsent")) return; // polls
  const place = findPlace(detail.elt);
  if (!place) {
    toast(describeFailure(detail.xhr), true);
    return;
  }
  addProblem(place, describeFailure(detail.xhr));
}

function addProblem(place, text) {
  const problem = document.createElement("p");
  problem.className = "problem";
  problem.setAttribute("role", "alert");
  problem.textContent = text;
  place.append(problem);
}

for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.body.addEventListener(failure, showFailure);
}
document.body.addEventListener("htmx:beforeRequest", ({ detail }) => {
  findPlace(detail.elt)?.querySelectorAll(":scope > .problem").forEach((problem) => problem.remove());
});

// A page's CSRF token expires with a log-in in another tab. After such an answer, the next request gets a new one.
let isTokenExpired = false;

async function renewTokens() {
  const response = await fetch(location.href); // has the form to log out, if nothing else
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const token = page.querySelector("[name=csrfmiddlewaretoken]")?.value;
  if (!token || page.body.dataset.user !== texts.user) return;
  document.querySelectorAll("[name=csrfmiddlewaretoken]").forEach((input) => (input.value = token));
  isTokenExpired = false;
}

document.body.addEventListener("htmx:responseError", ({ detail }) => {
  if ([401, 403].includes(detail.xhr.status)) isTokenExpired = true;
});
document.body.addEventListener("htmx:confirm", (event) => {
  if (!isTokenExpired || event.detail.verb === "get") return;
  event.preventDefault();
  renewTokens()
    .catch(() => {}) // the request itself then fails, and says so
    .finally(() => event.detail.issueRequest(true));
});

// --- Swaps: an answer never replaces what somebody types -----------------------------------------------------------
//
// Holds for every htmx swap of every page; nothing needs to be marked. A field is kept if it has the focus, or if its
// value differs from the one that the server sent ("dirty"), unless the answer is to its own form and nothing was typed
// since the form was sent. To be kept in place, a field needs an id that is the same in the answer. Then:
//
// 1. The answer has the same field, or the same row around it (`li[id]`): the living one takes its place, with value,
//    cursor and focus. All else around it is swapped.
// 2. Else a dirty field's row stays, at the top of the answer's list. So an open edit form outlives a search.
// 3. Else, if it has the focus or its row is the target itself, the swap waits until the field is left or clean.
// 4. Else the value is put back as soon as a field with the same id appears.
//
// The focus is never taken from a field: `autofocus` in an answer counts only if nobody is typing elsewhere.
// Answers whose target is gone, and answers to an earlier search than the one in the form, are dropped.

const FIELDS = "textarea, select, input:not([type=hidden], [type=checkbox], [type=radio], [type=file])";
const canMove = "moveBefore" in Element.prototype; // keeps the focus and the cursor
const sentValues = new WeakMap(); // field -> its value when its form was last sent
const sentFocus = new WeakMap(); // request -> what had the focus
const sentSearches = new WeakMap(); // request -> what the search form had
const waitingSwaps = new Map(); // target -> the swap
const storedValues = new Map(); // id of a field -> what was typed

const isDirty = (field) => "defaultValue" in field && field.value !== field.defaultValue;
const formOf = (element) => element.form ?? element.closest("form");
const serialize = (form) => new URLSearchParams(new FormData(form)).toString();

function listKeptFields(target, origin) {
  const form = origin && formOf(origin);
  return [...target.querySelectorAll(FIELDS)].filter((field) => {
    const isAnswered = form && field.form === form && sentValues.get(field) === field.value;
    return !isAnswered && (field === document.activeElement || isDirty(field));
  });
}

/** Prepare the content of a swap. Returns whether it can be swapped now, with the rows to put back after it. */
function keepFields(target, fields, content) {
  const rows = [];
  for (const field of fields) {
    const row = field.closest("li[id]");
    const isOwn = row?.contains(target); // what is itself replaced cannot take its place
    const twin = [field, !isOwn && row].map((kept) => kept?.id && content.getElementById(kept.id)).find(Boolean);
    const isFocused = field === document.activeElement;
    if (twin && (canMove || !isFocused)) twin.setAttribute("hx-preserve", "");
    else if (isFocused || isOwn) return null;
    else if (row && target.contains(row)) rows.push(row);
    else if (field.id) storedValues.set(field.id, field.value);
  }
  return rows;
}

function releaseSwaps() {
  for (const [target, { html, style, origin }] of waitingSwaps) {
    if (target.isConnected && listKeptFields(target, origin).length) continue;
    waitingSwaps.delete(target);
    if (target.isConnected) htmx.swap(target, html, { swapStyle: style, swapDelay: 0, settleDelay: 0 });
  }
}

document.body.addEventListener("htmx:beforeRequest", ({ detail }) => {
  const form = formOf(detail.elt);
  for (const field of form?.elements ?? []) sentValues.set(field, field.value);
  for (const [target, { origin }] of waitingSwaps) {
    if (form && formOf(origin) === form) waitingSwaps.delete(target); // a newer answer comes
  }
  sentFocus.set(detail.xhr, document.activeElement);
  if (form?.matches("[role=search]")) sentSearches.set(detail.xhr, serialize(form));
});

document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const origin = detail.requestConfig.elt;
  const search = sentSearches.get(detail.xhr);
  if (!detail.target.isConnected || (search !== undefined && search !== serialize(formOf(origin)))) {
    detail.shouldSwap = false;
    return;
  }
  if (!detail.shouldSwap) return;
  const style = (origin.closest("[hx-swap]")?.getAttribute("hx-swap") ?? "innerHTML").split(" ")[0];
  const content = document.createElement("template");
  content.innerHTML = detail.serverResponse;
  const active = document.activeElement;
  const isSame = active === sentFocus.get(detail.xhr) && active.value === sentValues.get(active);
  const isTyping = active.matches(FIELDS) && !isSame;
  const focusers = isTyping ? content.content.querySelectorAll("[autofocus]") : [];
  focusers.forEach((element) => element.removeAttribute("autofocus"));
  const fields = /HTML$/.test(style) ? listKeptFields(detail.target, origin) : [];
  if (!fields.length && !focusers.length) return;
  const rows = keepFields(detail.target, fields, content.content);
  if (rows === null) {
    waitingSwaps.set(detail.target, { html: detail.serverResponse, style, origin });
    detail.shouldSwap = false;
    return;
  }
  detail.serverResponse = content.innerHTML;
  if (!rows.length) return;
  rows.forEach((row) => row.remove()); // htmx would unbind what it removes itself
  detail.target.addEventListener(
    "htmx:afterSwap",
    () => rows.forEach((row) => detail.target.querySelector("ul[id]")?.prepend(row)),
    { once: true },
  );
});

document.body.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  const isReplaced = fragment instanceof DocumentFragment || fragment.childElementCount === 0;
  const fields = isReplaced ? listKeptFields(target, null) : [];
  if (fields.length && keepFields(target, fields, fragment)?.length !== 0) event.detail.shouldSwap = false;
});

document.addEventListener("focusout", () => setTimeout(releaseSwaps));
document.body.addEventListener("htmx:afterRequest", releaseSwaps);
document.body.addEventListener("htmx:load", ({ detail }) => {
  detail.elt.querySelectorAll(FIELDS).forEach((field) => {
    if (!storedValues.has(field.id) || isDirty(field)) return;
    field.value = storedValues.get(field.id);
    storedValues.delete(field.id);
  });
});

// --- Leaving the page: asks only if a long text is not saved ----------------------------------------------------

// Quick add and the question of Ask are short; quick add also stores what was typed.
const LONG_FORMS = "form[method=post]:has(textarea):not(#add, [data-streams])";
let isSending = false; // a form takes its text to the next page

document.addEventListener("submit", (event) => {
  isSending = event.target.method === "post" && !event.defaultPrevented;
  setTimeout(() => (isSending = false), 1000);
});

function hasUnsavedText() {
  // After an error, the server sends back what was typed.
  const isUnsaved = (form) =>
    form.matches("[data-unsaved], :has(.errors, .notice-bad)") || [...form.querySelectorAll("textarea")].some(isDirty);
  return [...document.querySelectorAll(LONG_FORMS)].some(isUnsaved);
}

window.addEventListener("beforeunload", (event) => {
  if (!isSending && hasUnsavedText()) event.preventDefault();
});

// A poll or a search after the end of the session leads to the log-in: not away from an unsaved text.
document.body.addEventListener("htmx:beforeOnLoad", (event) => {
  const { requestConfig, xhr } = event.detail;
  if (requestConfig.verb !== "get" || !xhr.getResponseHeader("HX-Redirect") || !hasUnsavedText()) return;
  event.preventDefault();
  toast(texts.loggedOut, true);
});

// --- Unsent texts of quick add (quick_add.js): in this tab, for this user, until they log out ------------------------

const UNSENT = "picard.unsent.";
const LOG_OUT = "picard.log-out"; // in localStorage: a random mark of the last log-out in any tab
const unsentSince = `${UNSENT}${localStorage.getItem(LOG_OUT)}.`; // also a tab that missed it sees the new mark
const unsentKey = unsentSince + texts.user;
let isLoggingOut = false;

function forgetUnsent(kept) {
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith(UNSENT) && !(kept && key.startsWith(kept))) sessionStorage.removeItem(key);
  }
}

// Who was logged out by time meets these pages, and gets the texts back after the next log-in.
if (texts.user) forgetUnsent(unsentKey);
else forgetUnsent(/^\/(accounts|memories)\//.test(location.pathname) ? unsentSince : "");
function forgetSession() {
  isLoggingOut = true;
  sessionStorage.clear(); // also the last search, which htmx remembers
}

document.addEventListener("submit", (event) => {
  if (!/\/logout\/$/.test(event.target.getAttribute("action"))) return;
  forgetSession();
  localStorage.setItem(LOG_OUT, Math.random());
});
window.addEventListener("storage", ({ key }) => {
  if (key === LOG_OUT) forgetSession();
});

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
  const menus = document.querySelectorAll("details[data-menu][open]");
  menus.forEach((menu) => {
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  if (!menus.length && !document.querySelector("dialog[open]")) closeToast();
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
  box.dispatchEvent(new Event("input", { bubbles: true }));
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
