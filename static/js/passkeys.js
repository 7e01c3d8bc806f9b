// Passkeys: create or get a credential and submit it with the form. Without WebAuthn support the form stays hidden.
"use strict";

const toBytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const decodeIds = (descriptors) => (descriptors || []).map((each) => ({ ...each, id: toBytes(each.id) }));

// Serialize the fields the server needs; not every browser has PublicKeyCredential.toJSON().
function serializeCredential(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = toText(credential.response[name]);
  }
  return {
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  };
}

const ceremonies = {
  create: ({ publicKey }) =>
    navigator.credentials.create({
      publicKey: {
        ...publicKey,
        challenge: toBytes(publicKey.challenge),
        user: { ...publicKey.user, id: toBytes(publicKey.user.id) },
        excludeCredentials: decodeIds(publicKey.excludeCredentials),
        // A discoverable credential with user verification replaces both password and second factor.
        authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
      },
    }),
  get: ({ publicKey }) =>
    navigator.credentials.get({
      publicKey: {
        ...publicKey,
        challenge: toBytes(publicKey.challenge),
        allowCredentials: decodeIds(publicKey.allowCredentials),
      },
    }),
};

async function getOptions(form) {
  if (form.dataset.options) return JSON.parse(document.getElementById(form.dataset.options).textContent);
  const response = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error("no options");
  return response.json();
}

document.querySelectorAll("form[data-passkey]").forEach((form) => {
  if (!window.PublicKeyCredential || location.hostname !== form.dataset.host) {
    form.nextElementSibling.hidden = false;
    return;
  }
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const options = await getOptions(form);
      const credential = await ceremonies[form.dataset.passkey](options.creation_options || options.request_options);
      form.elements.credential.value = JSON.stringify(serializeCredential(credential));
      form.submit();
    } catch {
      toast(form.dataset.failed, true); // defined in picard.js
    }
  });
});
