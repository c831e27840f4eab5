// The live execution: the piece is replaced while it goes on. What was unfolded, scrolled or being written stays, and
// countdowns tick.

const openFolds = () => [...document.querySelectorAll("#live details[id][open]")].map((fold) => fold.id);
let before = null;

// The server draws the loops that stand open, so that nothing flickers; it is told which.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.id !== "live") return;
  const shown = [...document.querySelectorAll("#live details[open] > .items")];
  event.detail.parameters.open = shown.map((items) => items.dataset.items).join(",");
});

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.target.id !== "live") return;
  // Someone is writing in it: wait for the next time.
  if (document.activeElement?.closest("#live form")?.querySelector("textarea, input[type=text]")) {
    event.detail.shouldSwap = false;
    return;
  }
  before = {
    folds: openFolds(),
    focus: document.activeElement?.closest("#live") ? document.activeElement.id : "",
    scrolled: event.target.querySelector(".graph.across")?.scrollLeft ?? 0,
  };
});

document.addEventListener("htmx:afterSwap", () => {
  if (!before) return;
  const graph = document.querySelector("#live .graph.across");
  if (graph) graph.scrollLeft = before.scrolled;
  for (const id of before.folds) {
    const fold = document.getElementById(id);
    if (fold && !fold.open) fold.open = true;
  }
  if (before.focus) document.getElementById(before.focus)?.focus({ preventScroll: true });
  before = null;
});

function words(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return minutes < 10 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

function tick() {
  for (const time of document.querySelectorAll("[data-countdown]")) {
    const left = (new Date(time.dateTime) - Date.now()) / 1000;
    time.textContent = left > 0 ? `in ${words(left)}` : "now";
  }
  for (const text of document.querySelectorAll("[data-until]")) {
    const left = (new Date(text.dataset.until) - Date.now()) / 1000;
    text.textContent = `${text.dataset.prefix}${left > 0 ? `${words(left)} left` : "about to go on"}`;
  }
}

if (document.querySelector("#live")) {
  tick();
  setInterval(tick, 1000);
}

// Opening a step from the picture opens the loop that it stands in.
window.addEventListener("hashchange", () => {
  const target = document.getElementById(window.location.hash.slice(1));
  for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
});
