// The editor of a workflow's definition: line numbers, colours, and faults at their line. The text stays a plain
// <textarea>; everything here is drawn behind it, so that the form works without this file.

const area = document.querySelector("[data-editor]");
const backdrop = area?.parentElement.querySelector("[data-backdrop]");
const gutter = area?.parentElement.querySelector("[data-gutter]");

const TOKENS = /(#.*$)|(\{\{.*?\}\})|("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')|^(\s*(?:- )*)([A-Za-z_][\w-]*)(?=:(?:\s|$))|\b(true|false|null)\b|(?<![\w.-])(-?\d+(?:\.\d+)?)(?![\w.-])/g;
const KINDS = ["comment", "template", "string", null, "key", "word", "number"];

function paintLine(text) {
  const line = document.createElement("span");
  line.className = "code-line";
  let end = 0;
  for (const match of text.matchAll(TOKENS)) {
    const kind = match.slice(1).findIndex((part, index) => part !== undefined && KINDS[index]);
    const value = match[kind + 1];
    const start = match.index + match[0].lastIndexOf(value);
    line.append(text.slice(end, start));
    const token = document.createElement("span");
    token.className = `code-${KINDS[kind]}`;
    token.textContent = value;
    line.append(token);
    end = start + value.length;
  }
  line.append(text.slice(end), "\n");
  return line;
}

function faultsByLine() {
  const faults = new Map();
  for (const item of document.querySelectorAll("#preview [data-line]")) {
    const line = Number(item.dataset.line);
    faults.set(line, [...(faults.get(line) ?? []), item.dataset.message]);
  }
  return faults;
}

function paint() {
  const faults = faultsByLine();
  const lines = area.value.split("\n");
  backdrop.replaceChildren(...lines.map(paintLine));
  gutter.replaceChildren(
    ...lines.map((_, index) => {
      const number = document.createElement("span");
      number.textContent = index + 1;
      const messages = faults.get(index + 1);
      if (messages) {
        number.className = "fault";
        number.title = messages.join("\n");
        backdrop.children[index].classList.add("fault");
      }
      return number;
    }),
  );
  follow();
}

function follow() {
  backdrop.scrollTop = gutter.scrollTop = area.scrollTop;
  backdrop.scrollLeft = area.scrollLeft;
}

function replaceSelection(text, start, end) {
  area.setSelectionRange(start, end);
  // execCommand keeps the browser's own undo, which setRangeText would lose.
  if (!document.execCommand("insertText", false, text)) area.setRangeText(text, start, end, "end");
}

function indentLines(direction) {
  const { selectionStart, selectionEnd, value } = area;
  const from = value.lastIndexOf("\n", selectionStart - 1) + 1;
  const to = selectionEnd > from ? selectionEnd : from;
  const block = value.slice(from, to);
  const changed = direction > 0 ? block.replace(/^/gm, "  ") : block.replace(/^ {1,2}/gm, "");
  replaceSelection(changed, from, to);
  area.setSelectionRange(from, from + changed.length);
}

function goToLine(number) {
  const start = area.value.split("\n").slice(0, number - 1).join("\n").length + (number > 1 ? 1 : 0);
  const end = area.value.indexOf("\n", start);
  area.focus();
  area.setSelectionRange(start, end < 0 ? area.value.length : end);
  const height = parseFloat(getComputedStyle(area).lineHeight);
  area.scrollTop = Math.max(0, (number - 4) * height);
  follow();
}

const menu = document.querySelector("[data-insert-menu]");
const indentOf = (line) => line.match(/^ */)[0].length;
const isStep = (line) => /^\s*- +(?:name:|\{ *name:)/.test(line);

// A step's end: the first line below it that is not deeper than its dash.
function endOf(lines, start) {
  const indent = indentOf(lines[start]);
  let end = start + 1;
  while (end < lines.length && (!lines[end].trim() || indentOf(lines[end]) > indent)) end += 1;
  while (end > start + 1 && !lines[end - 1].trim()) end -= 1;
  return end;
}

// Where a new step goes: behind the step that the cursor is in, else at the end of the list.
function placeFor(lines, key, cursorLine) {
  const head = lines.findIndex((line) => new RegExp(`^${key}:`).test(line));
  if (head < 0) return { at: key === "triggers" ? topFor(lines) : lines.length, indent: 2, head: `${key}:` };
  const end = endOf(lines, head);
  if (key === "steps" && cursorLine > head && cursorLine < end) {
    for (let number = cursorLine; number > head; number -= 1) {
      if (isStep(lines[number]) && endOf(lines, number) > cursorLine) {
        return { at: endOf(lines, number), indent: indentOf(lines[number]) };
      }
    }
  }
  const first = lines.slice(head + 1, end).find((line) => /^\s*- /.test(line));
  const empty = /:\s*\[\s*\]\s*$/.test(lines[head]);
  return { at: end, indent: first ? indentOf(first) : 2, empty: empty ? head : -1 };
}

function topFor(lines) {
  const steps = lines.findIndex((line) => /^steps:/.test(line));
  return steps < 0 ? lines.length : steps;
}

// Names are unique in a definition: a taken one gets a number.
function withFreeNames(snippet, text) {
  const taken = new Set([...text.matchAll(/\bname: *["']?([A-Za-z_]\w*)/g)].map((match) => match[1]));
  return snippet.replace(/(\bname: )([A-Za-z_]\w*)/g, (whole, before, name) => {
    let free = name;
    for (let number = 2; taken.has(free); number += 1) free = `${name}_${number}`;
    taken.add(free);
    return before + free;
  });
}

function insertSnippet(snippet, key) {
  const lines = area.value.split("\n");
  const cursorLine = area.value.slice(0, area.selectionStart).split("\n").length - 1;
  const place = placeFor(lines, key, cursorLine);
  const text = key === "steps" ? withFreeNames(snippet, area.value) : snippet;
  const piece = text.trimEnd().split("\n").map((line) => " ".repeat(place.indent) + line);
  if (place.head) piece.unshift(place.head);
  if (place.empty >= 0) {
    const start = lines.slice(0, place.empty).join("\n").length + (place.empty ? 1 : 0);
    replaceSelection(`${key}:`, start, start + lines[place.empty].length);
  }
  const now = area.value.split("\n");
  const offset = now.slice(0, place.at).join("\n").length;
  const before = place.at > 0 && offset > 0 ? "\n" : "";
  const after = place.at >= now.length ? "\n" : before ? "" : "\n";
  area.focus();
  replaceSelection(before + piece.join("\n") + after, offset, offset);
  goToLine(place.at + 1 + (place.head ? 1 : 0));
}

function goToNextFault() {
  const lines = [...document.querySelectorAll("#preview [data-line]")].map((item) => Number(item.dataset.line));
  const here = area.value.slice(0, area.selectionStart).split("\n").length;
  const next = lines.sort((a, b) => a - b).find((line) => line > here) ?? lines[0];
  if (next) goToLine(next);
}

let leavesTab = false;
function onKey(event) {
  if (event.altKey && !event.ctrlKey && event.code === "KeyI") {
    event.preventDefault();
    menu.open = true;
    menu.querySelector("[data-snippet]").focus();
  } else if (event.altKey && !event.ctrlKey && event.code === "KeyF") {
    event.preventDefault();
    goToNextFault();
  } else if (event.key === "Escape") {
    leavesTab = true; // the next Tab leaves the field, so that nobody is caught in it
  } else if (event.key === "Tab" && !leavesTab && !event.altKey && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    const { selectionStart, selectionEnd } = area;
    if (selectionStart !== selectionEnd || event.shiftKey) indentLines(event.shiftKey ? -1 : 1);
    else replaceSelection("  ", selectionStart, selectionEnd);
  } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !event.isComposing) {
    const line = area.value.slice(area.value.lastIndexOf("\n", area.selectionStart - 1) + 1, area.selectionStart);
    const indent = line.match(/^ */)[0] + (/:\s*$/.test(line) ? "  " : /^\s*- /.test(line) ? "  " : "");
    event.preventDefault();
    replaceSelection(`\n${indent}`, area.selectionStart, area.selectionEnd);
  } else if (event.key === "Enter" || (event.key === "s" && (event.ctrlKey || event.metaKey))) {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      area.form.requestSubmit(event.key === "s" ? area.form.querySelector("[name=action][value=draft]") : undefined);
    }
  }
  if (event.key !== "Escape") leavesTab = event.key === "Tab" && leavesTab;
}

if (area && backdrop && gutter) {
  area.parentElement.classList.add("is-painted");
  area.addEventListener("input", paint);
  area.addEventListener("scroll", follow, { passive: true });
  area.addEventListener("keydown", onKey);
  document.addEventListener("htmx:afterSwap", (event) => event.target.id === "preview" && paint());
  menu.hidden = false;
  menu.addEventListener("click", (event) => {
    const button = event.target.closest("[data-snippet]");
    if (!button) return;
    menu.open = false;
    insertSnippet(button.dataset.snippet, button.dataset.place);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-go-to-line]");
    if (!link) return;
    event.preventDefault();
    goToLine(Number(link.dataset.goToLine));
  });
  window.addEventListener("beforeunload", (event) => {
    if (area.value !== area.defaultValue && !area.form.dataset.isSent) event.preventDefault();
  });
  area.form.addEventListener("submit", () => {
    area.form.dataset.isSent = "true";
  });
  paint();
}
