// A card of the dashboard that does not come: say so in its place, and offer to try again.

for (const kind of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(kind, (event) => {
    const card = event.detail.target?.closest?.("[data-card]");
    if (!card) return;
    card.removeAttribute("aria-busy");
    card.classList.remove("unseen");
    card.querySelector(".card-place")?.remove();
    card.querySelector("[data-card-failed]")?.removeAttribute("hidden");
  });
}
