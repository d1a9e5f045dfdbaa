// Asks the browser for a passkey, or to make one, and sends what it answers in the form of the page.
"use strict";
const form = document.getElementById("passkey");
const said = document.getElementById("said");
const again = document.getElementById("again");

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (it) => it.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

function make({challenge, host, user, userName, name, known}) {
  const ids = known.split(" ").filter(Boolean);
  return navigator.credentials.create({publicKey: {
    challenge: bytes(challenge),
    rp: {id: host, name: host},
    user: {id: bytes(user), name: userName, displayName: name},
    pubKeyCredParams: [{type: "public-key", alg: -7}, {type: "public-key", alg: -257}],
    excludeCredentials: ids.map((it) => ({type: "public-key", id: bytes(it)})),
    authenticatorSelection: {residentKey: "required", userVerification: "required"},
    attestation: "none",
  }});
}

function show({challenge, host}) {
  return navigator.credentials.get({publicKey: {
    challenge: bytes(challenge), rpId: host, userVerification: "required",
  }});
}

async function ask() {
  again.hidden = true;
  said.textContent = "Follow what your browser asks.";
  try {
    const found = await (form.dataset.user ? make : show)(form.dataset);
    const {response} = found, fields = form.elements;
    fields.namedItem("id").value = text(found.rawId);
    fields.namedItem("client_data").value = text(response.clientDataJSON);
    fields.namedItem("authenticator_data").value = text(response.authenticatorData ?? response.getAuthenticatorData());
    if (response.signature) {
      fields.namedItem("signature").value = text(response.signature);
      fields.namedItem("user_handle").value = text(response.userHandle ?? new ArrayBuffer(0));
    }
    form.submit();
  } catch (error) {
    said.textContent = error.name === "InvalidStateError"
      ? "This device has a passkey for you already."
      : "Your browser gave no passkey. It may have none for this site, or it took too long.";
    again.hidden = false;
  }
}

if (window.PublicKeyCredential) {
  again.addEventListener("click", ask);
  // Who was just refused is not asked the same again unbidden.
  if (document.querySelector("[role=alert]")) {
    said.textContent = "";
    again.hidden = false;
  } else {
    ask();
  }
} else {
  said.textContent = "This browser knows no passkeys, or the address of this page does not begin with https.";
}
