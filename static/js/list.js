// The list of memories: opens and edits memories in place, selection, keys. Without it, links lead to their pages.
const list = document.querySelector("[data-list]");
const results = document.getElementById("results");
const rowOf = (element) => element?.closest?.("#results .memory") ?? null;
const getRows = () => [...results.querySelectorAll(".memory:has(> .memory-text)")]; // without those in the trash
const getLink = (row) => row.querySelector(":scope > .memory-text");
const getPanel = (row) => row.querySelector(":scope > .panel");
const getUrl = (row, path) => new URL(path, getLink(row).href).href;
const say = (text) => {
  document.getElementById("list-status").textContent = text;
};

// --- Open in place: the URL of the list names the opened memory -------------------------------------------------

function getListUrl(open = "") {
  const url = new URL(location.href);
  url.searchParams.delete("open");
  if (open) url.searchParams.set("open", open);
  return url.pathname + url.search;
}

let shownUrl = getListUrl(); // of the list on the page, whatever is opened
const getId = (row) => row.id.slice("m-".length);
const isUnsaved = (row) => Boolean(getPanel(row)?.querySelector("form[data-unsaved]"));

// Requests of a row follow one another: htmx would queue a second one and say at once that it is done.
const requests = new Map(); // id of a row -> the end of its last request

function follow(row, request) {
  const end = (requests.get(row.id) ?? Promise.resolve()).then(() => request(document.getElementById(row.id)));
  requests.set(row.id, end.catch(() => {}));
  return end.catch((error) => {
    if (error) throw error; // htmx gives none for a failed request, which is explained in the row
  });
}

// Show a fragment of the server as the panel of a row. Returns whether it is shown.
function loadPanel({ id }, url) {
  return follow({ id }, async (row) => {
    if (!row) return false;
    clearError(row);
    let panel = getPanel(row);
    const isNew = !panel;
    if (isNew) {
      panel = document.createElement("div");
      panel.className = "panel";
      panel.hidden = true;
      row.append(panel);
    }
    try {
      await htmx.ajax("GET", url, { source: row, target: panel, swap: "outerHTML" });
    } finally {
      if (isNew) panel.remove(); // still there if the request failed
    }
    return Boolean(getPanel(row));
  });
}

// An answer never takes the focus from who went on elsewhere, or in the panel, in the meantime.
function focusAnswer(row) {
  const active = document.activeElement;
  if (active === document.body || (row.contains(active) && !getPanel(row).contains(active))) focusPanel(row);
}

function focusPanel(row) {
  const panel = getPanel(row);
  const field = panel.querySelector("[aria-invalid=true], textarea, input:not([type=hidden])");
  (field ?? panel).focus({ preventScroll: true });
  if (field?.matches("textarea, [type=text]")) field.setSelectionRange(field.value.length, field.value.length);
  panel.scrollIntoView({ block: "nearest" });
}

async function openRow(row, url = getLink(row).href, { remember = true } = {}) {
  if (isUnsaved(row)) return focusPanel(row);
  getRows().filter((other) => other !== row && getPanel(other) && !isUnsaved(other)).forEach(removePanel);
  if (!(await loadPanel(row, url))) return;
  say(list.dataset.opened);
  if (!remember) return;
  const target = getListUrl(getId(row));
  if (new URLSearchParams(location.search).has("open")) return history.replaceState({ isOpen: true }, "", target);
  history.replaceState({}, "", location.href); // not one of htmx, which would reload the page
  history.pushState({ isOpen: true }, "", target);
}

function removePanel(row) {
  getPanel(row)?.remove();
}

function closeRow(row) {
  if (isUnsaved(row)) return showUnsaved(row);
  const isNamed = new URLSearchParams(location.search).get("open") === getId(row);
  removePanel(row);
  getLink(row).focus({ preventScroll: true });
  say(list.dataset.closed);
  if (!isNamed) return;
  if (history.state?.isOpen) history.back();
  else history.replaceState({}, "", getListUrl());
}

window.addEventListener("popstate", () => {
  if (getListUrl() !== shownUrl) return location.reload();
  const id = new URLSearchParams(location.search).get("open");
  const opened = getRows().find((row) => getPanel(row));
  if (opened && getId(opened) !== id && !isUnsaved(opened)) {
    removePanel(opened);
    getLink(opened).focus({ preventScroll: true });
  }
  const row = id && document.getElementById(`m-${id}`);
  if (row && !getPanel(row)) openRow(row, getLink(row).href, { remember: false });
});
document.body.addEventListener("htmx:replacedInHistory", () => {
  shownUrl = getListUrl();
});

