// The calendar without a pointer: arrows go from day to day, and an own event of the week is dragged or moved by keys.
// All of it works without this script: days and entries are links, and the event's form changes its time.

const ISO = (day) => `${day.getFullYear()}-${String(day.getMonth() + 1).padStart(2, "0")}-${String(day.getDate()).padStart(2, "0")}`;

function shifted(iso, days) {
  const [year, month, day] = iso.split("-").map(Number);
  return ISO(new Date(year, month - 1, day + days, 12));
}

const root = document.getElementById("calendar");
const days = () => [...document.querySelectorAll("[data-days] a[data-day]")];

// One day is in the tab order; the arrows move from it.
function rove() {
  const all = days();
  if (!all.length || root?.dataset.view === "agenda") return;
  const wanted = root.dataset.date;
  const current = all.find((link) => link.dataset.day === wanted) ?? all[0];
  for (const link of all) link.tabIndex = link === current ? 0 : -1;
}

function goTo(iso) {
  const link = days().find((each) => each.dataset.day === iso);
  if (link) {
    for (const each of days()) if (root.dataset.view !== "agenda") each.tabIndex = each === link ? 0 : -1;
    link.focus();
    return;
  }
  const address = new URL(window.location.href);
  for (const name of ["day", "deleted", "moved", "was"]) address.searchParams.delete(name);
  address.searchParams.set("view", root.dataset.view);
  address.searchParams.set("date", iso);
  address.hash = "focus";
  window.location.assign(address);
}

const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };

function onArrow(event) {
  if (!root || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (event.target.closest?.("input, select, textarea, dialog, details[open], .topbar, .sidebar")) return;
  if (event.key === "PageUp" || event.key === "PageDown") {
    event.preventDefault();
    document.querySelector(`[data-shortcut="${event.key}"]`)?.click();
    return;
  }
  const step = STEPS[event.key];
  if (!step) return;
  const here = event.target.closest?.("a[data-day]");
  event.preventDefault();
  if (root.dataset.view === "agenda") {
    const all = days();
    const at = all.indexOf(here);
    (all[at < 0 ? 0 : Math.min(Math.max(at + Math.sign(step), 0), all.length - 1)] ?? here)?.focus();
    return;
  }
  if (!here) goTo(days().find((link) => link.tabIndex === 0)?.dataset.day ?? root.dataset.date);
  else goTo(shifted(here.dataset.day, root.dataset.view === "week" && Math.abs(step) === 7 ? 7 * Math.sign(step) : step));
}

// Moving an own event: dropped on an hour, or with Alt and the arrows while it has the focus.
const moveForm = document.getElementById("cal-move");

function move(block, to) {
  moveForm.action = block.dataset.move;
  moveForm.elements.from.value = block.dataset.from;
  moveForm.elements.to.value = to;
  moveForm.requestSubmit();
}

let dragged = null;
let grip = 0;

function onDrag() {
  if (!moveForm) return;
  document.addEventListener("dragstart", (event) => {
    const block = event.target.closest?.("[data-move]");
    if (!block) return;
    dragged = block;
    grip = event.clientY - block.getBoundingClientRect().top;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", block.dataset.from);
    block.classList.add("dragged");
  });
  document.addEventListener("dragend", () => {
    dragged?.classList.remove("dragged");
    clearTargets();
    dragged = null;
  });
  document.addEventListener("dragover", (event) => {
    const column = dragged && event.target.closest?.(".cal-column");
    if (!column) return;
    event.preventDefault();
    clearTargets();
    column.classList.add("dropping");
    hourAt(column, event.clientY - grip)?.classList.add("target");
  });
  document.addEventListener("drop", (event) => {
    const column = dragged && event.target.closest?.(".cal-column");
    if (!column) return;
    event.preventDefault();
    const top = event.clientY - grip;
    const hour = hourAt(column, top);
    if (!hour) return;
    const box = hour.getBoundingClientRect();
    const quarter = Math.min(3, Math.max(0, Math.round(((top - box.top) / box.height) * 4)));
    const to = `${column.dataset.column}T${hour.dataset.hour.slice(0, 2)}:${String(quarter * 15).padStart(2, "0")}`;
    move(dragged, to);
  });
}

function hourAt(column, y) {
  const hours = [...column.querySelectorAll(".cal-hour")];
  return hours.find((hour) => {
    const box = hour.getBoundingClientRect();
    return y >= box.top && y < box.bottom;
  }) ?? (hours.length && y < hours[0].getBoundingClientRect().top ? hours[0] : hours.at(-1));
}

function clearTargets() {
  for (const each of document.querySelectorAll(".dropping, .target")) each.classList.remove("dropping", "target");
}

function onMoveKeys(event) {
  const block = event.altKey && event.target.closest?.("[data-move]");
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -15], ArrowDown: [0, 15] }[event.key];
  if (!block || !step || !moveForm) return;
  event.preventDefault();
  const local = block.querySelector("time").textContent.trim();
  const [hour, minute] = local.split(":").map(Number);
  const day = block.closest("[data-column]").dataset.column;
  const [year, month, date] = day.split("-").map(Number);
  const moved = new Date(Date.UTC(year, month - 1, date + step[0], hour, minute + step[1]));
  move(block, moved.toISOString().slice(0, 16));
}

