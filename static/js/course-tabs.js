// On a narrow screen the tabs of a course scroll: the one that is open is brought into sight.

function showCurrent() {
  const current = document.querySelector(".course-tabs [aria-current]");
  const tabs = current?.parentElement;
  if (tabs) tabs.scrollLeft = current.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - current.offsetWidth) / 2;
}

document.addEventListener("htmx:afterSwap", showCurrent);
showCurrent();
