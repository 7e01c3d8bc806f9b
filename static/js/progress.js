// Progress of what takes longer than a moment: a busy button, and after a second a bar at the top of the page.
// Without this file, forms are sent as usual.
"use strict";

{
  const BAR_AFTER_MS = 1000;
  const PAGE_MS = 60_000; // if no page arrives, as after Escape
  const DOWNLOAD_MS = 4000; // a file leaves the page as it is, and the browser shows its own progress
  const bar = document.getElementById("progress");
  const running = new Map(); // by what is under way (a form, a link, a request of htmx): a function that ends it

  function showBar(isOn) {
    bar.classList.toggle("is-on", isOn);
    bar.firstElementChild.textContent = isOn ? bar.dataset.text : "";
  }

  function start(key, button) {
    if (running.has(key)) return;
    const timer = setTimeout(showBar, BAR_AFTER_MS, true);
    button?.setAttribute("aria-busy", "true");
    running.set(key, () => {
      clearTimeout(timer);
      button?.removeAttribute("aria-busy");
    });
  }

  function stop(key) {
    running.get(key)?.();
    running.delete(key);
    if (running.size === 0) showBar(false);
  }

  // Another listener may keep the browser from leaving the page, so this decides after all of them.
  function startUnlessPrevented(event, key, button, limit) {
    setTimeout(() => {
      if (event.defaultPrevented) return;
      start(key, button);
      setTimeout(stop, limit, key);
    });
  }

  // No form that is under way is sent again. Its button stays enabled, because its value is sent, and keeps the focus.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (running.has(form)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    } else if (form.getAttribute("method") !== "dialog") {
      const button = event.submitter ?? form.querySelector("button:not([type=button])");
      startUnlessPrevented(event, form, button, "download" in form.dataset ? DOWNLOAD_MS : PAGE_MS);
    }
  }, true);

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || !isPlain || link.target || link.origin !== location.origin) return;
    const isOnThisPage = link.hash && link.pathname === location.pathname && link.search === location.search;
    if (!isOnThisPage) startUnlessPrevented(event, link, null, PAGE_MS);
  });

  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt, requestConfig, xhr } = event.detail;
    start(xhr, requestConfig?.triggeringEvent?.submitter ?? (elt.matches("button") ? elt : null));
  });
  document.addEventListener("htmx:afterRequest", (event) => stop(event.detail.xhr));

  // Back from the history, the page is as it was left.
  window.addEventListener("pageshow", () => [...running.keys()].forEach(stop));
}
