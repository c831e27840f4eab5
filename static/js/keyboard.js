// Keys. The list of them is the server's (coreengine/kernel/shortcuts.py), drawn in the help dialog of every
// page, and read from there: what `?` shows is what works. Letters are off while one types, and the student
// can turn them off altogether; Ctrl-K (⌘K) stays.

const help = document.getElementById("shortcuts");
const palette = document.getElementById("palette");
const search = document.getElementById("search-field");
const lettersOn = document.body.dataset.shortcuts !== "off";

const bindings = new Map();
for (const row of help?.querySelectorAll("[data-keys]") ?? []) if (row.dataset.command || row.dataset.href) bindings.set(row.dataset.keys, row.dataset);

const isTyping = (target) => target.closest?.("input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]");

let pending = "";
let pendingTimer = 0;

function focusSearch() {
  if (search) search.focus();
  else window.location.assign("/search/");
  search?.select();
}

const ITEMS = "main :is(.task, .plan-card, .rows, .notice, .table tbody, .cards) :is(a.title, .title a, .title button, th a, h2 a, h3 a)";

function moveInList(step) {
  const items = [...document.querySelectorAll(ITEMS)].filter((item) => item.offsetParent);
  if (!items.length) return;
  const here = items.indexOf(document.activeElement);
  const next = here < 0 ? (step > 0 ? 0 : items.length - 1) : Math.min(Math.max(here + step, 0), items.length - 1);
  items[next].focus();
  items[next].scrollIntoView({ block: "nearest" });
}

const commands = {
  search: focusSearch,
  help: () => help?.showModal(),
  palette: () => openPalette(),
  next: () => moveInList(1),
  previous: () => moveInList(-1),
};

function run(binding) {
  if (binding.command === "follow") document.querySelector(`[data-shortcut="${CSS.escape(binding.keys)}"]`)?.click();
  else if (binding.command && !commands[binding.command]) {
    document.dispatchEvent(new CustomEvent("shortcut", { detail: { command: binding.command } })); // one of the page's
  } else if (binding.command) commands[binding.command]();
  else window.location.assign(binding.href);
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
    if (!palette) return;
    event.preventDefault();
    if (palette.open) palette.close();
    else openPalette();
    return;
  }
  if (!lettersOn || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  clearTimeout(pendingTimer);
  const keys = pending ? `${pending} ${event.key}` : event.key;
  const binding = bindings.get(keys) ?? bindings.get(event.key);
  pending = "";
  if (binding) {
    event.preventDefault();
    run(binding);
    return;
  }
  if ([...bindings.keys()].some((known) => known.startsWith(`${event.key} `))) {
    pending = event.key;
    pendingTimer = setTimeout(() => (pending = ""), 1200);
  }
});

// The palette's entries are the page's own links marked data-palette (navigation, courses, quick add, settings).
const field = palette?.querySelector("input");
const list = palette?.querySelector("[role=listbox]");
const state = palette?.querySelector("[role=status]");
let entries = [];

function collectEntries() {
  const seen = new Set();
  return [...document.querySelectorAll("a[data-palette]")]
    .filter((link) => !seen.has(link.href) && seen.add(link.href))
    .map((link) => ({
      label: link.dataset.palette || link.textContent.trim().replace(/\s+/g, " "),
      hint: link.dataset.paletteHint ?? "",
      href: link.href,
      icon: link.querySelector("svg, .course-tag"),
    }));
}

function matches(entry, words) {
  const text = `${entry.label} ${entry.hint}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function option(entry, index) {
  const item = document.createElement("a");
  item.className = "menu-item";
  item.id = `palette-${index}`;
  item.href = entry.href;
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", String(index === 0));
  item.tabIndex = -1;
  if (entry.icon?.matches("svg")) {
    item.append(entry.icon.cloneNode(true), entry.label);
  } else if (entry.icon) {
    const tag = document.createElement("span");
    tag.className = entry.icon.className;
    tag.textContent = entry.label;
    item.append(tag);
  } else {
    item.append(entry.label);
  }
  if (entry.hint) {
    const hint = document.createElement("span");
    hint.className = "hint";
    hint.textContent = entry.hint;
    item.append(hint);
  }
  return item;
}

function draw() {
  const query = field.value.trim();
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = entries.filter((entry) => matches(entry, words)).slice(0, 12);
  if (query && palette.dataset.searchUrl) {
    shown.push({
      label: `Search for “${query}”`,
      hint: "everything",
      href: `${palette.dataset.searchUrl}?q=${encodeURIComponent(query)}`,
      icon: palette.querySelector(".palette-input svg"),
    });
  }
  list.replaceChildren(...shown.map(option));
  state.textContent = shown.length === 1 ? "1 entry" : `${shown.length} entries`;
  select(0);
}

function select(index) {
  const items = [...list.children];
  items.forEach((item, at) => item.setAttribute("aria-selected", String(at === index)));
  if (items[index]) {
    field.setAttribute("aria-activedescendant", items[index].id);
    items[index].scrollIntoView({ block: "nearest" });
  } else {
    field.removeAttribute("aria-activedescendant");
  }
}

function openPalette() {
  if (!palette) return;
  entries = collectEntries();
  field.value = "";
  draw();
  palette.showModal();
  field.focus();
}

field?.addEventListener("input", draw);
field?.addEventListener("keydown", (event) => {
  const items = [...list.children];
  const here = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (items.length) select((here + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length);
  }
  if (event.key === "Enter" && items[here]) {
    event.preventDefault();
    items[here].click();
  }
});