list.addEventListener("click", (event) => {
  const row = rowOf(event.target);
  if (!row || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const control = event.target.closest("a, button, input, label, form, summary");
  if (event.target.closest("[data-close-row]")) return closeRow(row);
  if (event.target.closest("[data-cancel]")) {
    event.preventDefault();
    const form = event.target.closest("form");
    delete form.dataset.unsaved;
    form.reset();
    return openRow(row);
  }
  if (control?.matches("[data-edit]")) return openRow(row, getUrl(row, control.dataset.edit));
  if (control?.matches("[data-set]")) return setVisibility(row, control.dataset.set);
  if (control?.matches("[data-delete]")) return deleteRow(row);
  const isText = control === getLink(row) || (!control && !event.target.closest(".panel"));
  if (!isText || !getLink(row) || String(getSelection())) return;
  event.preventDefault();
  openRow(row);
});

// --- Actions: tools in the row under the pointer or the focus, the same in the opened memory --------------------------

const tools = document.getElementById("row-tools").content.firstElementChild.cloneNode(true);
const isPublic = (row) => Boolean(row.querySelector(":scope > .facts > .public"));

function showTools(event) {
  const row = rowOf(event.target);
  if (!row || row.contains(tools) || !getLink(row) || getPanel(row)) return; // htmx sets classes late
  tools.querySelector("[data-set=private]").hidden = !isPublic(row);
  tools.querySelector("[data-set=public]").hidden = isPublic(row);
  row.append(tools);
}
list.addEventListener("pointerover", showTools);
list.addEventListener("focusin", showTools);

function post(row, path, values = {}) {
  const csrfmiddlewaretoken = document.querySelector("#act [name=csrfmiddlewaretoken]").value;
  const context = { swap: "outerHTML", values: { csrfmiddlewaretoken, ...values } };
  return follow(row, (now) => now && htmx.ajax("POST", getUrl(now, path), { source: now, target: now, ...context }));
}

function setVisibility(row, visibility) {
  const version = getTick(row).value.split(".")[1]; // only what was seen is published
  return post(row, `visibility/?version=${version}${getPanel(row) ? "&open=1" : ""}`, { visibility });
}

function deleteRow(row) {
  if (isUnsaved(row)) return showUnsaved(row);
  return post(row, "delete/");
}

// --- What is typed in a row is never lost ------------------------------------------------------------------------

// picard.js keeps fields that differ from what the server sent; this keeps forms that came back unsaved too.
list.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-typed]");
  if (form) form.dataset.unsaved = "";
});
list.addEventListener("submit", (event) => {
  if (!event.target.hasAttribute("hx-post")) delete event.target.dataset.unsaved; // leaves the page with the text
});

// Who typed on since the text was sent goes on with the version that was saved.
document.addEventListener("htmx:beforeSwap", ({ detail: { target, shouldSwap, xhr } }) => {
  const version = rowOf(target) === target && getPanel(target)?.querySelector("[name=version]");
  if (!version || shouldSwap || xhr.status !== 200) return;
  const saved = new DOMParser().parseFromString(xhr.responseText, "text/html").querySelector(".tick input");
  if (saved) version.value = saved.value.split(".")[1];
});

let kept = []; // rows with unsaved text, while the list around them is replaced
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.target !== results || !detail.shouldSwap) return;
  kept = getRows().filter(isUnsaved);
  kept.forEach((row) => row.remove()); // htmx would unbind what it removes itself
});
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target !== results) return;
  for (const row of kept.splice(0)) {
    const same = document.getElementById(row.id);
    if (same) same.replaceWith(row);
    else document.getElementById("rows").prepend(row);
  }
});

// --- Errors stay in the row ------------------------------------------------------------------------------------------

function clearError(row) {
  row.querySelector(":scope > .problem")?.remove();
}

function showError(row, text) {
  clearError(row);
  addProblem(row, text); // defined in picard.js
}

function showUnsaved(row) {
  showError(row, list.dataset.unsaved);
  focusPanel(row);
}

function explainFailure({ detail }) {
  if (rowOf(detail.elt) === detail.elt) showError(detail.elt, describeFailure(detail.xhr)); // else picard.js does
}
for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  list.addEventListener(failure, explainFailure);
}
list.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (rowOf(detail.elt) === detail.elt) clearError(detail.elt);
});

// After an answer the focus stays where the action was.
results.addEventListener("htmx:load", (event) => {
  const loaded = event.detail.elt;
  const row = rowOf(loaded);
  if (row && getPanel(row) && loaded.matches(".memory, .panel")) focusAnswer(row);
  else if (document.activeElement === document.body && loaded.matches(".memory")) getLink(loaded)?.focus();
  if (loaded.matches(".memory")) placeToday(loaded);
  if (list.querySelector(".many > details[open]")) showSelection();
});

