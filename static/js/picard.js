// Enhancement only: every page works without this file.
"use strict";

const words = document.body.dataset;

// --- Saying something that does not last -----------------------------------------------------------------

function toast(text, isBad = false) {
  const note = document.createElement("div");
  note.className = isBad ? "toast-note toast-bad" : "toast-note";
  note.textContent = text;
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), isBad ? 9000 : 5000);
}

document.body.addEventListener("toast", (event) => toast(event.detail.text, event.detail.bad));
document.body.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.getResponseHeader("HX-Trigger")) return; // it says itself what is wrong
  toast(event.detail.xhr.status === 404 ? words.gone : words.failed, true);
});
document.body.addEventListener("htmx:sendError", () => toast(words.offline, true));

// --- Forms ---------------------------------------------------------------------------------------------

// Enter saves where there is a Shift key for a new line; a phone's Enter stays a new line.
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

// A second press of the button while the first is under way would do it twice.
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

// Characters as the server counts them: code points, without white space around.
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

// The date is asked for only where a date was chosen.
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

// --- Menus: closed by a click elsewhere and by Escape --------------------------------------------------------

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

// --- Keyboard shortcuts: of single keys, so they rest while one types, and can be turned off in the profile ---------

if ("shortcuts" in words) {
  const isTyping = (element) => element.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(element.tagName);
  const link = (key) => document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  let goes = false; // after the key g

  const focusOrGo = (id) => {
    const field = document.getElementById(id);
    if (field) field.focus();
    else location.assign(`${link("m").href}#${id}`);
  };

  const showKeys = async () => {
    const answer = await fetch(link("h").href);
    const list = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("keyboard");
    const dialog = document.createElement("dialog");
    const close = document.createElement("button");
    dialog.className = "keys-dialog";
    dialog.setAttribute("aria-labelledby", "keyboard-title");
    close.className = "btn btn-quiet";
    close.textContent = words.close;
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    document.getElementById("keyboard")?.removeAttribute("id"); // on the help page itself
    dialog.append(list, close);
    document.body.append(dialog);
    dialog.showModal();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const place = goes && link(event.key);
    const act = { "/": () => focusOrGo("q"), n: () => focusOrGo("id_text"), "?": showKeys }[event.key];
    goes = event.key === "g" && !goes;
    if (!place && !act) return;
    event.preventDefault();
    if (place) location.assign(place.href);
    else act();
  });
}

// --- Lists: a button says once where it sends; with this file it is htmx that sends it ------------------------------

document.body.addEventListener("htmx:configRequest", (event) => {
  const button = event.detail.elt;
  if (button.matches("button[hx-post=''][formaction]")) event.detail.path = button.getAttribute("formaction");
});

// --- Lists: after "Load more" the keyboard goes on at the first new memory --------------------------------------

document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (!event.detail.target.classList.contains("more")) return;
  const before = event.detail.target.previousElementSibling;
  setTimeout(() => {
    const first = before?.nextElementSibling?.querySelector("a, button");
    first?.focus({ preventScroll: true });
  }, 50);
});

// --- What is to be copied: the button shows where the browser lets it --------------------------------------------

document.querySelectorAll("[data-copy]").forEach((button) => {
  if (!navigator.clipboard) return; // over plain http elsewhere than on loopback
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      toast(button.dataset.done);
    } catch {
      toast(words.failed, true);
    }
  });
});

// --- First steps: an idea fills the box instead of leading to another page ----------------------------------------

document.addEventListener("click", (event) => {
  const idea = event.target.closest("[data-fills]");
  const box = idea && document.getElementById(idea.dataset.fills);
  if (!box) return;
  event.preventDefault();
  box.value = idea.value;
  box.focus();
});

// --- Profile: the time zone of this device ----------------------------------------------------------------

document.querySelectorAll("[data-my-zone]").forEach((offer) => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const input = document.getElementById(offer.dataset.myZone);
  if (!zone || !input || input.value === zone) return;
  offer.querySelector("span").textContent = zone;
  offer.hidden = false;
  offer.querySelector("button").addEventListener("click", () => {
    input.value = zone;
    offer.hidden = true;
    input.focus();
  });
});

// --- Importing: a file may be dropped on its field's frame --------------------------------------------------

document.querySelectorAll("[data-drop]").forEach((zone) => {
  const input = zone.querySelector("input[type=file]");
  const mark = (isOver) => zone.classList.toggle("drop-over", isOver);
  ["dragenter", "dragover"].forEach((name) => zone.addEventListener(name, (event) => {
    event.preventDefault();
    mark(true);
  }));
  zone.addEventListener("dragleave", () => mark(false));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    if (event.dataTransfer.files.length) input.files = event.dataTransfer.files;
  });
});

// --- Asking: the words as a chat model says them, then the whole answer in their place ---------------------------

async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (held + value).split("\n\n");
    held = parts.pop();
    for (const part of parts) {
      const [name, data] = part.split("\n");
      yield [name.slice("event: ".length), JSON.parse(data.slice("data: ".length))];
    }
  }
}

document.querySelectorAll("form[data-streams]").forEach((form) => {
  const stop = form.querySelector("[data-stop]");
  let under_way = null;
  stop.addEventListener("click", () => under_way?.abort());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    under_way?.abort();
    under_way = new AbortController();
    const place = document.getElementById(form.dataset.streams);
    const words_so_far = document.createElement("p");
    words_so_far.className = "answer-text answer-coming";
    words_so_far.dir = "auto";
    place.replaceChildren(words_so_far);
    place.setAttribute("aria-busy", "true");
    stop.hidden = false;
    try {
      const headers = { Accept: "text/event-stream" };
      const response = await fetch(form.action, { method: "POST", headers, body: new FormData(form), signal: under_way.signal });
      if (!response.headers.get("Content-Type").startsWith("text/event-stream")) {
        form.submit(); // what is wrong, the whole page says
        return;
      }
      for await (const [name, data] of eventsOf(response)) {
        if (name === "text") words_so_far.append(data.text);
        if (name === "answer") {
          const answer = document.createElement("template");
          answer.innerHTML = data.html; // of this server, escaped there
          place.replaceChildren(...answer.content.querySelector("section").childNodes);
        }
      }
    } catch (error) {
      if (error.name !== "AbortError") toast(words.failed, true);
    } finally {
      delete form.dataset.sending;
      stop.hidden = true;
      place.removeAttribute("aria-busy");
    }
  });
});
