// Copies the new token; without script the field can be selected by hand.
for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  field.addEventListener("focus", () => field.select());
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      // No permission, or no secure context: leave it selected, so that one key press copies it.
      field.select();
      if (!document.execCommand("copy")) return;
    }
    button.textContent = "Copied";
    document.querySelector("[data-copied]").hidden = false;
  });
}
