// A conversation with a persona: answers stream into the page. Without this file, each question loads the whole page.
const form = document.getElementById("ask");
const list = document.getElementById("conversation");
const question = form.elements.question;
const send = form.querySelector("[data-send]");
const stop = form.querySelector("[data-stop]");
const startAnew = form.querySelector("[data-new]");
const examples = document.querySelector("[data-examples]");
const announcement = document.getElementById("ask-status");
const POLLS = 20; // of a new memory's index state, one a second
let controller = null; // of the answer under way

async function* readEvents(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (buffer + value).split("\n\n");
    buffer = parts.pop();
    for (const part of parts) {
      const [name, data] = part.split("\n");
      yield [name.slice("event: ".length), JSON.parse(data.slice("data: ".length))];
    }
  }
}

// An error whose text the user is shown.
class Refusal extends Error {}

// Send the form with other values in place of its own; yields the server's events.
async function* sendForm(values, signal) {
  const body = new FormData(form);
  for (const [name, value] of Object.entries(values)) body.set(name, value);
  const url = location.pathname; // not form.action, whose fragment is for browsers without JavaScript
  const response = await fetch(url, { method: "POST", headers: { Accept: "text/event-stream" }, body, signal });
  const isStream = (response.headers.get("Content-Type") || "").startsWith("text/event-stream");
  if (!isStream) throw new Refusal(response.status === 429 ? form.dataset.busy : form.dataset.failed);
  for await (const [name, data] of readEvents(response)) {
    if (name === "error") throw new Refusal(data.text);
    yield [name, data];
  }
}

function make(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html; // escaped by the server
  return template.content.firstElementChild;
}

function announce(text) {
  announcement.textContent = "";
  setTimeout(() => (announcement.textContent = text), 100); // a change is announced, also to the same text
}

// Show an exchange above the form; the question stays in view if its answer is longer than the window.
function reveal(exchange) {
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  const isLong = exchange.offsetHeight > innerHeight - form.offsetHeight - 80;
  exchange.scrollIntoView({ block: isLong ? "start" : "nearest", behavior });
}

function showIsBusy(isBusy) {
  send.hidden = isBusy;
  stop.hidden = !isBusy;
  list.setAttribute("aria-busy", String(isBusy));
}

function addExchange(text) {
  const exchange = make("li", "exchange");
  const heading = make("h2", "question", text);
  heading.dir = "auto";
  const answer = make("div", "answer");
  exchange.append(heading, answer);
  list.append(exchange);
  startAnew.hidden = false;
  if (examples) examples.hidden = true;
  return exchange;
}

function showProblem(exchange, text, asked, isError = true) {
  const note = make("div", isError ? "notice notice-bad" : "notice");
  const message = make("span", "", text);
  message.setAttribute("role", isError ? "alert" : "status");
  const again = make("button", "btn btn-quiet btn-sm", form.dataset.retry);
  again.type = "button";
  again.addEventListener("click", () => {
    if (controller) return;
    exchange.remove();
    ask(asked);
    question.focus();
  });
  note.append(message, again);
  exchange.querySelector(".answer").append(note);
  reveal(exchange);
}

async function ask(asked) {
  const exchange = addExchange(asked);
  const answer = exchange.querySelector(".answer");
  const coming = make("p", "answer-text answer-coming");
  const waiting = make("p", "answer-waiting", form.dataset.waiting);
  coming.dir = "auto";
  answer.append(waiting);
  const mine = (controller = new AbortController());
  showIsBusy(true);
  announce(form.dataset.waiting);
  reveal(exchange);
  let isComplete = false;
  try {
    for await (const [name, data] of sendForm({ question: asked, example: "" }, mine.signal)) {
      if (name === "text") {
        if (!coming.isConnected) waiting.replaceWith(coming);
        coming.append(data.text);
      }
      if (name === "answer") {
        const whole = parse(data.html);
        exchange.replaceWith(whole);
        form.elements.conversation.value = data.conversation;
        isComplete = true;
        announce(whole.querySelector(".answer-text, .citations, .help").innerText);
        reveal(whole);
      }
    }
    if (!isComplete) throw new Refusal(form.dataset.failed);
  } catch (error) {
    if (mine.signal.reason === "new conversation") return;
    waiting.remove();
    const isStopped = error.name === "AbortError";
    const text = isStopped ? form.dataset.stopped : error instanceof Refusal ? error.message : form.dataset.failed;
    if (!isComplete) showProblem(exchange, text, asked, !isStopped);
  } finally {
    if (controller === mine) {
      controller = null;
      showIsBusy(false);
    }
  }
}

