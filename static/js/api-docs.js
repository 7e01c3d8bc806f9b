// Starts the reader of the API's description. No inline script: the content security policy forbids it.
"use strict";

const swagger = document.getElementById("swagger");
if (swagger) {
  const page = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const shade = () => {
    page.classList.toggle("dark-mode", page.dataset.theme === "auto" ? dark.matches : page.dataset.theme === "dark");
  };
  shade();
  dark.addEventListener("change", shade);
  window.ui = SwaggerUIBundle({
    url: swagger.dataset.schema,
    domNode: swagger,
    deepLinking: true,
    validatorUrl: null, // asks nobody else
    requestInterceptor: (request) => {
      // "Try it out" acts by the session of whoever reads this, which needs the token when it writes.
      if (new URL(request.url, location.href).origin === location.origin) {
        request.headers["X-CSRFToken"] = swagger.dataset.csrf;
      }
      return request;
    },
  });
}

const redoc = document.getElementById("redoc");
if (redoc) {
  Redoc.init(redoc.dataset.schema, { nonce: redoc.dataset.nonce, disableSearch: true }, redoc);
}
