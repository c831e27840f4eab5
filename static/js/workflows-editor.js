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

let leavesTab = false;
function onKey(event) {
  if (event.key === "Escape") {
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
