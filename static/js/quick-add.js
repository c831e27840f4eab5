// The line that becomes a task, in the planner and on the dashboard: empty again once it is kept, and its words go along
// to the whole form.

const line = document.getElementById("quick-line");

document.addEventListener("htmx:afterSettle", (event) => {
  const asked = event.detail.requestConfig;
  if (!line || asked?.verb !== "post" || !asked.path.endsWith("/quick/")) return;
  line.value = "";
  document.getElementById("quick-understood").replaceChildren();
  line.focus();
});

document.addEventListener("click", (event) => {
  const all = event.target.closest("[data-quick-all]");
  if (all && line.value) {
    event.preventDefault();
    window.location.assign(`${all.href}?line=${encodeURIComponent(line.value)}`);
  }
});
