// Forms work without this. It asks before what cannot be taken back, keeps a form from being sent twice,
// takes the reader to the errors, and copies what is to be copied.

const confirmDialog = document.getElementById("confirm");

function ask({ title, text, label }) {
  if (!confirmDialog) return Promise.resolve(window.confirm(title));
  confirmDialog.querySelector("[data-confirm-title]").textContent = title;
  confirmDialog.querySelector("[data-confirm-text]").textContent = text ?? "";
  confirmDialog.querySelector("[data-confirm-yes]").textContent = label ?? "Continue";
  confirmDialog.returnValue = "";
  confirmDialog.showModal();
  return new Promise((resolve) => {
    confirmDialog.addEventListener("close", () => resolve(confirmDialog.returnValue === "yes"), { once: true });
  });
}

const agreed = new WeakSet();

document.addEventListener(
  "submit",
  async (event) => {
    const form = event.target;
    const asking = event.submitter?.dataset.confirm ? event.submitter.dataset : form.dataset;
    if (!asking.confirm || agreed.has(form)) {
      agreed.delete(form);
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    const submitter = event.submitter;
    const yes = await ask({ title: asking.confirm, text: asking.confirmText, label: asking.confirmLabel });
    if (!yes) {
      submitter?.focus();
      return;
    }
    agreed.add(form);
    form.requestSubmit(submitter);
  },
  { capture: true },
);

document.addEventListener("htmx:confirm", async (event) => {
  if (!event.detail.question) return;
  event.preventDefault();
  const { confirmText: text, confirmLabel: label } = event.detail.elt.dataset;
  if (await ask({ title: event.detail.question, text, label })) event.detail.issueRequest(true);
});

// Enter in a field presses the form's first button, which may be another one than the field's own.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  const button = event.target.dataset?.enter && document.getElementById(event.target.dataset.enter);
  if (!button) return;
  event.preventDefault();
  button.click();
});

// A plain form is sent once; the button comes back if the reader returns with the back button.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method === "dialog" || event.target.matches("[hx-post], [hx-get]")) return;
  if (event.target.dataset.sent) {
    event.preventDefault();
    return;
  }
  if (event.target.method === "post") event.target.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

function goToErrors(root) {
  root.querySelector?.(".error-summary")?.focus();
}
goToErrors(document);
document.addEventListener("htmx:afterSettle", (event) => {
  // The piece that was swapped away is still `detail.target`; the new one is where the event happens.
  if (event.detail.xhr?.status === 422) goToErrors(event.target.isConnected ? event.target : document);
});

document.addEventListener("change", (event) => {
  if (event.target.closest("[data-submit-on-change]")) event.target.form?.requestSubmit();
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  if (!source) return;
  const text = source.value ?? source.textContent;
  try {
    await navigator.clipboard.writeText(text.trim());
    announce("Copied.");
  } catch {
    getSelection().selectAllChildren(source);
    announce("Press Ctrl-C to copy the selected text.");
  }
});

function announce(text) {
  document.dispatchEvent(new CustomEvent("toast", { detail: { level: "success", text } }));
}

// The reader's own time zone, offered or filled in where a form asks for one.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
for (const input of document.querySelectorAll("[data-detect-zone]")) {
  if (!zone) break;
  if (input.type === "hidden") {
    input.value = zone;
    continue;
  }
  const offer = document.getElementById(input.dataset.detectZone);
  if (!offer || input.value === zone) continue;
  offer.hidden = false;
  offer.querySelector("[data-zone]").textContent = zone;
  offer.querySelector("button").addEventListener("click", () => {
    input.value = zone;
    offer.hidden = true;
    input.focus();
  });
}
