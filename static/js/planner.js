// The planner works without this: buttons, links and the "Move or change" page do everything. It adds dragging, keys
// on the row that has the focus, the menu as a dialog, and keeps the focus where it was when the rows are drawn anew.

const planner = () => document.getElementById("planner");
const dialog = document.getElementById("planner-dialog");
const line = document.getElementById("quick-line");
const ACT = "/planner/act/";
const COLUMNS = ["todo", "doing", "done"];

const rowOf = (element) => element?.closest?.("#planner [data-key]");
const focused = () => rowOf(document.activeElement);
const titleOf = (row) => row?.querySelector("a.title");
const rowsOf = (group) => [...group.querySelectorAll("[data-key]")];
const groups = () => [...document.querySelectorAll("#planner .plan-group, #planner .plan-column, #planner .plan-day, #planner .plan-loose")];

function send(values) {
  remember(focused());
  return window.htmx.ajax("POST", ACT, { target: "#planner", swap: "outerHTML", values });
}

// Where the focus was: the same row after the change, else the one that took its place.
let last = null;

function remember(row) {
  if (!row) return;
  const rows = [...document.querySelectorAll("#planner [data-key]")];
  const group = rowsOf(row.closest("section"));
  const index = group.indexOf(row);
  const near = group[index + 1] ?? group[index - 1];
  last = { key: row.dataset.key, near: near?.dataset.key, index: rows.indexOf(row), stays: false };
}

function byKey(key) {
  return key ? document.querySelector(`#planner [data-key="${CSS.escape(key)}"]`) : null;
}

function refocus() {
  if (!last) return;
  const rows = [...document.querySelectorAll("#planner [data-key]")];
  const row = byKey(last.key) ?? byKey(last.near) ?? rows[Math.min(last.index, rows.length - 1)];
  titleOf(row)?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
  last = null;
}

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (rowOf(button)) remember(rowOf(button));
  if (event.target.closest("#planner-dialog") && !last) remember(byKey(opened));
}, { capture: true });
// Not on submit: the focus would leave the pressed button, and htmx would forget which one it was.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.closest?.("#planner-dialog") && event.detail.requestConfig.verb === "post") dialog.close();
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "planner-dialog" || event.target.closest?.("#planner-dialog")) {
    if (!dialog.open) dialog.showModal();
  }
});
// At once and not when the page has settled: a key that is pressed in between has to find its row.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "planner") refocus();
});

// The menu of a row
let opened = "";

function openMenu(row) {
  const link = row?.querySelector("[data-plan-menu]");
  if (!link) return;
  opened = row.dataset.key;
  window.htmx.ajax("GET", link.getAttribute("href"), { target: "#planner-dialog", swap: "innerHTML" });
}
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-plan-menu]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  openMenu(rowOf(link));
});
dialog?.addEventListener("close", () => titleOf(byKey(opened))?.focus());

// Keys
function shifted(day, by) {
  const date = new Date(`${day}T12:00:00Z`);
  date.setUTCDate(date.getUTCDate() + by);
  return date.toISOString().slice(0, 10);
}

function move(row, by) {
  const { key, day, column } = row.dataset;
  if (!row.draggable) return say(`“${titleOf(row).textContent}” cannot be moved.`);
  if (planner().dataset.view === "board") {
    const next = COLUMNS[COLUMNS.indexOf(column) + by];
    return next ? send({ do: `column:${next} ${key}` }) : null;
  }
  const now = new Date();
  const today = `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, "0")}-${String(now.getDate()).padStart(2, "0")}`;
  const from = day && day >= today ? day : shifted(today, by > 0 ? -1 : 1);
  return send({ do: `day:${shifted(from, by)} ${key}` });
}

function reorder(row, by) {
  const rows = rowsOf(row.closest("section"));
  const at = rows.indexOf(row);
  if (by < 0 && at > 0) return send({ do: `order ${row.dataset.key}`, before: rows[at - 1].dataset.key });
  if (by > 0 && at < rows.length - 1) return send({ do: `order ${row.dataset.key}`, before: rows[at + 2]?.dataset.key ?? "" });
  return null;
}

