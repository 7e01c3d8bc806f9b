// Start the API documentation viewer. The content security policy forbids inline scripts.
"use strict";

const swagger = document.getElementById("swagger");
if (swagger) {
  const page = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const applyTheme = () => {
    page.classList.toggle("dark-mode", page.dataset.theme === "auto" ? dark.matches : page.dataset.theme === "dark");
  };
  applyTheme();
  dark.addEventListener("change", applyTheme);
  window.ui = SwaggerUIBundle({
    url: swagger.dataset.schema,
    domNode: swagger,
    deepLinking: true,
    validatorUrl: null, // no third-party validator
    requestInterceptor: (request) => {
      // "Try it out" uses the session of the logged-in user, so write requests need the CSRF token.
      if (new URL(request.url, location.href).origin === location.origin) {
        request.headers["X-CSRFToken"] = swagger.dataset.csrf;
      }
      return request;
    },
  });
}
