// The other view of the piece: where it will live. Reads the form as it stands and asks for a new picture when the flat one has
// changed, but only while somebody looks. Without this script the link alone shows what was saved last.
(() => {
  "use strict";

  const link = document.getElementById("view-switch");
  const scene = document.getElementById("scene");
  const piece = document.getElementById("piece");
  const preview = document.getElementById("preview");
  const form = document.getElementById("design");
  if (!link || !scene || !form) return;
  const address = new URL(link.href).pathname;
  const isLocked = form.querySelector("fieldset").disabled;
  let isStale = false;
  let isAsking = false;
  let timer = 0;

  function show(inUse) {
    // What the page came with shows another design by now, and is not drawn any more.
    if (inUse && isStale) scene.removeAttribute("src");
    scene.hidden = !inUse;
    piece.hidden = inUse;
    link.title = inUse ? link.dataset.flat : link.dataset.inUse;
    link.querySelector("span").textContent = link.title;
    link.href = inUse ? address : `${address}?view=mockup`;
    history.replaceState(history.state, "", inUse ? `${address}?view=mockup` : address);
    if (inUse && isStale) ask();
  }

  function changed() {
    if (isLocked) return;
    isStale = true;
    if (scene.hidden) return;
    clearTimeout(timer);
    timer = setTimeout(ask, 150);
  }

  async function ask() {
    if (isAsking || scene.hidden) return;
    isAsking = true;
    isStale = false;
    scene.dataset.busy = "true";
    let wait = 0;
    try {
      const response = await fetch(`${address}/preview?view=mockup`, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        headers: { Accept: "application/json" },
      });
      if (response.ok) {
        const picture = new Image();
        picture.src = (await response.json()).preview_image_url;
        await picture.decode();
        scene.src = picture.src;
      } else if (response.status === 429 || response.status === 503) {
        wait = 1000 * (Number(response.headers.get("Retry-After")) || 2);
        isStale = true;
      }
    } catch {
      // The last picture stays; the next change asks again.
    }
    isAsking = false;
    delete scene.dataset.busy;
    if (isStale) timer = setTimeout(ask, wait);
  }

  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    show(scene.hidden);
  });
  // The flat picture is new whenever the design is; sizes change the scene alone, and writing shows at once.
  new MutationObserver(changed).observe(preview, { attributes: true, attributeFilter: ["src"] });
  form.addEventListener("change", (event) => event.target.name === "variant_id" && changed());
})();
