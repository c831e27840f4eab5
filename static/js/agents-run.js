// Shows an agent's answer as it comes, over server-sent events. The page asks for itself every two seconds
// anyway (htmx); while the stream is alive those requests are held back, and when it fails they go on.

let source = null;
let isLive = false;

function listen() {
  const run = document.getElementById("run");
  const address = run?.dataset.stream;
  if (!address || !window.EventSource) return;
  const text = run.querySelector("[data-live-text]");
  const waiting = run.querySelector("[data-waiting]");
  const words = run.querySelector("[data-waiting-text]");
  source = new EventSource(address, { withCredentials: true });
  let hasBegun = false;
  let rest = "";
  let frame = 0;

  source.addEventListener("open", () => {
    isLive = true;
  });
  source.addEventListener("text", (event) => {
    // The stream tells the answer from its beginning; what the page came with would be said twice.
    if (!hasBegun) text.textContent = "";
    hasBegun = true;
    if (waiting) waiting.hidden = true;
    rest += JSON.parse(event.data);
    frame ||= requestAnimationFrame(() => {
      text.append(rest);
      rest = "";
      frame = 0;
    });
  });
  source.addEventListener("status", (event) => {
    const { status, pause_s: pause } = JSON.parse(event.data);
    if (!words || hasBegun) return;
    if (status === "running") words.textContent = "Thinking…";
    else if (status === "waiting") words.textContent = `The service is busy; trying again in ${Math.ceil(pause)} s…`;
  });
  source.addEventListener("end", () => finish());
  source.addEventListener("error", () => {
    isLive = source.readyState === EventSource.OPEN;
    if (source.readyState === EventSource.CLOSED) source.close();
  });
}

function finish() {
  source?.close();
  isLive = false;
  const run = document.getElementById("run");
  if (run) window.htmx?.trigger(run, "refresh");
}

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.id === "run" && isLive) event.preventDefault();
});
// After a swap (a stop, or a poll while the stream was away) the old texts are gone: start over.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id !== "run") return;
  source?.close();
  isLive = false;
  listen();
});
window.addEventListener("pagehide", () => source?.close());

listen();
