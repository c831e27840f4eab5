// The vault works without this. It keeps addresses short, opens the file chooser at one press, takes files
// that are dropped on the page, and shows how far each upload is.

document.addEventListener("htmx:configRequest", (event) => {
  if (!event.target.matches(".vault-bar, .search-all")) return;
  const { parameters } = event.detail;
  for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
});

const form = document.getElementById("upload-form");
const input = document.getElementById("upload-files");
const menu = document.getElementById("upload-menu");
const results = document.getElementById("upload-results");
const target = document.getElementById("drop-target");

if (form && input && results) {
  menu.querySelector("summary").addEventListener("click", (event) => {
    event.preventDefault();
    input.click();
  });
  input.addEventListener("change", () => uploadAll([...input.files]));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    uploadAll([...input.files]);
  });

  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const show = (isOver) => {
    target.hidden = !isOver;
  };
  window.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    show(true);
  });
  window.addEventListener("dragleave", (event) => {
    if (!hasFiles(event)) return;
    depth -= 1;
    if (depth <= 0) show(false);
  });
  window.addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  window.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show(false);
    uploadAll([...event.dataTransfer.files]);
  });
}

let isUploading = false;
window.addEventListener("beforeunload", (event) => {
  if (isUploading) event.preventDefault();
});

// One file after another: each has its own line, and one that is refused stops none.
async function uploadAll(files) {
  if (!files.length || isUploading) return;
  isUploading = true;
  menu.removeAttribute("open");
  results.replaceChildren();
  const lines = files.map(waitingLine);
  let kept = 0;
  for (const [index, file] of files.entries()) kept += await uploadOne(file, lines[index]);
  isUploading = false;
  input.value = "";
  if (!kept) return;
  if (document.getElementById("vault-filter")) window.htmx.trigger("#results-refresh", "refresh");
  else window.location.reload();
}

function waitingLine(file) {
  const list = results.querySelector("ul") ?? results.appendChild(document.createElement("ul"));
  list.className = "rows outcomes";
  const line = document.createElement("li");
  const words = document.createElement("div");
  words.className = "grow";
  const title = document.createElement("span");
  title.className = "title";
  title.textContent = file.name;
  words.append(title);
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", `Uploading ${file.name}`);
  line.append(words, bar);
  list.append(line);
  return line;
}

function uploadOne(file, line) {
  const data = new FormData();
  data.append("csrfmiddlewaretoken", form.querySelector("[name=csrfmiddlewaretoken]").value);
  data.append("files", file);
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("HX-Request", "true");
  request.setRequestHeader("HX-Target", "upload-results");
  const bar = line.querySelector("progress");
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) bar.value = event.loaded / event.total;
  });
  return new Promise((resolve) => {
    request.addEventListener("loadend", () => {
      const answer = new DOMParser().parseFromString(request.responseText, "text/html").querySelector(".outcomes > li");
      if (answer) line.replaceWith(document.adoptNode(answer));
      else refuse(line, file, request.status);
      resolve(request.status === 200 ? 1 : 0);
    });
    request.send(data);
  });
}

function refuse(line, file, status) {
  line.dataset.refused = "";
  line.querySelector("progress").remove();
  const reason = document.createElement("div");
  reason.className = "meta";
  if (status === 413) reason.textContent = "The file is larger than this server takes.";
  else if (status === 0) reason.textContent = "The connection broke off. Upload it again when you are online.";
  else reason.textContent = "The server could not take this file. Try it again in a moment.";
  line.querySelector(".grow").append(reason);
}
