// Undo and redo over the whole design. One history for everything: a text field's own would not know of a photo moved in between,
// so Ctrl+Z means the same wherever the focus is. It lives as long as the tab.
(() => {
  "use strict";

  const editor = window.petstarEditor;
  const undo = document.getElementById("undo");
  const redo = document.getElementById("redo");
  if (!editor || !undo) return;

  const MOST = 100;
  const TOGETHER_MS = 1000;
  const key = `petstar.history.${editor.data.design_id}`;
  const now = () => JSON.stringify(editor.readState());
  const isState = (text) => typeof text === "string" && text.startsWith('{"variant_id"');

  let states = [now()];
  let at = 0;
  let source = "";
  let changedAt = 0;

  try {
    const kept = JSON.parse(sessionStorage.getItem(key));
    if (kept?.states?.every(isState) && kept.states[kept.at]) {
      ({ states, at } = kept);
      // What the server shows is the newest, whoever made it.
      if (states[at] !== now()) add(now());
    }
  } catch {
    // A tab without storage has a history until it is left.
  }

  function add(state) {
    states = [...states.slice(0, at + 1), state].slice(-MOST);
    at = states.length - 1;
  }

  function keep() {
    try {
      sessionStorage.setItem(key, JSON.stringify({ states, at }));
    } catch {
      // As above.
    }
  }

  function show() {
    undo.setAttribute("aria-disabled", String(at === 0));
    redo.setAttribute("aria-disabled", String(at === states.length - 1));
  }

  editor.onChange((by) => {
    if (by === "history") return;
    const state = now();
    if (state === states[at]) return;
    // A gesture has a number of its own and is one step however long it takes; typing pauses make steps.
    const isOneGesture = /:hand-\d+$/.test(by);
    const goesOn = by === source && at === states.length - 1 && at > 0 && (isOneGesture || Date.now() - changedAt < TOGETHER_MS);
    if (goesOn) states[at] = state;
    else add(state);
    source = by;
    changedAt = Date.now();
    show();
    clearTimeout(keep.timer);
    keep.timer = setTimeout(keep, 300);
  });

  function go(step, word) {
    const to = at + step;
    if (to < 0 || to >= states.length) return;
    at = to;
    source = "";
    const before = editor.readParams();
    const state = JSON.parse(states[at]);
    editor.writeState(state);
    editor.drawHandles();
    for (const block of editor.photoBlocks) {
      const { field } = block.dataset;
      if (JSON.stringify(before[field]) !== JSON.stringify(state.params[field])) editor.showPhoto(field);
    }
    editor.changed("history");
    editor.flushPreview();
    show();
    keep();
    const said = document.getElementById("history-said");
    said.textContent = "";
    requestAnimationFrame(() => (said.textContent = editor.say(word)));
  }

  const back = () => go(-1, "Undone");
  const forth = () => go(1, "Redone");
  undo.addEventListener("click", back);
  redo.addEventListener("click", forth);

  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.isComposing) return;
    const letter = event.key.toLowerCase();
    const isRedo = (letter === "z" && event.shiftKey) || (letter === "y" && !event.metaKey);
    if (!isRedo && letter !== "z") return;
    // Whoever writes elsewhere on the page takes back what was written there.
    const field = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (field && !editor.root.contains(field)) return;
    event.preventDefault();
    (isRedo ? forth : back)();
  });

  // The same wish from a menu, or from a phone that is shaken.
  editor.form.addEventListener("beforeinput", (event) => {
    if (event.inputType !== "historyUndo" && event.inputType !== "historyRedo") return;
    event.preventDefault();
    (event.inputType === "historyRedo" ? forth : back)();
  });

  window.addEventListener("pagehide", keep);
  undo.hidden = redo.hidden = false;
  show();
})();
