// The live execution: the piece is replaced while it goes on; where the picture was scrolled to, stays.

let scrolled = null;

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.target.id === "live") scrolled = event.target.querySelector(".graph")?.scrollLeft ?? null;
});

document.addEventListener("htmx:afterSwap", () => {
  const graph = document.querySelector("#live .graph");
  if (!graph) return;
  if (scrolled !== null) graph.scrollLeft = scrolled;
  scrolled = null;
});
