// Places: towns by name while one types; any other place by its degrees.
(() => {
  "use strict";

  const editor = window.petstarEditor;
  if (!editor) return;
  const { control, say } = editor;

  function choose(block, place) {
    for (const part of ["name", "lat", "lon"]) control(block, part).value = place[part];
    show(block, [], "");
    editor.setError(block, "");
    editor.changed(`params.${block.dataset.field}`);
    control(block, "name").focus();
  }

  function button(block, place) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "town";
    const country = document.createElement("span");
    country.className = "muted";
    country.textContent = place.country;
    button.append(place.name, " ", country);
    button.addEventListener("click", () => choose(block, place));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }

  function show(block, places, text) {
    const list = block.querySelector("[data-towns]");
    list.replaceChildren(...places.map((place) => button(block, place)));
    list.hidden = places.length === 0;
    block.querySelector("[data-found]").textContent = text;
  }

  for (const block of editor.blocks.filter((block) => block.dataset.kind === "place")) {
    const name = control(block, "name");
    let timer = 0;
    let asked = 0;
    name.addEventListener("input", () => {
      const query = name.value.trim();
      const mine = (asked += 1);
      clearTimeout(timer);
      if (!query) {
        show(block, [], "");
        return;
      }
      timer = setTimeout(async () => {
        try {
          const answer = await editor.request(`/places?limit=6&q=${encodeURIComponent(query)}`, "GET");
          const { items } = await answer.json();
          if (mine !== asked || !answer.ok) return;
          show(block, items, items.length ? say("PlacesSome", { count: items.length }) : say("PlacesNone"));
        } catch {
          // The degrees below can be filled in without any list.
        }
      }, 180);
    });
  }
})();