// The line of the present moves on; the server drew it where it was.
function showNow() {
  const week = document.querySelector(".cal-week[data-zone]");
  if (!week) return;
  const parts = new Intl.DateTimeFormat("en-CA", { timeZone: week.dataset.zone, dateStyle: "short", timeStyle: "short", hourCycle: "h23" }).formatToParts(new Date());
  const of = (type) => parts.find((part) => part.type === type).value;
  const column = week.querySelector(`[data-column="${of("year")}-${of("month")}-${of("day")}"]`);
  const line = week.querySelector(".cal-now") ?? Object.assign(document.createElement("span"), { ariaHidden: "true" });
  const hours = week.dataset.hours.split(" ").map(Number);
  const place = hours.indexOf(Number(of("hour")));
  const last = hours.length * 4;
  const row = place < 0 ? (Number(of("hour")) < hours[0] ? 1 : last) : place * 4 + Math.floor(Number(of("minute")) / 15) + 1;
  line.className = `cal-now r${Math.min(row, last)}`;
  if (!column) line.remove();
  else if (line.parentElement !== column) column.append(line);
}

// The event's form shows what its choices ask for.
const eventForm = document.querySelector(".event-form");

function fit() {
  const whole = eventForm.elements.is_all_day?.checked;
  if (whole === undefined) return;
  eventForm.classList.toggle("is-whole", whole);
  eventForm.classList.toggle("is-timed", !whole);
  eventForm.classList.toggle("is-once", !eventForm.elements.repeats.value);
  const { starts_at: from, starts_on: on } = eventForm.elements;
  if (whole && !on.value && from.value) on.value = from.value.slice(0, 10);
}

// An end keeps its distance when the start moves.
function keepLength() {
  const { starts_at: from, ends_at: to } = eventForm.elements;
  let before = from.value;
  from.addEventListener("change", () => {
    if (before && to.value && from.value) {
      const length = new Date(`${to.value}Z`) - new Date(`${before}Z`);
      if (length >= 0) to.value = new Date(new Date(`${from.value}Z`).getTime() + length).toISOString().slice(0, 16);
    }
    before = from.value;
  });
}

if (root) {
  rove();
  document.addEventListener("keydown", onMoveKeys);
  document.addEventListener("keydown", onArrow);
  onDrag();
  showNow();
  setInterval(showNow, 60_000);
  document.addEventListener("visibilitychange", () => document.hidden || showNow());
  document.querySelector(".cal-week-head .today")?.scrollIntoView({ block: "nearest", inline: "center" });
  if (window.location.hash === "#focus") days().find((link) => link.tabIndex === 0)?.focus();
}
if (eventForm?.elements.is_all_day) {
  fit();
  keepLength();
  eventForm.addEventListener("change", fit);
}
