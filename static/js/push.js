// Letting this browser be pushed to: ask for permission, subscribe, and hand the subscription over with the form.

const card = document.getElementById("push");
const form = card?.querySelector("[data-push-form]");
const state = card?.querySelector("[data-push-state]");

function say(text) {
  state.textContent = text;
}

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function label() {
  const agent = navigator.userAgent;
  const browsers = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]];
  const systems = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]];
  const name = (pairs, otherwise) => pairs.find(([mark]) => agent.includes(mark))?.[1] ?? otherwise;
  return `${name(browsers, "Browser")} on ${name(systems, "another system")}`;
}

async function digest(text) {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function current() {
  const registration = await navigator.serviceWorker.getRegistration("/");
  return registration?.pushManager.getSubscription();
}

async function show() {
  if (!window.isSecureContext) {
    say("Push needs a secure connection (https). The bell and e-mail work here.");
    return;
  }
  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) {
    say("This browser cannot be pushed to. On an iPhone, add the site to the home screen first. The bell and e-mail work here.");
    return;
  }
  const known = await current();
  if (known && card.querySelector(`[data-endpoint-digest="${await digest(known.endpoint)}"]`)) {
    say("This browser is pushed to.");
    return;
  }
  if (Notification.permission === "denied") {
    say("You told this browser not to show notifications of this site. Allow them in its settings for the site, then load this page again.");
    return;
  }
  say("What you chose for push reaches you also when no page is open.");
  form.hidden = false;
}

async function subscribe(event) {
  event.preventDefault();
  if ((await Notification.requestPermission()) !== "granted") {
    say("The browser was not allowed to show notifications, so nothing was changed.");
    return;
  }
  try {
    const registration = await navigator.serviceWorker.register("/push-worker.js", { scope: "/" });
    await navigator.serviceWorker.ready;
    const subscription = await registration.pushManager.subscribe({
      userVisibleOnly: true,
      applicationServerKey: bytes(card.dataset.pushKey),
    });
    const { endpoint, keys } = subscription.toJSON();
    form.elements.endpoint.value = endpoint;
    form.elements.p256dh.value = keys.p256dh;
    form.elements.auth.value = keys.auth;
    form.elements.label.value = label();
    form.submit();
  } catch (error) {
    const why = error.message.replace(/\.?$/, ".");
    say(`This browser has no push service, or it did not answer: ${why} The bell and e-mail work without it.`);
  }
}

if (card) {
  form.addEventListener("submit", subscribe);
  show();
}
