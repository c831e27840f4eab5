// Menus are <details class="menu">: they open without script. This closes them the way menus close,
// moves between their items with the arrow keys, and opens and closes <dialog>s named by buttons.

const openMenus = () => document.querySelectorAll("details.menu[open]");

function closeMenu(menu, { focus = false } = {}) {
  menu.open = false;
  if (focus) menu.querySelector("summary").focus();
}

document.addEventListener("click", (event) => {
  for (const menu of openMenus()) {
    if (!menu.contains(event.target)) closeMenu(menu);
  }
  const opener = event.target.closest("[data-open-dialog]");
  if (opener) {
    for (const menu of openMenus()) closeMenu(menu);
    const dialog = document.getElementById(opener.dataset.openDialog);
    if (dialog) {
      event.preventDefault(); // an opener may be a link to the same content as a page of its own
      dialog.showModal();
    }
  }
  if (event.target.closest("[data-close-dialog]")) event.target.closest("dialog")?.close();
  if (event.target instanceof HTMLDialogElement && event.target.open) {
    const box = event.target.getBoundingClientRect();
    const outside =
      event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
    if (outside) event.target.close();
  }
});

document.addEventListener("focusin", (event) => {
  for (const menu of openMenus()) {
    if (!menu.contains(event.target)) closeMenu(menu);
  }
});

document.addEventListener("keydown", (event) => {
  const menu = document.activeElement?.closest("details.menu[open]");
  if (!menu) return;
  if (event.key === "Escape") {
    event.preventDefault();
    closeMenu(menu, { focus: true });
    return;
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const items = [...menu.querySelectorAll(".menu-body :is(a[href], button:not(:disabled))")].filter((item) => item.offsetParent);
  if (!items.length) return;
  event.preventDefault();
  const here = items.indexOf(document.activeElement);
  const next = event.key === "ArrowDown" ? here + 1 : here < 0 ? items.length - 1 : here - 1;
  items[(next + items.length) % items.length].focus();
});

// A row of tabs that is wider than the screen begins at the one that is open. The page itself does not scroll.
for (const row of document.querySelectorAll(".tabs, .settings > .nav")) {
  const here = row.querySelector("[aria-current]");
  if (!here || row.scrollWidth <= row.clientWidth) continue;
  row.scrollLeft = here.offsetLeft - row.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;
}
