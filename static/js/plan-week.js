// A block of the plan is dragged to another time, or moved with Alt and an arrow key. Both fill in the block's own
// form in the list and send it: the server decides, and without this the form alone does.

const QUARTER = 15;
const SLACK = 4;
let drag = null;

function pointIn(svg, event) {
  const point = new DOMPoint(event.clientX, event.clientY);
  return point.matrixTransform(svg.getScreenCTM().inverse());
}

function measures(svg) {
  const { days, axis, column, head, hour, firstHour } = svg.dataset;
  return { days: days.split(" "), axis: +axis, column: +column, head: +head, hour: +hour, firstHour: +firstHour };
}

function send(block, day, minutes) {
  const form = document.getElementById(`move-${block}`);
  const clock = Math.min(Math.max(minutes, 0), 24 * 60 - QUARTER);
  const two = (number) => String(number).padStart(2, "0");
  if (!form || !day) return;
  form.elements.starts_at.value = `${day}T${two(Math.floor(clock / 60))}:${two(clock % 60)}`;
  form.requestSubmit();
}

document.addEventListener("pointerdown", (event) => {
  const slot = event.target.closest?.("a[data-block]");
  if (!slot || event.button !== 0) return;
  const svg = slot.ownerSVGElement;
  drag = { slot, svg, from: pointIn(svg, event), moved: false };
  slot.setPointerCapture(event.pointerId);
});

document.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const at = pointIn(drag.svg, event);
  const [dx, dy] = [at.x - drag.from.x, at.y - drag.from.y];
  if (!drag.moved && Math.hypot(dx, dy) < SLACK) return;
  drag.moved = true;
  drag.slot.setAttribute("transform", `translate(${dx} ${dy})`);
  drag.slot.dataset.dragged = "";
});

document.addEventListener("pointerup", (event) => {
  if (!drag) return;
  const { slot, svg, from, moved } = drag;
  drag = null;
  if (!moved) return;
  const m = measures(svg);
  const box = slot.querySelector("rect");
  const at = pointIn(svg, event);
  const x = Number(box.getAttribute("x")) + Number(box.getAttribute("width")) / 2 + at.x - from.x;
  const y = Number(box.getAttribute("y")) - 1 + at.y - from.y;
  const day = m.days[Math.floor((x - m.axis) / m.column)];
  const minutes = m.firstHour * 60 + Math.round((((y - m.head) / m.hour) * 60) / QUARTER) * QUARTER;
  slot.removeAttribute("transform");
  delete slot.dataset.dragged;
  slot.addEventListener("click", (click) => click.preventDefault(), { once: true });
  send(slot.dataset.block, day, minutes);
});

document.addEventListener("pointercancel", () => {
  drag?.slot.removeAttribute("transform");
  drag = null;
});

document.addEventListener("dragstart", (event) => {
  if (event.target.closest?.("a[data-block]")) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  const slot = event.target.closest?.("a[data-block]");
  const steps = { ArrowUp: [0, -QUARTER], ArrowDown: [0, QUARTER], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
  const step = steps[event.key];
  const form = slot && document.getElementById(`move-${slot.dataset.block}`);
  if (!form || !step || !event.altKey) return;
  event.preventDefault();
  const [day, clock] = form.elements.starts_at.value.split("T");
  const [hours, minutes] = clock.split(":").map(Number);
  // Noon in UTC: a day more or less is a day, whatever the clocks do.
  const moved = new Date(`${day}T12:00:00Z`);
  moved.setUTCDate(moved.getUTCDate() + step[0]);
  send(slot.dataset.block, moved.toISOString().slice(0, 10), hours * 60 + minutes + step[1]);
});

// The list's entry comes into view when its box in the picture is chosen.
document.addEventListener("click", (event) => {
  const slot = event.target.closest?.("a.slot");
  if (!slot || event.defaultPrevented) return;
  document.querySelector(`${slot.getAttribute("href")} summary`)?.focus({ preventScroll: true });
});