function goAside(row, by) {
  const all = groups().filter((group) => rowsOf(group).length);
  const here = all.indexOf(row?.closest("section"));
  const group = here < 0 ? all[0] : all[here + by];
  if (!group) return;
  const at = row && here >= 0 ? rowsOf(row.closest("section")).indexOf(row) : 0;
  const rows = rowsOf(group);
  titleOf(rows[Math.min(at, rows.length - 1)])?.focus();
}

function say(text) {
  document.dispatchEvent(new CustomEvent("toast", { detail: { level: "info", text } }));
}

const commands = {
  "plan-new": () => line?.focus(),
  "plan-undo": () => document.querySelector("#toasts .toast:last-child .toast-undo button")?.click(),
  "plan-left": (row) => goAside(row, -1),
  "plan-right": (row) => goAside(row, 1),
};
const onRow = {
  "plan-done": (row) => {
    const check = row.querySelector("[data-plan-check]");
    if (!check) return null;
    const answered = new Promise((done) => document.addEventListener("htmx:afterRequest", done, { once: true }));
    check.click();
    return answered;
  },
  "plan-dismiss": (row) => send({ do: `${"dismissed" in row.dataset ? "return" : "dismiss"} ${row.dataset.key}` }),
  "plan-edit": (row) => {
    const [kind, number] = row.dataset.key.split(":");
    if (kind === "task") window.location.assign(`/planner/tasks/${number}/edit/`);
    else if (kind === "assignment") window.location.assign(`/assignments/${number}/edit/`);
    else openMenu(row);
  },
  "plan-menu": openMenu,
  "plan-earlier": (row) => move(row, -1),
  "plan-later": (row) => move(row, 1),
  "plan-up": (row) => reorder(row, -1),
  "plan-down": (row) => reorder(row, 1),
};
// One key after the other: the next one is obeyed when the rows stand as the last one left them.
let turn = Promise.resolve();

function obey(command) {
  if (!planner()) return null;
  if (commands[command]) return commands[command](focused());
  const row = focused();
  return row ? onRow[command](row) : say("Choose a row first: j and k go through them.");
}
document.addEventListener("shortcut", (event) => {
  const { command } = event.detail;
  if (commands[command] || onRow[command]) turn = turn.then(() => obey(command)).catch(() => {});
});

// Dragging
let dragged = null;

function clearMarks() {
  for (const marked of document.querySelectorAll(".drop-over, .drop-before")) marked.classList.remove("drop-over", "drop-before");
}

function target(event) {
  const group = event.target.closest?.("#planner [data-drop]");
  if (!group || !dragged) return null;
  const others = rowsOf(group).filter((row) => row !== dragged);
  const before = others.find((row) => {
    const box = row.getBoundingClientRect();
    return event.clientY < box.top + box.height / 2 && event.clientX < box.right;
  });
  return { group, before };
}

document.addEventListener("dragstart", (event) => {
  const row = rowOf(event.target);
  if (!row) return;
  dragged = row;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", titleOf(row).textContent);
  requestAnimationFrame(() => row.setAttribute("data-dragged", ""));
});
document.addEventListener("dragover", (event) => {
  const place = target(event);
  clearMarks();
  if (!place) return;
  event.preventDefault();
  place.group.classList.add("drop-over");
  place.before?.classList.add("drop-before");
});
document.addEventListener("drop", (event) => {
  const place = target(event);
  if (!place) return;
  event.preventDefault();
  const { key } = dragged.dataset;
  const before = place.before?.dataset.key;
  if (place.group.contains(dragged)) {
    const rows = rowsOf(place.group);
    if (before !== rows[rows.indexOf(dragged) + 1]?.dataset.key) send({ do: `order ${key}`, before: before ?? "" });
  } else {
    send({ do: `${place.group.dataset.drop} ${key}`, ...(before ? { before } : {}) });
  }
});
document.addEventListener("dragend", () => {
  dragged?.removeAttribute("data-dragged");
  dragged = null;
  clearMarks();
});
