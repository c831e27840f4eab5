// What changes while a page is open: messages, the bell, the theme, and what htmx should say when a request fails.

const toasts = document.getElementById("toasts");
const pattern = document.getElementById("toast-pattern");
const STAY_MS = 6000;

function dismissLater(toast) {
  if (toast.dataset.level === "error" || toast.dataset.level === "warning") return;
  const stay = toast.querySelector(".toast-undo") ? 3 * STAY_MS : STAY_MS;
  let timer = setTimeout(() => toast.remove(), stay);
  for (const kind of ["pointerenter", "focusin"]) toast.addEventListener(kind, () => clearTimeout(timer));
  for (const kind of ["pointerleave", "focusout"]) {
    toast.addEventListener(kind, () => {
      clearTimeout(timer);
      timer = setTimeout(() => toast.remove(), stay);
    });
  }
}

// What was done can be taken back: the same form as the server draws it, as an htmx request where the page can swap it.
function undoForm({ url, fields, part }) {
  const form = document.createElement("form");
  form.className = "toast-undo";
  form.method = "post";
  form.action = url;
  const token = JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"] ?? "";
  const next = location.pathname + location.search;
  for (const [name, value] of Object.entries({ csrfmiddlewaretoken: token, next, ...fields })) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name, value });
    form.append(input);
  }
  const button = document.createElement("button");
  button.className = "button small";
  button.textContent = "Undo";
  form.append(button);
  if (part && document.getElementById(part)) {
    form.setAttribute("hx-post", url);
    form.setAttribute("hx-target", `#${part}`);
    form.setAttribute("hx-swap", "outerHTML");
    form.addEventListener("htmx:afterRequest", () => form.closest(".toast")?.remove());
  }
  return form;
}

function showToast({ level = "info", text, undo }) {
  if (!toasts || !pattern || !text) return;
  const icon = pattern.content.querySelector(`[data-icon="${level}"]`) ?? pattern.content.querySelector("[data-icon=info]");
  const toast = pattern.content.querySelector(".toast").cloneNode(true);
  toast.dataset.level = level;
  toast.prepend(icon.firstElementChild.cloneNode(true));
  toast.querySelector("[data-text]").textContent = text;
  if (undo) {
    for (const older of toasts.querySelectorAll(".toast:has(.toast-undo)")) older.remove();
    toast.querySelector("[data-text]").after(undoForm(undo));
  }
  toasts.append(toast);
  if (undo) window.htmx?.process(toast);
  dismissLater(toast);
}

for (const toast of toasts?.children ?? []) dismissLater(toast);
toasts?.addEventListener("click", (event) => {
  if (event.target.closest("[data-dismiss]")) event.target.closest(".toast").remove();
});
document.addEventListener("toast", (event) => showToast(event.detail));
// The server's flash messages reach htmx answers as an HX-Trigger of this name.
document.addEventListener("messages", (event) => {
  for (const message of event.detail.list ?? []) showToast(message);
});

// An error that says where it wants to be shown (the server's own words, as a toast) is swapped like an answer.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status >= 400 && event.detail.xhr.getResponseHeader("HX-Retarget")) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target === toasts && toasts.lastElementChild) dismissLater(toasts.lastElementChild);
});

document.addEventListener("htmx:sendError", () =>
  showToast({ level: "error", text: "The server could not be reached. Nothing was changed; try again in a moment." }),
);
document.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  if (status === 422) return;
  let text;
  if (status === 404) text = "That is no longer there. Load the page again to see what is.";
  else if (status === 403) text = "You may not do that. Load the page again; you may have been signed out.";
  else if (status === 429) text = "That was too often in a short time. Try again in a minute.";
  else text = "The server could not do that. It has been recorded; try again in a moment.";
  showToast({ level: "error", text });
});

// The unread count: asked for every 30 s, only while somebody can see it.
const bell = document.getElementById("bell");
const refreshBell = () => {
  if (bell && document.visibilityState === "visible" && !bell.open) window.htmx?.trigger(bell, "refresh");
};
if (bell) {
  setInterval(refreshBell, 30_000);
  document.addEventListener("visibilitychange", refreshBell);
  document.addEventListener("notifications-changed", refreshBell);
}

document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-set-theme]");
  if (!choice) return;
  document.documentElement.dataset.theme = choice.value;
  for (const other of choice.parentElement.querySelectorAll("[data-set-theme]")) {
    other.setAttribute("aria-pressed", String(other === choice));
  }
});