// Save an answer, or the memory that was missing; then the question is asked again, once the memory is indexed.
async function save(button) {
  const exchange = button.closest(".exchange");
  const missing = button.closest(".missing");
  button.disabled = true;
  try {
    for await (const [, data] of sendForm({ [button.name]: button.value })) {
      const saved = parse(data.html);
      (missing || button.closest(".answer-actions")).replaceWith(saved);
      announce(saved.querySelector("p").innerText);
      if (missing) await askAgain(exchange, data.state);
    }
  } catch (error) {
    button.disabled = false;
    const text = error instanceof Refusal ? error.message : form.dataset.failed;
    const errors = missing?.querySelector(".errors");
    if (!errors) return showSaveError(button, text);
    errors.textContent = text;
    missing.classList.add("field-wrong");
    missing.querySelector("textarea").focus();
  }
}

function showSaveError(button, text) {
  button.parentElement.querySelector(".errors")?.remove();
  const error = make("span", "errors", text);
  error.setAttribute("role", "alert");
  button.after(error);
}

async function askAgain(exchange, url) {
  for (let poll = 0; poll < POLLS; poll++) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const response = await fetch(url).catch(() => null);
    if (response?.ok && !(await response.text()).includes("state-wait")) break;
  }
  if (controller || !exchange.isConnected) return; // another question is being answered: the button asks again
  exchange.querySelector(".answer-saved [name=example]")?.closest("p").remove();
  exchange.querySelector("[data-indexing]")?.remove();
  await ask(exchange.querySelector(".question").textContent);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const button = event.submitter;
  if (button?.name === "save" || button?.name === "add") return void save(button);
  const isExample = button?.name === "example";
  const asked = (isExample ? button.value : question.value).trim();
  if (!asked || controller) return; // what was typed stays until the answer is there
  if (!isExample) question.value = "";
  if (button?.closest(".answer-saved")) button.closest("p").remove();
  question.focus({ preventScroll: true });
  void ask(asked);
});

// Enter in the field of a missing memory saves that, instead of asking.
document.addEventListener(
  "keydown",
  (event) => {
    const missing = event.key === "Enter" && event.target.closest?.(".missing");
    if (!missing || event.target.tagName !== "TEXTAREA" || event.isComposing || event.shiftKey) return;
    if (!hasKeyboard && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    form.requestSubmit(missing.querySelector("[name=add]"));
  },
  true,
);

stop.addEventListener("click", () => {
  controller?.abort();
  question.focus();
});

startAnew.addEventListener("click", (event) => {
  event.preventDefault();
  controller?.abort("new conversation");
  controller = null;
  showIsBusy(false);
  list.replaceChildren();
  form.elements.conversation.value = "";
  startAnew.hidden = true;
  if (examples) examples.hidden = false;
  question.focus();
});

// A number in an answer leads to its source: open what hides it, and move the focus there.
list.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#source-']");
  const source = link && document.getElementById(link.hash.slice(1));
  if (!source) return;
  event.preventDefault();
  source.closest("details")?.setAttribute("open", "");
  list.querySelectorAll(".source-shown").forEach((each) => each.classList.remove("source-shown"));
  source.classList.add("source-shown");
  source.scrollIntoView({ block: "nearest" });
  source.focus({ preventScroll: true });
});
