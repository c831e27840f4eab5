// A list is put in order by dragging its items (courses, subtasks); without a pointer the arrows of each do the same.

let dragged = null;

const cards = () => document.querySelectorAll("[data-order] > [data-ordered]");

function ready() {
  for (const card of cards()) card.draggable = true;
}

document.addEventListener("dragstart", (event) => {
  const card = event.target.closest?.("[data-order] > [data-ordered]");
  if (!card) return;
  dragged = card;
  card.classList.add("dragged");
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", card.dataset.ordered);
});

document.addEventListener("dragover", (event) => {
  const over = event.target.closest?.("[data-order] > [data-ordered]");
  if (!dragged || !over || over.parentElement !== dragged.parentElement) return;
  event.preventDefault();
  if (over === dragged) return;
  const siblings = [...over.parentElement.children];
  const isAfter = siblings.indexOf(dragged) < siblings.indexOf(over);
  over[isAfter ? "after" : "before"](dragged);
});

document.addEventListener("drop", (event) => {
  if (dragged) event.preventDefault();
});

document.addEventListener("dragend", () => {
  if (!dragged) return;
  dragged.classList.remove("dragged");
  const list = dragged.parentElement;
  dragged = null;
  const form = document.createElement("form");
  form.method = "post";
  form.action = list.dataset.order;
  const token = document.querySelector("[name=csrfmiddlewaretoken]").cloneNode();
  form.append(token);
  for (const card of cards()) {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: list.dataset.orderField ?? "course", value: card.dataset.ordered });
    form.append(field);
  }
  document.body.append(form);
  form.requestSubmit();
});

document.addEventListener("htmx:afterSwap", ready);
ready();
