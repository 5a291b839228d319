// Photos come in: by button, drop or paste, one after the other.
(() => {
  "use strict";

  const editor = window.petstarEditor;
  const upload = document.getElementById("upload");
  if (!editor || !upload) return;
  const { data, say, root, photoBlocks, blockOf } = editor;
  const file = document.getElementById("file");
  let target = "";
  let queue = [];
  let isUploading = false;
  let refused = [];

  editor.choosePhoto = (field) => {
    target = field;
    file.click();
  };
  file.addEventListener("cancel", () => (target = ""));

  function take(files, field) {
    const pictures = [...files].filter((one) => one.size > 0);
    if (!pictures.length) return;
    queue.push(...pictures.map((one, index) => ({ file: one, field: index === 0 ? field : "" })));
    if (isUploading) return;
    refused = [];
    document.getElementById("upload-error").textContent = "";
    uploadNext();
  }

  // Says of each file why it is not here, a line for each.
  function refuse(files, message) {
    const names = files.map((one) => one.file.name).filter(Boolean).join(", ");
    refused.push(names ? say("UploadOf", { file: names, message }) : message);
    const lines = refused.flatMap((line) => [document.createElement("br"), line]);
    document.getElementById("upload-error").replaceChildren(...lines.slice(1));
  }

  function uploadNext() {
    const next = queue.shift();
    const bar = document.getElementById("upload-progress");
    const state = document.getElementById("upload-state");
    isUploading = Boolean(next);
    if (!next) {
      bar.hidden = true;
      return;
    }
    // What is wrong with one file says nothing about those behind it; a lost connection or a closed design does.
    const fail = (message, isOver = false) => {
      state.textContent = "";
      refuse([next, ...(isOver ? queue.splice(0) : [])], message);
      uploadNext();
    };
    if (next.file.size > data.max_bytes) return fail(say("TooLarge"));
    bar.hidden = false;
    bar.removeAttribute("value");
    state.textContent = say("Uploading");
    const sending = new XMLHttpRequest();
    const parts = new FormData();
    parts.append("file", next.file, next.file.name || "photo");
    sending.open("POST", `${editor.address}/photos`);
    sending.setRequestHeader("Accept", "application/json");
    sending.responseType = "json";
    sending.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      bar.value = Math.round((event.loaded / event.total) * 100);
      // All bytes have gone; now the server looks at them.
      if (event.loaded === event.total) bar.removeAttribute("value");
    });
    sending.addEventListener("load", () => {
      const answer = sending.response || {};
      if (sending.status !== 201) {
        return fail(answer.errors?.[0]?.message || answer.detail || say("UploadFailed"), [404, 409, 429].includes(sending.status));
      }
      state.textContent = say("Uploaded");
      addPhoto(answer, next.field);
      uploadNext();
    });
    for (const kind of ["error", "abort", "timeout"]) sending.addEventListener(kind, () => fail(say("UploadFailed"), true));
    sending.send(parts);
  }

  function addPhoto(photo, field) {
    data.photos[photo.id] = photo;
    const where = (field && blockOf(field)) || photoBlocks.find(editor.isEmpty) || (photoBlocks.length === 1 ? photoBlocks[0] : null);
    for (const block of photoBlocks) {
      const label = document.createElement("label");
      label.className = "choice thumb";
      const radio = document.createElement("input");
      radio.type = "radio";
      radio.name = `params.${block.dataset.field}.photo_id`;
      radio.value = photo.id;
      const frame = document.createElement("span");
      const image = document.createElement("img");
      image.src = photo.url;
      image.width = image.height = 72;
      image.alt = say("Photo", { number: Object.keys(data.photos).length });
      frame.append(image);
      label.append(radio, frame);
      block.querySelector("[data-thumbs]").append(label);
      if (block === where) {
        radio.checked = true;
        editor.setPlace(block, editor.start);
        editor.setError(block, "");
      }
    }
    editor.drawHandles();
    if (where) {
      editor.showPhoto(where.dataset.field);
      editor.changed(`photo ${photo.id}`);
      editor.flushPreview();
    }
  }

  file.multiple = photoBlocks.length > 1;
  document.getElementById("upload-button").hidden = true;

  upload.addEventListener("submit", (event) => event.preventDefault());
  file.addEventListener("change", () => {
    take(file.files, target);
    target = "";
    file.value = "";
  });

  const over = (event) => event.target.closest?.(".handle");
  const mark = (handle) => {
    for (const one of root.querySelectorAll(".handle[data-active]")) if (one !== handle) delete one.dataset.active;
    if (handle) handle.dataset.active = "true";
  };
  root.addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    upload.dataset.over = "true";
    mark(over(event));
  });
  root.addEventListener("dragleave", (event) => {
    if (root.contains(event.relatedTarget)) return;
    delete upload.dataset.over;
    mark();
  });
  root.addEventListener("drop", (event) => {
    delete upload.dataset.over;
    mark();
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    take(event.dataTransfer.files, over(event)?.dataset.field || "");
  });
  document.addEventListener("paste", (event) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    take(event.clipboardData.files, "");
  });
})();