// A memory that was just added belongs below the heading of today.
function placeToday(row) {
  const rows = row.parentElement;
  if (!rows?.matches(".rows-days") || row.previousElementSibling) return;
  let day = row.nextElementSibling;
  if (!day?.matches(".day") || day.dataset.day !== list.dataset.today) {
    if (day && !day.matches(".day")) return;
    day = document.createElement("li");
    day.className = "day";
    day.dataset.day = list.dataset.today;
    day.append(Object.assign(document.createElement("h2"), { textContent: list.dataset.todayLabel }));
  }
  row.before(day);
}

// --- Selection: Shift selects a range ----------------------------------------------------------------------------------

let lastTick = null;
const getTick = (row) => row.querySelector(":scope > .tick input");

function showSelection() {
  const count = list.querySelectorAll(".tick :checked").length;
  const text = list.dataset.selected.replace("{n}", count.toLocaleString(document.documentElement.lang));
  const output = list.querySelector("[data-selected-count]");
  if (output) output.textContent = text;
  return [count, text];
}

function reportSelection() {
  const [count, text] = showSelection();
  const details = list.querySelector(".many > details");
  if (details) details.open = details.open || count > 0;
  say(text);
}

function selectRange(from, to, isChecked) {
  const rows = getRows();
  const [start, end] = [rows.indexOf(from), rows.indexOf(to)].sort((one, other) => one - other);
  rows.slice(Math.max(start, 0), end + 1).forEach((row) => {
    getTick(row).checked = isChecked;
  });
}

list.addEventListener("click", (event) => {
  if (!event.target.matches(".tick input")) return;
  const row = rowOf(event.target);
  if (event.shiftKey && lastTick?.isConnected) selectRange(lastTick, row, event.target.checked);
  lastTick = row;
  reportSelection();
});

function toggleSelection(row) {
  getTick(row).checked = !getTick(row).checked;
  lastTick = row;
  reportSelection();
}

// --- Keys ----------------------------------------------------------------------------------------------------------------

function moveFocus(step, extendsSelection) {
  const rows = getRows();
  const current = rowOf(document.activeElement);
  const all = [...results.querySelectorAll(".memory")];
  const after = all.slice(all.indexOf(current) + 1).find((row) => rows.includes(row));
  const before = all.slice(0, Math.max(all.indexOf(current), 0)).findLast((row) => rows.includes(row));
  const target = current ? (step > 0 ? after : before) : rows[0];
  if (!target) return;
  if (extendsSelection && current && getTick(current)) {
    selectRange(current, target, true);
    reportSelection();
  }
  const panel = getPanel(target);
  (panel ?? getLink(target)).focus({ preventScroll: true });
  target.scrollIntoView({ block: "nearest" });
}

const rowKeys = {
  Enter: (row) => openRow(row),
  o: (row) => openRow(row),
  e: (row) => openRow(row, getUrl(row, "edit/")),
  t: (row) => openRow(row, getUrl(row, "edit/tags/")),
  x: toggleSelection,
  X: (row) => {
    if (lastTick?.isConnected) selectRange(lastTick, row, true);
    else getTick(row).checked = true;
    lastTick = row;
    reportSelection();
  },
  Delete: deleteRow,
  "#": deleteRow,
};
const listKeys = {
  j: () => moveFocus(1),
  k: () => moveFocus(-1),
  J: () => moveFocus(1, true),
  K: () => moveFocus(-1, true),
  u: () => {
    const undo = [...results.querySelectorAll(".memory-gone form button")].at(-1);
    if (undo) undo.click();
    else say(list.dataset.none);
  },
};

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
  const row = rowOf(target);
  if (key === "Escape" && row && getPanel(row)) return closeRow(row);
  if (target.isContentEditable || target.matches("input:not([type=checkbox]), textarea, select")) return;
  if (row && (key === "ArrowDown" || key === "ArrowUp")) {
    event.preventDefault();
    return moveFocus(key === "ArrowDown" ? 1 : -1, event.shiftKey);
  }
  if (!("shortcuts" in document.body.dataset) || event.defaultPrevented) return;
  if (key === "Enter" && target !== row && !target.matches(".memory-text")) return; // presses what has the focus
  const act = listKeys[key] ?? (row && getLink(row) && rowKeys[key]);
  if (!act || (key === "t" && event.repeat)) return;
  event.preventDefault();
  act(row);
});
