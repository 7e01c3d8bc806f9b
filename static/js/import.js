// The import page: files and folders by drag and drop, and progress of the upload. Without this file, the form works
// with the browser's own file fields.
"use strict";

{
  const form = document.getElementById("import-form");
  const words = form.dataset; // translated texts and limits
  const zone = form.querySelector("[data-drop]");
  const list = form.querySelector("[data-chosen]");
  const errors = document.getElementById("import-errors");
  const progress = form.querySelector("[data-upload]");
  const stop = form.querySelector("[data-stop]");
  const SHOWN = 8; // files of the list
  const TOOLS = [".git", "node_modules", "__MACOSX"]; // folders of programs, with many files and no memories
  let chosen = []; // {file, path}
  let passedOver = new Set();
  let request = null;

  // --- Choosing files --------------------------------------------------------------------------------------------

  const formatSize = (bytes) => {
    const [size, unit] =
      bytes < 1e3 ? [bytes, "byte"] : bytes < 1e6 ? [bytes / 1e3, "kilobyte"] : [bytes / 1e6, "megabyte"];
    return size.toLocaleString(document.documentElement.lang, { style: "unit", unit, maximumFractionDigits: 1 });
  };

  function addFiles(entries) {
    const known = new Set(chosen.map(({ file, path }) => `${path}\n${file.size}`));
    entries.forEach(({ file, path }) => {
      const tool = path.split("/").find((name) => TOOLS.includes(name));
      if (tool) passedOver.add(tool);
      else if (!known.has(`${path}\n${file.size}`)) chosen.push({ file, path });
    });
    showChosen();
  }

  function addRow(text, onRemove) {
    const row = document.createElement("li");
    const name = document.createElement("bdi");
    name.textContent = text;
    row.append(name);
    if (onRemove) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "act";
      button.textContent = words.remove;
      button.setAttribute("aria-label", `${words.remove}: ${text}`);
      button.addEventListener("click", () => {
        onRemove();
        showChosen();
        form.elements.file.focus();
      });
      row.append(button);
    }
    list.append(row);
  }

  function showChosen() {
    list.replaceChildren();
    list.hidden = !chosen.length && !passedOver.size;
    chosen.slice(0, SHOWN).forEach((each) => {
      addRow(`${each.path} (${formatSize(each.file.size)})`, () => {
        chosen = chosen.filter((other) => other !== each);
      });
    });
    const rest = chosen.slice(SHOWN);
    if (rest.length) {
      const bytes = rest.reduce((sum, { file }) => sum + file.size, 0);
      addRow(`${words.more} ${rest.length.toLocaleString()} (${formatSize(bytes)})`, () => {
        chosen = chosen.slice(0, SHOWN);
      });
    }
    if (passedOver.size) addRow(`${words.passedOver} ${[...passedOver].join(", ")}`);
    showError("");
  }

  // Files that were chosen before one drops more stay: the field is emptied, and the list has them.
  for (const name of ["file", "folder"]) {
    const input = form.elements[name];
    input.addEventListener("change", () => {
      addFiles([...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
      input.value = "";
    });
  }

  async function readEntry(entry, parent) {
    const path = parent + entry.name;
    if (entry.isFile) {
      return new Promise((resolve) => entry.file((file) => resolve([{ file, path }]), () => resolve([])));
    }
    if (TOOLS.includes(entry.name)) {
      passedOver.add(entry.name);
      return [];
    }
    const reader = entry.createReader();
    const found = [];
    for (;;) { // a reader returns a hundred entries at a time
      const entries = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
      if (!entries.length) return found;
      for (const each of entries) found.push(...(await readEntry(each, `${path}/`)));
    }
  }

  async function addDropped(items) {
    const entries = items.map((item) => item.webkitGetAsEntry?.() || item.getAsFile()).filter(Boolean);
    const found = [];
    for (const entry of entries) { // a file if the browser knows no entries
      found.push(...(entry instanceof File ? [{ file: entry, path: entry.name }] : await readEntry(entry, "")));
    }
    addFiles(found);
  }

  const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  ["dragenter", "dragover"].forEach((name) => document.addEventListener(name, (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    zone.classList.add("drop-over");
  }));
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.classList.remove("drop-over");
  });
  document.addEventListener("drop", (event) => { // anywhere: a file beside the zone would replace the page
    zone.classList.remove("drop-over");
    if (!hasFiles(event)) return;
    event.preventDefault();
    addDropped([...event.dataTransfer.items].filter((item) => item.kind === "file"));
  });

  // --- Sending -----------------------------------------------------------------------------------------------------

  function showError(text) {
    errors.replaceChildren();
    if (!text) return;
    const note = document.createElement("div");
    note.className = "notice notice-bad";
    note.setAttribute("role", "alert");
    note.textContent = text;
    errors.append(note);
    errors.focus();
  }

  function showProgress(text, value = null) {
    const bar = progress.querySelector("progress");
    const label = document.getElementById("upload-text");
    progress.hidden = stop.hidden = text === null;
    form.querySelector("[type=submit]").disabled = text !== null;
    form.setAttribute("aria-busy", String(text !== null));
    if (label.textContent !== text) label.textContent = text; // the screen reader says only what changes
    if (value === null) bar.removeAttribute("value");
    else bar.value = value;
  }

  function buildData() {
    const data = new FormData(form);
    data.delete("file");
    data.delete("folder");
    chosen.forEach(({ file, path }) => data.append("file", file, path));
    return data;
  }

  // The answer is the preview, or this page with errors. Whatever was chosen and pasted stays on this page till then.
  function showAnswer() {
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const column = page.querySelector("[data-choose-column]");
    const isPreview = request.status === 200 && page.getElementById("import-state");
    if (isPreview && column && !page.querySelector(".by-file")) {
      errors.replaceChildren(column); // nothing else comes: ask here, where the file is
      errors.focus();
    } else if (isPreview) {
      location.assign(request.responseURL);
      return;
    } else if (page.getElementById("import-errors")) {
      errors.replaceChildren(...page.getElementById("import-errors").childNodes);
      errors.focus();
    } else {
      showError(page.querySelector("main h1 + p")?.textContent.trim() || findDetail() || texts.failed);
    }
    showProgress(null);
  }

  function findDetail() {
    try {
      return JSON.parse(request.responseText).detail; // of the server in front of the pages
    } catch {
      return "";
    }
  }

  // Look at the page before sending a gigabyte: a log-in in another tab changes the token of the form.
  async function renewToken() {
    const response = await fetch(form.action, { credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const token = page.querySelector("#import-form [name=csrfmiddlewaretoken]");
    if (token) form.elements.csrfmiddlewaretoken.value = token.value;
    return token !== null;
  }

  function send() {
    request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      showProgress(words.uploading, total ? (100 * loaded) / total : null);
    });
    request.upload.addEventListener("load", () => showProgress(words.reading));
    request.addEventListener("load", showAnswer);
    request.addEventListener("error", () => {
      showProgress(null);
      showError(texts.offline);
    });
    request.addEventListener("abort", () => showProgress(null));
    request.send(buildData());
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const bytes = chosen.reduce((sum, { file }) => sum + file.size, 0) + form.elements.text.value.length;
    if (bytes > Number(words.maxBytes)) return showError(words.tooLarge);
    if (chosen.length > Number(words.maxFiles)) return showError(words.tooMany);
    showProgress(words.uploading, 0);
    try {
      if (await renewToken()) return send();
      showError(words.loggedOut);
    } catch {
      showError(texts.offline);
    }
    showProgress(null);
  });
  stop.addEventListener("click", () => request?.abort());
  window.addEventListener("pageshow", () => showProgress(null)); // of a page that one returned to
}
