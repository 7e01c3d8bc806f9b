// Quick add: the box is free as soon as its text is sent. What is being sent, or could not be saved, is a row below
// the box until it is saved. Rows are sent one after the other, so that memories keep the order in which they were
// written. Without this file the form is an ordinary one.
"use strict";

const add = document.getElementById("add");
const box = add.elements.text;
const unsent = document.getElementById("unsent");
const TOKEN = "csrfmiddlewaretoken";

// --- Storage: in this tab only, so that a reload or another page loses nothing ---------------------------------------

const readFields = (form) => [...new FormData(form)].filter(([name]) => name !== TOKEN);

function storeUnsent() {
  if (isLoggingOut) return;
  const rows = [...unsent.children].map((row) => ({
    fields: readFields(row.firstElementChild),
    isSending: row.dataset.state === "sending",
    why: row.querySelector(".unsent-state").textContent,
  }));
  try {
    sessionStorage.setItem(unsentKey, JSON.stringify({ draft: readFields(add), rows }));
  } catch {
    // No storage, or a full one: the rows stay on this page.
  }
}

function readStored() {
  try {
    return JSON.parse(sessionStorage.getItem(unsentKey)) ?? { draft: [], rows: [] };
  } catch {
    return { draft: [], rows: [] };
  }
}

// --- The box -------------------------------------------------------------------------------------------------------

let hadText = false;

function fillBox(fields) {
  for (const [name, value] of fields) {
    const field = add.elements[name];
    if (field) field.value = value;
  }
  refreshBox();
}

function refreshBox() {
  if (box.value && !hadText) add.querySelector("details").open = true; // whoever closes them keeps them closed
  hadText = Boolean(box.value);
  showProblem("");
  prepare(add);
}

function showProblem(text) {
  const problem = document.getElementById("add-problem");
  problem.hidden = !text;
  problem.textContent = text;
  box.toggleAttribute("aria-invalid", Boolean(text));
}

add.addEventListener("input", () => {
  refreshBox();
  storeUnsent();
});
add.addEventListener("change", storeUnsent);

add.addEventListener("submit", (event) => {
  event.preventDefault();
  if (box.value.trim()) {
    const row = addRow(readFields(add));
    add.reset();
    refreshBox();
    send(row);
  } else {
    showProblem(add.dataset.empty);
  }
  if (hasKeyboard || event.submitter === null) box.focus();
});

// --- Rows ------------------------------------------------------------------------------------------------------------

function addRow(fields) {
  const row = document.getElementById("unsent-row").content.firstElementChild.cloneNode(true);
  const form = row.firstElementChild;
  for (const [name, value] of [[TOKEN, add.elements[TOKEN].value], ...fields]) setHidden(form, name, value);
  row.querySelector(".memory-text").textContent = form.elements.text.value.trim();
  unsent.prepend(row);
  htmx.process(row);
  return row;
}

function setHidden(form, name, value) {
  const input = form.elements[name] ?? document.createElement("input");
  input.type = "hidden";
  input.name = name;
  input.value = value;
  form.append(input);
}

function showState(row, state, text) {
  row.dataset.state = state;
  row.querySelector(".unsent-state").textContent = text;
  storeUnsent();
}

function send(row) {
  row.firstElementChild.requestSubmit();
}

/** Put a row's text and options back into the box, above what was typed since; the more private visibility wins. */
function edit(row) {
  const back = new FormData(row.firstElementChild);
  const typed = new FormData(add);
  const tags = [back.get("tags"), typed.get("tags")].filter((each) => each.trim()).join(", ");
  const isPublic = back.get("visibility") === "public" && (!box.value.trim() || typed.get("visibility") === "public");
  const text = [back.get("text"), box.value].filter(Boolean).join("\n");
  const options = box.value.trim() ? [] : [...back].filter(([name]) => name.startsWith("expires"));
  fillBox([...options, ["text", text], ["tags", tags], ["visibility", isPublic ? "public" : "private"]]);
  removeRow(row);
  box.focus();
  box.setSelectionRange(back.get("text").length, back.get("text").length);
}

function removeRow(row) {
  const hadFocus = row.contains(document.activeElement);
  row.remove();
  storeUnsent();
  if (hadFocus && hasKeyboard) box.focus();
}

unsent.addEventListener("click", (event) => {
  const row = event.target.closest("li");
  if (event.target.closest("[data-edit]")) edit(row);
  if (event.target.closest("[data-discard]")) removeRow(row);
});

// Also for rows that wait for the one before them.
unsent.addEventListener("submit", (event) => {
  const row = event.target.closest("li");
  showState(row, "sending", unsent.dataset.saving);
});

unsent.addEventListener("htmx:configRequest", ({ detail }) => {
  detail.parameters.set("saved_before", String(toasted?.count ?? 0)); // the toast says how many
});

unsent.addEventListener("htmx:beforeRequest", ({ target }) => {
  target.closest("li").querySelector(".unsent-why").replaceChildren();
});

unsent.addEventListener("htmx:afterRequest", ({ target, detail: { xhr } }) => {
  const row = target.closest("li");
  if (!row || isLoggingOut) return;
  if (xhr.status === 200) {
    removeRow(row);
    return;
  }
  // No answer does not mean that the server saved nothing. Sent again, a text that it has counts as saved.
  if (xhr.status === 0 || xhr.status >= 500) setHidden(row.firstElementChild, "retry", "1");
  showState(row, "failed", xhr.status === 422 ? unsent.dataset.unsent : describeFailure(xhr));
});

// --- Start: restore what an earlier page of this tab did not save ----------------------------------------------------

const stored = readStored();
const isResent = [];
for (const { fields, isSending, why } of [...stored.rows].reverse()) {
  const row = addRow(fields);
  row.dataset.state = "failed";
  row.querySelector(".unsent-state").textContent = why;
  if (isSending) {
    setHidden(row.firstElementChild, "retry", "1");
    isResent.push(row);
  }
}
if (!box.value) fillBox(stored.draft);
isResent.forEach(send);
